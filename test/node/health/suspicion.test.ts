import { describe, expect, it } from 'vitest';
import { suspicionTimeoutMs } from '../../../node/health/suspicion.ts';
import { LIMITS } from '../../../protocols/limits.ts';

const { suspicionMinMs: MIN, suspicionMaxMs: MAX } = LIMITS;
const timeout = (confirmations: number, witnesses: number, multiplier = 1) =>
  Math.round(suspicionTimeoutMs({ confirmations, witnesses, multiplier }));

describe('time until a suspicion is believed', () => {
  it.each([
    ['nobody of many confirms', 0, 50, MAX],
    ['one of many does', 1, 50, 15_000],
    ['two of many do', 2, 50, 10_320],
    ['three of many do', 3, 50, MIN],
    ['more do than are needed', 40, 50, MIN],
    ['the only witness says nothing', 0, 1, MAX],
    ['the only witness confirms', 1, 1, MIN],
    ['one of two witnesses does', 1, 2, 12_905],
    ['nobody else could', 0, 0, MIN],
  ])('is as long as it should be when %s', (_, confirmations, witnesses, expected) => {
    expect(timeout(confirmations, witnesses)).toBe(expected);
  });

  it('never grows with a confirmation', () => {
    for (let witnesses = 0; witnesses < 6; witnesses++)
      for (let c = 0; c < 6; c++)
        expect(timeout(c + 1, witnesses)).toBeLessThanOrEqual(timeout(c, witnesses));
  });

  it('is multiplied for an observer that is not well', () => {
    expect(timeout(3, 50, 4)).toBe(4 * MIN);
    expect(timeout(0, 50, 4)).toBe(4 * MAX);
  });

  it('forgives a stall of ten seconds, and leaves a death no more than fifteen', () => {
    const longestPauseMs = 1.1 * LIMITS.presenceMs + 10_000;
    expect(LIMITS.suspectMs + MIN).toBeGreaterThan(longestPauseMs);
    expect(LIMITS.suspectMs + MIN + 2 * LIMITS.healthMs).toBeLessThanOrEqual(15_000);
  });
});
