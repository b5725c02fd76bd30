// Whether two signed heads of a log contradict each other, found out with the help of whoever has the larger tree. What the
// helper says is only used when it folds to the signed root: a liar leaves the question open, and never accuses anybody.

import type { Checkpoint, Note } from '../../protocols/checkpoint.ts';
import { type ForkProof, inProofOrder } from '../../protocols/fork-proof.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  consistencyProof,
  Frontier,
  foldConsistency,
  frontierLength,
  HASH_BYTES,
  isConsistent,
  rootOf,
  TILE_HEIGHT,
} from '../../protocols/merkle.ts';
import type { SyncClient } from '../net/sync-client.ts';

/** Somebody who has the entries of the larger head, or says so. */
export interface Prover {
  /** RFC 9162 §2.1.4. */
  consistency(first: number, second: number): Promise<Buffer[]>;
  /** Root of the first 2^height entries: where a consistency proof leaves it out. */
  firstSubtree(height: number): Promise<Buffer>;
}

/** `extends`: one is a beginning of the other; `unproven`: the helper could not show either. */
export type Verdict = 'extends' | 'unproven' | ForkProof;

/** What two heads of one log, whose signatures were verified, are to each other. */
export async function compareHeads(a: Note, b: Note, prover: Prover): Promise<Verdict> {
  const notes = inProofOrder(a, b);
  const [small, large] = [notes[0].checkpoint, notes[1].checkpoint];
  if (small.size === large.size)
    return small.root.equals(large.root) ? 'extends' : { notes, altRoot: null, path: [] };
  const beginning = await beginningOf(small.size, large, prover);
  if (!beginning) return 'unproven';
  if (beginning.root.equals(small.root)) return 'extends';
  return { notes, altRoot: beginning.root, path: beginning.path };
}

export interface Beginning {
  readonly root: Buffer;
  readonly path: Buffer[];
}

/** The root of the first `size` entries of a signed tree, proven against its root; undefined when it was not. */
export async function beginningOf(
  size: number,
  of: Pick<Checkpoint, 'size' | 'root'>,
  prover: Prover,
): Promise<Beginning | undefined> {
  if (size === 0) return { root: new Frontier().root(), path: [] };
  if (size === of.size) return { root: of.root, path: [] };
  const path = await prover.consistency(size, of.size);
  const isPower = frontierLength(size) === 1;
  const given = isPower ? await prover.firstSubtree(Math.round(Math.log2(size))) : undefined;
  const root = foldConsistency(size, of.size, path, given)?.first;
  if (!root || !isConsistent(size, root, of.size, of.root, path)) return undefined;
  return { root, path };
}

/** A peer that says it has the tree. */
export function peerProver(client: SyncClient, log: Uint8Array): Prover {
  return {
    consistency: (first, second) => client.consistency(log, first, second),
    async firstSubtree(height) {
      const level = Math.floor(height / TILE_HEIGHT);
      return rootOf(split(await client.hashes(log, level, 0, 2 ** (height % TILE_HEIGHT))));
    },
  };
}

/** Where perfect subtrees are known: a log of this node. */
export interface Subtrees {
  readonly size: number;
  node(height: number, index: number): Promise<Buffer>;
}

export function ownProver(log: Subtrees): Prover {
  const node = (height: number, index: number) => log.node(height, index);
  return {
    consistency: (first, second) => consistencyProof(first, second, node),
    firstSubtree: (height) => log.node(height, 0),
  };
}

/** The tree of the first `size` entries of a log of this node. */
export async function frontierOf(log: Subtrees, size: number): Promise<Frontier> {
  const hashes: Buffer[] = [];
  let start = 0;
  for (let height = LIMITS.proofHashes; height >= 0; height--) {
    const width = 2 ** height;
    if (Math.floor(size / width) % 2 === 0) continue;
    hashes.push(await log.node(height, start / width));
    start += width;
  }
  return new Frontier(size, hashes);
}

export const rootAt = async (log: Subtrees, size: number): Promise<Buffer> =>
  (await frontierOf(log, size)).root();

function split(bytes: Buffer): Buffer[] {
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += HASH_BYTES)
    out.push(Buffer.from(bytes.subarray(at, at + HASH_BYTES)));
  return out;
}
