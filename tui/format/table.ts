// Rows as an aligned text table, or one below the other as name and value. Knows columns and widths, not where it is
// written: the caller says whether there is a terminal and how wide it is; without one nothing is cut or coloured.

import { styleText } from 'node:util';
import { alignOf, type Column, cellText, type Tone, toneOf } from './cell.ts';
import { cut, displayWidth, pad } from './width.ts';

export interface TableOptions {
  readonly asOfMs: number;
  /** Columns of the terminal; without it every cell is written in full. */
  readonly maxColumns?: number;
  readonly colour?: boolean;
  readonly ascii?: boolean;
  /** Stands below the rows, under a line. */
  readonly total?: object;
  /** The reader named the columns: none is left out because it does not fit. */
  readonly isChosen?: boolean;
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

function cellsOf<R extends object>(
  columns: readonly Column<R>[],
  row: R,
  options: TableOptions,
): Cell[] {
  return columns.map((column) => ({
    text: cellText(column, row, options),
    tone: options.colour ? toneOf(column, row) : undefined,
  }));
}

export function textTable<R extends object>(
  all: readonly Column<R>[],
  rows: readonly R[],
  options: TableOptions,
): string {
  const heading = all.map((column): Cell => ({ text: column.title.toUpperCase() }));
  const total = options.total === undefined ? [] : [totalCells(all, options.total as R, options)];
  const measured = [heading, ...rows.map((row) => cellsOf(all, row, options)), ...total];
  const allWidths = all.map((column, index) => {
    const before = options.widths?.get(column.key) ?? 1;
    return measured.reduce(
      (width, line) => Math.max(width, displayWidth(line[index]!.text)),
      before,
    );
  });
  for (const [index, column] of all.entries()) options.widths?.set(column.key, allWidths[index]!);
  const kept = options.isChosen ? [...all.keys()] : keepThatFit(allWidths, all, options.maxColumns);
  const columns = kept.map((index) => all[index]!);
  const widths = kept.map((index) => allWidths[index]!);
  narrow(widths, columns, options.maxColumns);
  const aligned = measured.map((line) => {
    const cells = kept.map((index) => line[index]!);
    return joinCells(cells, columns, widths, options.ascii);
  });
  if (options.colour) aligned[0] = paint(aligned[0]!, 'dim');
  if (total.length > 0) {
    const rule = (options.ascii ? '-' : '─').repeat(lineColumns(widths));
    aligned[aligned.length - 1] = aligned.at(-1)!.trimEnd();
    aligned.splice(-1, 0, options.colour ? paint(rule, 'dim') : rule);
  }
  return `${aligned.join('\n')}\n`;
}

/** What a total does not know stays blank: it is no gap in what is known. */
function totalCells<R extends object>(
  columns: readonly Column<R>[],
  row: R,
  options: TableOptions,
): Cell[] {
  return cellsOf(columns, row, options).map(({ text }) => ({ text: text === '-' ? '' : text }));
}

const lineColumns = (widths: readonly number[]): number =>
  widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1));

/** Leaves out the least important columns until the rest fits; without a priority a column stays. */
function keepThatFit<R extends object>(
  widths: readonly number[],
  columns: readonly Column<R>[],
  maxColumns: number | undefined,
): number[] {
  const kept = [...columns.keys()];
  if (maxColumns === undefined) return kept;
  const rank = (index: number): number => columns[index]!.priority ?? 0;
  while (lineColumns(kept.map((index) => widths[index]!)) > maxColumns) {
    const worst = Math.max(...kept.map(rank));
    if (worst === 0) return kept;
    kept.splice(
      kept.findLastIndex((index) => rank(index) === worst),
      1,
    );
  }
  return kept;
}

function joinCells<R extends object>(
  line: readonly Cell[],
  columns: readonly Column<R>[],
  widths: readonly number[],
  ascii: boolean | undefined,
): string {
  const texts = line.map(({ text, tone }, index) => {
    const padded = pad(cut(text, widths[index]!, ascii), widths[index]!, alignOf(columns[index]!));
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
  let excess = lineColumns(widths) - maxColumns;
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
