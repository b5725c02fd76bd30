// Mends what is damaged while a new epoch of the directory waits for ODCM. What it begins with is taken over once more, from
// what was in force before, which is mended first; what ODCM may have written is never given up for that.

import { decodeNote } from '../../protocols/checkpoint.ts';
import type { Origin } from '../../protocols/ids.ts';
import type { FeedLog } from '../feed/log.ts';
import { type Donor, forgetLog, mendLog } from '../feed/mend-log.ts';
import type { Store } from '../store/store.ts';
import { isOnlyTakenOver, type OpenedEpoch } from './epoch.ts';

export interface MendWaitingOptions {
  readonly store: Store;
  /** Of the new epoch, or of the one before it, which others show as long as they wait, too. */
  readonly donor: Donor | undefined;
  readonly isWriter: boolean;
  /** So many entries ODCM wrote of a log for sure; 0 for others. */
  readonly written: (log: FeedLog) => Promise<number>;
  /** Of the new epoch. */
  readonly origin: Origin;
}

/** @returns true when the epoch is to be opened anew; false when its log is whole */
export async function mendWaiting(
  { log, former, begin }: OpenedEpoch,
  { store, donor, isWriter, written, origin }: MendWaitingOptions,
): Promise<boolean> {
  const mayBeShorter = !isWriter;
  const isNew = donor !== undefined && decodeNote(donor.note).checkpoint.origin === origin;
  // Where ODCM has gone on, what was in force before is not needed any more.
  if (!isNew && former?.damage)
    await mendLog({ store, log: former, donor, mayBeShorter, atLeast: await written(former) });
  const isEmpty = await isOnlyTakenOver(store, log, begin?.size ?? 0);
  if (!isNew && isEmpty) {
    await forgetLog(store, log);
    return true;
  }
  const atLeast = await written(log);
  await mendLog({ store, log, donor: isNew ? donor : undefined, mayBeShorter, atLeast });
  return false;
}
