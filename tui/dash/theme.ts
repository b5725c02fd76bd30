// Turns styled lines into terminal text: three themes, none of them with white on the terminal's own background, and
// an ASCII form of every glyph. Where colours are not wanted only weight and inversion are left.

import { displayWidth } from '../format/width.ts';
import type { Line, Style } from './line.ts';

export const THEMES = ['dark', 'light', 'mono'] as const;
export type ThemeName = (typeof THEMES)[number];

export interface Paint {
  readonly theme: ThemeName;
  readonly ascii: boolean;
  /** Text without any attribute at all, for frames that are compared or piped. */
  readonly bare?: boolean;
}

type Codes = readonly [open: string, close: string];

const NONE: Codes = ['', ''];
const BOLD: Codes = ['\x1b[1m', '\x1b[22m'];
const DIM: Codes = ['\x1b[2m', '\x1b[22m'];
const INVERSE: Codes = ['\x1b[7m', '\x1b[27m'];
const INVERSE_BOLD: Codes = ['\x1b[7m\x1b[1m', '\x1b[22m\x1b[27m'];
const colour = (code: number): Codes => [`\x1b[${code}m`, '\x1b[39m'];
const boldColour = (code: number): Codes => [`\x1b[1m\x1b[${code}m`, '\x1b[39m\x1b[22m'];

const SHARED = {
  plain: NONE,
  dim: DIM,
  strong: BOLD,
  cursor: INVERSE,
  banner: INVERSE_BOLD,
} as const;

const LOOKS: Readonly<Record<ThemeName, Readonly<Record<Style, Codes>>>> = {
  dark: { ...SHARED, good: colour(32), warn: colour(33), bad: boldColour(31), accent: colour(36) },
  // Yellow cannot be read on white paper.
  light: { ...SHARED, good: colour(32), warn: colour(35), bad: boldColour(31), accent: colour(34) },
  mono: { ...SHARED, good: NONE, warn: BOLD, bad: BOLD, accent: BOLD },
};

/** Every glyph that the dashboard draws itself, with its ASCII form of the same width. */
const GLYPHS: ReadonlyMap<string, string> = new Map([
  ...pairs('●◐○★◆', '+~-*x'),
  ...pairs('╭╮╰╯├┤┬┴┼┌┐└┘', '+++++++++++++'),
  ...pairs('─│┄', '-|.'),
  ...pairs('▲▼▸›‹…·×→←↑↓', '^v>><~.x><^v'),
  ...pairs('▁▂▃▄▅▆▇█', '_.-=+*%#'),
  ...pairs('▏▎▍▌▋▊▉░', '|------.'),
  ...pairs('✓✗■', 'vx#'),
]);

function pairs(glyphs: string, ascii: string): [string, string][] {
  return [...glyphs].map((glyph, index) => [glyph, ascii[index] ?? '?']);
}

const ASCII = /^[\x20-\x7e]*$/;

/** Any text in ASCII, of the same width; letters that have no form there become question marks. */
export function asciiText(text: string): string {
  if (ASCII.test(text)) return text;
  let out = '';
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    if (code >= 0x20 && code < 0x7f) out += char;
    else out += GLYPHS.get(char) ?? '?'.repeat(displayWidth(char));
  }
  return out;
}

/** Whatever comes this far was made fit to be shown; this only makes sure that no mistake reaches the terminal. */
const CONTROL = /\p{Cc}/u;
const CONTROLS = /\p{Cc}/gu;

export function paintLine(line: Line, paint: Paint): string {
  const look = LOOKS[paint.theme];
  let out = '';
  for (const { text, tone = 'plain' } of line) {
    const safe = CONTROL.test(text) ? text.replaceAll(CONTROLS, '?') : text;
    const shown = paint.ascii ? asciiText(safe) : safe;
    const [open, close] = paint.bare ? NONE : look[tone];
    out += open + shown + close;
  }
  return out;
}
