import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isMeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  arePacked,
  decodeSegment,
  type Packed,
  packSegments,
  segmentRange,
  tileEnd,
} from '../../protocols/segment.ts';
import { codeOf } from '../certs/fixtures.ts';
import { samplePack } from './sample-log.ts';

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((b) => Buffer.from(b));
const packed: fc.Arbitrary<Packed> = fc.record({
  leaf: bytes(200),
  record: fc.oneof(
    fc.constant(null),
    bytes(500),
    fc.constantFrom(0, 8000, LIMITS.inlineRecordBytes).map((n) => Buffer.alloc(n, 7)),
  ),
});

describe('segments', () => {
  it('are known as packed without taking them apart, however their entries lay before', () => {
    const run = fc.array(packed, { minLength: 1, maxLength: 256 });
    const cuts = fc.array(fc.nat(255), { maxLength: 4 });
    fc.assert(
      fc.property(run, cuts, (entries, at) => {
        const whole = packSegments(0, entries);
        expect(arePacked(whole)).toBe(true);
        const ends = [
          ...new Set([...at.filter((n) => n > 0 && n < entries.length), entries.length]),
        ];
        let from = 0;
        const pieces = ends
          .sort((a, b) => a - b)
          .flatMap((end) => {
            const some = packSegments(from, entries.slice(from, end));
            from = end;
            return some;
          });
        expect(arePacked(pieces)).toBe(Buffer.concat(pieces).equals(Buffer.concat(whole)));
      }),
      { numRuns: 100 },
    );
  });

  it('give back the entries that were packed, in order and without a gap', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.array(packed, { maxLength: 300 }), (from, entries) => {
        const segments = packSegments(from, entries).map(decodeSegment);
        let next = from;
        for (const segment of segments) {
          expect(segment.from).toBe(next);
          next += segment.entries.length;
        }
        expect(segments.flatMap((s) => s.entries)).toEqual(entries);
      }),
      { numRuns: 50 },
    );
  });

  it('never cross a tile boundary and hold no more than their limits', () => {
    const big = Array.from({ length: 600 }, (_, i) => ({
      leaf: Buffer.alloc(100, i),
      record: Buffer.alloc(i % 7 === 0 ? LIMITS.inlineRecordBytes : 300),
    }));
    for (const from of [0, 1, 200, 255, 256, 1000]) {
      for (const segment of packSegments(from, big)) {
        const range = segmentRange(segment);
        expect(range.to).toBeLessThanOrEqual(tileEnd(range.from));
        expect(segment.length).toBeLessThanOrEqual(LIMITS.segmentBytes);
        expect(decodeSegment(segment).entries.length).toBe(range.to - range.from);
      }
    }
  });

  it('are as few as the limits allow', () => {
    const small = samplePack(600);
    const ranges = packSegments(0, small).map(segmentRange);
    expect(ranges).toEqual([
      { from: 0, to: 256 },
      { from: 256, to: 512 },
      { from: 512, to: 600 },
    ]);
    expect(packSegments(7, [])).toEqual([]);
  });

  it('hold one entry of the largest size', () => {
    const entry = {
      leaf: Buffer.alloc(LIMITS.entryBytes),
      record: Buffer.alloc(LIMITS.inlineRecordBytes),
    };
    expect(packSegments(0, Array(4).fill(entry)).length).toBe(2);
    expect(decodeSegment(packSegments(5, [entry])[0]!).entries).toEqual([entry]);
  });

  it('end a tile at every multiple of 256', () => {
    expect([0, 255, 256, 511].map(tileEnd)).toEqual([256, 256, 512, 512]);
    expect(tileEnd(2 ** 40 + 5)).toBe(2 ** 40 + 256);
  });

  it('refuse hostile lengths, and only by a MeshError', () => {
    const [segment] = packSegments(3, samplePack(2));
    for (let at = 0; at < segment!.length; at++) {
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        const changed = Buffer.from(segment!);
        changed[at] = value;
        try {
          const { from, entries } = decodeSegment(changed);
          expect(packSegments(from, entries)).toEqual([changed]);
        } catch (error) {
          expect(isMeshError(error)).toBe(true);
        }
      }
      expect(() => decodeSegment(segment!.subarray(0, at))).toThrow();
    }
  });

  it('are refused above the size of a frame before anything is read', () => {
    expect(codeOf(() => decodeSegment(Buffer.alloc(LIMITS.frameBytes + 1)))).toBe('TOO_LARGE');
  });

  it('are read from any view of memory', () => {
    const [segment] = packSegments(3, samplePack(2));
    const within = new Uint8Array(segment!.length + 20);
    within.set(segment!, 7);
    const view = within.subarray(7, 7 + segment!.length);
    expect(decodeSegment(view)).toEqual(decodeSegment(segment!));
  });
});
