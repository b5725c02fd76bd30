import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { barChart } from '../../../tui/dash/chart.ts';
import { box, boxesBeside, overlay } from '../../../tui/dash/layout.ts';
import {
  between,
  cleanLine,
  fitLine,
  slice,
  textOf,
  widthOf,
  wrapLine,
  wrapped,
} from '../../../tui/dash/line.ts';
import { asciiText, paintLine } from '../../../tui/dash/theme.ts';
import { displayWidth } from '../../../tui/format/width.ts';

const HOSTILE = [
  '\x1b[2Jname',
  '\u202eevil',
  'a\u0301\u0301\u0301\u0301\u0301\u0301\u0301',
  '決済'.repeat(500),
  'x'.repeat(10_000),
  '\u009b31m',
  'two\nlines',
  '👩‍👩‍👧',
];

describe('a line', () => {
  it('takes exactly the columns it is given', () => {
    const spans = fc.array(fc.record({ text: fc.string({ unit: 'grapheme', maxLength: 12 }) }), {
      maxLength: 5,
    });
    fc.assert(
      fc.property(spans, fc.integer({ min: 1, max: 40 }), (line, columns) => {
        expect(widthOf(fitLine(cleanLine(line), columns))).toBe(columns);
      }),
    );
  });

  it.each([
    [[{ text: 'abc' }], 5, 'abc  '],
    [[{ text: 'abcdef' }], 4, 'abc…'],
    [[{ text: 'abcd' }, { text: 'ef' }], 4, 'abc…'],
    [[{ text: 'abcd' }, { text: '' }], 4, 'abcd'],
    [[{ text: '決済決' }], 4, '決… '],
  ])('%j in %i columns is %j', (line, columns, expected) => {
    expect(textOf(fitLine(line, columns))).toBe(expected);
  });

  it('keeps its right part when there is little room', () => {
    expect(textOf(between([{ text: 'a long left part' }], [{ text: 'right' }], 12))).toBe(
      'a lon… right',
    );
  });

  it.each(HOSTILE)('of a panel holds nothing that acts on a terminal: %j', (text) => {
    const clean = textOf(cleanLine([{ text }]));
    expect(clean).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('of a panel keeps the spaces that line it up', () => {
    expect(textOf(cleanLine([{ text: 'ok    é    1' }]))).toBe('ok    é    1');
  });
});

describe('a part of a line', () => {
  it('has no ellipsis, and a space where half a wide character was', () => {
    const line = [{ text: 'ab' }, { text: '決済', tone: 'bad' as const }];
    expect(textOf(slice(line, 1, 5))).toBe('b決 ');
    expect(textOf(slice(line, 3, 6))).toBe(' 済');
    expect(slice(line, 2, 4)).toEqual([{ text: '決', tone: 'bad' }]);
    expect(slice(line, 4, 4)).toEqual([]);
  });

  it('and the rest of it are as wide as the whole', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 30 });
    fc.assert(
      fc.property(text, fc.nat(20), (whole, at) => {
        const line = fitLine(cleanLine([{ text: whole }]), 20);
        const both = [...slice(line, 0, at), ...slice(line, at, 20)];
        expect(widthOf(both)).toBe(20);
      }),
    );
  });
});

describe('a line that goes on below', () => {
  it('is broken between words, keeps its tones, and loses nothing', () => {
    const line = [{ text: 'rule a  ' }, { text: 'nobody looks', tone: 'warn' as const }];
    expect(wrapLine(line, 14).map(textOf)).toEqual(['rule a  nobody', '  looks']);
    expect(wrapLine(line, 14)[1]).toContainEqual({ text: 'looks', tone: 'warn' });
    expect(wrapLine([{ text: 'abcdefgh' }], 5).map(textOf)).toEqual(['abcde', '  fgh']);
    expect(wrapLine([{ text: 'short   ' }], 5).map(textOf)).toEqual(['short']);
    expect(wrapLine([], 5)).toEqual([[]]);
  });

  it('is never wider than its room', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 80 });
    fc.assert(
      fc.property(text, fc.integer({ min: 5, max: 30 }), (whole, columns) => {
        for (const line of wrapLine(cleanLine([{ text: whole }]), columns))
          expect(widthOf(line)).toBeLessThanOrEqual(columns);
      }),
    );
  });
});

describe('a sentence', () => {
  it('is broken between words only', () => {
    expect(wrapped('one two three', 8)).toEqual(['one two', 'three']);
    expect(wrapped('incomprehensible', 8)).toEqual(['incomprehensible']);
  });
});

describe('a box', () => {
  it.each(HOSTILE)('is a rectangle whatever it is called: %j', (text) => {
    const title = textOf(cleanLine([{ text }]));
    const lines = box({ title, lines: [cleanLine([{ text }])] }, 40);
    expect(lines.map(widthOf)).toEqual([40, 40, 40]);
  });

  it('stands beside others of the same height', () => {
    const lines = boxesBeside(
      [
        { title: 'a', lines: [[]] },
        { title: 'b', lines: [[], [], []] },
      ],
      101,
    );
    expect(lines.map(widthOf)).toEqual([101, 101, 101, 101, 101]);
  });

  it('stands below others where it would be too narrow', () => {
    expect(
      boxesBeside(
        [
          { title: 'a', lines: [] },
          { title: 'b', lines: [] },
        ],
        60,
      ),
    ).toHaveLength(4);
  });

  it('lies over a screen without changing its size', () => {
    const screen = Array.from({ length: 10 }, () => [{ text: '.'.repeat(60) }]);
    expect(overlay(screen, box({ title: 'x', lines: [[]] }, 20), 60).map(widthOf)).toEqual(
      Array(10).fill(60),
    );
  });
});

describe('a chart', () => {
  it.each([
    [[], 60],
    [[{ label: 'a', value: 0 }], 60],
    [Array.from({ length: 90 }, (_, at) => ({ label: `11-${at}`, value: at })), 60],
    [
      [
        { label: 'a', value: null },
        { label: 'b', value: 1e9 },
      ],
      30,
    ],
  ])('never leaves its room', (bars, columns) => {
    for (const line of barChart(bars, columns, 4))
      expect(widthOf(line)).toBeLessThanOrEqual(columns);
  });

  it('shows a single failed thing beside a thousand', () => {
    const lines = barChart(
      [
        { label: 'a', value: 1 },
        { label: 'b', value: 1_000 },
      ],
      40,
      4,
    ).map(textOf);
    expect(lines[3]?.match(/▇+/g)).toHaveLength(2);
    expect(lines[0]?.match(/▇+/g)).toHaveLength(1);
  });
});

describe('a theme', () => {
  it('closes what it opens', () => {
    const painted = paintLine([{ text: 'x', tone: 'bad' }, { text: 'y' }], {
      theme: 'dark',
      ascii: false,
    });
    expect(painted).toBe('\x1b[1m\x1b[31mx\x1b[39m\x1b[22my');
  });

  it('without colours has none', () => {
    for (const tone of ['good', 'warn', 'bad', 'accent', 'banner', 'cursor', 'dim'] as const) {
      const painted = paintLine([{ text: 'x', tone }], { theme: 'mono', ascii: false });
      const codes = painted.split('\x1b[').map((part) => Number.parseInt(part, 10));
      expect(codes.filter((code) => code >= 30 && code <= 107)).toEqual([]);
    }
  });

  it('in ASCII has the same width and nothing else', () => {
    for (const text of [...HOSTILE, '●◐○ ╭─╮ ▁▂▃▄▅▆▇█ ▏▎▍▌▋▊▉░ └┤ ★◆▸›…▲▼']) {
      const clean = textOf(cleanLine([{ text }]));
      expect(asciiText(clean)).toMatch(/^[\x20-\x7e]*$/);
      expect(asciiText(clean)).toHaveLength(displayWidth(clean));
    }
  });
});
