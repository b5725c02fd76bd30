// Makes any text fit to be shown or exported. Names and messages from peers are hostile: they may move the cursor,
// turn the reading direction, hide characters or pile up marks. Everything on its way to a person passes here.

import { cut } from './width.ts';

/** More marks on one letter than any living script needs run over the lines above. */
const MARKS_PER_CHAR = 4;

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
/** Line breaks and tabs part words, so a space takes their place; every other kind of space looks like one. */
const SPACE = /[\t\n\v\f\r\u0085\p{Z}]/u;
/** Controls (C0, C1), bidirectional marks, and everything that takes no room: joiners, fillers, selectors, tags. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/u;
const LONE_SURROGATE = /\p{Cs}/u;
const MARK = /[\p{Mn}\p{Me}]/u;

/** One line without anything that acts on a terminal; at most `maxColumns` wide when given. */
export function displayText(text: string, maxColumns?: number): string {
  const clean = PRINTABLE_ASCII.test(text) ? text : strip(text);
  return maxColumns === undefined ? clean : cut(clean, maxColumns);
}

function strip(text: string): string {
  let out = '';
  // A mark at the very start would sit on whatever stands before this text.
  let marks = MARKS_PER_CHAR;
  for (const char of text) {
    if (SPACE.test(char)) {
      if (!out.endsWith(' ')) out += ' ';
      marks = MARKS_PER_CHAR;
    } else if (UNSEEN.test(char)) {
      // Dropped, and marks after it still count for the letter before it.
    } else if (MARK.test(char)) {
      if (marks < MARKS_PER_CHAR) out += char;
      marks += 1;
    } else {
      out += LONE_SURROGATE.test(char) ? '\ufffd' : char;
      marks = 0;
    }
  }
  return out;
}

/** The same for every string inside a JSON value, names of properties included. */
export function displayJson(value: unknown): unknown {
  if (typeof value === 'string') return displayText(value);
  if (Array.isArray(value)) return value.map(displayJson);
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  const pairs = Object.entries(value).map(([key, inner]) => [displayText(key), displayJson(inner)]);
  return Object.fromEntries(pairs);
}
