// A feed whose log goes on in a new epoch: what its new log begins with. Entries are the same under both origins, so that
// what this node has up to the point of continuation is taken over; what lies beyond it is left behind. Each step can be
// repeated: a crash anywhere leaves a log that is continued at the next start.

import type { FeedRow } from '../../protocols/directory.ts';
import { feedOrigin, type MeshId, uuidBytes } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import { FeedLog } from '../feed/log.ts';
import { headKey, logPrefix } from '../store/keys.ts';
import { isRot, type Store } from '../store/store.ts';
import type { ForkBook } from './fork-book.ts';
import { rootAt } from './prove.ts';

export interface ContinueOptions {
  readonly logs: Store;
  readonly forks: ForkBook;
  readonly mesh: MeshId;
  /** Its newest epoch, and where that begins. */
  readonly row: FeedRow;
  /** The log of that epoch. */
  readonly log: FeedLog;
  /** This space publishes it: what it has beyond the point may have been seen by nobody. */
  readonly isOwn: boolean;
}

/**
 * Takes over from the newest older epoch that this node has entries of. What cannot be read of that is left to be fetched; a
 * log that is damaged itself is not touched: nobody knows how many entries it has, and this is done again once it is mended.
 */
export async function continueLog(o: ContinueOptions): Promise<void> {
  if (o.log.damage || o.log.size >= o.row.continues!.size) return;
  try {
    await continueFromOlder(o);
  } catch (error) {
    if (!isRot(error)) throw error;
  }
}

async function continueFromOlder(o: ContinueOptions): Promise<void> {
  const { logs, row } = o;
  const id = uuidBytes(row.id);
  for (let epoch = row.epoch - 1; epoch >= 1; epoch--) {
    if (!(await logs.has(headKey(logPrefix(id, epoch))))) continue;
    const old = await FeedLog.open(logs, id, epoch);
    return takeOver(o.log, old, await sharedSize(o, old, epoch));
  }
}

/** How many entries of the old log are surely those that the new epoch begins with. */
async function sharedSize(
  { row, mesh, forks, isOwn }: ContinueOptions,
  old: FeedLog,
  epoch: number,
) {
  const { size, root } = row.continues!;
  if (old.size >= size) {
    if ((await rootAt(old, size)).equals(root)) return size;
  } else if (
    // A publisher that came back as it was may have gone on by itself: no proof of that need be known anywhere.
    !isOwn &&
    epoch === row.epoch - 1 &&
    !forks.of(feedOrigin(mesh, row.space, row.id, epoch))
  ) {
    return old.size;
  }
  // Of another history than the one that goes on: what is not surely in both is fetched anew.
  const fork = forks.of(feedOrigin(mesh, row.space, row.id, epoch));
  return Math.min(fork?.commonSize ?? 0, old.size, size);
}

/** The entries that the log does not have yet, up to this size. */
export async function takeOver(log: FeedLog, old: FeedLog, size: number): Promise<void> {
  while (log.size < size) {
    await log.exclusively(async () => {
      // Only now: the log may have been read anew, and have more than it seemed to have.
      const from = log.size;
      if (from >= size) return;
      // To the border of a tile: segments never cross one.
      const tile = LIMITS.tileHashes;
      const to = Math.min(size, from - (from % tile) + tile);
      const packed = [];
      for await (const bytes of old.segments(from, to))
        packed.push(...decodeSegment(bytes).entries);
      await log.commit(await log.grow(packed), undefined, true);
    });
  }
}
