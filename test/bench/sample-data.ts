// Events whose records have a given size, with content that does not compress.

import { randomBytes } from 'node:crypto';
import { encodeEntry, KIND } from '../../protocols/entry.ts';
import { type Envelope, encodeEnvelope, formatSource } from '../../protocols/envelope.ts';
import { parseFeedName, parseSpaceName } from '../../protocols/ids.ts';
import { rawCid } from '../../protocols/record.ts';

export const RECORD_BYTES = 512;

export interface SampleDraft {
  readonly item: string;
  readonly payload: { readonly value: string };
}

/** Makes drafts of new items, never the same one twice. */
export class SampleFeed {
  readonly #space: string;
  readonly #feed: string;
  readonly #valueChars: number;
  #count = 0;

  constructor(space: string, feed: string) {
    this.#space = space;
    this.#feed = feed;
    this.#valueChars = RECORD_BYTES - this.#record('').length;
    if (this.#record('x'.repeat(this.#valueChars)).length !== RECORD_BYTES) {
      throw new Error('the names are too long for the size of the record');
    }
  }

  drafts(count: number): SampleDraft[] {
    return Array.from({ length: count }, () => {
      const value = randomBytes(this.#valueChars).toString('hex').slice(0, this.#valueChars);
      return { item: this.#item(this.#count++), payload: { value } };
    });
  }

  /** Bytes of an entry with its record, as they are stored and sent. */
  get packedBytes(): number {
    const record = this.#record('x'.repeat(this.#valueChars));
    const leaf = encodeEntry({
      kind: KIND.publish,
      event: EVENT,
      item: Buffer.alloc(16),
      version: 1,
      timeMs: Date.now(),
      feed: Buffer.alloc(16),
      keyEpoch: null,
      record: rawCid(record),
      sizeBytes: record.length,
      prev: null,
      expiresS: null,
    });
    return leaf.length + record.length + ENTRY_HEADER_BYTES;
  }

  #item(n: number): string {
    return `item-${String(n).padStart(7, '0')}`;
  }

  #record(value: string): Buffer {
    const source = {
      space: parseSpaceName(this.#space),
      feed: parseFeedName(this.#feed),
      item: this.#item(0),
    };
    const envelope: Envelope = {
      id: UUID,
      source: formatSource(source),
      type: EVENT,
      occurredTimeUtc: new Date(0).toISOString(),
      activityId: UUID,
      specVersion: '1.0',
      payload: { value },
    };
    return encodeEnvelope(envelope);
  }
}

/** Of the context in which benchmarks publish. */
export const CONTEXT = 'variables';
const EVENT = 'VariableSetPublishedV1Event';
const UUID = '00000000-0000-4000-8000-000000000000';
const ENTRY_HEADER_BYTES = 6;
