// Blocks that nothing names: left by a file that was refused, or by a process that ended between a record and its entry. One
// that was already an orphan a round ago, longer than an upload takes, is taken away.

import { decodeEntry } from '../../protocols/entry.ts';
import { isMeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { Blocks } from '../feed/blocks.ts';
import { hashOfOwnedKey, logOfKey, markKey, ownedKey, tableRange } from '../store/keys.ts';
import { isRot, type Store } from '../store/store.ts';

const MARK = markKey('orphans');
/** Looked at in one round: the rest waits for the next. */
const MOST = 10_000;
const GROUP = 256;

export interface OrphansOptions {
  readonly logs: Store;
  readonly blockStore: Store;
  readonly views: Store;
  readonly blocks: Blocks;
  readonly nowMs: () => number;
  readonly pace: (bytes: number) => Promise<void>;
}

/** Its records lie beside their entries: it names no blocks. */
const isOfDirectory = (key: Buffer): boolean =>
  logOfKey(key).subarray(0, DIRECTORY_LOG.length).equals(DIRECTORY_LOG);

/** Resolves to how many were taken away: none when something could not be read that may name them. */
export async function sweepOrphans(o: OrphansOptions): Promise<number> {
  const candidates = await unowned(o);
  if (candidates.size > 0 && !(await keepNamed(o, candidates))) return 0;
  const since = await readMark(o.logs);
  const nowMs = o.nowMs();
  const next: Record<string, number> = {};
  const dead: Buffer[] = [];
  for (const name of candidates) {
    const firstMs = since[name] ?? nowMs;
    if (nowMs - firstMs >= LIMITS.orphanGraceMs) dead.push(Buffer.from(name, 'hex'));
    else next[name] = firstMs;
  }
  for (let at = 0; at < dead.length; at += GROUP) await o.blocks.drop(dead.slice(at, at + GROUP));
  const value = Buffer.from(JSON.stringify(next));
  await o.logs.write([{ type: 'put', key: MARK, value }]);
  return dead.length;
}

/** Blocks that no view names, by hash. */
async function unowned({ blockStore, views, pace }: OrphansOptions): Promise<Set<string>> {
  const prefixes: Buffer[] = [];
  for await (const { key } of views.range({ ...tableRange('a'), onDamaged: () => {} }))
    prefixes.push(Buffer.from(logOfKey(key)));
  const found = new Set<string>();
  // By themselves, and in packs.
  for (const table of ['b', 'j']) {
    for await (const { key, value } of blockStore.range({
      ...tableRange(table),
      onDamaged: () => {},
    })) {
      await pace(key.length + value.length);
      const hash = key.subarray(1);
      let isOwned = false;
      for (const prefix of prefixes) {
        isOwned = await views.has(ownedKey(prefix, hash));
        if (isOwned) break;
      }
      if (!isOwned) found.add(hash.toString('hex'));
      if (found.size >= MOST) return found;
    }
  }
  return found;
}

/**
 * Views may be behind their logs, or damaged: the entries have the last word.
 * @returns false when some of it could not be read
 */
async function keepNamed(o: OrphansOptions, candidates: Set<string>): Promise<boolean> {
  let isWhole = true;
  const onDamaged = () => {
    isWhole = false;
  };
  for await (const { key, value } of o.logs.range({
    ...tableRange('s'),
    onDamaged: (damaged) => {
      if (!isOfDirectory(damaged)) onDamaged();
    },
  })) {
    if (isOfDirectory(key)) continue;
    await o.pace(key.length + value.length);
    try {
      for (const { leaf, record } of decodeSegment(value).entries) {
        const cid = decodeEntry(leaf).record;
        if (!cid) continue;
        for await (const hash of o.blocks.named(cid, record))
          candidates.delete(Buffer.from(hash).toString('hex'));
      }
    } catch (error) {
      if (!isMeshError(error)) throw error;
      isWhole = false;
    }
  }
  for await (const { key } of o.views.range({ ...tableRange('o'), onDamaged }))
    candidates.delete(hashOfOwnedKey(key).toString('hex'));
  return isWhole;
}

async function readMark(logs: Store): Promise<Record<string, number>> {
  try {
    const bytes = await logs.get(MARK);
    return bytes ? (JSON.parse(bytes.toString()) as Record<string, number>) : {};
  } catch (error) {
    if (isRot(error)) return {};
    throw error;
  }
}
