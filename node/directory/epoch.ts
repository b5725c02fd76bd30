// Which log of the store is the directory, by the root that is in force. A new epoch begins with what was held of the last
// one, up to the point that the root names; what lies behind it stays in the store as it is. Each step can be repeated.

import { DIRECTORY_EVENTS } from '../../protocols/directory-events.ts';
import { parseEnvelope } from '../../protocols/envelope.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { DirectoryEpoch, Root } from '../../protocols/root.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import { FeedLog } from '../feed/log.ts';
import { takeOver } from '../fork/continue-log.ts';
import { rootAt } from '../fork/prove.ts';
import { headKey, logPrefix } from '../store/keys.ts';
import type { Store } from '../store/store.ts';

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

function beginningEntries(record: Buffer | null): number {
  try {
    const { type, payload } = parseEnvelope(record ?? Buffer.alloc(0));
    if (type !== 'DirectoryEpochStartedV1Event') return 1;
    return DIRECTORY_EVENTS.DirectoryEpochStartedV1Event.parse(payload).entries;
  } catch {
    // It is passed over, and what follows it counts.
    return 1;
  }
}

export async function openEpoch(
  store: Store,
  { directory }: Pick<Root, 'directory'>,
): Promise<OpenedEpoch> {
  const number = directory?.epoch ?? 1;
  const begin = directory?.continues;
  const log = await FeedLog.open(store, DIRECTORY_LOG, number);
  const opened = { number, begin, log, former: undefined, refusal: undefined };
  if (!begin || log.damage) return opened;
  if (await hasBegun(opened)) return { ...opened, refusal: await refusalOf(opened, directory) };
  const earlier = await earlierLogs(store, number);
  const [last] = earlier;
  if (last && log.size < begin.size) {
    // Of a shorter one it shows when the rest comes: its entries must lead to the point.
    if (last.size >= begin.size && !(await isAt(last, begin)))
      return { ...opened, log: last, refusal: elsewhere(directory) };
    await takeOver(log, last, Math.min(last.size, begin.size));
  }
  // An epoch in which nothing was ever said was never in force.
  return { ...opened, former: earlier.find(({ note }) => note !== undefined) };
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

/** Those that have entries, newest first. */
async function earlierLogs(store: Store, before: number): Promise<FeedLog[]> {
  const logs: FeedLog[] = [];
  for (let epoch = before - 1; epoch >= 1; epoch--) {
    if (!(await store.has(headKey(logPrefix(DIRECTORY_LOG, epoch))))) continue;
    logs.push(await FeedLog.open(store, DIRECTORY_LOG, epoch));
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
