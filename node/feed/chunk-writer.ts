// Chunks of large content on their way into the block store, in groups that are synced, with their hashes as a tree.
// Whether a chunk is sealed is nothing to it.

import { LIMITS } from '../../protocols/limits.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { encodeIndex } from '../../protocols/record.ts';
import type { Blocks } from './blocks.ts';

/** Blocks collected before they are written together. */
const GROUP = 16;

export class ChunkWriter {
  readonly #blocks: Pick<Blocks, 'put'>;
  #hashes: Buffer[] = [];
  #group: { hash: Buffer; bytes: Buffer }[] = [];

  constructor(blocks: Pick<Blocks, 'put'>) {
    this.#blocks = blocks;
  }

  async add(bytes: Buffer): Promise<void> {
    if (this.#group.length === GROUP) {
      await this.#blocks.put(this.#group, true);
      this.#group = [];
    }
    const hash = sha256(bytes);
    this.#group.push({ hash, bytes });
    this.#hashes.push(hash);
  }

  /** Where all of it is; durable. */
  async finish(): Promise<{ depth: number; hashes: Buffer[] }> {
    let hashes = this.#hashes;
    let depth = 0;
    for (; hashes.length > LIMITS.manifestFanout; depth++) hashes = await this.#putIndex(hashes);
    // Every write is synced: LevelDB changes to a new write-ahead log now and then, and a later sync misses the old one.
    await this.#blocks.put(this.#group, true);
    return { depth, hashes };
  }

  async #putIndex(hashes: readonly Buffer[]): Promise<Buffer[]> {
    const blocks: { hash: Buffer; bytes: Buffer }[] = [];
    for (let at = 0; at < hashes.length; at += LIMITS.manifestFanout) {
      const bytes = encodeIndex(hashes.slice(at, at + LIMITS.manifestFanout));
      blocks.push({ hash: sha256(bytes), bytes });
    }
    await this.#blocks.put(blocks, true);
    return blocks.map((b) => b.hash);
  }
}

/** Pieces of any size as chunks of exactly {@link LIMITS.chunkBytes}, the last one shorter. */
export async function* chunksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let chunk = Buffer.allocUnsafe(LIMITS.chunkBytes);
  let used = 0;
  for await (const piece of source) {
    for (let at = 0; at < piece.length; ) {
      const take = Math.min(piece.length - at, LIMITS.chunkBytes - used);
      chunk.set(piece.subarray(at, at + take), used);
      used += take;
      at += take;
      if (used < LIMITS.chunkBytes) continue;
      yield chunk;
      chunk = Buffer.allocUnsafe(LIMITS.chunkBytes);
      used = 0;
    }
  }
  if (used > 0) yield chunk.subarray(0, used);
}
