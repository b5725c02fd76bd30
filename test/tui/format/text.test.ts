import { describe, expect, it } from 'vitest';
import { formatBytes, parseBytes } from '../../../tui/format/bytes.ts';
import { displayJson, displayText } from '../../../tui/format/display-text.ts';
import { formatAge, formatDuration, parseDuration } from '../../../tui/format/duration.ts';
import { bar, sparkline } from '../../../tui/format/sparkline.ts';
import { formatMoment, formatTime, isoTime, timeMs } from '../../../tui/format/time.ts';
import { cut, displayWidth, pad } from '../../../tui/format/width.ts';

const refusal = (code: string) => expect.objectContaining({ code });

describe('display width', () => {
  it.each([
    ['', 0],
    ['library', 7],
    ['Größe', 5],
    ['e\u0301te\u0301', 3],
    ['日本語', 6],
    ['한글', 4],
    ['\u1112\u1161\u11ab', 2],
    ['ﬀＡ', 3],
    ['🚀', 2],
    ['🇩🇪', 2],
    ['▁▂▇█', 4],
    ['a\u200bb', 2],
    ['㉈①', 2],
  ])('of %j is %i columns', (text, columns) => {
    expect(displayWidth(text)).toBe(columns);
  });

  it('pads by columns, not by characters', () => {
    expect(pad('日本', 6)).toBe('日本  ');
    expect(pad('12', 4, 'right')).toBe('  12');
    expect(pad('longer', 3)).toBe('longer');
  });

  it('cuts without splitting a wide character and says so with an ellipsis', () => {
    expect(cut('payments', 8)).toBe('payments');
    expect(cut('payments', 5)).toBe('paym…');
    expect(cut('日本語', 4)).toBe('日…');
    expect(displayWidth(cut('日本語', 4))).toBeLessThanOrEqual(4);
    expect(cut('x', 0)).toBe('');
  });
});

describe('text from peers', () => {
  it.each([
    ['a plain name', 'ledger-0003', 'ledger-0003'],
    ['letters of any script', 'Überweisung 日本 नमस्ते', 'Überweisung 日本 नमस्ते'],
    ['cursor movement', 'a\x1b[2Jb', 'a[2Jb'],
    ['a clipboard write', '\x1b]52;c;ZXZpbA==\x07x', ']52;c;ZXZpbA==x'],
    ['8-bit control sequences', 'a\x9b31mb', 'a31mb'],
    ['delete and null', 'a\x7f\x00b', 'ab'],
    ['line breaks and tabs', 'a\r\n\tb\u2028c\u0085d', 'a b c d'],
    ['reversed reading direction', 'exe.\u202etxt\u202c\u2066\u200f', 'exe.txt'],
    ['zero-width characters', 'pay\u200bments\ufeff\u2060\u00ad\u034f', 'payments'],
    ['blank fillers', 'a\u3164\u115fb', 'ab'],
    ['variation selectors and tags', 'a\ufe0f\u{e0041}b', 'ab'],
    ['wide and unbreakable spaces', 'a\u00a0\u3000b', 'a b'],
    ['half of a surrogate pair', 'a\ud800b', 'a\ufffdb'],
    ['piled up marks', `a${'\u0301'.repeat(50)}b`, `a${'\u0301'.repeat(4)}b`],
    [
      'marks piled up between hidden characters',
      `a${'\u0301\u200b'.repeat(50)}`,
      `a${'\u0301'.repeat(4)}`,
    ],
    ['a mark without a letter', '\u0301a', 'a'],
  ])('is made harmless: %s', (_, text, shown) => {
    expect(displayText(text)).toBe(shown);
  });

  it('is cut to so many columns', () => {
    expect(displayText('日本語\u202e text', 6)).toBe('日本…');
  });

  it('is made harmless inside a JSON value, names of properties too', () => {
    expect(displayJson({ 'a\x1b': ['b\u202e', 1, null, { c: 'd\x07' }] })).toEqual({
      a: ['b', 1, null, { c: 'd' }],
    });
  });
});

describe('durations', () => {
  it.each([
    [0, '0 s', '0 s'],
    [12, '12 ms', '12 ms'],
    [400, '0.4 s', '0.4 s'],
    [9_000, '9 s', '9 s'],
    [9_960, '10 s', '10 s'],
    [59_600, '1 m', '1 m'],
    [250_000, '4 m 10 s', '4 m'],
    [41 * 60_000, '41 m', '41 m'],
    [3_599_700, '1 h', '1 h'],
    [5_400_000, '1 h 30 m', '1 h 30 m'],
    [52 * 3_600_000, '2 d 4 h', '2 d 4 h'],
    [211.5 * 86_400_000, '211 d', '211 d'],
    [-3_000, '-3 s', '-3 s'],
    [Number.NaN, '-', '-'],
  ])('%d ms reads %j, as an age %j', (ms, duration, age) => {
    expect(formatDuration(ms)).toBe(duration);
    expect(formatAge(ms)).toBe(age);
  });

  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['0.5s', 500],
    ['5m', 300_000],
    ['1h30m', 5_400_000],
    ['2 d 4 h', 187_200_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
    ['0s', 0],
  ])('reads %j', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each(['', '5', 'm', '5 minutes', '-5m', '30m1h', '5m5m', '1e3s', '99999999d', '5m x', '٥m'])(
    'refuses %j',
    (text) => {
      expect(() => parseDuration(text)).toThrow(refusal('USAGE'));
    },
  );
});

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1 KiB'],
    [41 * 1024, '41 KiB'],
    [1_258_291, '1.2 MiB'],
    [1024 ** 2 - 1, '1 MiB'],
    [3 * 1024 ** 4, '3 TiB'],
    [Number.POSITIVE_INFINITY, '-'],
  ])('%d bytes reads %j', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    ['500', 500],
    ['64KiB', 65_536],
    ['10 MB', 10_000_000],
    ['1.5gib', 1_610_612_736],
  ])('reads %j', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each(['', 'many', '-1', '5 parsecs', '1e9', '999999999999999TiB', '5constructor'])(
    'refuses %j',
    (text) => {
      expect(() => parseBytes(text)).toThrow(refusal('USAGE'));
    },
  );
});

describe('times', () => {
  it('come as ISO text, milliseconds or a date', () => {
    const ms = Date.UTC(2026, 10, 20, 10, 41, 58);
    for (const value of [ms, '2026-11-20T10:41:58Z', '2026-11-20T11:41:58+01:00', new Date(ms)]) {
      expect(timeMs(value)).toBe(ms);
      expect(isoTime(value)).toBe('2026-11-20T10:41:58.000Z');
    }
    expect(formatTime(ms)).toBe('2026-11-20 10:41:58Z');
    const hour = 3_600_000;
    expect(formatMoment(ms, ms + 2 * hour)).toBe('10:41:58Z');
    expect(formatMoment(ms, ms + 24 * hour)).toBe('11-20 10:41Z');
    expect(formatMoment(ms, ms + 400 * 24 * hour)).toBe('2026-11-20');
    expect(formatMoment(Number.NaN, ms)).toBe('-');
  });

  it.each(['soon', '', '2026-99-99', Number.NaN, 9e15, null, {}, true])(
    'are null when they are none: %j',
    (value) => {
      expect(timeMs(value)).toBeNull();
      expect(isoTime(value)).toBeNull();
    },
  );
});

describe('charts of one row', () => {
  it('draws one glyph per value, a gap for the unknown', () => {
    expect(sparkline([0, 1, null, 7], 8)).toBe('▁▂ █');
    expect(sparkline([0, 1, null, 7], 8, { ascii: true })).toBe('_. #');
    expect(sparkline([0, 0], 8)).toBe('▁▁');
    expect(sparkline([], 8)).toBe('');
  });

  it('keeps the highest value of a bucket when there are more values than columns', () => {
    expect(sparkline([0, 0, 0, 9, 0, 0, null, null], 4)).toBe('▁█▁ ');
  });

  it.each([-1, 0, 0.01, 0.5, 0.66, 0.999, 1, 7, Number.NaN])(
    'draws a bar of the same width for %d',
    (share) => {
      expect(displayWidth(bar(share, 10))).toBe(10);
      expect(bar(share, 10, { ascii: true })).toMatch(/^#*-*$/);
      expect(bar(share, 10, { ascii: true })).toHaveLength(10);
    },
  );

  it('fills the bar only when all is done', () => {
    expect(bar(1, 4)).toBe('████');
    expect(bar(0.99, 4)).not.toBe('████');
    expect(bar(0, 4)).toBe('░░░░');
  });
});
