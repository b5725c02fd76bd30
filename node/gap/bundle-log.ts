// One log of a bundle on its way through the check: it is folded from the size the bundle goes on from up to its signed head,
// past the point that is held here. What it would change is counted; nothing is changed.

import { type Checkpoint, decodeNote } from '../../protocols/checkpoint.ts';
import { type Entry, KIND } from '../../protocols/entry.ts';
import { parseSource } from '../../protocols/envelope.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import type { IndexedLog } from '../../protocols/gap/bundle-index.ts';
import type { OpenSegment } from '../../protocols/gap/bundle-walk.ts';
import type { LogRange } from '../../protocols/gap/manifest.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { Frontier, HASH_BYTES, leafHash, TILE_HEIGHT } from '../../protocols/merkle.ts';
import { decodeRecord } from '../../protocols/record.ts';
import { checkDecoded, type Milestone } from '../../protocols/run-verifier.ts';
import type { Packed } from '../../protocols/segment.ts';
import type { FeedLog } from '../feed/log.ts';

/** What a run of entries would change, for people. */
export interface LogDiff {
  readonly entries: number;
  readonly added: number;
  readonly changed: number;
  readonly withdrawn: number;
  /** Names of items, as far as they can be read here, in order of their last entry; the rest are counted only. */
  readonly items: readonly string[];
}

/** Hashes that prove each tile of the run against its head: what intake asks of whoever it takes entries from. */
export interface RunHashes {
  /** Number of the first tile. */
  readonly firstTile: number;
  readonly tiles: readonly Buffer[];
  /** Leaves behind the last whole tile, from its start on as far as they are of this run. */
  readonly tail: readonly Buffer[];
}

/** What is remembered of the leaves of a bundle until it is let in: those of half a million entries. */
export const MOST_LEAF_BYTES = 16 << 20;

/** Root of the first `size` entries of a log that has them. */
export async function rootAt(log: FeedLog, size: number): Promise<Buffer> {
  return (await frontierAt(log, size)).root();
}

/** Perfect subtrees of the first `size` entries, largest first: one for each binary digit 1 of the size. */
export async function frontierAt(log: FeedLog, size: number): Promise<Frontier> {
  const hashes: Buffer[] = [];
  for (let at = 0, left = size; left > 0; ) {
    const height = Math.floor(Math.log2(left));
    hashes.push(await log.node(height, at / 2 ** height));
    at += 2 ** height;
    left -= 2 ** height;
  }
  return new Frontier(size, hashes);
}

export class BundleLog {
  readonly range: LogRange;
  readonly indexed: IndexedLog;
  /** Signed by nobody that is known yet. */
  readonly checkpoint: Checkpoint;
  readonly #tree: Frontier;
  #newShare = 0;
  readonly #held: { readonly size: number; readonly root: Buffer };
  /** Where a new epoch continues from: the log must come through there. */
  readonly #point: Milestone | undefined;
  readonly #tiles: Buffer[] = [];
  #tail: Buffer[] = [];
  /** Leaves of the tiles that are finished, as long as they are remembered. */
  #leafTiles: Buffer[] = [];
  readonly #counts = { entries: 0, added: 0, changed: 0, withdrawn: 0 };
  readonly #items = new Set<string>();
  /** Records that were opened to see a name: of sealed ones, and of many versions of one item, none is worth more. */
  #looks = 0;

  /**
   * @param held size and root of the log here
   * @param point where the log must come through, whatever is held
   * @throws BASE_MISSING, CONFLICT, MALFORMED
   */
  constructor(
    range: LogRange,
    indexed: IndexedLog,
    held: { size: number; root: Buffer },
    point?: Milestone,
  ) {
    this.range = range;
    this.indexed = indexed;
    this.checkpoint = decodeNote(indexed.note).checkpoint;
    this.#held = held;
    this.#point = point;
    this.#tree = indexed.before.clone();
    const { origin, size } = this.checkpoint;
    if (origin !== range.origin || size !== range.to)
      throw new MeshError(
        'MALFORMED',
        `the head of ${range.origin} is not the one of the manifest`,
      );
    if (range.from > held.size) {
      throw new MeshError(
        'BASE_MISSING',
        `${range.origin}: entries ${held.size} to ${range.from} are missing`,
        {
          next: 'Import the bundle before this one, or ask for a full one: odcm export --full',
        },
      );
    }
    this.#compare();
  }

  /** Entries that the log here does not have. */
  get isNews(): boolean {
    return this.range.to > this.#held.size;
  }

  /** Which part of the last segment is not here. */
  get newShare(): number {
    return this.#newShare;
  }

  get diff(): LogDiff {
    return { ...this.#counts, items: [...this.#items] };
  }

  get hashes(): RunHashes {
    const firstTile = Math.floor(this.range.from / LIMITS.tileHashes);
    return { firstTile, tiles: this.#tiles, tail: this.#tail };
  }

  /** What remembering the leaves takes. */
  get leafBytes(): number {
    return this.#leafTiles.length * LIMITS.tileHashes * HASH_BYTES;
  }

  /** Once it is finished: whoever takes the entries in hashes them again. */
  forgetLeaves(): void {
    this.#leafTiles = [];
  }

  /** Hashes of leaves of one tile that were checked with their entries; undefined where they are not remembered. */
  leaves(from: number, count: number): Buffer[] | undefined {
    const { firstTile } = this.hashes;
    const tile = Math.floor(from / LIMITS.tileHashes);
    const start = Math.max(this.range.from, tile * LIMITS.tileHashes);
    if (tile - firstTile === this.#tiles.length)
      return this.#tail.slice(from - start, from - start + count);
    const bytes = this.#leafTiles[tile - firstTile];
    if (!bytes) return undefined;
    return Array.from({ length: count }, (_, i) => {
      const at = (from - start + i) * HASH_BYTES;
      return bytes.subarray(at, at + HASH_BYTES);
    });
  }

  /** The next segment; gives back its entries with their indices. @throws MALFORMED, WRONG_ORIGIN, HASH_MISMATCH, CONFLICT … */
  take(segment: OpenSegment): { readonly index: number; readonly record: Buffer | null }[] {
    const { from, entries, decoded } = segment;
    if (from !== this.#tree.size || from + entries.length > this.range.to)
      throw new MeshError('MALFORMED', `entry ${from} of ${this.range.origin} stands elsewhere`);
    const behind = from + entries.length - this.#held.size;
    this.#newShare = Math.min(1, Math.max(0, behind / entries.length));
    return entries.map((packed, at) => {
      this.#add(packed, decoded[at]!);
      return { index: from + at, record: packed.record };
    });
  }

  #add(packed: Packed, entry: Entry): void {
    checkDecoded(entry, packed, this.indexed.log);
    const leaf = leafHash(packed.leaf);
    this.#tail.push(leaf);
    this.#tree.append(leaf, (height, _, hash) => {
      if (height !== TILE_HEIGHT) return;
      this.#tiles.push(hash);
      if (this.leafBytes < MOST_LEAF_BYTES) this.#leafTiles.push(Buffer.concat(this.#tail));
      this.#tail = [];
    });
    this.#compare();
    if (this.#tree.size > this.#held.size) this.#count(packed, entry);
  }

  /** All entries came and lead to the head. @throws ROOT_MISMATCH, MALFORMED */
  finish(): void {
    const { size, root } = this.checkpoint;
    if (this.#tree.size !== size)
      throw new MeshError('MALFORMED', `entries of ${this.range.origin} end at ${this.#tree.size}`);
    if (!this.#tree.root().equals(root))
      throw new MeshError(
        'ROOT_MISMATCH',
        `entries of ${this.range.origin} do not lead to its head`,
      );
  }

  /** At the size that is held here both must be one history. */
  #compare(): void {
    if (this.#tree.size === this.#point?.size && !this.#tree.root().equals(this.#point.root))
      throw new MeshError(
        'ROOT_MISMATCH',
        `entries of ${this.range.origin} do not lead to the point that it continues from`,
      );
    const { size, root } = this.#held;
    if (this.#tree.size !== size || this.#tree.root().equals(root)) return;
    throw new MeshError(
      'CONFLICT',
      `${this.range.origin} has another history here: they part before entry ${size}`,
      {
        next: 'One of the two was forged or restored from a backup: odcm forks',
      },
    );
  }

  #count(packed: Packed, { kind, prev, record }: Entry): void {
    this.#counts.entries++;
    if (kind === KIND.withdraw) this.#counts.withdrawn++;
    else if (kind === KIND.supersede || (kind === KIND.publish && prev !== null))
      this.#counts.changed++;
    else if (kind === KIND.publish) this.#counts.added++;
    if (!record || !packed.record || this.#looks >= LIMITS.bundleItemsShown) return;
    this.#looks++;
    try {
      const body = decodeRecord(record, packed.record);
      this.#items.add(parseSource(body.envelope.source).item);
    } catch (error) {
      // Sealed, or against its contract: what it is shows when it is applied.
      if (!isMeshError(error)) throw error;
    }
  }
}
