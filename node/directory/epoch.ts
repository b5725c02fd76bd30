// Which log of the store is the directory, by the root that is in force. A new epoch begins with what was held of the last
// one, up to the point that the root names; what lies behind it stays in the store as it is. Each step can be repeated.

import { DIRECTORY_EVENTS } from '../../protocols/directory-events.ts';
import { parseEnvelope } from '../../protocols/envelope.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { DirectoryEpoch, Root } from '../../protocols/root.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import { FeedLog } from '../feed/log.ts';
import { decodeHead } from '../feed/log-head.ts';
import { surveySegments } from '../feed/log-survey.ts';
import { takeOver } from '../fork/continue-log.ts';
import { rootAt } from '../fork/prove.ts';
import { headKey, logPrefix } from '../store/keys.ts';
import { isRot, type Store } from '../store/store.ts';

export interface OpenedEpoch {
  readonly number: number;
  /** Where the epoch begins; undefined for the first. */
  readonly begin: DirectoryEpoch['continues'] | undefined;
  readonly log: FeedLog;
  /**
   * The log of an earlier epoch, which is in force until ODCM has written in the new one: nothing that it took away comes
   * back in between.
   */
  readonly former: FeedLog | undefined;
  /** What is held here does not lead to the point that the root names. */
  readonly refusal: MeshError | undefined;
}

/** ODCM has spoken in the epoch, and what it wrote at once is here as a whole: its first entry says how much that is. */
export async function hasBegun({
  begin,
  log,
}: Pick<OpenedEpoch, 'begin' | 'log'>): Promise<boolean> {
  if (!begin) return true;
  if (log.size <= begin.size) return false;
  const { record } = await log.entry(begin.size);
  return log.size >= begin.size + beginningEntries(record);
}

/** How many entries come into force at once with the first one of an epoch. */
export function beginningEntries(record: Buffer | null): number {
  try {
    const { type, payload } = parseEnvelope(record ?? Buffer.alloc(0));
    if (type !== 'DirectoryEpochStartedV1Event') return 1;
    return DIRECTORY_EVENTS.DirectoryEpochStartedV1Event.parse(payload).entries;
  } catch {
    // It is passed over, and what follows it counts.
    return 1;
  }
}

/**
 * @param roots every version that is known: they say where each epoch between two logs began
 * @throws what the disk says of a write; a damaged row marks the log instead, and what was in force stays in force
 */
export async function openEpoch(
  store: Store,
  { directory }: Pick<Root, 'directory'>,
  roots: readonly Pick<Root, 'directory'>[],
): Promise<OpenedEpoch> {
  const number = directory?.epoch ?? 1;
  const begin = directory?.continues;
  const log = await FeedLog.open(store, DIRECTORY_LOG, number);
  const opened = { number, begin, log, former: undefined, refusal: undefined };
  if (!begin) return opened;
  const known = [...roots, { directory }];
  const earlier = await earlierLogs(store, number);
  let isBegun = false;
  try {
    if (log.damage) throw log.damage;
    isBegun = await hasBegun(opened);
    if (isBegun) return { ...opened, refusal: await refusalOf(opened, directory) };
    const [last] = earlier;
    const refusal = last && (await takeBeginning(opened, last, known));
    if (refusal) return { ...opened, log: last.log, refusal };
  } catch (error) {
    if (!isRot(error)) throw error;
    log.markDamaged(error as MeshError);
  }
  if (isBegun) return opened;
  const former = await formerOf(store, earlier, known);
  if (former) {
    // What cannot be read of it is mended with the log that goes on from it.
    former.onDamaged = (damage) => log.markDamaged(damage);
    if (former.damage) log.markDamaged(former.damage);
  }
  return { ...opened, former };
}

/**
 * What an earlier log has up to where the epoch after it began: behind that lies what the keepers gave up, also where a later
 * epoch was opened since. @returns why it is not taken
 */
async function takeBeginning(
  { log, begin }: Pick<OpenedEpoch, 'log' | 'begin'>,
  last: EarlierLog,
  roots: readonly Pick<Root, 'directory'>[],
): Promise<MeshError | undefined> {
  const next = epochAfter(last.number, roots);
  if (!next || !begin || log.size >= begin.size) return undefined;
  const { size } = next.continues;
  // Of a shorter one it shows when the rest comes: its entries must lead to the point.
  if (last.log.size >= size && !(await isAt(last.log, next.continues))) return elsewhere(next);
  await takeOver(log, last.log, Math.min(last.log.size, size));
  return undefined;
}

/** The first epoch after this one that a root of these names: no later one begins before it. */
export function epochAfter(
  number: number,
  roots: readonly Pick<Root, 'directory'>[],
): DirectoryEpoch | undefined {
  return roots.find(({ directory }) => (directory?.epoch ?? 1) > number)?.directory ?? undefined;
}

/** An epoch in which nothing was ever said was never in force; of a damaged log that is not known. */
async function formerOf(
  store: Store,
  earlier: readonly EarlierLog[],
  roots: readonly Pick<Root, 'directory'>[],
): Promise<FeedLog | undefined> {
  for (const { number, log } of earlier) {
    if (log.note !== undefined) return log;
    const begin = roots.find(({ directory }) => directory?.epoch === number)?.directory?.continues;
    if (log.damage && !(begin && (await isOnlyTakenOver(store, log, begin.size)))) return log;
  }
  return undefined;
}

/** Surely nothing stands in the log but what was taken over, which can be done again. */
export async function isOnlyTakenOver(
  store: Store,
  { prefix }: FeedLog,
  size: number,
): Promise<boolean> {
  try {
    const bytes = await store.get(headKey(prefix));
    const head = bytes && decodeHead(bytes);
    if (head) return head.note === undefined && head.tree.size <= size;
  } catch (error) {
    if (!isRot(error)) throw error;
  }
  // Without a head the entries tell, if all of them can be read.
  const { leaves, badKeys } = await surveySegments(store, prefix);
  return badKeys.length === 0 && leaves.end <= size;
}

/** What has come past the point must have come through it. */
export async function refusalOf(
  { log, begin }: Pick<OpenedEpoch, 'log' | 'begin'>,
  directory: DirectoryEpoch | null,
): Promise<MeshError | undefined> {
  if (!begin || log.size < begin.size || (await isAt(log, begin))) return undefined;
  return elsewhere(directory);
}

/** Before ODCM takes a root that opens an epoch: it must have what it is to go on from. @throws CONFLICT */
export async function requirePoint(log: FeedLog, { directory }: Root): Promise<void> {
  if (directory && !(await isAt(log, directory.continues))) throw elsewhere(directory);
}

interface EarlierLog {
  readonly number: number;
  readonly log: FeedLog;
}

/** Those that have entries, newest first. */
async function earlierLogs(store: Store, before: number): Promise<EarlierLog[]> {
  const logs: EarlierLog[] = [];
  for (let number = before - 1; number >= 1; number--) {
    if (!(await store.has(headKey(logPrefix(DIRECTORY_LOG, number))))) continue;
    logs.push({ number, log: await FeedLog.open(store, DIRECTORY_LOG, number) });
  }
  return logs;
}

const isAt = async (log: FeedLog, { size, root }: DirectoryEpoch['continues']): Promise<boolean> =>
  log.size >= size && (await rootAt(log, size)).equals(root);

export const elsewhere = (directory: DirectoryEpoch | null): MeshError =>
  new MeshError(
    'CONFLICT',
    `the root lets the directory go on after ${directory?.continues.size} entries, and these are not the ones that this node followed`,
    {
      next: 'Nothing of it is taken. Compare with ODCM: odcm forks show directory. If the root is right, join this space anew.',
    },
  );
