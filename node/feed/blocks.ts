// Blocks of records by hash: large events, attachments, their index blocks and chunks. Whole files pass through in
// chunks of 64 KiB; nothing here ever holds a file in memory.

import { createHash } from 'node:crypto';
import type { Cid } from '../../protocols/codec.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Attachment, type Content, decodeIndex, verifyBlock } from '../../protocols/record.ts';
import { ContentOpener } from '../../protocols/sealed-content.ts';
import { treeOf } from '../../protocols/sealed-record.ts';
import {
  blockKey,
  givenForKey,
  givenForRange,
  logOfGivenForKey,
  packedKey,
} from '../store/keys.ts';
import type { Packs } from '../store/packs.ts';
import { isRot, type Store, type Write } from '../store/store.ts';
import { ChunkWriter, chunksOf } from './chunk-writer.ts';
import { type BlockInPack, PackedBlocks, rowsOf } from './packed-blocks.ts';

const NO_BYTES = Buffer.alloc(0);

const isDamage = (error: unknown): boolean => isRot(error) || isMeshError(error, 'HASH_MISMATCH');

export class Blocks {
  readonly #store: Store;
  readonly #packed: PackedBlocks | undefined;
  /** Hashes, in hexadecimal, of blocks that are not what they should be: as good as not here, until they come anew. */
  readonly #damaged = new Set<string>();
  /** In hexadecimal: those that are being written, by how many, and those that are about to be taken away. */
  readonly #coming = new Map<string, number>();
  readonly #dying = new Set<string>();
  /** Takes blocks away just now. */
  #dropping: Promise<void> | undefined;
  /** Finds blocks by their hash, in hexadecimal, that were verified and are in memory because they come in just now. */
  near: ((name: string) => Buffer | undefined) | undefined;
  /** Told, in hexadecimal, of each block that comes, be it here or not: before it is written. */
  onArrived: ((name: string) => void) | undefined;
  /** Told of a damaged block when it is found. */
  onDamaged: ((hash: Buffer) => void) | undefined;

  /** @param packs where there are files: blocks may lie in them as well */
  constructor(store: Store, packs?: Packs) {
    this.#store = store;
    this.#packed = packs && new PackedBlocks(store, packs);
  }

  get packs(): Packs | undefined {
    return this.#packed?.packs;
  }

  /** The block, checked against its hash, or undefined when it is not here; a damaged one is not here. */
  async get(cid: Cid): Promise<Buffer | undefined> {
    const near = this.near?.(hexOf(cid.hash));
    if (near) return near;
    try {
      return await this.#read(cid);
    } catch (error) {
      if (!isDamage(error)) throw error;
      this.markDamaged(cid.hash);
      return undefined;
    }
  }

  /** Of a block that is in a pack and by itself, one sound copy is enough. @throws when what is here is damaged */
  async #read(cid: Cid): Promise<Buffer | undefined> {
    let damage: unknown;
    try {
      const bytes = this.#packed && (await this.#packed.get(cid));
      if (bytes) return bytes;
    } catch (error) {
      if (!isDamage(error)) throw error;
      damage = error;
    }
    const bytes = await this.#store.get(blockKey(cid.hash));
    if (bytes) verifyBlock(cid, bytes);
    else if (damage) throw damage;
    return bytes;
  }

  async has(cid: Cid): Promise<boolean> {
    if (this.#damaged.size > 0 && this.#damaged.has(hexOf(cid.hash))) return false;
    if (await this.#store.has(blockKey(cid.hash))) return true;
    return this.#packed ? this.#packed.has(cid.hash) : false;
  }

  /** Prefixes of the logs for which peers gave the block. */
  async givenFor(hash: Uint8Array): Promise<Buffer[]> {
    const logs: Buffer[] = [];
    for await (const { key } of this.#store.range(givenForRange(hash)))
      logs.push(Buffer.from(logOfGivenForKey(key)));
    return logs;
  }

  /** From now on the block counts as missing, so that it is fetched again. */
  markDamaged(hash: Uint8Array): void {
    if (this.#damaged.has(hexOf(hash))) return;
    this.#damaged.add(hexOf(hash));
    this.onDamaged?.(Buffer.from(hash));
  }

  isDamaged(hash: Uint8Array): boolean {
    return this.#damaged.has(hexOf(hash));
  }

  /** Reads a damaged block again. What a bad cable or bad memory did to a read is not on the disk. */
  async readsWell(hash: Uint8Array): Promise<boolean> {
    try {
      if (!(await this.#read({ codec: 0x55, hash: Buffer.from(hash) }))) return false;
    } catch (error) {
      if (isDamage(error)) return false;
      throw error;
    }
    this.#damaged.delete(hexOf(hash));
    return true;
  }

  /**
   * Takes blocks away that nobody names, but for those that come meanwhile. Resolves to how many.
   * @param isDead asked, with the hash in hexadecimal, in the very turn in which they are taken away
   */
  async drop(
    hashes: readonly Uint8Array[],
    isDead: (name: string) => boolean = () => true,
  ): Promise<number> {
    const rows = new Map<string, Buffer[]>();
    for (const hash of hashes) this.#dying.add(hexOf(hash));
    try {
      for (const hash of hashes) {
        const keys = [blockKey(hash)];
        if (this.#packed) keys.push(packedKey(hash));
        for await (const { key } of this.#store.range(givenForRange(hash))) keys.push(key);
        rows.set(hexOf(hash), keys);
      }
      const mayGo = (name: string) =>
        this.#dying.has(name) && !this.#coming.has(name) && isDead(name);
      const dead = [...rows.keys()].filter(mayGo);
      const keys = dead.flatMap((name) => rows.get(name)!);
      await this.#takeAway(keys.map((key) => ({ type: 'del', key })));
      for (const name of dead) this.#damaged.delete(name);
      return dead.length;
    } finally {
      for (const hash of hashes) this.#dying.delete(hexOf(hash));
    }
  }

  /** Two batches are written in either order: whatever comes from now on waits for this one. */
  #takeAway(writes: readonly Write[]): Promise<void> {
    const written = this.#store.write(writes);
    const over = Promise.allSettled([this.#dropping, written]).then(() => {
      if (this.#dropping === over) this.#dropping = undefined;
    });
    this.#dropping = over;
    return written;
  }

  /**
   * Stores blocks that their caller has verified or made.
   * @param log for which a peer gave them: who may have that log may have them
   */
  put(
    blocks: readonly { hash: Uint8Array; bytes: Buffer }[],
    sync = false,
    log?: Buffer,
  ): Promise<void> {
    return this.#take(blocks, () => {
      const writes: Write[] = [];
      for (const { hash, bytes } of blocks) {
        writes.push({ type: 'put', key: blockKey(hash), value: bytes });
        if (this.#packed) writes.push({ type: 'del', key: packedKey(hash) });
        if (log) writes.push({ type: 'put', key: givenForKey(hash, log), value: NO_BYTES });
      }
      return this.#store.write(writes, { sync });
    });
  }

  /** Names blocks in a pack, which their caller has verified, as far as they do not lie here by themselves. */
  putPacked(pack: string, blocks: readonly BlockInPack[], log?: Buffer): Promise<void> {
    return this.#take(blocks, async () => {
      const writes = await rowsOf(this.#store, pack, blocks, (hash) => this.isDamaged(hash));
      for (const { hash } of log ? blocks : [])
        writes.push({ type: 'put', key: givenForKey(hash, log!), value: NO_BYTES });
      await this.#store.write(writes);
    });
  }

  /** None of them is taken away from now on until it is written, and what is being taken away is gone before. */
  async #take(blocks: readonly { hash: Uint8Array }[], write: () => Promise<void>): Promise<void> {
    const names = blocks.map(({ hash }) => hexOf(hash));
    for (const name of names) {
      this.#coming.set(name, (this.#coming.get(name) ?? 0) + 1);
      this.#dying.delete(name);
      this.onArrived?.(name);
    }
    try {
      while (this.#dropping) await this.#dropping;
      await write();
    } finally {
      for (const name of names) {
        const others = this.#coming.get(name)! - 1;
        if (others > 0) this.#coming.set(name, others);
        else this.#coming.delete(name);
      }
    }
    if (this.#damaged.size > 0) for (const name of names) this.#damaged.delete(name);
  }

  /** What was put without `sync` is on the disk when this resolves. */
  flush(): Promise<void> {
    return this.#store.flush();
  }

  /**
   * Stores content as chunks and says where it is. What the caller gets is durable.
   * @param source pieces of any size
   */
  async putContent(
    source: AsyncIterable<Uint8Array>,
  ): Promise<{ sizeBytes: number; sha256: Buffer; content: Content }> {
    const whole = createHash('sha256');
    const writer = new ChunkWriter(this);
    let sizeBytes = 0;
    let first: Buffer | undefined;
    for await (const chunk of chunksOf(source)) {
      sizeBytes += chunk.length;
      if (sizeBytes > LIMITS.objectBytes) {
        throw new MeshError('TOO_LARGE', `the content is above ${LIMITS.objectBytes} bytes`);
      }
      whole.update(chunk);
      first ??= chunk;
      await writer.add(chunk);
    }
    const digest = whole.digest();
    if (first && sizeBytes === first.length && sizeBytes <= LIMITS.inlineContentBytes) {
      return { sizeBytes, sha256: digest, content: { inline: first } };
    }
    return { sizeBytes, sha256: digest, content: await writer.finish() };
  }

  /** The content of an attachment, chunk by chunk, each verified; the last one only comes when the whole is right. */
  async *content(attachment: Attachment): AsyncGenerator<Buffer> {
    const { content, sizeBytes } = attachment;
    if ('inline' in content) {
      yield content.inline;
      return;
    }
    const opener = content.seal && new ContentOpener(content.seal, sizeBytes);
    const whole = createHash('sha256');
    let left = sizeBytes;
    for await (const stored of this.#walk(content.hashes, content.depth)) {
      const chunk = opener ? opener.open(stored) : stored;
      // Padding is opened as well: it, too, must be what was sealed.
      if (opener && chunk.length === 0) continue;
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
    const tree = treeOf(record);
    if (tree) yield* this.#tree(tree.hashes, tree.depth);
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
    const tree = treeOf(record);
    const out: Cid[] = [];
    if (tree) await this.#collectMissing(tree.hashes, tree.depth, most, out);
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

const hexOf = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');
