// One log of the store, from its raw rows: segments that follow each other, canonical entries, records that are what their
// entries name, tiles and head that are what the entries fold to, and a signature of whoever may sign it.

import { Reader } from '../../protocols/codec.ts';
import type { Entry } from '../../protocols/entry.ts';
import type { Code } from '../../protocols/errors.ts';
import { decodeForkProof, verifyForkProof } from '../../protocols/fork-proof.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { Frontier, HASH_BYTES, leafHash, sha256, TILE_HEIGHT } from '../../protocols/merkle.ts';
import { checkPacked } from '../../protocols/run-verifier.ts';
import { decodeSegment, type Packed, type Segment } from '../../protocols/segment.ts';
import { indexOfKey, tableOf } from '../store/keys.ts';
import type { Authority } from './authority.ts';
import type { CheckedLog, Report } from './report.ts';

const TILE = LIMITS.tileHashes;

export interface CheckedEntry {
  readonly index: number;
  readonly entry: Entry;
  readonly packed: Packed;
}

export class LogCheck {
  readonly prefix: Buffer;
  readonly counts: CheckedLog;
  /** False when records are missing that were here. */
  areRecordsHere = true;
  readonly #report: Report;
  readonly #authority: Authority;
  readonly #tree = new Frontier();
  /** Hashes of the unfinished tile of each level. */
  readonly #levels: Buffer[][] = [];
  /** Hash of each tile that must be stored, by level and number; those that are found are taken out. */
  readonly #tiles = new Map<string, Buffer>();
  #head: Buffer | undefined;
  #next = 0;
  #isBroken = false;

  constructor(prefix: Buffer, report: Report, authority: Authority) {
    this.prefix = prefix;
    this.#report = report;
    this.#authority = authority;
    const zero = { entries: 0, segments: 0, tiles: 0, recordsMissing: 0 };
    this.counts = { log: '', head: null, ...zero, applied: 0, items: 0, deadLetters: 0 };
  }

  get name(): string {
    return this.#authority.nameOf(this.prefix);
  }

  /** False when entries are missing or wrong: what follows from them cannot be checked then. */
  get isSound(): boolean {
    return !this.#isBroken;
  }

  problem(code: Code, message: string): void {
    this.#report.problem(code, message, this.#remedy);
  }

  get #remedy(): string {
    return this.#authority.isOwn(this.prefix)
      ? 'Restore the folder store from a backup before the node publishes again.'
      : 'Restore the folder store from a backup; other members hold this log too.';
  }

  #break(code: Code, message: string): void {
    this.#isBroken = true;
    this.problem(code, message);
  }

  /** A value of this log fails its check, which was reported: what follows from it is not reported again. */
  onDamagedValue(key: Buffer): void {
    if (tableOf(key) === 't') this.#tiles.delete(tileName(key));
    else this.#isBroken = true;
  }

  setHead(value: Buffer): void {
    this.#head = value;
  }

  /** Segments come in order; gives back the entries that are sound. */
  addSegment(key: Buffer, value: Buffer): CheckedEntry[] {
    this.counts.segments++;
    const at = indexOfKey(key);
    const segment = this.#decode(at, value);
    if (!segment) return [];
    if (at !== this.#next && this.isSound) {
      const how = at > this.#next ? `are missing` : 'are stored twice';
      const last = Math.max(at, this.#next) - 1;
      this.#break(
        'STORE_DAMAGED',
        `entries ${Math.min(at, this.#next)} to ${last} of ${this.name} ${how}`,
      );
    }
    this.#next = at + segment.entries.length;
    return segment.entries.flatMap((packed, i) => this.#entry(at + i, packed) ?? []);
  }

  #decode(at: number, value: Buffer): Segment | undefined {
    const what = `the segment at entry ${at} of ${this.name}`;
    try {
      const segment = decodeSegment(value);
      if (segment.from === at) return segment;
      this.#break('STORE_DAMAGED', `${what} says that it starts at entry ${segment.from}`);
    } catch (error) {
      this.#isBroken = true;
      this.#report.caught(error, what, this.#remedy);
    }
    return undefined;
  }

  #entry(index: number, packed: Packed): CheckedEntry | undefined {
    this.counts.entries++;
    try {
      const entry = checkPacked(packed, this.prefix.subarray(0, 16));
      if (this.isSound) this.#fold(packed.leaf);
      return { index, entry, packed };
    } catch (error) {
      this.#isBroken = true;
      this.#report.caught(error, `entry ${index} of ${this.name}`, this.#remedy);
      return undefined;
    }
  }

  #fold(leaf: Buffer): void {
    this.#tree.append(leafHash(leaf), (height, index, hash) => {
      if (height % TILE_HEIGHT !== 0) return;
      const level = height / TILE_HEIGHT;
      this.#levels[level] ??= [];
      const hashes = this.#levels[level];
      hashes.push(hash);
      // Tiles of leaves are stored when they are full, those above whenever they grow.
      if (level === 0 && hashes.length < TILE) return;
      const n = Math.floor(index / TILE);
      this.#tiles.set(`${level}/${n}`, sha256(Buffer.concat(hashes)));
      if (hashes.length === TILE) this.#levels[level] = [];
    });
  }

  /** Tiles come after all segments. */
  checkTile(key: Buffer, value: Buffer): void {
    this.counts.tiles++;
    if (!this.isSound) return;
    const name = tileName(key);
    const expected = this.#tiles.get(name);
    this.#tiles.delete(name);
    if (!expected)
      this.problem('STORE_DAMAGED', `the tile ${name} of ${this.name} is not of its tree`);
    else if (!sha256(value).equals(expected)) {
      this.problem(
        'HASH_MISMATCH',
        `the tile ${name} of ${this.name} is not what its entries give`,
      );
    }
  }

  /** When all rows have come. */
  finish(): void {
    this.counts.log = this.name;
    if (this.isSound) {
      for (const name of this.#tiles.keys()) {
        this.problem('STORE_DAMAGED', `the tile ${name} of ${this.name} is missing`);
      }
    }
    if (this.#head) this.#checkHead(this.#head);
    else if (this.isSound) this.#break('STORE_DAMAGED', `the head of ${this.name} is missing`);
  }

  #checkHead(bytes: Buffer): void {
    try {
      const r = new Reader(bytes);
      r.tuple(3);
      const size = r.uint();
      const hashes = r.bytes(LIMITS.proofHashes * HASH_BYTES);
      const note = r.nothing() ? undefined : r.bytes(LIMITS.noteBytes);
      r.end();
      if (this.isSound) this.#checkTree(size, hashes);
      if (note) this.#checkNote(note);
      else if (size > 0 && !this.#authority.isTakenOver(this.prefix, size))
        this.problem('UNKNOWN_KEY', `${this.name} holds entries and no signed head`);
    } catch (error) {
      this.#isBroken = true;
      this.#report.caught(error, `the head of ${this.name}`, this.#remedy);
    }
  }

  #checkTree(size: number, hashes: Buffer): void {
    if (size !== this.#tree.size) {
      this.#break(
        'STORE_DAMAGED',
        `${this.name} holds ${this.#tree.size} entries and its head says ${size}`,
      );
    } else if (!Buffer.concat(this.#tree.hashes).equals(hashes)) {
      this.#break('ROOT_MISMATCH', `the entries of ${this.name} do not fold to its stored tree`);
    }
  }

  #checkNote(bytes: Buffer): void {
    const { checkpoint } = this.#authority.verifyHead(this.prefix, bytes);
    this.counts.head = checkpoint.size;
    if (!this.isSound || checkpoint.size > this.#tree.size) return;
    if (checkpoint.size < this.#tree.size) {
      const what = `${this.name} holds ${this.#tree.size} entries and its signed head covers ${checkpoint.size}`;
      this.#break('ROOT_MISMATCH', what);
    } else if (!checkpoint.root.equals(this.#tree.root())) {
      this.#break('ROOT_MISMATCH', `the entries of ${this.name} do not fold to its signed root`);
    }
  }

  /** A head that was the newest before. */
  checkHeldHead(value: Buffer): void {
    try {
      this.#authority.verifyHead(this.prefix, value);
    } catch (error) {
      this.#report.caught(error, `the head of ${this.name} that was kept`, this.#remedy);
    }
  }

  /** Two heads that contradict each other were kept: the feed is frozen. */
  checkConflict(value: Buffer): void {
    let sizes: readonly number[];
    try {
      const r = new Reader(value);
      r.tuple(3);
      const proof = decodeForkProof(r.bytes(LIMITS.forkProofBytes));
      // When it was found, and how much of what is here is in both histories.
      r.uint();
      r.uint();
      r.end();
      const heads = verifyForkProof(
        proof,
        ({ bytes }) => this.#authority.verifyHead(this.prefix, bytes).checkpoint,
      );
      sizes = heads.map(({ size }) => size);
    } catch (error) {
      this.#report.caught(error, `the evidence of a conflict in ${this.name}`, this.#remedy);
      return;
    }
    const next = 'Ask the administrator of the mesh: its publisher signed two histories.';
    const message = `${this.name} is frozen: heads of ${sizes.join(' and ')} entries contradict each other`;
    this.#report.problem('CONFLICT', message, next);
  }
}

/** Level and number, as in the key. */
const tileName = (key: Buffer): string => `${key.readUInt8(key.length - 7)}/${indexOfKey(key)}`;
