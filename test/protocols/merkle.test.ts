import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  consistencyProof,
  Frontier,
  foldConsistency,
  foldInclusion,
  frontierLength,
  inclusionProof,
  isConsistent,
  isSha256,
  leafHash,
  nodeHash,
  rootOf,
  sha256,
} from '../../protocols/merkle.ts';
import { codeOf } from '../certs/fixtures.ts';
import appendix from '../vectors/appendix.json' with { type: 'json' };
import tree from '../vectors/tree.json' with { type: 'json' };

const hex = (text: string) => Buffer.from(text, 'hex');
const MOST = 4200;
const leaves = Array.from({ length: MOST }, (_, i) => leafHash(Buffer.from(`leaf ${i}`)));

/** RFC 6962 §2.1 as it is written there. */
function naive(list: readonly Buffer[]): Buffer {
  if (list.length === 0) return sha256(Buffer.alloc(0));
  if (list.length === 1) return list[0]!;
  let k = 1;
  while (k * 2 < list.length) k *= 2;
  return nodeHash(naive(list.slice(0, k)), naive(list.slice(k)));
}

/** Perfect subtrees over the leaves above, each computed once. */
const subtrees = new Map<string, Buffer>();
function node(height: number, index: number): Buffer {
  if (height === 0) return leaves[index]!;
  const key = `${height}/${index}`;
  let hash = subtrees.get(key);
  if (!hash) {
    hash = nodeHash(node(height - 1, 2 * index), node(height - 1, 2 * index + 1));
    subtrees.set(key, hash);
  }
  return hash;
}

const roots = new Map<number, Buffer>();
function rootAt(size: number): Buffer {
  const known = roots.get(size) ?? naive(leaves.slice(0, size));
  roots.set(size, known);
  return known;
}

/** Every way in which one step of a proof can be wrong. */
function* mutations(proof: readonly Buffer[]): Generator<Buffer[]> {
  const other = sha256(Buffer.from('other'));
  yield [...proof, other];
  yield [other, ...proof];
  for (let i = 0; i < proof.length; i++) {
    yield proof.filter((_, j) => j !== i);
    yield proof.map((h, j) => (i === j ? other : h));
    yield proof.map((h, j) => (i === j ? h.subarray(0, 31) : h));
    yield proof.map((h, j) => (i === j ? Buffer.concat([h, h.subarray(0, 1)]) : h));
    if (i > 0 && !proof[i]!.equals(proof[i - 1]!)) {
      yield proof.map((h, j) => (j === i ? proof[i - 1]! : j === i - 1 ? proof[i]! : h));
    }
  }
}

describe('tree of RFC 6962', () => {
  it('has the roots of the published test tree', () => {
    tree.roots.forEach((root, size) => {
      const list = tree.leaves.slice(0, size).map((leaf) => leafHash(hex(leaf)));
      expect(rootOf(list).toString('hex')).toBe(root);
    });
  });

  it('gives and accepts the published proofs', async () => {
    const list = tree.leaves.map((leaf) => leafHash(hex(leaf)));
    const at = (height: number, index: number) =>
      naive(list.slice(index * 2 ** height, (index + 1) * 2 ** height));
    for (const { index, size, proof } of tree.inclusion) {
      const path = await inclusionProof(index, size, at);
      expect(path.map((h) => h.toString('hex'))).toEqual(proof);
      expect(foldInclusion(list[index]!, index, size, path)).toEqual(hex(tree.roots[size]!));
    }
    for (const { first, second, proof } of tree.consistency) {
      const path = await consistencyProof(first, second, at);
      expect(path.map((h) => h.toString('hex'))).toEqual(proof);
      const ends = [hex(tree.roots[first]!), hex(tree.roots[second]!)] as const;
      expect(isConsistent(first, ends[0], second, ends[1], path)).toBe(true);
    }
  });

  it('hashes the leaves and root of the design', () => {
    const list = appendix.leaves.map((leaf) => leafHash(hex(leaf.hex)));
    expect(list.map((h) => h.toString('hex'))).toEqual(appendix.leaves.map((leaf) => leaf.hash));
    expect(rootOf(list).toString('hex')).toBe(appendix.root);
  });

  it('hashes leaves longer than its scratch space', () => {
    const leaf = Buffer.alloc(5000, 1);
    expect(leafHash(leaf)).toEqual(sha256(Buffer.concat([Buffer.of(0), leaf])));
  });
});

describe('digest', () => {
  it('is recognised as the one of these bytes and of no others', () => {
    const bytes = Buffer.from('entry');
    const hash = sha256(bytes);
    expect(isSha256(hash, bytes)).toBe(true);
    expect(isSha256(hash, bytes.subarray(1))).toBe(false);
    expect(isSha256(hash.subarray(1), bytes)).toBe(false);
    for (let bit = 0; bit < 256; bit++) {
      const other = Buffer.from(hash);
      other[bit >> 3]! ^= 1 << (bit & 7);
      expect(isSha256(other, bytes)).toBe(false);
    }
  });
});

describe('frontier', () => {
  it('has the root of the naive tree at every size to 300 and around 4096', () => {
    const grown = new Frontier();
    for (let size = 0; size <= MOST; size++) {
      const isChecked = size <= 300 || (size > 4090 && size < 4100) || size === MOST;
      if (isChecked) expect(grown.root()).toEqual(rootAt(size));
      expect(grown.hashes.length).toBe(frontierLength(size));
      if (size < MOST) grown.append(leaves[size]!);
    }
  });

  it('tells about every perfect subtree once, with its hash', () => {
    const grown = new Frontier();
    const told = new Set<string>();
    for (const leaf of leaves.slice(0, 600)) {
      grown.append(leaf, (height, index, hash) => {
        expect(told.has(`${height}/${index}`)).toBe(false);
        told.add(`${height}/${index}`);
        expect(hash).toEqual(node(height, index));
      });
    }
    let count = 0;
    for (let height = 0; 2 ** height <= 600; height++) count += Math.floor(600 / 2 ** height);
    expect(told.size).toBe(count);
  });

  it('grows by whole tiles to the same root, from its last tile boundary', () => {
    for (const [held, size] of [
      [0, 256],
      [300, 1024],
      [511, 4099],
      [512, 513],
    ] as const) {
      const before = new Frontier();
      for (const leaf of leaves.slice(0, held)) before.append(leaf);
      const grown = before.atTileBoundary();
      while (grown.size + 256 <= size) grown.appendTile(node(8, grown.size / 256));
      for (const leaf of leaves.slice(grown.size, size)) grown.append(leaf);
      expect(grown.root()).toEqual(rootAt(size));
      expect(before.size).toBe(held);
    }
  });

  it('is restored from its size and hashes', () => {
    const grown = new Frontier();
    for (const leaf of leaves.slice(0, 77)) grown.append(leaf);
    const again = new Frontier(77, grown.hashes);
    again.append(leaves[77]!);
    expect(again.root()).toEqual(rootAt(78));
    expect(grown.root()).toEqual(rootAt(77));
  });

  it.each([
    ['too few hashes', () => new Frontier(3, [leaves[0]!])],
    ['hashes of an empty tree', () => new Frontier(0, [leaves[0]!])],
    ['a negative size', () => new Frontier(-1)],
    ['a broken size', () => new Frontier(0.5)],
    ['a size that is no number', () => new Frontier(Number.NaN)],
    ['more than 40 hashes', () => new Frontier(2 ** 41 - 1, leaves.slice(0, 41))],
    ['a hash of 31 bytes', () => new Frontier(1, [Buffer.alloc(31)])],
    ['a leaf hash of 33 bytes', () => new Frontier().append(Buffer.alloc(33))],
    ['a tile of 31 bytes', () => new Frontier().appendTile(Buffer.alloc(31))],
    ['a tile inside a tile', () => new Frontier(1, [leaves[0]!]).appendTile(leaves[0]!)],
  ])('refuses %s', (_, make) => {
    expect(codeOf(make)).toBe('MALFORMED');
  });
});

describe('inclusion proof', () => {
  it('proves every leaf of every tree up to 70, and up to 34 no mutation of it does', async () => {
    for (let size = 1; size <= 70; size++) {
      for (let index = 0; index < size; index++) {
        const leaf = leaves[index]!;
        const proof = await inclusionProof(index, size, node);
        expect(foldInclusion(leaf, index, size, proof)).toEqual(rootAt(size));
        if (size > 34) continue;
        for (const bad of mutations(proof)) {
          expect(foldInclusion(leaf, index, size, bad)?.equals(rootAt(size)) ?? false).toBe(false);
        }
      }
    }
  });

  it('proves leaves of larger trees, and only at their own index', async () => {
    const sizes = fc.integer({ min: 2, max: MOST });
    await fc.assert(
      fc.asyncProperty(sizes, fc.nat(), fc.nat(), async (size, a, b) => {
        const index = a % size;
        const proof = await inclusionProof(index, size, node);
        expect(foldInclusion(leaves[index]!, index, size, proof)).toEqual(rootAt(size));
        const other = b % size;
        fc.pre(other !== index);
        expect(foldInclusion(leaves[index]!, other, size, proof)).not.toEqual(rootAt(size));
        expect(foldInclusion(leaves[other]!, index, size, proof)).not.toEqual(rootAt(size));
      }),
      { numRuns: 60 },
    );
  });

  it('folds to nothing outside the tree, and for a leaf that is no hash', () => {
    expect(foldInclusion(leaves[0]!, 1, 1, [])).toBeUndefined();
    expect(foldInclusion(leaves[0]!, -1, 1, [])).toBeUndefined();
    expect(foldInclusion(leaves[0]!.subarray(1), 0, 1, [])).toBeUndefined();
    expect(foldInclusion(leaves[0]!, 0, 2 ** 52, leaves.slice(0, 60))).toBeUndefined();
  });

  it('is not made for an entry that is not there', async () => {
    await expect(inclusionProof(3, 3, node)).rejects.toMatchObject({ code: 'NO_SUCH_ENTRY' });
    await expect(inclusionProof(-1, 3, node)).rejects.toMatchObject({ code: 'NO_SUCH_ENTRY' });
  });
});

describe('consistency proof', () => {
  it('proves every prefix of every tree up to 70, and up to 34 no mutation of it does', async () => {
    for (let second = 0; second <= 70; second++) {
      for (let first = 0; first <= second; first++) {
        const ends = [rootAt(first), rootAt(second)] as const;
        const proof = await consistencyProof(first, second, node);
        expect(isConsistent(first, ends[0], second, ends[1], proof)).toBe(true);
        if (second > 34) continue;
        for (const bad of mutations(proof)) {
          expect(isConsistent(first, ends[0], second, ends[1], bad)).toBe(false);
        }
      }
    }
  });

  it('proves prefixes of larger trees, and no other roots', async () => {
    const sizes = fc.integer({ min: 1, max: MOST });
    await fc.assert(
      fc.asyncProperty(sizes, sizes, async (a, b) => {
        const [first, second] = a < b ? [a, b] : [b, a];
        fc.pre(first !== second);
        const proof = await consistencyProof(first, second, node);
        const other = sha256(Buffer.from('other'));
        expect(isConsistent(first, rootAt(first), second, rootAt(second), proof)).toBe(true);
        expect(isConsistent(first, other, second, rootAt(second), proof)).toBe(false);
        expect(isConsistent(first, rootAt(first), second, other, proof)).toBe(false);
        expect(isConsistent(second, rootAt(second), first, rootAt(first), proof)).toBe(false);
      }),
      { numRuns: 60 },
    );
  });

  it('shows no fork as a prefix', async () => {
    const forked = rootOf([...leaves.slice(0, 5), sha256(Buffer.of(9)), ...leaves.slice(6, 9)]);
    const proof = await consistencyProof(7, 9, node);
    expect(isConsistent(7, rootAt(7), 9, forked, proof)).toBe(false);
    expect(isConsistent(9, rootAt(9), 9, forked, [])).toBe(false);
  });

  it('folds to nothing without the root that it leaves out', async () => {
    const proof = await consistencyProof(4, 9, node);
    expect(foldConsistency(4, 9, proof, rootAt(4))?.second).toEqual(rootAt(9));
    for (const first of [undefined, Buffer.alloc(31)])
      expect(foldConsistency(4, 9, proof, first)).toBeUndefined();
  });

  it('needs nothing for an empty or an equal tree', async () => {
    expect(await consistencyProof(0, 9, node)).toEqual([]);
    expect(isConsistent(0, rootAt(0), 9, rootAt(9), [])).toBe(true);
    expect(isConsistent(0, rootAt(1), 9, rootAt(9), [])).toBe(false);
    await expect(consistencyProof(4, 3, node)).rejects.toMatchObject({ code: 'NO_SUCH_ENTRY' });
    await expect(consistencyProof(-1, 3, node)).rejects.toMatchObject({ code: 'NO_SUCH_ENTRY' });
  });
});
