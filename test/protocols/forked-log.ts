// Two histories under one key, made in memory: they share their first entries and then go apart.

import { randomBytes } from 'node:crypto';
import { ownProver } from '../../node/fork/prove.ts';
import { decodeNote, type LogKey, type Note, signCheckpoint } from '../../protocols/checkpoint.ts';
import { nodeHash, rootOf } from '../../protocols/merkle.ts';
import { KEY, LOG_KEY, ORIGIN } from './sample-log.ts';

/** A tree over leaf hashes, each subtree computed once. */
export class Tree {
  readonly leaves: readonly Buffer[];
  readonly #known = new Map<string, Buffer>();

  constructor(leaves: readonly Buffer[]) {
    this.leaves = leaves;
  }

  get size(): number {
    return this.leaves.length;
  }

  #node(height: number, index: number): Buffer {
    if (height === 0) return this.leaves[index]!;
    const key = `${height}/${index}`;
    let hash = this.#known.get(key);
    if (!hash) {
      hash = nodeHash(this.#node(height - 1, 2 * index), this.#node(height - 1, 2 * index + 1));
      this.#known.set(key, hash);
    }
    return hash;
  }

  async node(height: number, index: number): Promise<Buffer> {
    return this.#node(height, index);
  }

  get prover() {
    return ownProver(this);
  }
}

export function headOf(
  leaves: readonly Buffer[],
  key: LogKey = LOG_KEY,
  privateKey = KEY.privateKey,
): Note {
  const checkpoint = { origin: ORIGIN, size: leaves.length, root: rootOf(leaves) };
  return decodeNote(signCheckpoint(checkpoint, key, privateKey));
}

export const randomLeaves = (count: number): Buffer[] => {
  const bytes = randomBytes(count * 32);
  return Array.from({ length: count }, (_, i) => bytes.subarray(i * 32, i * 32 + 32));
};

/** `common` entries, then `more` of the one and `other` of the other history. */
export function forked(common: number, more: number, other: number): readonly [Tree, Tree] {
  const shared = randomLeaves(common);
  return [
    new Tree([...shared, ...randomLeaves(more)]),
    new Tree([...shared, ...randomLeaves(other)]),
  ];
}
