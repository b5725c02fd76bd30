// Rows of counts that reports read again and again, kept in memory: of each feed blocks of neighbouring rows, of all feeds
// together at most so many bytes. Knows no store: whoever changes a row says so here.

import { endianness } from 'node:os';

/** Rows are kept a block at a time, with those that are not there: a day of hours, most of a month of days. */
export const BLOCK_ROWS = 24;
/** Roughly what a kept value takes besides its bytes. */
const OVERHEAD_BYTES = 200;
const MAX_BYTES = 32 * 1024 * 1024;

/** Rows one after the other, each as its number, how many values it has, and those. */
export type Block = Uint32Array;
export type Kept = Block | Float64Array;

/** The feeds that share the room; those that nobody asked for longest make way. */
export class RowCache {
  readonly #maxBytes: number;
  /** In the order of their last use. */
  readonly #feeds = new Set<FeedRows>();
  #bytes = 0;

  constructor(maxBytes: number = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  used(feed: FeedRows): void {
    this.#feeds.delete(feed);
    this.#feeds.add(feed);
  }

  changed(bytes: number): void {
    this.#bytes += bytes;
    if (bytes <= 0) return;
    for (const feed of this.#feeds) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#feeds.delete(feed);
      feed.clear();
    }
  }
}

/** What is kept of one feed, by numbers of the caller's choice. */
export class FeedRows {
  readonly #cache: RowCache;
  readonly #kept = new Map<number, Kept>();

  constructor(cache: RowCache) {
    this.#cache = cache;
  }

  get(key: number): Kept | undefined {
    return this.#kept.get(key);
  }

  set(key: number, value: Kept): void {
    this.#cache.used(this);
    const before = this.#kept.get(key);
    this.#kept.set(key, value);
    this.#cache.changed(sizeOf(value) - (before ? sizeOf(before) : 0));
  }

  delete(key: number): void {
    const before = this.#kept.get(key);
    if (!before) return;
    this.#kept.delete(key);
    this.#cache.changed(-sizeOf(before));
  }

  clear(): void {
    let bytes = 0;
    for (const value of this.#kept.values()) bytes += sizeOf(value);
    this.#kept.clear();
    this.#cache.changed(-bytes);
  }

  /** To be called at each look: rows of the feeds that were looked at least lately make way first. */
  use(): void {
    this.#cache.used(this);
  }
}

const sizeOf = (value: Kept): number => value.byteLength + OVERHEAD_BYTES;

/** Told of each row of a block in order: its number, and where its values begin and end. */
export function eachRow(block: Block, visit: (n: number, from: number, to: number) => void): void {
  for (let at = 0; at < block.length; ) {
    const from = at + 2;
    const to = from + block[at + 1]!;
    visit(block[at]!, from, to);
    at = to;
  }
}

/** A block of these rows, whose numbers go up. */
export function blockOf(rows: readonly { readonly n: number; readonly value: Buffer }[]): Block {
  const block = new Uint32Array(rows.reduce((sum, { value }) => sum + 2 + value.length / 4, 0));
  const bytes = Buffer.from(block.buffer);
  let at = 0;
  for (const { n, value } of rows) {
    bytes.writeUInt32LE(n, at);
    bytes.writeUInt32LE(value.length / 4, at + 4);
    value.copy(bytes, at + 8);
    at += 8 + value.length;
  }
  // Rows are little-endian on the disk, and numbers in memory as the machine has them.
  if (!IS_LITTLE_ENDIAN) bytes.swap32();
  return block;
}

/** The same block with another row of this number, or without it. */
export function withRow(block: Block, n: number, value: Buffer | null): Block {
  const rows: { n: number; value: Buffer }[] = [];
  eachRow(block, (other, from, to) => {
    if (other !== n) rows.push({ n: other, value: bytesOf(block.subarray(from, to)) });
  });
  if (value) rows.push({ n, value });
  return blockOf(rows.sort((a, b) => a.n - b.n));
}

function bytesOf(values: Uint32Array): Buffer {
  const bytes = Buffer.from(Uint32Array.from(values).buffer);
  return IS_LITTLE_ENDIAN ? bytes : bytes.swap32();
}

const IS_LITTLE_ENDIAN = endianness() === 'LE';
