// One log in the store: growing it (its publisher) or extending it by verified segments (everybody else), and reading it.
// It trusts what it is given to append; verification is protocols/run-verifier, signing is node/feed/publisher.

import { type Checkpoint, sizeOfNote } from '../../protocols/checkpoint.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { Frontier, HASH_BYTES, leafHash, nodeHash, TILE_HEIGHT } from '../../protocols/merkle.ts';
import type { TileHash, Verified } from '../../protocols/run-verifier.ts';
import { decodeSegment, type Packed, packSegments } from '../../protocols/segment.ts';
import { logPrefix, tileKey } from '../store/keys.ts';
import { isRot, type Store } from '../store/store.ts';
import { Turn } from '../turn.ts';
import { type Grown, type Growth, growthOf } from './growth.ts';
import { putHead, readHead, readLevels, splitHashes } from './log-head.ts';
import { damagedLog, StoredSegments } from './stored-segments.ts';

const TILE = LIMITS.tileHashes;

export class FeedLog {
  readonly #store: Store;
  readonly #prefix: Buffer;
  readonly #segments: StoredSegments;
  /** Verified entries, all of them in the store. */
  #held: Grown = { tree: new Frontier(), levels: [[]], pieces: 0 };
  #note: Buffer | undefined;
  #noteSize = 0;
  #durable = 0;
  /** Starts of finished tiles that lie in many pieces. */
  readonly #scattered = new Set<number>();
  #isStale = false;
  /** What the newest look at head and newest entries found, and what was found elsewhere. */
  #loadDamage: MeshError | undefined;
  #foundDamage: MeshError | undefined;
  /** Told once of each damage: the log grows no further until it is mended. */
  onDamaged: ((damage: MeshError) => void) | undefined;
  readonly #turn = new Turn();

  private constructor(store: Store, feed: Uint8Array, epoch: number) {
    this.#store = store;
    this.#prefix = logPrefix(feed, epoch);
    this.#segments = new StoredSegments(store, this.#prefix);
    store.onReopened(() => {
      this.#isStale = true;
    });
  }

  /**
   * Reads the head and the unfinished tile; cost does not grow with the log. One that is damaged there opens as well: with
   * size 0 and {@link damage}, and it grows no more before it is mended.
   */
  static async open(store: Store, feed: Uint8Array, epoch = 1): Promise<FeedLog> {
    const log = new FeedLog(store, feed, epoch);
    await log.#load().catch((error: unknown) => {
      if (!isRot(error)) throw error;
    });
    return log;
  }

  /** Why it is read-only; undefined while nothing is known to be wrong with it. */
  get damage(): MeshError | undefined {
    return this.#loadDamage ?? this.#foundDamage;
  }

  /** Something of it was found damaged: nothing is added to it until it is mended. */
  markDamaged(damage: MeshError): void {
    if (this.damage) return;
    this.#foundDamage = damage;
    this.onDamaged?.(damage);
  }

  get size(): number {
    return this.#held.tree.size;
  }

  /** So many were synced, or were there when it was read: no failure within this process takes them away. */
  get durable(): number {
    return this.#durable;
  }

  get prefix(): Buffer {
    return this.#prefix;
  }

  /** A copy: the caller may grow it. */
  frontier(): Frontier {
    return this.#held.tree.clone();
  }

  root(): Buffer {
    return this.#held.tree.root();
  }

  /** Newest accepted checkpoint, as signed; may be ahead of {@link size} while entries are still coming. */
  get note(): Buffer | undefined {
    return this.#note;
  }

  async #load(): Promise<void> {
    this.#isStale = false;
    try {
      await this.#loadHead();
      this.#loadDamage = undefined;
    } catch (error) {
      this.#isStale = true;
      if (isRot(error) && !this.#loadDamage) {
        this.#loadDamage = error as MeshError;
        this.onDamaged?.(this.#loadDamage);
      }
      throw error;
    }
  }

  /**
   * Puts its rows right by `work`, which nothing of this process disturbs, and reads it anew.
   * @throws what `work` throws, or what is still wrong afterwards
   */
  mend<T>(work: () => Promise<T>): Promise<T> {
    return this.#turn.take(async () => {
      const result = await work();
      this.#scattered.clear();
      // It may be shorter now.
      this.#durable = 0;
      await this.#load();
      this.#foundDamage = undefined;
      return result;
    });
  }

  /** Reads everything before it changes anything: others may be reading the log meanwhile. */
  async #loadHead(): Promise<void> {
    const head = await readHead(this.#store, this.#prefix, this.#segments);
    const tree = head?.tree ?? new Frontier();
    // An older head is sound as well: who went on from there would say two things of one place.
    if (tree.size < this.#durable)
      throw damagedLog(this.#prefix, `entries ${tree.size}..${this.#durable - 1} are gone`);
    this.#held = await readLevels(this.#store, this.#prefix, this.#segments, tree);
    this.#durable = tree.size;
    this.#note = head?.note;
    this.#noteSize = sizeOf(this.#note);
  }

  /** After a failed write memory and disk may differ: the disk decides. It waits for a commit that is under way. */
  refresh(): Promise<void> {
    return this.exclusively(async () => {});
  }

  /** The log as it will be with these new entries; writes nothing. */
  async grow(
    packed: readonly Packed[],
    segments = packSegments(this.size, packed),
  ): Promise<Growth> {
    const tree = this.#held.tree.clone();
    const hashes: TileHash[] = [];
    for (const { leaf } of packed) {
      tree.append(leafHash(leaf), (height, index, hash) => {
        if (height % TILE_HEIGHT === 0) hashes.push({ level: height / TILE_HEIGHT, index, hash });
      });
    }
    return growthOf(this.#prefix, this.#held, tree, hashes, segments);
  }

  /** The same for entries that were verified on their way in, and hashed there. */
  async growVerified(verified: readonly Verified[]): Promise<Growth> {
    if (verified[0]?.segment.from !== this.size)
      throw new MeshError('BUSY', 'the log grew from elsewhere meanwhile');
    const hashes = verified.flatMap((v) => v.hashes);
    const pieces = verified.map((v) => v.bytes);
    return growthOf(this.#prefix, this.#held, verified.at(-1)!.after, hashes, pieces);
  }

  get isTidy(): boolean {
    return this.#scattered.size === 0;
  }

  /**
   * Entries published one by one lie in one segment each. When their tile is complete they are rewritten in few, so that
   * later readers fetch pages instead of rows: not while the last of them is written, which somebody waits for.
   */
  tidy(): Promise<void> {
    return this.exclusively(async () => {
      for (const start of this.#scattered) {
        await this.#store.write(await this.#segments.rewritten(start));
        this.#scattered.delete(start);
      }
    });
  }

  /**
   * Writes a growth with its head in one atomic batch and takes it over. On failure nothing has changed.
   * @param note newest checkpoint; without one, or when it is older, the known one stays
   */
  async commit(growth: Growth, note: Buffer | undefined, sync: boolean): Promise<void> {
    if (growth.from !== this.size) {
      throw new MeshError('BUSY', `the log ${this.#prefix.toString('hex')} has grown meanwhile`);
    }
    const noteSize = sizeOf(note);
    const newest = note && noteSize >= this.#noteSize ? note : this.#note;
    const put = putHead(this.#prefix, { tree: growth.tree, note: newest });
    try {
      await this.#store.write([...growth.writes, put], { sync });
    } catch (error) {
      // The disk may hold the batch or not: it is asked before the log grows again.
      this.#isStale = true;
      throw error;
    }
    const { tree, levels, pieces } = growth;
    this.#held = { tree, levels, pieces };
    if (sync) this.#durable = tree.size;
    if (growth.scattered !== undefined) this.#scattered.add(growth.scattered);
    this.#note = newest;
    this.#noteSize = Math.max(this.#noteSize, noteSize);
  }

  /** Remembers a newer checkpoint, or the same one with a newer time on it; an older one changes nothing. */
  setNote(note: Buffer, sync: boolean): Promise<void> {
    return this.exclusively(async () => {
      if (sizeOf(note) >= this.#noteSize) await this.commit(await this.grow([]), note, sync);
    });
  }

  /** Growing and committing belong together: whoever does both holds the log meanwhile. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#turn.take(async () => {
      if (this.#isStale) await this.#load();
      if (this.#foundDamage) throw this.#foundDamage;
      return work();
    });
  }

  /** Stored segments that cover [from, to), cut to that range, oldest first. */
  async *segments(from: number, to: number): AsyncGenerator<Buffer> {
    try {
      yield* this.#segments.read(from, Math.min(to, this.size));
    } catch (error) {
      if (isRot(error)) this.markDamaged(error as MeshError);
      throw error;
    }
  }

  /** One entry with its record when that lies beside it. */
  async entry(index: number): Promise<Packed> {
    for await (const bytes of this.segments(index, index + 1)) {
      const [packed] = decodeSegment(bytes).entries;
      if (packed) return packed;
    }
    throw new MeshError('NO_SUCH_ENTRY', `no entry ${index} in a log of ${this.size}`);
  }

  /** Tree hashes [from, to) of a tile level, concatenated (wire §7: hashes). */
  async hashes(level: number, from: number, to: number): Promise<Buffer> {
    const total = Math.floor(this.size / TILE ** level);
    // The log may grow while tiles are read: what belongs to this size is held on to.
    const newest = this.#held.levels[level] ?? [];
    if (to > total)
      throw new MeshError(
        'NO_SUCH_ENTRY',
        `no hash ${to - 1} at level ${level} of a log of ${this.size}`,
      );
    const out: Buffer[] = [];
    for (let n = Math.floor(from / TILE); n * TILE < to; n++) {
      const tile = (n + 1) * TILE > total ? Buffer.concat(newest) : await this.#tile(level, n);
      const start = Math.max(0, from - n * TILE);
      out.push(tile.subarray(start * HASH_BYTES, Math.min(TILE, to - n * TILE) * HASH_BYTES));
    }
    return Buffer.concat(out);
  }

  async #tile(level: number, n: number): Promise<Buffer> {
    try {
      const tile = await this.#store.get(tileKey(this.#prefix, level, n));
      if (tile?.length === TILE * HASH_BYTES) return tile;
      throw damagedLog(this.#prefix, `tile ${level}/${n} is missing`);
    } catch (error) {
      if (isRot(error)) this.markDamaged(error as MeshError);
      throw error;
    }
  }

  /** Root of a perfect subtree, out of the tiles: what proofs are built from. */
  async node(height: number, index: number): Promise<Buffer> {
    const level = Math.floor(height / TILE_HEIGHT);
    const width = 2 ** (height % TILE_HEIGHT);
    let row = splitHashes(await this.hashes(level, index * width, (index + 1) * width));
    while (row.length > 1) {
      const next: Buffer[] = [];
      for (let i = 0; i < row.length; i += 2) next.push(nodeHash(row[i]!, row[i + 1]!));
      row = next;
    }
    return row[0]!;
  }

  /** True when the checkpoint agrees with what is held: same size, same root. */
  isAt(checkpoint: Checkpoint): boolean {
    return checkpoint.size === this.size && checkpoint.root.equals(this.root());
  }
}

const sizeOf = (note: Buffer | undefined): number => (note ? sizeOfNote(note) : 0);
