// The Merkle tree of a log (RFC 6962 §2.1): growing it, its root, inclusion and consistency proofs.
// A tree is kept as its frontier, the roots of its perfect subtrees from left to right, never as a whole.

import { hash as digest } from 'node:crypto';
import { MeshError } from './errors.ts';
import { LIMITS } from './limits.ts';

export const HASH_BYTES = 32;
/** A tile covers 2^8 leaves. */
export const TILE_HEIGHT = 8;
const TILE = 1 << TILE_HEIGHT;

/** Handed out of the native code as text, a digest costs a third of what it costs as a buffer (Node 24). */
export const sha256 = (bytes: Uint8Array | string): Buffer =>
  Buffer.from(digest('sha256', bytes, 'binary'), 'latin1');

/** Whether the bytes have this digest; makes no buffer of it. */
export function isSha256(hash: Uint8Array, bytes: Uint8Array): boolean {
  const found = digest('sha256', bytes, 'binary');
  if (hash.length !== HASH_BYTES) return false;
  for (let i = 0; i < HASH_BYTES; i++) if (found.charCodeAt(i) !== hash[i]) return false;
  return true;
}

const EMPTY_ROOT = sha256(new Uint8Array(0));
const pair = Buffer.alloc(1 + 2 * HASH_BYTES, 1);
const leafScratch = Buffer.alloc(1 + LIMITS.entryBytes);
/** Its beginnings, by length: most leaves have one of a few. */
const leafViews: Buffer[] = [];

/** H(0x00 || leaf). */
export function leafHash(leaf: Uint8Array): Buffer {
  if (leaf.length > LIMITS.entryBytes) {
    return sha256(Buffer.concat([leafScratch.subarray(0, 1), leaf]));
  }
  leafScratch.set(leaf, 1);
  leafViews[leaf.length] ??= leafScratch.subarray(0, 1 + leaf.length);
  return sha256(leafViews[leaf.length]!);
}

/** H(0x01 || left || right). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  pair.set(left, 1);
  pair.set(right, 1 + HASH_BYTES);
  return sha256(pair);
}

/** How many hashes a frontier of this size has: one for each binary digit 1. */
export function frontierLength(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}

/** Told about every perfect subtree that an append completes: the k-th of height `height`. */
export type OnSubtree = (height: number, index: number, hash: Buffer) => void;

/** A tree that can only grow. Holds at most 40 hashes whatever its size. */
export class Frontier {
  #size: number;
  /** Roots of perfect subtrees, largest first. */
  readonly #hashes: Buffer[];

  constructor(size = 0, hashes: readonly Uint8Array[] = []) {
    const isSize = Number.isSafeInteger(size) && size >= 0;
    if (!isSize || hashes.length !== frontierLength(size) || hashes.length > LIMITS.proofHashes) {
      throw new MeshError(
        'MALFORMED',
        `a frontier of size ${size} has ${frontierLength(size)} hashes`,
      );
    }
    this.#size = size;
    this.#hashes = hashes.map((h) => {
      if (h.length !== HASH_BYTES) throw new MeshError('MALFORMED', 'a hash has 32 bytes');
      return Buffer.from(h);
    });
  }

  get size(): number {
    return this.#size;
  }

  get hashes(): readonly Buffer[] {
    return this.#hashes;
  }

  /** Shares the hashes, which nobody changes; only the list is copied. */
  clone(): Frontier {
    const copy = new Frontier();
    copy.#size = this.#size;
    copy.#hashes.push(...this.#hashes);
    return copy;
  }

  append(leaf: Buffer, onSubtree?: OnSubtree): void {
    this.#push(leaf, 0, onSubtree);
  }

  /** Appends the root of a whole tile of 256 leaves; the size must stand at a tile boundary. */
  appendTile(root: Buffer): void {
    if (this.#size % TILE !== 0)
      throw new MeshError('MALFORMED', 'tiles follow each other without a gap');
    this.#push(root, TILE_HEIGHT);
  }

  #push(hash: Buffer, startHeight: number, onSubtree?: OnSubtree): void {
    if (hash.length !== HASH_BYTES) throw new MeshError('MALFORMED', 'a hash has 32 bytes');
    let height = startHeight;
    let index = this.#size / 2 ** height;
    let node = hash;
    onSubtree?.(height, index, node);
    while (index % 2 === 1) {
      node = nodeHash(this.#hashes.pop()!, node);
      height++;
      index = (index - 1) / 2;
      onSubtree?.(height, index, node);
    }
    this.#hashes.push(node);
    this.#size += 2 ** startHeight;
  }

  /** The frontier at the last tile boundary: what is larger than a tile stays. */
  atTileBoundary(): Frontier {
    const size = this.#size - (this.#size % TILE);
    return new Frontier(size, this.#hashes.slice(0, frontierLength(size)));
  }

  root(): Buffer {
    const last = this.#hashes.length - 1;
    if (last < 0) return EMPTY_ROOT;
    let node = this.#hashes[last]!;
    for (let i = last - 1; i >= 0; i--) node = nodeHash(this.#hashes[i]!, node);
    return node;
  }
}

/** Root hash of any run of leaf hashes (RFC 6962 §2.1 MTH). */
export function rootOf(leaves: readonly Buffer[]): Buffer {
  const tree = new Frontier();
  for (const leaf of leaves) tree.append(leaf);
  return tree.root();
}

/** Gives the root of the perfect subtree number `index` of `height`, wherever it is kept. */
export type NodeSource = (height: number, index: number) => Buffer | Promise<Buffer>;

const splitPoint = (count: number): number => {
  let k = 1;
  while (k * 2 < count) k *= 2;
  return k;
};

/** MTH of leaves [start, start+count) out of perfect subtrees; `start` is a multiple of the largest of them. */
async function rangeRoot(start: number, count: number, node: NodeSource): Promise<Buffer> {
  let height = 0;
  while (2 ** height < count) height++;
  if (2 ** height === count) return node(height, start / count);
  const k = splitPoint(count);
  return nodeHash(await rangeRoot(start, k, node), await rangeRoot(start + k, count - k, node));
}

/** RFC 6962 §2.1.1: the audit path of leaf `index` in a tree of `size`. */
export async function inclusionProof(
  index: number,
  size: number,
  node: NodeSource,
): Promise<Buffer[]> {
  if (index < 0 || index >= size)
    throw new MeshError('NO_SUCH_ENTRY', `no entry ${index} in a log of ${size}`);
  const path = async (start: number, count: number): Promise<Buffer[]> => {
    if (count === 1) return [];
    const k = splitPoint(count);
    return index < start + k
      ? [...(await path(start, k)), await rangeRoot(start + k, count - k, node)]
      : [...(await path(start + k, count - k)), await rangeRoot(start, k, node)];
  };
  return path(0, size);
}

/** RFC 6962 §2.1.2: proof that the tree of `first` leaves is a prefix of the tree of `second`. */
export async function consistencyProof(
  first: number,
  second: number,
  node: NodeSource,
): Promise<Buffer[]> {
  if (first < 0 || first > second)
    throw new MeshError('NO_SUCH_ENTRY', `${first} is not within ${second}`);
  if (first === 0 || first === second) return [];
  const sub = async (
    m: number,
    start: number,
    count: number,
    whole: boolean,
  ): Promise<Buffer[]> => {
    if (m === count) return whole ? [] : [await rangeRoot(start, count, node)];
    const k = splitPoint(count);
    return m <= k
      ? [...(await sub(m, start, k, whole)), await rangeRoot(start + k, count - k, node)]
      : [...(await sub(m - k, start + k, count - k, false)), await rangeRoot(start, k, node)];
  };
  return sub(first, 0, second, true);
}

/** nodeHash trusts its arguments to have 32 bytes: paths from outside are measured before they are folded. */
const arePathHashes = (path: readonly Uint8Array[]): boolean =>
  path.length <= LIMITS.proofHashes + 1 && path.every((hash) => hash.length === HASH_BYTES);

/** RFC 9162 §2.1.3.2. Returns the root that the leaf and its path fold to, or undefined when the path does not fit. */
export function foldInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  proof: readonly Uint8Array[],
): Buffer | undefined {
  if (index < 0 || index >= size || !arePathHashes([leaf, ...proof])) return undefined;
  let fn = index;
  let sn = size - 1;
  let node: Buffer = Buffer.from(leaf);
  for (const p of proof) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      node = nodeHash(p, node);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      node = nodeHash(node, p);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 ? node : undefined;
}

/** The two roots that a consistency proof folds to; undefined when it does not fit the sizes. */
export interface FoldedConsistency {
  readonly first: Buffer;
  readonly second: Buffer;
}

/**
 * RFC 9162 §2.1.4.2 without its comparison, for sizes 0 < first < second.
 * @param firstRoot needed, and believed, where `first` is a power of two: there the proof leaves it out
 */
export function foldConsistency(
  first: number,
  second: number,
  proof: readonly Uint8Array[],
  firstRoot?: Uint8Array,
): FoldedConsistency | undefined {
  if (first < 1 || first >= second || !arePathHashes(proof)) return undefined;
  const isPower = frontierLength(first) === 1;
  if (isPower && firstRoot?.length !== HASH_BYTES) return undefined;
  const path = isPower ? [firstRoot!, ...proof] : proof;
  if (path.length === 0) return undefined;
  let fn = first - 1;
  let sn = second - 1;
  while (fn % 2 === 1) {
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  let fr: Buffer = Buffer.from(path[0]!);
  let sr: Buffer = Buffer.from(path[0]!);
  for (const c of path.slice(1)) {
    if (sn === 0) return undefined;
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(c, fr);
      sr = nodeHash(c, sr);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else {
      sr = nodeHash(sr, c);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 ? { first: fr, second: sr } : undefined;
}

/** RFC 9162 §2.1.4.2. True when the proof shows that (first, firstRoot) is a prefix of (second, secondRoot). */
export function isConsistent(
  first: number,
  firstRoot: Uint8Array,
  second: number,
  secondRoot: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;
  if (first > second) return false;
  if (first === second) return proof.length === 0 && same(firstRoot, secondRoot);
  if (first === 0) return proof.length === 0 && same(firstRoot, EMPTY_ROOT);
  const folded = foldConsistency(first, second, proof, firstRoot);
  return folded !== undefined && same(folded.first, firstRoot) && same(folded.second, secondRoot);
}
