import { describe, expect, it } from 'vitest';
import { freshnessOf } from '../../../node/directory/freshness.ts';
import { LIMITS } from '../../../protocols/limits.ts';

const WEEK = LIMITS.directoryExpiredMs;
const DAY = LIMITS.directoryRegulatedMs;

describe('the directory', () => {
  it.each([
    ['fresh', 0, WEEK, false],
    ['fresh', LIMITS.directoryFreshMs, WEEK, false],
    ['stale', LIMITS.directoryFreshMs + 1, WEEK, false],
    ['stale', WEEK, WEEK, false],
    ['expired', WEEK + 1, WEEK, false],
    ['stale', DAY, DAY, false],
    ['expired', DAY + 1, DAY, false],
    ['stale', 0, WEEK, true],
    ['expired', WEEK + 1, WEEK, true],
    ['unknown', null, WEEK, false],
    ['unknown', null, WEEK, true],
  ] as const)(
    'is %s at an age of %s ms under a limit of %d ms (clock set back: %s)',
    (age, ageMs, limitMs, isClockDoubtful) => {
      expect(freshnessOf({ ageMs, limitMs, isClockDoubtful })).toBe(age);
    },
  );
});
