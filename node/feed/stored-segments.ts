// The entries of one log as they rest in the store: segments that follow each other, each under the index of its first entry.
// Knows nothing of trees and heads.

import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { decodeSegment, type Packed, packSegments, segmentRange } from '../../protocols/segment.ts';
import { copiedSegmentKey, segmentKey, tableRange } from '../store/keys.ts';
import type { Store, Write } from '../store/store.ts';

const TILE = LIMITS.tileHashes;

export const putSegment = (prefix: Buffer, bytes: Buffer): Write => ({
  type: 'put',
  key: segmentKey(prefix, segmentRange(bytes).from),
  value: bytes,
});

export function damagedLog(prefix: Buffer, what: string): MeshError {
  const log = prefix.toString('hex');
  return new MeshError('STORE_DAMAGED', `${what} in the log ${log}`, { detail: { log } });
}

export class StoredSegments {
  readonly #store: Store;
  readonly #prefix: Buffer;

  readonly #table: 's' | 'r';

  /** @param table where the segments lie: those of the log, or a copy of them */
  constructor(store: Store, prefix: Buffer, table: 's' | 'r' = 's') {
    this.#store = store;
    this.#prefix = prefix;
    this.#table = table;
  }

  #key(index: number): Buffer {
    return this.#table === 's'
      ? segmentKey(this.#prefix, index)
      : copiedSegmentKey(this.#prefix, index);
  }

  get #all(): { gte: Buffer; lt: Buffer } {
    return tableRange(this.#table, this.#prefix);
  }

  async isEmpty(): Promise<boolean> {
    for await (const _ of this.#store.range({ ...this.#all, limit: 1 })) return false;
    return true;
  }

  /** Segments that cover [from, end), all of which must be there, cut to that range, oldest first. */
  async *read(from: number, end: number): AsyncGenerator<Buffer> {
    if (from >= end) return;
    const { lt } = this.#all;
    let next = from;
    // Between finding the first segment and reading it the tile may have been rewritten: then from the tile's start.
    for (const gte of [await this.#keyAtOrBefore(from), this.#key(from - (from % TILE))]) {
      for await (const { value } of this.#store.range({ gte, lt })) {
        const range = segmentRange(value);
        if (range.from > next) break;
        if (range.to <= next) continue;
        if (range.from === next && range.to <= end) yield value;
        else yield* cut(value, next, end);
        next = range.to;
        if (next >= end) return;
      }
    }
    throw damagedLog(this.#prefix, `entry ${next} is missing`);
  }

  async #keyAtOrBefore(index: number): Promise<Buffer> {
    const { gte } = this.#all;
    const lte = this.#key(index);
    for await (const row of this.#store.range({ gte, lte, reverse: true, limit: 1 }))
      return row.key;
    return lte;
  }

  /** What puts a whole tile into as few segments as it fits in. */
  async rewritten(start: number): Promise<Write[]> {
    const writes: Write[] = [];
    const whole: Packed[] = [];
    for await (const bytes of this.read(start, start + TILE)) {
      const { from, entries } = decodeSegment(bytes);
      whole.push(...entries);
      writes.push({ type: 'del', key: segmentKey(this.#prefix, from) });
    }
    for (const bytes of packSegments(start, whole)) writes.push(putSegment(this.#prefix, bytes));
    return writes;
  }
}

/** More than one when a carrier packed them more tightly than we do. */
function cut(bytes: Buffer, from: number, to: number): Buffer[] {
  const segment = decodeSegment(bytes);
  const start = Math.max(from, segment.from);
  const kept = segment.entries.slice(start - segment.from, to - segment.from);
  return packSegments(start, kept);
}
