// The entries of one log as they rest in the store: segments that follow each other, each under the index of its first entry.
// Knows nothing of trees and heads.

import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { decodeSegment, type Packed, packSegments, segmentRange } from '../../protocols/segment.ts';
import { segmentKey, tableRange } from '../store/keys.ts';
import type { Store, Write } from '../store/store.ts';

const TILE = LIMITS.tileHashes;

export const putSegment = (prefix: Buffer, bytes: Buffer): Write => ({
  type: 'put',
  key: segmentKey(prefix, segmentRange(bytes).from),
  value: bytes,
});

export function damagedLog(prefix: Buffer, what: string): MeshError {
  return new MeshError('STORE_DAMAGED', `${what} in the log ${prefix.toString('hex')}`);
}

export class StoredSegments {
  readonly #store: Store;
  readonly #prefix: Buffer;

  constructor(store: Store, prefix: Buffer) {
    this.#store = store;
    this.#prefix = prefix;
  }

  async isEmpty(): Promise<boolean> {
    for await (const _ of this.#store.range({ ...tableRange('s', this.#prefix), limit: 1 }))
      return false;
    return true;
  }

  /** Segments that cover [from, end), all of which must be there, cut to that range, oldest first. */
  async *read(from: number, end: number): AsyncGenerator<Buffer> {
    if (from >= end) return;
    const { lt } = tableRange('s', this.#prefix);
    let next = from;
    // Between finding the first segment and reading it the tile may have been rewritten: then from the tile's start.
    for (const gte of [
      await this.#keyAtOrBefore(from),
      segmentKey(this.#prefix, from - (from % TILE)),
    ]) {
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
    const { gte } = tableRange('s', this.#prefix);
    const lte = segmentKey(this.#prefix, index);
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
