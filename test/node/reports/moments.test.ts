import { describe, expect, it } from 'vitest';
import { parseMoment, parseWindow } from '../../../node/reports/moments.ts';
import { LIMITS } from '../../../protocols/limits.ts';

const NOW = Date.parse('2026-11-20T12:00:00Z');

describe('a moment', () => {
  it.each([
    ['90m', '2026-11-20T10:30:00Z'],
    ['24h', '2026-11-19T12:00:00Z'],
    ['14d', '2026-11-06T12:00:00Z'],
    ['8w', '2026-09-25T12:00:00Z'],
    ['2026-11-20', '2026-11-20T00:00:00Z'],
    ['2024-02-29T23:59Z', '2024-02-29T23:59:00Z'],
    ['2026-03-29T02:30:00.5+02:00', '2026-03-29T00:30:00.5Z'],
  ])('%s is %s', (text, instant) => {
    expect(parseMoment(text, NOW)).toBe(Date.parse(instant));
  });

  it.each([
    ['without a zone, which clocks in two places read differently', '2026-03-29T02:30:00'],
    ['of a day that is not', '2026-02-30'],
    ['in another form', '20 Nov 2026'],
    ['of digits alone', '12'],
    ['behind every year that has four digits', '+275000-01-01T00:00:00Z'],
    ['before 1970', '1969-12-31T23:59:59Z'],
    ['further back than 1970', '999999w'],
    ['of nothing', ''],
  ])('%s is refused', (_, text) => {
    expect(() => parseMoment(text, NOW)).toThrowError(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('a window', () => {
  it('ends now when nothing else is said, and never begins after its end', () => {
    expect(parseWindow('1h', undefined, NOW)).toEqual({ sinceMs: NOW - 3_600_000, untilMs: NOW });
    for (const until of ['1h', '2h'])
      expect(() => parseWindow('1h', until, NOW)).toThrowError(/ends before it begins/);
  });

  it('is as long as reports may be, and no longer', () => {
    const days = LIMITS.reportWindowMs / 86_400_000;
    expect(parseWindow(`${days}d`, undefined, NOW).sinceMs).toBe(NOW - LIMITS.reportWindowMs);
    expect(() => parseWindow(`${days + 1}d`, undefined, NOW)).toThrowError(/above \d+ days/);
  });
});
