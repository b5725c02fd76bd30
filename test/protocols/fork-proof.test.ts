import { describe, expect, it } from 'vitest';
import { compareHeads, frontierOf, type Prover } from '../../node/fork/prove.ts';
import {
  decodeForkProof,
  encodeForkProof,
  type ForkProof,
  verifyForkProof,
} from '../../protocols/fork-proof.ts';
import {
  decodeDirectoryMessage,
  encodeAnnouncement,
  encodeForkMessage,
} from '../../protocols/gossip.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { Frontier, rootOf } from '../../protocols/merkle.ts';
import { codeOf } from '../certs/fixtures.ts';
import vectors from '../vectors/fork-proof.json' with { type: 'json' };
import { accuseHonest, provePairs, verifyHead } from './fork-claims.ts';
import { forked, headOf, randomLeaves, Tree } from './forked-log.ts';

async function proofOf(common: number, more: number, other: number): Promise<ForkProof> {
  const [a, b] = forked(common, more, other);
  const verdict = await compareHeads(headOf(a.leaves), headOf(b.leaves), b.prover);
  if (verdict === 'extends' || verdict === 'unproven') throw new Error(verdict);
  return verdict;
}

describe('a fork proof', () => {
  it('is found for every pair of histories, whatever their sizes and wherever they part', async () => {
    expect(await provePairs(300)).toEqual({ proven: 300, bytes: expect.any(Number) });
  });

  it('is found at every border of a tile and power of two', async () => {
    for (const [common, more, other] of [
      [0, 1, 1],
      [0, 1, 2],
      [0, 256, 257],
      [255, 1, 2],
      [256, 1, 256],
      [300, 212, 600],
      [511, 1, 1],
    ] as const) {
      const proof = await proofOf(common, more, other);
      const [a, b] = verifyForkProof(decodeForkProof(encodeForkProof(proof)), verifyHead);
      expect([a.size, b.size]).toEqual([common + more, common + other]);
    }
  });

  it('has less than 2,560 bytes also for a log of 2^39 entries', async () => {
    const proof = await proofOf(5, 3, 9);
    const path = Array.from({ length: 40 }, () => Buffer.alloc(32, 7));
    expect(encodeForkProof({ ...proof, path }).length).toBeLessThan(LIMITS.forkProofBytes);
  });

  it('with a path that is cut, or above its limit, is refused', async () => {
    const proof = await proofOf(5, 3, 9);
    const cut = encodeForkProof({ ...proof, path: [Buffer.alloc(31)] });
    expect(codeOf(() => decodeForkProof(cut))).toBe('MALFORMED');
    const path = Array.from({ length: 80 }, () => Buffer.alloc(32, 7));
    expect(codeOf(() => encodeForkProof({ ...proof, path }))).toBe('TOO_LARGE');
  });

  it('of an honest log is never accepted, however a proof is changed', async () => {
    expect(await accuseHonest(3_000)).toEqual({ accused: 0, strange: 0 });
  });

  it('is refused by its fault', async () => {
    const proof = await proofOf(20, 5, 9);
    const refuse = (changed: Partial<ForkProof>) =>
      codeOf(() => verifyForkProof({ ...proof, ...changed }, verifyHead));
    const { notes } = proof;
    expect(refuse({ notes: [notes[1], notes[0]] })).toBe('NOT_CANONICAL');
    expect(refuse({ altRoot: notes[0].checkpoint.root })).toBe('ROOT_MISMATCH');
    expect(refuse({ altRoot: null })).toBe('ROOT_MISMATCH');
    expect(refuse({ path: [] })).toBe('ROOT_MISMATCH');
    expect(refuse({ notes: [notes[0], notes[0]], altRoot: null, path: [] })).toBe('ROOT_MISMATCH');
    const bytes = encodeForkProof(proof);
    expect(codeOf(() => decodeForkProof(bytes.subarray(0, -1)))).toBe('MALFORMED');
    expect(codeOf(() => decodeForkProof(Buffer.concat([bytes, Buffer.alloc(1)])))).toBe(
      'NOT_CANONICAL',
    );
    expect(codeOf(() => decodeForkProof(Buffer.alloc(LIMITS.forkProofBytes + 1)))).toBe(
      'TOO_LARGE',
    );
  });
});

describe('the vectors of fork proofs', () => {
  it.each(vectors)('are accepted, or refused with their code: $name', ({ hex, sizes, code }) => {
    const bytes = Buffer.from(hex, 'hex');
    const read = () => verifyForkProof(decodeForkProof(bytes), verifyHead).map(({ size }) => size);
    if (code !== undefined) expect(codeOf(read)).toBe(code);
    else expect(read()).toEqual(sizes);
    if (code === undefined) expect(encodeForkProof(decodeForkProof(bytes))).toEqual(bytes);
  });
});

describe('a message on the topic of the directory', () => {
  it('carries a proof whole, and is told from a head', async () => {
    const proof = await proofOf(20, 5, 9);
    const told = decodeDirectoryMessage(encodeForkMessage(proof));
    expect(told.type === 'fork' && encodeForkProof(told.proof)).toEqual(encodeForkProof(proof));
    const head = encodeAnnouncement(proof.notes[0].bytes, new Frontier(), []);
    expect(decodeDirectoryMessage(head).type).toBe('head');
  });

  it('is refused when it is too long, of another kind, or followed by something', async () => {
    const message = encodeForkMessage(await proofOf(20, 5, 9));
    const long = Buffer.concat([message, Buffer.alloc(LIMITS.forkProofBytes)]);
    expect(codeOf(() => decodeDirectoryMessage(long))).toBe('TOO_LARGE');
    expect(codeOf(() => decodeDirectoryMessage(Buffer.concat([message, Buffer.of(0)])))).toBe(
      'NOT_CANONICAL',
    );
    expect(codeOf(() => decodeDirectoryMessage(Buffer.of(0x82, 3, 0x40)))).toBe('MALFORMED');
  });
});

describe('comparing two heads', () => {
  it('finds that one is the beginning of the other, at all sizes', async () => {
    const tree = new Tree(randomLeaves(70));
    const last = headOf(tree.leaves);
    for (let size = 1; size <= 70; size++) {
      const first = headOf(tree.leaves.slice(0, size));
      expect(await compareHeads(first, last, tree.prover)).toBe('extends');
      expect((await frontierOf(tree, size)).root()).toEqual(rootOf(tree.leaves.slice(0, size)));
    }
  });

  it('leaves it open when the helper lies, for forked and for honest logs', async () => {
    const [a, b] = forked(30, 10, 40);
    const wrong = Buffer.alloc(32, 1);
    const liars: Prover[] = [
      new Tree(randomLeaves(70)).prover,
      { consistency: async () => [], firstSubtree: async () => wrong },
      { consistency: async () => [wrong, wrong, wrong], firstSubtree: async () => wrong },
      { consistency: async () => [Buffer.alloc(3)], firstSubtree: async () => Buffer.alloc(0) },
    ];
    const heads = [a.leaves, b.leaves.slice(0, 32), b.leaves.slice(0, 40)].map((l) => headOf(l));
    const large = headOf(b.leaves);
    for (const liar of liars)
      for (const head of heads) expect(await compareHeads(head, large, liar)).toBe('unproven');
  });
});
