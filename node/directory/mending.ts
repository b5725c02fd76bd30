// A damaged directory: mended at the start from its second copy, later from members. What is sound of it is in force until
// then; where nothing is, the node refuses to start: without its members the directory would say that there is nobody.

import { decodeNote, sizeOfNote } from '../../protocols/checkpoint.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { FeedLog } from '../feed/log.ts';
import { type Donor, mendLog } from '../feed/mend-log.ts';
import { isRot } from '../store/store.ts';
import { openEpoch, refusalOf } from './epoch.ts';
import { mendWaiting } from './epoch-mend.ts';
import type { InForce } from './in-force.ts';

/**
 * Folds what is there; what comes before a damage that cannot be mended now is better than nothing.
 * @throws STORE_DAMAGED where nothing can be read of what was in force
 */
export async function foldSound(now: InForce): Promise<void> {
  const { log: diary, copy } = now.options;
  try {
    if (now.log.damage) throw now.log.damage;
    if (now.log.size === 0) await fillFromCopy(now);
    await now.fold();
  } catch (error) {
    if (!isRot(error)) throw error;
    diary.warn({}, `the directory is damaged: ${(error as MeshError).message}`);
    const { former } = now.epoch;
    const damaged = former?.damage ? former : now.log;
    const verify = (note: Buffer) => now.verifyShown(decodeNote(note));
    await mendFrom(now, await copy?.donor(damaged, verify)).catch((failure: unknown) => {
      diary.warn({ reason: String(failure) }, 'the directory waits for members who have it');
    });
    // What was in force stays in force, whether or not what follows it could be mended.
    if (now.isWaiting) await now.foldWhatIsSound();
  }
  requireSomething(now);
}

/** The logs were set aside, and members are known from the copy only. */
async function fillFromCopy(now: InForce): Promise<void> {
  const { store, copy } = now.options;
  const donor = await copy?.donor(now.log, (note) => now.signers.verify(decodeNote(note)));
  if (donor) await mendLog({ store, log: now.log, donor });
}

/** Nobody could help a node that knows no member: it lets none in, and reaches none. */
function requireSomething({ shown, state, options }: InForce): void {
  if (!shown.damage || state.size > 0) return;
  const next = options.isWriter
    ? 'Restore the folder store from a backup: ODCM fetches what is newer before it writes.'
    : 'Restore the folder store from a backup. Without one, join this space anew.';
  throw new MeshError(
    'STORE_DAMAGED',
    'nothing can be read of the directory that was in force, and there is no second copy of it',
    { next, cause: shown.damage },
  );
}

/** What ODCM folded or copied of a log, it wrote, and others may have been told: it is not mended to less. */
async function writtenOf(now: InForce, log: FeedLog): Promise<number> {
  const { isWriter, copy } = now.options;
  if (!isWriter) return 0;
  const second = await copy?.donor(log, (note) => now.verifyShown(decodeNote(note)));
  return Math.max(log === now.shown ? now.state.size : 0, second ? sizeOfNote(second.note) : 0);
}

/** In turn. Puts a damaged log right with what somebody else has, and folds what was missing. */
export async function mendFrom(now: InForce, donor: Donor | undefined): Promise<void> {
  const { store, isWriter = false } = now.options;
  const { log, origin } = now;
  const written = (one: FeedLog) => writtenOf(now, one);
  if (!now.isWaiting)
    await mendLog({ store, log, donor, mayBeShorter: !isWriter, atLeast: await written(log) });
  else if (await mendWaiting(now.epoch, { store, donor, isWriter, written, origin }))
    await reopen(now);
  const refusal = await refusalOf(now.epoch, now.root.directory);
  now.epoch = { ...now.epoch, refusal };
  await now.fold();
}

/** Takes over once more what a new epoch begins with. @throws what still cannot be read of it */
async function reopen(now: InForce): Promise<void> {
  now.enter(await openEpoch(now.options.store, now.root, now.roots));
  if (now.log.damage) throw now.log.damage;
}
