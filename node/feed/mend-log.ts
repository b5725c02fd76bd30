// Mends a log: entries that are damaged or missing come from somebody else, everything is folded to a root that was signed,
// and only then are rows written, all in one synced batch. What is sound stays where it is. Knows no network.

import { type Checkpoint, decodeNote } from '../../protocols/checkpoint.ts';
import { MeshError } from '../../protocols/errors.ts';
import { leafHash } from '../../protocols/merkle.ts';
import { checkPacked } from '../../protocols/run-verifier.ts';
import { decodeSegment, type Packed, packSegments } from '../../protocols/segment.ts';
import { crashpoint } from '../crashpoint.ts';
import { headKey, indexOfKey, tableRange } from '../store/keys.ts';
import { isRot, type Store, type Write } from '../store/store.ts';
import type { EntrySource } from './intake.ts';
import type { FeedLog } from './log.ts';
import { decodeHead, type LogHead, putHead } from './log-head.ts';
import { foldLeaves, type Leaves, type Survey, surveySegments, wrongTiles } from './log-survey.ts';
import { damagedLog, putSegment } from './stored-segments.ts';

/** Who may have what is missing here. */
export interface Donor {
  /** Its newest head of which it has all entries; the signature was verified. */
  readonly note: Buffer;
  readonly source: EntrySource;
}

export interface MendOptions {
  readonly store: Store;
  readonly log: FeedLog;
  /** Without one only what follows from sound rows is mended. */
  readonly donor?: Donor | undefined;
  /** Whether what lies behind the donor's head may be given up; false for the only one who has it. */
  readonly mayBeShorter?: boolean;
  /** For the log's own writer: so many entries there were for sure, as other rows or others say. */
  readonly atLeast?: number;
  /** For the log's own writer: entries behind the donor's head are its own, and signed again as they were. */
  readonly sign?: ((checkpoint: Pick<Checkpoint, 'size' | 'root'>) => Buffer) | undefined;
}

export interface Mended {
  /** Entries that came from the donor. */
  readonly fetched: number;
  /** Rows that were written or taken away. */
  readonly rows: number;
}

/** More than this is not fetched for one mending: a copy is fetched anew instead. */
const MOST_FETCHED_BYTES = 64 * 1024 * 1024;

/** @throws STORE_DAMAGED when nobody has what is missing, ROOT_MISMATCH when what came is not what was signed */
export function mendLog(options: MendOptions): Promise<Mended> {
  return options.log.mend(() => mendRows(options));
}

async function mendRows({
  store,
  log,
  donor,
  sign,
  mayBeShorter = true,
  atLeast = 0,
}: MendOptions): Promise<Mended> {
  const { prefix } = log;
  const survey = await surveySegments(store, prefix);
  const stored = await soundHead(store, prefix);
  // One that is older than what was read before is sound as well.
  const head = stored && stored.tree.size >= log.durable ? stored : (headBefore(log) ?? stored);
  const target = targetOf(prefix, head, donor);
  const leastSize = Math.max(endOfRows(survey), atLeast);
  if (!head && !mayBeShorter && leastSize > target.size)
    throw damagedLog(prefix, 'the head is gone, and no other one covers every entry');
  const fetched = await fetchGaps(prefix, survey.leaves, target.size, donor);
  const { tree } = foldLeaves(prefix, survey.leaves, target.size);
  if (!tree.root().equals(target.root))
    throw new MeshError('ROOT_MISMATCH', 'the mended entries do not fold to the signed root');
  const size = head || !sign ? target.size : endOfRun(survey.leaves, target.size);
  // Its own writer may have told others of these: without them it would say something else of the same place.
  if (!head && sign && leastSize > size) throw nobodyHas(prefix, size, leastSize);
  const whole = foldLeaves(prefix, survey.leaves, size);
  const note = size === target.size ? target.note : sign!({ size, root: whole.tree.root() });
  const writes = [
    ...(await strayRows(store, prefix, survey, size, whole.tiles)),
    ...[...fetched].flatMap(([from, packed]) =>
      packSegments(from, packed).map((bytes) => putSegment(prefix, bytes)),
    ),
    ...(await wrongTiles(store, whole.tiles)).map((row): Write => ({ type: 'put', ...row })),
    ...(stored && stored === head ? [] : [putHead(prefix, { tree: whole.tree, note })]),
  ];
  crashpoint('mend.before-write');
  if (writes.length > 0) await store.write(writes, { sync: true });
  crashpoint('mend.after-write');
  let count = 0;
  for (const packed of fetched.values()) count += packed.length;
  return { fetched: count, rows: writes.length };
}

function nobodyHas(prefix: Buffer, size: number, leastSize: number): MeshError {
  const { message, detail } = damagedLog(
    prefix,
    `entries ${size}..${leastSize - 1} are damaged or missing, and nobody who is connected has them,`,
  );
  return new MeshError('STORE_DAMAGED', message, {
    next:
      'Connect a member that has them: it is tried again by itself. Or restore the folder store from a backup. ' +
      'If only the items were ahead after a power cut, and nobody was told: stop the node, then odcm fsck --set-aside views',
    ...(detail && { detail }),
  });
}

async function soundHead(store: Store, prefix: Buffer): Promise<LogHead | undefined> {
  try {
    const bytes = await store.get(headKey(prefix));
    const head = bytes && decodeHead(bytes);
    if (!head?.note) return head;
    const { size, root } = decodeNote(head.note).checkpoint;
    return size !== head.tree.size || root.equals(head.tree.root()) ? head : undefined;
  } catch (error) {
    if (isRot(error)) return undefined;
    throw error;
  }
}

/**
 * What this process read and checked before: all of that was there, whatever can be read of it now. How many entries a damaged
 * row has, nobody knows, and those who have less must not be believed.
 */
function headBefore(log: FeedLog): LogHead | undefined {
  return log.size > 0 ? { tree: log.frontier(), note: log.note } : undefined;
}

/** What the rows must fold to: the log's own head, or, where that is gone, what the donor has. */
function targetOf(prefix: Buffer, head: LogHead | undefined, donor: Donor | undefined) {
  if (head) return { size: head.tree.size, root: head.tree.root(), note: head.note };
  if (!donor) throw damagedLog(prefix, 'the head is gone, and nobody who has one is connected');
  const { size, root } = decodeNote(donor.note).checkpoint;
  return { size, root, note: donor.note };
}

async function fetchGaps(
  prefix: Buffer,
  leaves: Leaves,
  size: number,
  donor: Donor | undefined,
): Promise<Map<number, Packed[]>> {
  const fetched = new Map<number, Packed[]>();
  let bytesLeft = MOST_FETCHED_BYTES;
  for (const { from, to } of leaves.gaps(size)) {
    if (!donor) throw damagedLog(prefix, `entries ${from}..${to - 1} are missing`);
    const packed: Packed[] = [];
    for await (const next of donor.source.entries(from, to)) {
      const bytes = Buffer.isBuffer(next) ? next : next.bytes;
      bytesLeft -= bytes.length;
      if (bytesLeft < 0) throw new MeshError('TOO_LARGE', 'too much of the log is damaged');
      // The frame may be shared with what comes after it.
      const segment = decodeSegment(Buffer.from(bytes));
      if (segment.from !== from + packed.length || segment.from + segment.entries.length > to)
        throw new MeshError('MALFORMED', 'entries that were not asked for');
      for (const one of segment.entries) {
        checkPacked(one, prefix.subarray(0, 16));
        leaves.set(from + packed.length, leafHash(one.leaf));
        packed.push(one);
      }
    }
    if (packed.length !== to - from)
      throw new MeshError('PEER_UNREACHABLE', `entries ended at ${from + packed.length} of ${to}`);
    fetched.set(from, packed);
  }
  return fetched;
}

/** At least where the last row ends, whether it can be read or not: what is wrong now may be right when it is read again. */
const endOfRows = ({ leaves, badKeys }: Survey): number =>
  badKeys.reduce((end, key) => Math.max(end, indexOfKey(key) + 1), leaves.end);

/** Where entries that follow each other without a gap end. */
function endOfRun(leaves: Leaves, from: number): number {
  let end = from;
  while (leaves.get(end)) end++;
  return end;
}

/** Takes away what is damaged, and what lies behind the end: a copy fetches that again. */
async function strayRows(
  store: Store,
  prefix: Buffer,
  { badKeys }: Survey,
  size: number,
  tiles: readonly { readonly key: Buffer }[],
): Promise<Write[]> {
  const writes: Write[] = badKeys.map((key) => ({ type: 'del', key }));
  const bad = new Set(badKeys.map((key) => key.toString('hex')));
  for await (const { key, value } of store.range({ ...tableRange('s', prefix), onDamaged: skip })) {
    if (bad.has(key.toString('hex'))) continue;
    const { from, entries } = decodeSegment(value);
    if (from + entries.length <= size) continue;
    writes.push({ type: 'del', key });
    for (const bytes of packSegments(from, entries.slice(0, Math.max(0, size - from))))
      writes.push(putSegment(prefix, bytes));
  }
  const kept = new Set(tiles.map(({ key }) => key.toString('hex')));
  const onTile = (key: Buffer) => {
    if (!kept.has(key.toString('hex'))) writes.push({ type: 'del', key });
  };
  for await (const { key } of store.range({ ...tableRange('t', prefix), onDamaged: onTile }))
    onTile(key);
  return writes;
}

const skip = () => {};

/** Forgets a copy of a log: it is fetched anew, which needs no row of it. */
export async function forgetLog(store: Store, log: FeedLog): Promise<void> {
  await log.mend(async () => {
    const writes: Write[] = [];
    for (const table of ['h', 's', 't']) {
      const onDamaged = (key: Buffer) => writes.push({ type: 'del', key });
      for await (const { key } of store.range({ ...tableRange(table, log.prefix), onDamaged }))
        writes.push({ type: 'del', key });
    }
    await store.write(writes, { sync: true });
  });
}
