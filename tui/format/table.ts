// Rows as an aligned text table, or one below the other as name and value. Knows columns and widths, not where it is
// written: the caller says whether there is a terminal and how wide it is; without one nothing is cut or coloured.

import { styleText } from 'node:util';
import { type Column, cellText, rawValue, type Tone } from './cell.ts';
import { cut, displayWidth, pad } from './width.ts';

export interface TableOptions {
  readonly asOfMs: number;
  /** Columns of the terminal; without it every cell is written in full. */
  readonly maxColumns?: number;
  readonly colour?: boolean;
  /** Widths by key that earlier tables had; kept up to date, so that rows printed one by one stay below each other. */
  readonly widths?: Map<string, number>;
}

const GAP = '  ';
/** A column is never cut to fewer columns than this. */
const MIN_CUT = 8;

const STYLE = { good: 'green', warn: 'yellow', bad: 'red', dim: 'dim' } as const;

export const paint = (text: string, tone: Tone): string =>
  styleText(STYLE[tone], text, { validateStream: false });

interface Cell {
  readonly text: string;
  readonly tone?: Tone | undefined;
}

/** Numbers, sizes, durations and ages stand to the right, so that digits stand below digits. */
function alignOf<R extends object>(column: Column<R>): 'left' | 'right' {
  if (column.align !== undefined) return column.align;
  return column.kind === undefined || column.kind === 'text' || column.kind === 'time'
    ? 'left'
    : 'right';
}

function cellsOf<R extends object>(
  columns: readonly Column<R>[],
  row: R,
  options: TableOptions,
): Cell[] {
  return columns.map((column) => ({
    text: cellText(column, row, options.asOfMs),
    tone: options.colour ? toneOf(column, row) : undefined,
  }));
}

function toneOf<R extends object>(column: Column<R>, row: R): Tone | undefined {
  return column.tone?.(rawValue(column, row), row);
}

export function textTable<R extends object>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  options: TableOptions,
): string {
  const heading = columns.map((column): Cell => ({ text: column.title.toUpperCase() }));
  const lines = [heading, ...rows.map((row) => cellsOf(columns, row, options))];
  const widths = columns.map((column, index) => {
    const before = options.widths?.get(column.key) ?? 1;
    return lines.reduce((width, line) => Math.max(width, displayWidth(line[index]!.text)), before);
  });
  for (const [index, column] of columns.entries()) options.widths?.set(column.key, widths[index]!);
  narrow(widths, columns, options.maxColumns);
  const aligned = lines.map((line) => joinCells(line, columns, widths));
  if (options.colour) aligned[0] = paint(aligned[0]!, 'dim');
  return `${aligned.join('\n')}\n`;
}

function joinCells<R extends object>(
  line: readonly Cell[],
  columns: readonly Column<R>[],
  widths: readonly number[],
): string {
  const texts = line.map(({ text, tone }, index) => {
    const padded = pad(cut(text, widths[index]!), widths[index]!, alignOf(columns[index]!));
    const shown = index === line.length - 1 ? padded.trimEnd() : padded;
    return tone === undefined ? shown : paint(shown, tone);
  });
  return texts.join(GAP);
}

/** Takes from the widest text column until the line fits; numbers are never cut. */
function narrow<R extends object>(
  widths: number[],
  columns: readonly Column<R>[],
  maxColumns: number | undefined,
): void {
  if (maxColumns === undefined) return;
  const gaps = GAP.length * (columns.length - 1);
  let excess = widths.reduce((sum, width) => sum + width, gaps) - maxColumns;
  while (excess > 0) {
    let widest = -1;
    for (const [index, column] of columns.entries()) {
      const mayCut = (column.kind ?? 'text') === 'text' && widths[index]! > MIN_CUT;
      if (mayCut && widths[index]! > (widths[widest] ?? 0)) widest = index;
    }
    if (widest < 0) return;
    widths[widest]! -= 1;
    excess -= 1;
  }
}

/** One row as lines of heading and value, for things of which there is one. */
export function textRecords<R extends object>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  options: TableOptions,
): string {
  const width = Math.max(0, ...columns.map((column) => displayWidth(column.title)));
  const blocks = rows.map((row) =>
    cellsOf(columns, row, options)
      .map(({ text, tone }, index) => {
        const value = tone === undefined ? text : paint(text, tone);
        return `${pad(columns[index]!.title, width)}  ${value}\n`;
      })
      .join(''),
  );
  return blocks.join('\n');
}
