// A head that does not fit what is held: compared with every signed head that is known of its log, with the help of the peer
// that gave it. Out of it comes a proof, or the knowledge that nothing is proven; never a guess.

import {
  type Checkpoint,
  decodeNote,
  type Note,
  withoutCosignatures,
} from '../../protocols/checkpoint.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { ForkProof } from '../../protocols/fork-proof.ts';
import type { FeedLog } from '../feed/log.ts';
import { beginningOf, compareHeads, ownProver, type Prover, rootAt } from './prove.ts';

/**
 * Compares a head with others of its log. All of them were verified.
 * @returns the proof of a fork; undefined when the head continues or precedes the others, or the peer could not show it
 */
export async function proveAgainst(
  head: Note,
  known: readonly Uint8Array[],
  log: FeedLog,
  peer: Prover,
): Promise<ForkProof | undefined> {
  const bare = bareNote(head.bytes);
  for (const bytes of known) {
    const other = bareNote(bytes);
    const large = other.checkpoint.size > bare.checkpoint.size ? other : bare;
    const isHeld =
      log.size >= large.checkpoint.size &&
      (await rootAt(log, large.checkpoint.size)).equals(large.checkpoint.root);
    const verdict = await compareHeads(bare, other, isHeld ? ownProver(log) : peer);
    if (verdict !== 'extends' && verdict !== 'unproven') return verdict;
  }
  return undefined;
}

/** Without the words of when it was newest, which a proof has no room for. */
function bareNote(bytes: Uint8Array): Note {
  return decodeNote(withoutCosignatures(decodeNote(bytes)));
}

/** True when the log has other entries below a head than the head says. */
export async function isContradicted(
  log: FeedLog,
  head: { readonly checkpoint: Pick<Checkpoint, 'size' | 'root'> },
): Promise<boolean> {
  const { size, root } = head.checkpoint;
  return size <= log.size && !(await rootAt(log, size)).equals(root);
}

export const unproven = (head: Pick<Note, 'checkpoint'>): MeshError =>
  new MeshError(
    'ROOT_MISMATCH',
    `the head of ${head.checkpoint.size} entries of ${head.checkpoint.origin} is unproven: this peer could not show that it continues what is held`,
    { next: 'Others are asked; nothing of it is taken before it is proven.' },
  );

/**
 * How many entries of the log are in the tree of another head, as far as the peer can prove it: what it keeps back makes
 * this smaller, never larger.
 */
export async function commonSize(log: FeedLog, other: Note, peer: Prover): Promise<number> {
  let proven = 0;
  let above = Math.min(log.size, other.checkpoint.size) + 1;
  while (above - proven > 1) {
    const middle = Math.floor((proven + above) / 2);
    const beginning = await beginningOf(middle, other.checkpoint, peer);
    if (beginning?.root.equals(await rootAt(log, middle))) proven = middle;
    else above = middle;
  }
  return proven;
}
