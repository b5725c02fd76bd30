// What stands in the rows of each database: every key of a known kind, every block what its hash says, every log as it
// must be, and how far the views are. One pass over each database, in key order.

import { isMeshError } from '../../protocols/errors.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { Blocks } from '../feed/blocks.ts';
import { COUNT_TABLES } from '../reports/feed-counts.ts';
import {
  hashOfOwnedKey,
  indexOfKey,
  logOfKey,
  logPrefix,
  nameOfItemKey,
  tableOf,
  tableRange,
} from '../store/keys.ts';
import type { Authority } from './authority.ts';
import type { CheckedRows } from './database.ts';
import { type CheckedEntry, LogCheck } from './log-check.ts';
import type { OrphanBlocks } from './orphan-blocks.ts';
import type { PackCheck } from './pack-check.ts';
import { faultOfRecord } from './record-check.ts';
import type { Report } from './report.ts';
import { decodeCursor, type ViewCursor } from './view-check.ts';

/** What the rows of one view say, before they are compared. */
export interface ViewRows {
  readonly prefix: Buffer;
  cursor: ViewCursor;
  items: number;
  /** A row of it fails its check: comparing would report it again. */
  isDamaged: boolean;
}

/** Second copies, which are no part of a view. */
const COPY_TABLES = 'rnl';

/** By the log's key in hexadecimal. */
export type Views = ReadonlyMap<string, ViewRows>;

const foreign = (key: Buffer): string => `a row of no known kind (${key.toString('hex', 0, 40)})`;

export async function checkBlocks(
  rows: CheckedRows,
  report: Report,
  { orphans, packed }: { readonly orphans: OrphanBlocks; readonly packed: PackCheck },
): Promise<void> {
  const nameOf = (key: Buffer) => `the block ${key.toString('hex', 1)}`;
  for await (const { key, value } of rows.all(nameOf)) {
    const table = tableOf(key);
    // Who gave a block says nothing of what it is.
    if (table === 'z') continue;
    if (table === 'j') {
      await packed.check(key, value, orphans);
      continue;
    }
    if (table !== 'b' && table !== 'v') rows.problem(`store/blocks holds ${foreign(key)}`);
    else if (!sha256(value).equals(table === 'b' ? key.subarray(1) : hashOfOwnedKey(key))) {
      const what = `${nameOf(key)} holds other bytes than its hash says`;
      report.problem('HASH_MISMATCH', what, rows.next);
    } else if (table === 'b') orphans.add(key.subarray(1), value.length);
  }
}

/** Names and keys come out of the directory: each epoch of it is folded before anything is named. */
export async function foldDirectory(rows: CheckedRows, authority: Authority): Promise<void> {
  for (let epoch = 1; epoch <= authority.epoch; epoch++) {
    const log = logPrefix(DIRECTORY_LOG, epoch);
    for await (const { value } of rows.some(tableRange('s', log))) {
      try {
        for (const { record } of decodeSegment(value).entries) authority.fold(epoch, record);
      } catch (error) {
        // The pass over all rows says so.
        if (!isMeshError(error)) throw error;
      }
    }
  }
}

export async function readViews(
  rows: CheckedRows,
  report: Report,
  authority: Authority,
): Promise<Views> {
  const views = new Map<string, ViewRows>();
  const viewOf = (key: Buffer): ViewRows => {
    const prefix = logOfKey(key);
    const id = prefix.toString('hex');
    const view = views.get(id) ?? {
      prefix,
      cursor: { applied: 0, deadLetters: 0 },
      items: 0,
      isDamaged: false,
    };
    views.set(id, view);
    return view;
  };
  const nameOf = (key: Buffer) => nameOfViewRow(key, authority);
  const onDamaged = (key: Buffer) => {
    const table = tableOf(key);
    if (table && !COPY_TABLES.includes(table)) viewOf(key).isDamaged = true;
  };
  for await (const { key, value } of rows.all(nameOf, onDamaged)) {
    const table = tableOf(key);
    if (table === undefined || !`aidop${COUNT_TABLES}${COPY_TABLES}`.includes(table)) {
      rows.problem(`store/views holds ${foreign(key)}`);
      continue;
    }
    if (COPY_TABLES.includes(table)) continue;
    const view = viewOf(key);
    if (table === 'i') view.items++;
    if (table !== 'a') continue;
    try {
      view.cursor = decodeCursor(value);
    } catch (error) {
      view.isDamaged = true;
      report.caught(error, nameOf(key), rows.next);
    }
  }
  return views;
}

function nameOfViewRow(key: Buffer, authority: Authority): string {
  const table = tableOf(key);
  if (!table) return foreign(key);
  if (COPY_TABLES.includes(table)) return 'a second copy of a row of the directory';
  const name = authority.nameOf(logOfKey(key));
  if (table === 'i') return `the item ${JSON.stringify(nameOfItemKey(key))} in the view of ${name}`;
  if (COUNT_TABLES.includes(table)) return `a row of the counts of ${name}`;
  if (table === 'o') return `the mark of a block of ${name}`;
  return table === 'a' ? `the cursor of the view of ${name}` : `a dead letter of ${name}`;
}

export interface LogsCheck {
  readonly report: Report;
  readonly authority: Authority;
  readonly views: Views;
  /** Undefined when the block store cannot be opened: then records are not looked for. */
  readonly blocks: Blocks | undefined;
  /** Blocks that no entry was seen to name so far. */
  readonly orphans: OrphanBlocks;
}

/** Every log of the store, whether or not the directory knows it. */
export async function checkLogs(rows: CheckedRows, check: LogsCheck): Promise<LogCheck[]> {
  const { report, authority } = check;
  const logs = new Map<string, LogCheck>();
  const logOf = (key: Buffer) => logAt(logOfKey(key));
  const logAt = (prefix: Buffer): LogCheck => {
    const id = prefix.toString('hex');
    const log = logs.get(id) ?? new LogCheck(prefix, report, authority);
    logs.set(id, log);
    return log;
  };
  const nameOf = (key: Buffer) => nameOfLogRow(key, authority);
  const onDamaged = (key: Buffer) => {
    if ('hst'.includes(tableOf(key) ?? ' ')) logOf(key).onDamagedValue(key);
  };
  for await (const { key, value } of rows.all(nameOf, onDamaged)) {
    switch (tableOf(key)) {
      case 'h':
        logOf(key).setHead(value);
        break;
      case 's': {
        const log = logOf(key);
        for (const checked of log.addSegment(key, value)) await checkRecord(log, checked, check);
        break;
      }
      case 't':
        logOf(key).checkTile(key, value);
        break;
      case 'x':
        logOf(key).checkConflict(value);
        break;
      case 'm':
        checkMark(key, value, logAt);
        break;
      case 'u':
      case 'w':
        break;
      default:
        rows.problem(`store/log holds ${foreign(key)}`);
    }
  }
  for (const log of logs.values()) log.finish();
  return [...logs.values()];
}

/** Of the marks only those that are told to others are looked at: older heads, kept while entries are missing. */
function checkMark(key: Buffer, value: Buffer, logAt: (prefix: Buffer) => LogCheck): void {
  const [, prefix] = /^mheld\/([0-9a-f]{36})$/.exec(key.toString('latin1')) ?? [];
  if (prefix !== undefined) logAt(Buffer.from(prefix, 'hex')).checkHeldHead(value);
}

function nameOfLogRow(key: Buffer, authority: Authority): string {
  const table = tableOf(key);
  const name = authority.nameOf(logOfKey(key));
  if (table === 'h') return `the head of ${name}`;
  if (table === 's') return `the segment at entry ${indexOfKey(key)} of ${name}`;
  if (table === 't') return `a tile of ${name}`;
  if (table === 'x') return `the evidence of a conflict in ${name}`;
  return table === 'u' ? 'a subscription' : table === 'm' ? 'a mark' : foreign(key);
}

/** What a view has applied it had in full; what it has not may still be fetched. */
async function checkRecord(log: LogCheck, checked: CheckedEntry, check: LogsCheck): Promise<void> {
  const { blocks, views, report, orphans } = check;
  if (!blocks) return;
  const { index, entry, packed } = checked;
  await orphans.keep(entry, packed, blocks);
  const fault = await faultOfRecord(entry, packed, blocks);
  if (!fault) return;
  log.counts.recordsMissing++;
  const applied = views.get(log.prefix.toString('hex'))?.cursor.applied ?? 0;
  if (index >= applied) return;
  log.areRecordsHere = false;
  const next = 'Restore the folder store/blocks from a backup.';
  report.problem(fault.code, `entry ${index} of ${log.name}: ${fault.message}`, next);
}
