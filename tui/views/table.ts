// What a screen and its command show alike: a table of rows under columns, and panels of lines. A view says what there
// is to see; how much of it fits is decided where it is drawn. Knows no terminal and no node.

import type { Figures } from '../fail-on.ts';
import { alignOf, type Column, cellText, type Shown, type Tone, toneOf } from '../format/cell.ts';
import { displayText } from '../format/display-text.ts';
import type { Report } from '../format/report.ts';
import { cut, pad } from '../format/width.ts';

export type { Figures } from '../fail-on.ts';
export type { Column, Kind, Priority, Shown, Tone } from '../format/cell.ts';

export interface TableView<R extends object = object> {
  /** Name of the view, and of its file when it is exported. */
  readonly id: string;
  /** Plural noun for the rows: `spaces`, `feeds`. */
  readonly title: string;
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
  /** What stays the same while everything else of the row changes. */
  readonly idOf: (row: R) => string;
  /** Order when the reader asks for none: `-lagMs,name`. */
  readonly sort?: string;
  /** When the figures were true, ISO 8601. */
  readonly asOf: string;
  /** Below the rows: a row over all of them. What it does not know stays blank. */
  readonly total?: NoInfer<R>;
  readonly notes?: readonly string[];
  /** Said in place of an empty table. */
  readonly empty?: string;
  /** What `--fail-on` may speak of. */
  readonly figures: Figures;
}

export interface Span {
  readonly text: string;
  readonly tone?: Tone;
}
export type Line = readonly Span[];

export interface Panel {
  readonly id: string;
  readonly title: string;
  readonly lines: readonly Line[];
}

/** The room a panel has inside its frame. */
export interface Room {
  readonly columns: number;
  readonly ascii: boolean;
  /** Now, which all ages are counted to. */
  readonly nowMs: number;
}

/** Safe to show, whoever wrote the text; its spaces stay, so that charts and padding keep their places. */
export function span(text: string, tone?: Tone): Span {
  const safe = isPlain(text) ? text : text.split(' ').map(clean).join(' ');
  return tone === undefined ? { text: safe } : { text: safe, tone };
}

export const panel = (id: string, title: string, lines: readonly Line[]): Panel => ({
  id,
  title: displayText(title),
  lines,
});

const isPlain = (text: string): boolean => /^[\x20-\x7e]*$/.test(text);
const clean = (word: string): string => displayText(word);

/** The same as the command prints it: what `runReport` shows. */
export function reportOf<R extends object>(table: TableView<R>, target: string): Report<R> {
  const { id: _, idOf: __, figures: ___, ...rest } = table;
  return { ...rest, target };
}

export interface FittedColumn<R extends object = object> {
  readonly column: Column<R>;
  readonly width: number;
  readonly align: 'left' | 'right';
}

const DEFAULT_WIDTH = 10;
const GAP_COLUMNS = 1;
const MEDIUM_COLUMNS = 80;
const LARGE_COLUMNS = 120;

/**
 * The columns that fit so many terminal columns, each with its width; `isWide` adds those of identifiers and the like.
 * What matters depends on how wide the screen is of which the list may be only a part.
 */
export function fitColumns<R extends object>(
  columns: readonly Column<R>[],
  maxColumns: number,
  isWide = false,
  screenColumns = maxColumns,
): FittedColumn<R>[] {
  const highest =
    screenColumns < MEDIUM_COLUMNS ? 1 : screenColumns < LARGE_COLUMNS && !isWide ? 2 : 3;
  let kept = columns.filter(
    (column) => (isWide || column.wide !== true) && (column.priority ?? 2) <= highest,
  );
  while (neededColumns(kept) > maxColumns && kept.length > 1)
    kept = kept.toSpliced(lastOf(kept), 1);
  let left = Math.max(0, maxColumns - neededColumns(kept));
  const growing = kept.filter(({ grows }) => grows).length;
  return kept.map((column, index) => {
    const width = widthOf(column);
    const mostMore = Math.max(0, (column.maxWidth ?? maxColumns) - width);
    const share = column.grows
      ? Math.min(mostMore, Math.ceil(left / growingFrom(kept, index, growing)))
      : 0;
    left -= share;
    return { column, width: width + share, align: alignOf(column) };
  });
}

const widthOf = <R extends object>(column: Column<R>): number =>
  Math.max(column.width ?? DEFAULT_WIDTH, column.title.length);

const neededColumns = <R extends object>(columns: readonly Column<R>[]): number =>
  columns.reduce((sum, column) => sum + widthOf(column) + GAP_COLUMNS, -GAP_COLUMNS);

const growingFrom = <R extends object>(
  columns: readonly Column<R>[],
  from: number,
  all: number,
): number => Math.max(1, Math.min(all, columns.slice(from).filter(({ grows }) => grows).length));

/** The least important column; of equals the one furthest to the right. */
function lastOf<R extends object>(columns: readonly Column<R>[]): number {
  let at = columns.length - 1;
  for (let index = at; index >= 0; index -= 1) {
    const rank = (column: Column<R>): number => (column.wide ? 10 : 0) + (column.priority ?? 2);
    if (rank(columns[index]!) > rank(columns[at]!)) at = index;
  }
  return at;
}

/** One row as spans of exactly the widths of the columns, to be joined with one space. */
export function rowSpans<R extends object>(
  fitted: readonly FittedColumn<R>[],
  row: R,
  shown: Shown,
): Span[] {
  return fitted.map(({ column, width, align }) =>
    span(
      pad(cut(cellText(column, row, shown), width, shown.ascii), width, align),
      toneOf(column, row),
    ),
  );
}

/** The headings likewise. */
export function headingSpans<R extends object>(fitted: readonly FittedColumn<R>[]): Span[] {
  return fitted.map(({ column, width, align }) =>
    span(pad(cut(column.title.toUpperCase(), width), width, align), 'dim'),
  );
}
