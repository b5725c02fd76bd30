// What is claimed of fork proofs, as counts over random cases: the tests and the attack catalogue run it with other numbers.

import { randomBytes } from 'node:crypto';
import { compareHeads } from '../../node/fork/prove.ts';
import { logKey, verifyNote } from '../../protocols/checkpoint.ts';
import { isMeshError } from '../../protocols/errors.ts';
import {
  decodeForkProof,
  encodeForkProof,
  type ForkProof,
  inProofOrder,
  verifyForkProof,
} from '../../protocols/fork-proof.ts';
import { forked, headOf, randomLeaves, Tree } from './forked-log.ts';
import { keyOf, LOG_KEY, ORIGIN } from './sample-log.ts';

export const below = (count: number): number => randomBytes(6).readUIntBE(0, 6) % count;
export const verifyHead = (note: Parameters<typeof verifyNote>[0]) =>
  verifyNote(note, ORIGIN, LOG_KEY);

/** Forked pairs, split at a random place and of random sizes: how many were proven, and the longest proof. */
export async function provePairs(count: number, most = 300) {
  let proven = 0;
  let bytes = 0;
  for (let i = 0; i < count; i++) {
    const [a, b] = forked(below(most), 1 + below(most), 1 + below(most));
    const larger = a.size >= b.size ? a : b;
    const verdict = await compareHeads(headOf(a.leaves), headOf(b.leaves), larger.prover);
    if (verdict === 'extends' || verdict === 'unproven') continue;
    const encoded = encodeForkProof(verdict);
    verifyForkProof(decodeForkProof(encoded), verifyHead);
    proven++;
    bytes = Math.max(bytes, encoded.length);
  }
  return { proven, bytes };
}

/** Proof-shaped bytes about a log with one history, in every way that a forger can make them; how many accuse it. */
export async function accuseHonest(count: number): Promise<{ accused: number; strange: number }> {
  const tree = new Tree(randomLeaves(400));
  const sizes = [1, 2, 7, 64, 100, 255, 256, 257, 399, 400];
  const heads = sizes.map((size) => headOf(tree.leaves.slice(0, size)));
  const forger = keyOf(0x55);
  const forgerKey = logKey(ORIGIN, forger.publicKey, forger.raw);
  const [mine, other] = forked(50, 30, 60);
  const forged = await compareHeads(
    headOf(mine.leaves, forgerKey, forger.privateKey),
    headOf(other.leaves, forgerKey, forger.privateKey),
    other.prover,
  );
  let accused = 0;
  let strange = 0;
  for (let i = 0; i < count; i++) {
    const notes = inProofOrder(heads[below(heads.length)]!, heads[below(heads.length)]!);
    const [small, large] = [notes[0].checkpoint, notes[1].checkpoint];
    const isLevel = small.size === large.size;
    const path = isLevel ? [] : await tree.prover.consistency(small.size, large.size);
    const honest: ForkProof = { notes, altRoot: isLevel ? null : small.root, path };
    const start = i % 4 === 0 ? (forged as ForkProof) : honest;
    try {
      verifyForkProof(decodeForkProof(mutated(start, i)), verifyHead);
      accused++;
    } catch (error) {
      if (!isMeshError(error) || error.code === 'INTERNAL') strange++;
    }
  }
  return { accused, strange };
}

function mutated(proof: ForkProof, i: number): Buffer {
  const { altRoot, path, notes } = proof;
  switch (i % 7) {
    case 1:
      return encodeForkProof({ ...proof, altRoot: randomBytes(32) });
    case 2:
      return encodeForkProof({ ...proof, path: path.slice(0, -1) });
    case 3:
      return encodeForkProof({ ...proof, path: [...path, randomBytes(32)] });
    case 4:
      return encodeForkProof({ ...proof, altRoot: null, path: [] });
    case 5:
      return encodeForkProof({ ...proof, altRoot, path: [...path].reverse() });
    case 6:
      return encodeForkProof({ ...proof, notes: [notes[1], notes[0]] });
  }
  const bytes = encodeForkProof(proof);
  for (let flips = 1 + below(3); flips > 0; flips--) bytes[below(bytes.length)]! ^= 1 << below(8);
  return bytes;
}
