import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BINS,
  binMiddle,
  binOf,
  cover,
  DAY_MS,
  HOUR_MS,
  LEVELS,
  trendStarts,
} from '../../../node/reports/spans.ts';
import { LIMITS } from '../../../protocols/limits.ts';

const moment = fc.integer({ min: 0, max: Date.parse('2040-01-01T00:00:00Z') });

describe('a stretch of time', () => {
  it('is covered without gap and without overlap', () => {
    fc.assert(
      fc.property(moment, moment, (a, b) => {
        const [from, to] = a < b ? [a, b] : [b, a];
        let at = from;
        for (const span of cover(from, to)) {
          const size = span.level === null ? 1 : LEVELS[span.level]!;
          expect(span.from * size).toBe(at);
          expect(span.to).toBeGreaterThan(span.from);
          at = span.to * size;
        }
        expect(at).toBe(to);
      }),
    );
  });

  it('needs few spans, however long it is', () => {
    fc.assert(
      fc.property(moment, moment, (a, b) => {
        expect(cover(Math.min(a, b), Math.max(a, b)).length).toBeLessThanOrEqual(7);
      }),
    );
  });

  it('of nothing needs none', () => {
    expect([cover(5, 5), cover(6, 5)]).toEqual([[], []]);
  });
});

describe('a trend', () => {
  const until = Date.parse('2026-11-20T10:41:58.123Z');
  it.each([
    [1, HOUR_MS],
    [24, HOUR_MS],
    [7, DAY_MS],
    [14, DAY_MS],
    [30, DAY_MS],
  ])('of %i times %i ms has as many parts', (count, unit) => {
    expect(trendStarts(until - count * unit, until)).toHaveLength(count);
  });

  it('begins with its window, rises, and ends inside it', () => {
    fc.assert(
      fc.property(moment, fc.integer({ min: 1, max: LIMITS.reportWindowMs }), (since, length) => {
        const starts = trendStarts(since, since + length);
        expect(starts[0]).toBe(since);
        expect(starts.length).toBeLessThanOrEqual(31);
        starts.slice(1).forEach((start, i) => {
          expect(start).toBeGreaterThan(starts[i]!);
          expect(start).toBeLessThan(since + length);
          expect(start % HOUR_MS).toBe(0);
        });
      }),
    );
  });
});

describe('a bin of durations', () => {
  it('has a middle within 1/64 of every duration in it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: LIMITS.deploymentDurationMs }), (ms) => {
        expect(Math.abs(binMiddle(binOf(ms)) - ms)).toBeLessThanOrEqual(ms / 64);
      }),
    );
  });

  it('comes later for what took longer, and there is one for the longest', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: LIMITS.deploymentDurationMs - 1 }), (ms) => {
        expect(binOf(ms + 1) - binOf(ms)).toBeOneOf([0, 1]);
        expect(binOf(ms)).toBeLessThan(BINS);
      }),
    );
  });
});
