// Whether a fork proof holds, by the keys that the directory and the root name. The directory says whose log it is; a proof
// about a log that it does not know yet is neither true nor false here.

import type { Checkpoint, Note } from '../../protocols/checkpoint.ts';
import type { DirectoryState, FeedRow } from '../../protocols/directory.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { type ForkProof, verifyForkProof } from '../../protocols/fork-proof.ts';
import {
  directoryOrigin,
  feedOrigin,
  type MeshId,
  type Origin,
  parseFeedId,
  parseOrigin,
} from '../../protocols/ids.ts';
import { verifyFeedNote } from '../directory/log-authority.ts';

/** What a check needs to know. */
export interface ProofAuthority {
  readonly mesh: MeshId;
  readonly state: DirectoryState;
  /** Origin of the directory, and the rule by which its heads are verified. */
  readonly origin: Origin;
  verify(note: Note): Checkpoint;
}

/** The feed that an origin names, and which of its epochs; undefined for the directory. */
export function feedOfOrigin(
  { mesh, state }: Pick<ProofAuthority, 'mesh' | 'state'>,
  origin: Origin,
): { row: FeedRow; epoch: number } | undefined {
  const parts = parseOrigin(origin);
  if (parts.log === 'dir') return undefined;
  const id = parseFeedId(parts.log.slice('feed-'.length));
  const row = state.feeds.get(id);
  if (!row || parts.epoch > row.epoch)
    throw new MeshError('FEED_UNKNOWN', 'the directory does not know the log of a fork proof');
  if (origin !== feedOrigin(mesh, row.space, id, parts.epoch))
    throw new MeshError('WRONG_ORIGIN', `${origin} is no log of this mesh`);
  return { row, epoch: parts.epoch };
}

/** The same of a fork that was proven before: its feed may be gone with what a new epoch of the directory left behind. */
export function knownFeedOf(
  at: Pick<ProofAuthority, 'mesh' | 'state'>,
  origin: Origin,
): ReturnType<typeof feedOfOrigin> | 'unknown' {
  try {
    return feedOfOrigin(at, origin);
  } catch (error) {
    if (isMeshError(error, 'FEED_UNKNOWN')) return 'unknown';
    throw error;
  }
}

/**
 * @throws FEED_UNKNOWN for a log that the directory does not name; otherwise the fault of the proof
 */
export function checkForkProof(authority: ProofAuthority, proof: ForkProof): void {
  const { origin } = proof.notes[0].checkpoint;
  const of = feedOfOrigin(authority, origin);
  if (!of) {
    if (origin !== authority.origin) throw notThisDirectory(authority, origin);
    verifyForkProof(proof, (note) => authority.verify(note));
    return;
  }
  verifyForkProof(proof, (note) => verifyCounting(authority.state, note, of, origin));
}

/** A fork of an epoch that is over is settled; of one to come the root says nothing here yet. */
function notThisDirectory({ mesh, origin: own }: ProofAuthority, origin: Origin): MeshError {
  const { space, epoch } = parseOrigin(own);
  const other = parseOrigin(origin).epoch;
  if (origin !== directoryOrigin(mesh, space, other))
    return new MeshError('WRONG_ORIGIN', `${origin} is not the directory of this mesh`);
  return other < epoch
    ? new MeshError('OLD_EPOCH', `epoch ${other} of the directory is over: its fork is settled`)
    : new MeshError('FEED_UNKNOWN', `no root is known here that opens ${origin}`);
}

/**
 * By a key that counts at that size: whoever got hold of a former one must not freeze what comes after it. Below the point
 * that the newest epoch continues from, its heads are accepted nowhere and prove nothing.
 */
function verifyCounting(
  state: DirectoryState,
  note: Note,
  { row, epoch }: { readonly row: FeedRow; readonly epoch: number },
  origin: Origin,
): Checkpoint {
  const space = state.spaces.get(row.space);
  if (!space) throw new MeshError('UNKNOWN_KEY', `no key of ${row.name} is in the directory`);
  const { size } = note.checkpoint;
  if (epoch === row.epoch && size < (row.continues?.size ?? 0))
    throw new MeshError('ROOT_MISMATCH', `a head of ${size} entries comes before ${origin} begins`);
  return verifyFeedNote(note, space, row, origin);
}
