// Signs that stand before a word, so that a list can be read at a glance: a shape, an ASCII form and a tone for each.
// The word always stands beside it; nothing is said by a sign or a colour alone.

import type { Condition } from '../../protocols/condition.ts';
import type { Tone } from '../format/cell.ts';

export type Sign = 'full' | 'half' | 'empty' | 'apart' | 'unknown' | 'barred';

const GLYPHS: Readonly<Record<Sign, readonly [string, string]>> = {
  full: ['●', '+'],
  half: ['◐', '~'],
  empty: ['○', '-'],
  apart: ['◇', '='],
  unknown: ['?', '?'],
  barred: ['■', 'x'],
};

export const glyph = (sign: Sign, ascii = false): string => GLYPHS[sign][ascii ? 1 : 0];

export const withSign = (sign: Sign, word: string, ascii = false): string =>
  `${glyph(sign, ascii)} ${word}`;

export const CONDITION_SIGNS: Readonly<Record<Condition, Sign>> = {
  online: 'full',
  lagging: 'half',
  suspected: 'half',
  offline: 'empty',
  isolated: 'apart',
  unknown: 'unknown',
  revoked: 'barred',
};

export const CONDITION_TONES: Readonly<Record<Condition, Tone>> = {
  online: 'good',
  lagging: 'warn',
  suspected: 'warn',
  offline: 'bad',
  isolated: 'dim',
  unknown: 'dim',
  revoked: 'bad',
};
