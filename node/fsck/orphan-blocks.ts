// Blocks that no entry names: left by a file that was refused, or by a process that ended between a record and its entry. They
// are no damage; a running node takes them away after a while. Keeps a hash of every block in memory.

import type { Entry } from '../../protocols/entry.ts';
import { isMeshError } from '../../protocols/errors.ts';
import type { Packed } from '../../protocols/segment.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { OrphanedBlocks } from './report.ts';

/** Told by hash; the rest is counted. */
const NAMED = 100;

export class OrphanBlocks {
  readonly #sizes = new Map<string, number>();

  add(hash: Buffer, sizeBytes: number): void {
    this.#sizes.set(hash.toString('hex'), sizeBytes);
  }

  has(hash: Buffer): boolean {
    return this.#sizes.has(hash.toString('hex'));
  }

  /** This entry names these. */
  async keep({ record }: Entry, packed: Packed, blocks: Blocks): Promise<void> {
    if (!record) return;
    try {
      for await (const hash of blocks.named(record, packed.record))
        this.#sizes.delete(Buffer.from(hash).toString('hex'));
    } catch (error) {
      // What is wrong with it is said of its entry.
      if (!isMeshError(error)) throw error;
    }
  }

  result(): OrphanedBlocks {
    let bytes = 0;
    for (const sizeBytes of this.#sizes.values()) bytes += sizeBytes;
    const hashes = [...this.#sizes.keys()].sort().slice(0, NAMED);
    return { blocks: this.#sizes.size, bytes, hashes };
  }
}
