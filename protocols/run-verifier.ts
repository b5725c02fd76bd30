// Verification of entries on their way in (invariants I1, I2): a run of segments becomes trusted when it folds to a
// signed root. Between tiles the roots of whole tiles, proven once against that root, let every tile be trusted and
// stored as soon as it is complete, from any carrier, and let a cut transfer go on at the last verified entry.

import type { Checkpoint } from './checkpoint.ts';
import { decodeEntry, type Entry } from './entry.ts';
import { MeshError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { type Frontier, isSha256, leafHash, type OnSubtree, TILE_HEIGHT } from './merkle.ts';
import { decodeSegment, type OpenSegment, type Packed, type Segment } from './segment.ts';

/** Roots of the whole tiles between what is held and a checkpoint, proven against that checkpoint. */
export interface Skeleton {
  /** Number of the first tile in `tiles`. */
  readonly firstTile: number;
  readonly tiles: readonly Buffer[];
}

const TILE = LIMITS.tileHashes;

/** Which hashes prove a way from `heldSize` to `targetSize`: roots of whole tiles, then the last leaves. */
export function skeletonRange(
  heldSize: number,
  targetSize: number,
): { firstTile: number; lastTile: number } {
  return { firstTile: Math.floor(heldSize / TILE), lastTile: Math.floor(targetSize / TILE) };
}

/** Few entries are quicker folded at once than proven tile by tile. */
export const needsSkeleton = (heldSize: number, targetSize: number): boolean =>
  skeletonRange(heldSize, targetSize).lastTile > Math.floor(heldSize / TILE) + 1;

/**
 * Proves tile roots and the leaf hashes behind the last whole tile against a signed root.
 * @param held frontier of the verified entries; its part up to the last tile boundary is the start of the fold
 */
export function verifySkeleton(
  held: Frontier,
  tiles: readonly Buffer[],
  tail: readonly Buffer[],
  target: Checkpoint,
): Skeleton {
  const tree = held.atTileBoundary();
  const firstTile = tree.size / TILE;
  for (const tile of tiles) tree.appendTile(tile);
  for (const leaf of tail) tree.append(leaf);
  if (tree.size !== target.size || !tree.root().equals(target.root)) {
    throw new MeshError(
      'ROOT_MISMATCH',
      `the hashes of ${target.origin} do not fold to its signed root`,
    );
  }
  return { firstTile, tiles };
}

/** A tree hash at a tile level: level 0 are leaves, level 1 roots of tiles, and so on. */
export interface TileHash {
  readonly level: number;
  readonly index: number;
  readonly hash: Buffer;
}

/** A verified segment: its bytes as received, and what was computed on the way, so that nothing is hashed twice. */
export interface Verified {
  readonly bytes: Buffer;
  readonly segment: Segment;
  readonly entries: readonly Entry[];
  readonly hashes: readonly TileHash[];
  /** The tree with this segment. */
  readonly after: Frontier;
}

/** A point that the tree must pass through, whatever its head says. */
export interface Milestone {
  readonly size: number;
  readonly root: Buffer;
}

/** Folds segments on top of what is held until they reach a checkpoint. Holds back what is not proven yet. */
export class RunVerifier {
  readonly #tree: Frontier;
  readonly #target: Checkpoint;
  readonly #skeleton: Skeleton | undefined;
  readonly #log: Uint8Array;
  readonly #milestone: Milestone | undefined;
  #pending: Verified[] = [];
  #isRefused = false;

  /** @param log 16-byte feed id that every entry must name; null entries belong to the directory. */
  constructor(
    held: Frontier,
    target: Checkpoint,
    log: Uint8Array,
    skeleton?: Skeleton,
    milestone?: Milestone,
  ) {
    this.#tree = held.clone();
    this.#target = target;
    this.#log = log;
    this.#skeleton = skeleton;
    this.#milestone = milestone;
  }

  /** Entries folded so far, proven or not. */
  get size(): number {
    return this.#tree.size;
  }

  get isComplete(): boolean {
    return this.#tree.size === this.#target.size;
  }

  /**
   * Takes the next segment; gives back all segments that are proven by it, oldest first.
   * @param open what is in it, where its caller had to take it apart
   */
  push(bytes: Buffer, open?: OpenSegment): Verified[] {
    // After a refusal the tree holds what was refused: nothing on top of it may ever be released.
    if (this.#isRefused)
      throw new MeshError('MALFORMED', `entries of ${this.#target.origin} were refused before`);
    this.#isRefused = true;
    const proven = this.#push(bytes, open);
    this.#isRefused = false;
    return proven;
  }

  #push(bytes: Buffer, open?: OpenSegment): Verified[] {
    const segment = open ?? decodeSegment(bytes);
    if (segment.from !== this.#tree.size) {
      throw new MeshError(
        'MALFORMED',
        `expected entry ${this.#tree.size} and got entry ${segment.from}`,
      );
    }
    if (segment.from + segment.entries.length > this.#target.size) {
      throw new MeshError(
        'MALFORMED',
        `entries beyond the checkpoint of size ${this.#target.size}`,
      );
    }
    const entries: Entry[] = [];
    const hashes: TileHash[] = [];
    let tileRoot: Buffer | undefined;
    const onSubtree: OnSubtree = (height, index, hash) => {
      if (height === TILE_HEIGHT) tileRoot = hash;
      if (height % TILE_HEIGHT === 0) hashes.push({ level: height / TILE_HEIGHT, index, hash });
    };
    for (let at = 0; at < segment.entries.length; at++) {
      const packed = segment.entries[at]!;
      const entry = open?.decoded[at] ?? decodeEntry(packed.leaf);
      const known = open?.leaves?.[at];
      entries.push(known ? ofLog(entry, this.#log) : checkDecoded(entry, packed, this.#log));
      this.#tree.append(known ?? leafHash(packed.leaf), onSubtree);
      if (this.#tree.size === this.#milestone?.size) this.#passMilestone(this.#milestone);
    }
    this.#pending.push({ bytes, segment, entries, hashes, after: this.#tree.clone() });
    return this.#isProven(tileRoot) ? this.#release() : [];
  }

  #passMilestone({ size, root }: Milestone): void {
    if (this.#tree.root().equals(root)) return;
    throw new MeshError(
      'ROOT_MISMATCH',
      `the first ${size} entries of ${this.#target.origin} are not those that it continues from`,
    );
  }

  #isProven(tileRoot: Buffer | undefined): boolean {
    if (this.isComplete) {
      if (!this.#tree.root().equals(this.#target.root)) {
        throw new MeshError(
          'ROOT_MISMATCH',
          `the entries of ${this.#target.origin} do not fold to its signed root`,
        );
      }
      return true;
    }
    if (!tileRoot || !this.#skeleton) return false;
    const expected = this.#skeleton.tiles[this.#tree.size / TILE - 1 - this.#skeleton.firstTile];
    if (!expected?.equals(tileRoot)) {
      throw new MeshError(
        'ROOT_MISMATCH',
        `entries of ${this.#target.origin} are not those of their tile`,
      );
    }
    return true;
  }

  #release(): Verified[] {
    const out = this.#pending;
    this.#pending = [];
    return out;
  }
}

/** One entry with its record: canonical, of this log, and the record, when present, is the one that it names. */
export function checkPacked(packed: Packed, log: Uint8Array): Entry {
  return checkDecoded(decodeEntry(packed.leaf), packed, log);
}

/** The same of an entry that was decoded before. */
export function checkDecoded(entry: Entry, packed: Packed, log: Uint8Array): Entry {
  ofLog(entry, log);
  const { record } = packed;
  if (record === null) {
    // Nobody serves a small record as a block: a carrier that left it out would leave everybody behind it without.
    const isSmall =
      isDirectory(log) || entry.record === null || entry.sizeBytes <= LIMITS.besideEntryBytes;
    if (isSmall)
      throw new MeshError('NOT_CANONICAL', 'a small record does not travel with its entry');
  } else {
    const isSame =
      entry.record === null ? record.length === 0 : isSha256(entry.record.hash, record);
    if (!isSame) throw new MeshError('HASH_MISMATCH', 'a record is not the one its entry names');
  }
  return entry;
}

function ofLog(entry: Entry, log: Uint8Array): Entry {
  if (isSameId(entry.feed ?? NO_FEED, log)) return entry;
  throw new MeshError('WRONG_ORIGIN', 'an entry belongs to another feed');
}

function isSameId(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const NO_FEED = Buffer.alloc(16);
const isDirectory = (log: Uint8Array): boolean => NO_FEED.equals(log);
