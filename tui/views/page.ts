// Panels as plain text, below each other, for commands. Panels in, text out; cut only where there is a terminal.

import { paint } from '../format/table.ts';
import { cut, displayWidth } from '../format/width.ts';
import type { Line, Panel } from './table.ts';

export interface PageOptions {
  /** Columns of the terminal; without it nothing is cut. */
  readonly maxColumns?: number | undefined;
  readonly colour: boolean;
  readonly ascii?: boolean;
}

const INDENT = '  ';
/** A page of text is drawn for this much room, even where nothing is cut. */
export const PAGE_COLUMNS = 98;

export function pageText(panels: readonly Panel[], options: PageOptions): string {
  return panels
    .map(({ title, lines }) => {
      const heading = options.colour ? paint(title, 'dim') : title;
      const body = lines
        .filter((line) => line.some(({ text }) => text.trim() !== ''))
        .map((line) => `${INDENT}${lineText(line, options)}`);
      return `${[heading, ...body].join('\n')}\n`;
    })
    .join('\n');
}

function lineText(line: Line, { maxColumns, colour, ascii }: PageOptions): string {
  let room = maxColumns === undefined ? Number.POSITIVE_INFINITY : maxColumns - INDENT.length;
  const pieces: string[] = [];
  for (const { text, tone } of line) {
    if (room <= 0) break;
    const shown = cut(text, room, ascii);
    room -= displayWidth(shown);
    pieces.push(colour && tone !== undefined ? paint(shown, tone) : shown);
  }
  return pieces.join('').trimEnd();
}
