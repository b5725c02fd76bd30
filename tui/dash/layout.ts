// Boxes with a title, side by side or below each other, in exactly the room they are given. Lines in, lines out.

import { displayWidth } from '../format/width.ts';
import { EMPTY_LINE, fitLine, type Line, restyle, type Style, slice, words } from './line.ts';

export interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
  /** The panel that keys go to. */
  readonly focused?: boolean;
}

/** A box of so many columns; as high as its lines, or exactly `rows` with its border when given. */
export function box(panel: Panel, columns: number, rows?: number): Line[] {
  const inner = Math.max(0, columns - 4);
  const edge: Style = panel.focused ? 'accent' : 'dim';
  // The focus must be seen without colours too.
  const title = panel.title === '' ? '' : ` ${panel.focused ? '▸ ' : ''}${panel.title} `;
  const rule = (length: number): string => '─'.repeat(Math.max(0, length));
  const titleLine = fitLine(
    words(title, panel.focused ? 'accent' : 'strong'),
    Math.min(displayWidth(title), columns - 4),
  );
  const used = titleLine.reduce((width, { text }) => width + displayWidth(text), 0);
  const height = rows === undefined ? panel.lines.length : Math.max(0, rows - 2);
  const shown = Array.from({ length: height }, (_, index) => panel.lines[index] ?? EMPTY_LINE);
  return [
    [
      { text: '╭─', tone: edge },
      ...titleLine,
      { text: `${rule(columns - 3 - used)}╮`, tone: edge },
    ],
    ...shown.map(
      (line): Line => [
        { text: '│ ', tone: edge },
        ...fitLine(line, inner),
        { text: ' │', tone: edge },
      ],
    ),
    [{ text: `╰${rule(columns - 2)}╯`, tone: edge }],
  ];
}

/** Boxes in one row, of equal height, sharing the columns; below each other where each would be too narrow. */
export function boxesBeside(panels: readonly Panel[], columns: number): Line[] {
  const share = Math.floor(columns / panels.length);
  if (share < MIN_BOX_COLUMNS) return panels.flatMap((panel) => box(panel, columns));
  const rows = Math.max(...panels.map((panel) => panel.lines.length)) + 2;
  const boxes = panels.map((panel, index) =>
    box(panel, index === panels.length - 1 ? columns - share * index : share, rows),
  );
  return beside(boxes);
}

const MIN_BOX_COLUMNS = 38;

/** Blocks of lines side by side; each must be of one width already. */
export function beside(blocks: readonly (readonly Line[])[]): Line[] {
  const rows = Math.max(0, ...blocks.map((block) => block.length));
  return Array.from({ length: rows }, (_, row) =>
    blocks.flatMap((block) => {
      const line = block[row];
      if (line !== undefined) return line;
      const width = block[0]?.reduce((sum, { text }) => sum + displayWidth(text), 0) ?? 0;
      return [{ text: ' '.repeat(width) }];
    }),
  );
}

/** Lines of a block laid over others, as an overlay in the middle of the screen. */
export function overlay(
  lines: readonly Line[],
  block: readonly Line[],
  columns: number,
): readonly Line[] {
  const width = block[0]?.reduce((sum, { text }) => sum + displayWidth(text), 0) ?? 0;
  const left = Math.max(0, Math.floor((columns - width) / 2));
  const top = Math.max(0, Math.min(3, Math.floor((lines.length - block.length) / 2)));
  return lines.map((line, row) => {
    const over = block[row - top];
    const under = fitLine(line, columns);
    if (over === undefined) return under;
    // A column of air on both sides, and what lies behind it held back, so that the words there are not read with it.
    const before = restyle(slice(under, 0, left - 1), 'dim');
    const beyond = restyle(slice(under, left + width + 1, columns), 'dim');
    const air = { text: ' '.repeat(Math.min(1, left)) };
    return fitLine([...before, air, ...over, air, ...beyond], columns);
  });
}
