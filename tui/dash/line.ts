// A line of the screen as pieces of text with a meaning, before it has colours. Widths are display columns, so that a
// line always takes exactly the room it was given, whatever a peer called itself.

import { displayText } from '../format/display-text.ts';
import { cut, displayWidth, pad } from '../format/width.ts';

/** What a piece means; a theme decides how that looks. The text says the same without it. */
export type Style =
  | 'plain'
  | 'good'
  | 'warn'
  | 'bad'
  | 'dim'
  | 'strong'
  | 'accent'
  | 'cursor'
  | 'banner';

export interface Span {
  readonly text: string;
  readonly tone?: Style | undefined;
}

export type Line = readonly Span[];

export const EMPTY_LINE: Line = [];

export function words(text: string, tone?: Style): Line {
  return [tone === undefined ? { text } : { text, tone }];
}

export function widthOf(line: Line): number {
  return line.reduce((width, { text }) => width + displayWidth(text), 0);
}

/** Exactly so many columns: cut with an ellipsis, or filled with spaces. */
export function fitLine(line: Line, columns: number): Line {
  const out: Span[] = [];
  let rest = columns;
  for (const [index, span] of line.entries()) {
    const width = displayWidth(span.text);
    const isLast = index === line.length - 1;
    if (width > rest || (width === rest && !isLast && widthOf(line.slice(index + 1)) > 0)) {
      // The ellipsis must stand even when the cut falls between two pieces.
      const text = pad(width > rest ? cut(span.text, rest) : ellipsed(span.text, rest), rest);
      return [...out, { ...span, text }];
    }
    out.push(span);
    rest -= width;
  }
  return rest > 0 ? [...out, { text: ' '.repeat(rest) }] : out;
}

function ellipsed(text: string, columns: number): string {
  return cut(`${text}  `, columns);
}

/** Left part and right part with spaces between; when there is too little room the left part is cut. */
export function between(left: Line, right: Line, columns: number): Line {
  const rightWidth = widthOf(right);
  if (rightWidth >= columns) return fitLine(right, columns);
  const gap = rightWidth === 0 ? 0 : 1;
  return [...fitLine(left, columns - rightWidth - gap), { text: ' '.repeat(gap) }, ...right];
}

/** The columns from one to another, without an ellipsis; half a wide character becomes a space. */
export function slice(line: Line, from: number, to: number): Line {
  const out: Span[] = [];
  let at = 0;
  for (const span of line) {
    let text = '';
    for (const char of span.text) {
      const end = at + displayWidth(char);
      if (at >= from && end <= to) text += char;
      else text += ' '.repeat(Math.max(0, Math.min(end, to) - Math.max(at, from)));
      at = end;
    }
    if (text !== '') out.push({ ...span, text });
  }
  return out;
}

/** A sentence in lines of at most so many columns. */
export function wrapped(text: string, columns: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && displayWidth(last) + 1 + displayWidth(word) <= columns)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A line that is too long goes on below, set in, broken between words where there are any. */
export function wrapLine(line: Line, columns: number): Line[] {
  const out: Line[] = [];
  const width = displayWidth(textOf(line).trimEnd());
  for (let from = 0; from < width; ) {
    const indent = from === 0 ? 0 : WRAP_INDENT;
    const room = Math.max(1, columns - indent);
    // One column more than there is room for: a space there is a good place to break too.
    const look = textOf(slice(line, from, Math.min(width, from + room + 1)));
    const space = from + room >= width ? -1 : look.lastIndexOf(' ');
    const used = space > 0 ? displayWidth(look.slice(0, space + 1)) : room;
    const shown = slice(line, from, Math.min(width, from + Math.min(used, room)));
    out.push(indent === 0 ? shown : [{ text: ' '.repeat(indent) }, ...shown]);
    from += used;
  }
  return out.length === 0 ? [line] : out;
}

const WRAP_INDENT = 2;

/** One tone for the whole line, as for the row under the cursor. */
export function restyle(line: Line, tone: Style): Line {
  return line.map(({ text }) => ({ text, tone }));
}

/** Joins with two spaces; empty pieces are left out. */
export function joined(lines: readonly Line[], gap = '   '): Line {
  const out: Span[] = [];
  for (const line of lines) {
    if (widthOf(line) === 0) continue;
    if (out.length > 0) out.push({ text: gap });
    out.push(...line);
  }
  return out;
}

export const textOf = (line: Line): string => line.map(({ text }) => text).join('');

const ASCII = /^[\x20-\x7e]*$/;

/** Text of a panel made fit to be shown, with the spaces that line it up kept as they are. */
export function cleanLine(line: Line): Line {
  return line.map((span) =>
    ASCII.test(span.text)
      ? span
      : {
          ...span,
          text: span.text
            .split(/( +)/)
            .map((part) => displayText(part))
            .join(''),
        },
  );
}
