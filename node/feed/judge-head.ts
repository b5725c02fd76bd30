// Whether a head of a feed, whose signature was verified, is newer than what is known, or contradicts it.

import { type Checkpoint, decodeNote, type LogKey, type Note } from '../../protocols/checkpoint.ts';
import type { SpaceRow } from '../../protocols/directory.ts';
import { MeshError } from '../../protocols/errors.ts';
import { inProofOrder } from '../../protocols/fork-proof.ts';
import type { ForkBook } from '../fork/fork-book.ts';
import { unproven } from '../fork/suspicion.ts';
import type { OpenFeed } from './feeds.ts';

/**
 * Remembers the head and gives true when it is newer than any known.
 * @throws REVOKED, CONFLICT (which freezes the feed), ROOT_MISMATCH for what contradicts without being proven
 */
export async function judgeHead(
  feed: OpenFeed,
  { checkpoint, bytes }: Pick<Note, 'checkpoint' | 'bytes'>,
  publisher: SpaceRow,
  forks: ForkBook,
): Promise<boolean> {
  checkAuthority(feed, checkpoint, publisher);
  checkContinuation(feed, checkpoint);
  // First of all: below the newest head, too, it is unknown which of the two histories a head belongs to.
  if (feed.isFrozen) throw new MeshError('CONFLICT', `the feed ${feed.path} is frozen`);
  const known = feed.head;
  if (known && checkpoint.size < known.size) return false;
  if (known?.size === checkpoint.size && !known.root.equals(checkpoint.root))
    await proveFork(feed, bytes, forks);
  if (checkpoint.size === feed.log.size && !checkpoint.root.equals(feed.log.root()))
    throw unproven({ checkpoint });
  if (known && checkpoint.size === known.size) return false;
  feed.head = checkpoint;
  feed.headNote = bytes;
  return true;
}

function checkAuthority({ row, path, log }: OpenFeed, { size }: Checkpoint, space: SpaceRow): void {
  if (!space.revoked) return;
  const lastGood = space.revoked.lastGood[row.id] ?? log.size;
  if (size <= lastGood) return;
  throw new MeshError('REVOKED', `${space.name} was revoked: ${path} ends at entry ${lastGood}`);
}

/** Two signed heads of one size are a proof by themselves. */
async function proveFork(feed: OpenFeed, bytes: Buffer, forks: ForkBook): Promise<void> {
  const other = decodeNote(bytes);
  const { size, root } = other.checkpoint;
  const known = [feed.headNote, feed.log.note]
    .filter((note) => note !== undefined)
    .map((note) => decodeNote(note))
    .find(({ checkpoint }) => checkpoint.size === size && !checkpoint.root.equals(root));
  if (!known) throw unproven(other);
  await forks.add({ notes: inProofOrder(known, other), altRoot: null, path: [] });
  throw new MeshError('CONFLICT', `two histories of ${feed.path} meet at size ${size}`);
}

/** Nothing of an epoch comes before the point that it continues from. */
function checkContinuation({ row, path }: OpenFeed, { size, root }: Checkpoint): void {
  const from = row.continues;
  if (!from || size > from.size || (size === from.size && root.equals(from.root))) return;
  throw new MeshError(
    'ROOT_MISMATCH',
    `a head of ${size} entries of ${path} is not what the directory says that its epoch continues from`,
  );
}

/** The head that is known, with the signature of the next key as well: those who come later may know only that one. */
export function isSignedByMore(
  feed: OpenFeed,
  { checkpoint }: Note,
  bytes: Buffer,
  keys: readonly LogKey[],
): boolean {
  const known = feed.headNote;
  if (!known || feed.head?.size !== checkpoint.size || bytes.equals(known)) return false;
  const signers = (note: Buffer) =>
    decodeNote(note).lines.filter(({ keyId }) => keys.some((key) => key.signatureId.equals(keyId)))
      .length;
  if (signers(bytes) <= signers(known)) return false;
  feed.headNote = bytes;
  return true;
}
