import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEntry, type Entry, encodeEntry } from '../../protocols/entry.ts';
import { isMeshError } from '../../protocols/errors.ts';
import { codeOf } from '../certs/fixtures.ts';
import appendix from '../vectors/appendix.json' with { type: 'json' };
import { plain } from '../vectors/plain.ts';
import { sampleEntry, samplePacked } from './sample-log.ts';

/** The last instant of a Date. */
const LAST_TIME_MS = 8_640_000_000_000_000;
const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const entries: fc.Arbitrary<Entry> = fc.record({
  kind: fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8),
  event: fc.stringMatching(/^[A-Za-z0-9.]{1,64}$/),
  item: bytes16,
  version: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  timeMs: fc.integer({ min: 0, max: LAST_TIME_MS }),
  feed: maybe(bytes16),
  keyEpoch: maybe(fc.maxSafeNat()),
  record: maybe(
    fc.record({
      codec: fc.constantFrom(0x55, 0x71),
      hash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    }),
  ),
  sizeBytes: fc.nat(512 * 2 ** 20),
  prev: maybe(fc.maxSafeNat()),
  expiresS: maybe(fc.maxSafeNat()),
});

describe('entry', () => {
  it('reads the leaves of the design and writes them again', () => {
    for (const { hex } of appendix.leaves) {
      const leaf = Buffer.from(hex, 'hex');
      expect(encodeEntry(decodeEntry(leaf)).toString('hex')).toBe(hex);
    }
    const [first, second, third] = appendix.leaves.map((l) =>
      decodeEntry(Buffer.from(l.hex, 'hex')),
    );
    expect(first).toMatchObject({ kind: 1, event: 'VariableSetPublishedV1Event', version: 1 });
    expect(first).toMatchObject({ sizeBytes: 16, feed: null, prev: null });
    expect(second).toMatchObject({ event: 'SealedV1Event', version: 7, keyEpoch: 4, prev: 0 });
    expect(third).toMatchObject({ kind: 3, record: null, sizeBytes: 0, prev: 0 });
  });

  it('is read back as it was written, and never is above its limit', () => {
    fc.assert(
      fc.property(entries, (entry) => {
        const leaf = encodeEntry(entry);
        expect(plain(decodeEntry(leaf))).toEqual(plain(entry));
        expect(leaf.length).toBeLessThanOrEqual(256);
      }),
    );
  });

  it('keeps its own feed and event when others were read before and after it', () => {
    const [a, b] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
    const made = [
      { feed: a, event: 'AV1Event' },
      { feed: b, event: 'BV1Event' },
      { feed: b, event: 'AV1Event' },
      { feed: null, event: 'BV1EventX' },
    ].map((changes) => sampleEntry(1, Buffer.from('record'), changes));
    const leaves = [...made, ...made].map(encodeEntry);
    const read = leaves.map(decodeEntry);
    // The bytes that they were read from may be used again.
    const plainOnes = read.map(({ feed, event }) => ({ feed: feed && Buffer.from(feed), event }));
    for (const leaf of leaves) leaf.fill(0);
    expect(plainOnes).toEqual([...made, ...made].map(({ feed, event }) => ({ feed, event })));
    expect(read.map(({ feed }) => feed)).toEqual(plainOnes.map(({ feed }) => feed));
  });

  it('never names an instant that no date can show', () => {
    const last = encodeEntry({ ...sampleEntry(0, Buffer.alloc(0)), timeMs: LAST_TIME_MS });
    expect(new Date(decodeEntry(last).timeMs).toISOString()).toBe('+275760-09-13T00:00:00.000Z');
    const later = { ...sampleEntry(0, Buffer.alloc(0)), timeMs: LAST_TIME_MS + 1 };
    expect(codeOf(() => encodeEntry(later))).toBe('EVENT_INVALID');
    const forged = Buffer.from(last);
    forged[last.indexOf(Buffer.from('1b001eb208c2dc0000', 'hex')) + 8] = 1;
    expect(codeOf(() => decodeEntry(forged))).toBe('TOO_LARGE');
  });

  it('has no second encoding: a changed byte is another entry or none', () => {
    const { leaf } = samplePacked(1);
    for (let at = 0; at < leaf.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Buffer.from(leaf);
        changed[at]! ^= 1 << bit;
        try {
          expect(encodeEntry(decodeEntry(changed))).toEqual(changed);
        } catch (error) {
          expect(isMeshError(error)).toBe(true);
        }
      }
    }
  });

  const record = Buffer.from('r');
  it.each<[string, Partial<Entry>]>([
    ['an event type with a space', { event: 'Variable Set' }],
    ['an event type of 65 characters', { event: 'E'.repeat(65) }],
    ['no event type', { event: '' }],
    ['an item of 15 bytes', { item: Buffer.alloc(15) }],
    ['a feed of 17 bytes', { feed: Buffer.alloc(17) }],
    ['version 0', { version: 0 }],
    ['a record of 31 bytes', { record: { codec: 0x55, hash: Buffer.alloc(31) } }],
    ['more than the largest object', { sizeBytes: 512 * 2 ** 20 + 1 }],
  ])('is never written with %s', (_, changes) => {
    expect(codeOf(() => encodeEntry(sampleEntry(1, record, changes)))).toBe('EVENT_INVALID');
  });

  it('is never written with a broken number, and the next one is whole', () => {
    expect(codeOf(() => encodeEntry(sampleEntry(1, record, { prev: -1 })))).toBe('MALFORMED');
    expect(decodeEntry(encodeEntry(sampleEntry(2, record))).item).toEqual(Buffer.alloc(16, 2));
  });
});
