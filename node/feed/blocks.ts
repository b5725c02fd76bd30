// Blocks of records by hash: large events, attachments, their index blocks and chunks. Whole files pass through in
// chunks of 64 KiB; nothing here ever holds a file in memory.

import { createHash } from 'node:crypto';
import type { Cid } from '../../protocols/codec.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { sha256 } from '../../protocols/merkle.ts';
import {
  type Attachment,
  type Content,
  decodeAttachment,
  decodeIndex,
  encodeIndex,
  verifyBlock,
} from '../../protocols/record.ts';
import { blockKey } from '../store/keys.ts';
import type { Store, Write } from '../store/store.ts';

/** Blocks collected before they are written together. */
const GROUP = 16;

export class Blocks {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** The block, checked against its hash, or undefined when it is not here. */
  async get(cid: Cid): Promise<Buffer | undefined> {
    const bytes = await this.#store.get(blockKey(cid.hash));
    if (bytes) verifyBlock(cid, bytes);
    return bytes;
  }

  has(cid: Cid): Promise<boolean> {
    return this.#store.has(blockKey(cid.hash));
  }

  /** Stores blocks that their caller has verified or made. */
  async put(blocks: readonly { hash: Uint8Array; bytes: Buffer }[], sync = false): Promise<void> {
    const writes: Write[] = blocks.map((b) => ({
      type: 'put',
      key: blockKey(b.hash),
      value: b.bytes,
    }));
    await this.#store.write(writes, { sync });
  }

  /**
   * Stores content as chunks and says where it is. What the caller gets is durable.
   * @param source pieces of any size
   */
  async putContent(
    source: AsyncIterable<Uint8Array>,
  ): Promise<{ sizeBytes: number; sha256: Buffer; content: Content }> {
    const whole = createHash('sha256');
    let sizeBytes = 0;
    let hashes: Buffer[] = [];
    let group: { hash: Buffer; bytes: Buffer }[] = [];
    let first: Buffer | undefined;
    for await (const chunk of chunksOf(source)) {
      sizeBytes += chunk.length;
      if (sizeBytes > LIMITS.objectBytes) {
        throw new MeshError('TOO_LARGE', `the content is above ${LIMITS.objectBytes} bytes`);
      }
      whole.update(chunk);
      first ??= chunk;
      if (group.length === GROUP) {
        await this.put(group, true);
        group = [];
      }
      group.push({ hash: sha256(chunk), bytes: chunk });
      hashes.push(group.at(-1)!.hash);
    }
    const digest = whole.digest();
    if (first && sizeBytes === first.length && sizeBytes <= LIMITS.inlineContentBytes) {
      return { sizeBytes, sha256: digest, content: { inline: first } };
    }
    let depth = 0;
    for (; hashes.length > LIMITS.manifestFanout; depth++) hashes = await this.#putIndex(hashes);
    // Every write is synced: LevelDB changes to a new write-ahead log now and then, and a later sync misses the old one.
    await this.put(group, true);
    return { sizeBytes, sha256: digest, content: { depth, hashes } };
  }

  async #putIndex(hashes: readonly Buffer[]): Promise<Buffer[]> {
    const blocks: { hash: Buffer; bytes: Buffer }[] = [];
    for (let at = 0; at < hashes.length; at += LIMITS.manifestFanout) {
      const bytes = encodeIndex(hashes.slice(at, at + LIMITS.manifestFanout));
      blocks.push({ hash: sha256(bytes), bytes });
    }
    await this.put(blocks, true);
    return blocks.map((b) => b.hash);
  }

  /** The content of an attachment, chunk by chunk, each verified; the last one only comes when the whole is right. */
  async *content(attachment: Attachment): AsyncGenerator<Buffer> {
    if ('inline' in attachment.content) {
      yield attachment.content.inline;
      return;
    }
    const whole = createHash('sha256');
    let left = attachment.sizeBytes;
    for await (const chunk of this.#walk(attachment.content.hashes, attachment.content.depth)) {
      if (chunk.length !== Math.min(left, LIMITS.chunkBytes))
        throw new MeshError('HASH_MISMATCH', 'a chunk of other size than promised');
      left -= chunk.length;
      whole.update(chunk);
      if (left === 0 && !whole.digest().equals(attachment.sha256))
        throw new MeshError('HASH_MISMATCH', 'the chunks are not the content');
      yield chunk;
    }
    if (left !== 0) throw new MeshError('HASH_MISMATCH', 'the content ends too early');
  }

  async *#walk(hashes: readonly Buffer[], depth: number): AsyncGenerator<Buffer> {
    for (const hash of hashes) {
      const bytes = await this.get({ codec: depth > 0 ? 0x71 : 0x55, hash });
      if (!bytes)
        throw new MeshError('RECORD_MISSING', `block ${hash.toString('hex')} has not arrived`);
      if (depth > 0) yield* this.#walk(decodeIndex(bytes), depth - 1);
      else yield bytes;
    }
  }

  /** Hashes of all blocks that an entry names: its record, unless that lies `beside` it, and those that the record names. */
  async *named(cid: Cid, beside: Buffer | null): AsyncGenerator<Uint8Array> {
    if (!beside) yield cid.hash;
    if (cid.codec !== 0x71) return;
    const record = beside ?? (await this.get(cid));
    try {
      if (record) yield* this.tree(record);
    } catch (error) {
      // A record or an index block of no known form: nothing is below it.
      if (!isMeshError(error) || error.code === 'STORE_DAMAGED') throw error;
    }
  }

  /** Hashes of all blocks that a record names, an index block before those below it, which show when it is here. */
  async *tree(record: Buffer): AsyncGenerator<Buffer> {
    const { content } = decodeAttachment(record);
    if (!('inline' in content)) yield* this.#tree(content.hashes, content.depth);
  }

  async *#tree(hashes: readonly Buffer[], depth: number): AsyncGenerator<Buffer> {
    for (const hash of hashes) {
      yield hash;
      const index = depth > 0 ? await this.get({ codec: 0x71, hash }) : undefined;
      if (index) yield* this.#tree(decodeIndex(index), depth - 1);
    }
  }

  /**
   * Blocks of a record that are not here yet, in the order in which they are needed. Index blocks that are missing hide
   * what is below them: call again when they have come.
   */
  async missing(record: Buffer, most: number): Promise<Cid[]> {
    const { content } = decodeAttachment(record);
    const out: Cid[] = [];
    if (!('inline' in content))
      await this.#collectMissing(content.hashes, content.depth, most, out);
    return out;
  }

  async #collectMissing(
    hashes: readonly Buffer[],
    depth: number,
    most: number,
    out: Cid[],
  ): Promise<void> {
    for (const hash of hashes) {
      if (out.length >= most) return;
      const cid: Cid = { codec: depth > 0 ? 0x71 : 0x55, hash };
      if (depth === 0) {
        if (!(await this.has(cid))) out.push(cid);
        continue;
      }
      const index = await this.get(cid);
      if (index) await this.#collectMissing(decodeIndex(index), depth - 1, most, out);
      else out.push(cid);
    }
  }
}

/** Pieces of any size as chunks of exactly {@link LIMITS.chunkBytes}, the last one shorter. */
async function* chunksOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
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
