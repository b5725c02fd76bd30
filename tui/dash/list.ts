// A list as it is looked at: its rows filtered and sorted, the cursor that stays on its row by name while rows come and
// go, and only as many lines as fit the screen.

import { cellText, toneOf } from '../format/cell.ts';
import { selectRows } from '../format/report.ts';
import { cut, displayWidth, pad } from '../format/width.ts';
import { fitColumns, type TableView } from '../views/table.ts';
import { fitLine, type Line, restyle, type Span } from './line.ts';
import type { View } from './state.ts';

/** Rows in the order they are shown. */
export interface Listing {
  readonly table: TableView;
  readonly rows: readonly object[];
  readonly sort: string | undefined;
  readonly cursorAt: number;
}

interface Kept {
  readonly table: TableView;
  readonly sort: string | undefined;
  readonly filter: string;
  readonly rows: readonly object[];
}

/** Sorting is done again only when the rows, the order or the filter changed. */
export function createLister(): (table: TableView, view: View, asOfMs: number) => Listing {
  let kept: Kept | undefined;
  return (table, view, asOfMs) => {
    const sort = view.sort ?? table.sort;
    const { filter } = view;
    if (kept?.table !== table || kept.sort !== sort || kept.filter !== filter) {
      kept = { table, sort, filter, rows: arrange(table, sort, filter, asOfMs) };
    }
    const rows = view.pinned === undefined ? kept.rows : pinnedRows(table, kept.rows, view.pinned);
    return { table, rows, sort, cursorAt: placeCursor(table, rows, view) };
  };
}

function arrange(
  table: TableView,
  sort: string | undefined,
  filter: string,
  asOfMs: number,
): readonly object[] {
  const keys = (sort ?? '').split(',').filter((name) => hasColumn(table, name.replace(/^-/, '')));
  const selection = {
    ...(filter.trim() === '' ? {} : { filter }),
    ...(keys.length === 0 ? {} : { sort: keys.join(',') }),
  };
  return selectRows(table, selection, asOfMs);
}

const hasColumn = (table: TableView, key: string): boolean =>
  table.columns.some((column) => column.key === key);

/** While rows are being marked, those that were there stay where they were, and none comes in between. */
function pinnedRows(
  table: TableView,
  rows: readonly object[],
  pinned: readonly string[],
): readonly object[] {
  const byId = new Map(rows.map((row) => [table.idOf(row), row]));
  return pinned.flatMap((id) => byId.get(id) ?? []);
}

function placeCursor(table: TableView, rows: readonly object[], view: View): number {
  const found = rows.findIndex((row) => table.idOf(row) === view.cursorId);
  const at = found >= 0 ? found : Math.max(0, Math.min(view.cursorAt, rows.length - 1));
  const row = rows[at];
  if (row !== undefined) {
    // A row that is gone leaves the cursor where it was; the next one there takes it.
    if (found < 0) view.cursorId = table.idOf(row);
    view.cursorAt = at;
  }
  return at;
}

export function moveCursor(listing: Listing, view: View, by: number): void {
  moveTo(listing, view, listing.cursorAt + by);
}

export function moveTo({ table, rows }: Listing, view: View, at: number): void {
  const row = rows[Math.max(0, Math.min(at, rows.length - 1))];
  if (row === undefined) return;
  view.cursorId = table.idOf(row);
  view.cursorAt = rows.indexOf(row);
}

export interface ListRoom {
  readonly columns: number;
  /** Of the whole screen, which says how much detail a row has. */
  readonly screenColumns: number;
  readonly rows: number;
  readonly nowMs: number;
  readonly ascii: boolean;
  readonly isWide: boolean;
  readonly isDim: boolean;
  /** Ids with a star before their name; no column for stars when absent. */
  readonly stars?: ReadonlySet<string>;
}

/** Heading, rows and a line of totals; exactly as many lines as there is room for at most. */
export function listLines(listing: Listing, view: View, room: ListRoom): Line[] {
  const { table, rows } = listing;
  const hasStars = room.stars !== undefined && room.columns >= NARROW_COLUMNS;
  const lead = hasStars ? 5 : 3;
  const columns = withArrowRoom(table.columns, listing.sort);
  const width = room.columns - lead - 1;
  const fitted = fitColumns(columns, width, room.isWide, room.screenColumns);
  const shown = { asOfMs: room.nowMs, ascii: room.ascii };
  const height = pageRows(table, room.rows);
  scrollTo(view, listing.cursorAt, height, rows.length);
  const cells = (row: object, unknown?: string): Span[] =>
    fitted.flatMap(({ column, width, align }, index) => {
      const text = cellText(column, row, shown);
      const known = text === '-' ? (unknown ?? text) : text;
      return [
        ...(index === 0 ? [] : [{ text: ' ' }]),
        { text: pad(cut(known, width), width, align), tone: toneOf(column, row) },
      ];
    });
  const heading: Line = [
    { text: hasStars ? '   ★ ' : '   ', tone: 'dim' },
    ...fitted.flatMap(({ column, width, align }, index): Span[] => [
      ...(index === 0 ? [] : [{ text: ' ' }]),
      { text: pad(headingOf(column, listing.sort, width), width, align), tone: 'dim' },
    ]),
  ];
  const lines = rows.slice(view.top, view.top + height).map((row, index): Line => {
    const id = table.idOf(row);
    const isCursor = view.top + index === listing.cursorAt;
    const star = hasStars ? (room.stars?.has(id) ? '★ ' : '  ') : '';
    const line = fitLine(
      [{ text: `${view.marks.has(id) ? '◆' : ' '}${isCursor ? '>' : ' '} ${star}` }, ...cells(row)],
      room.columns,
    );
    if (isCursor) return restyle(line, 'cursor');
    return room.isDim ? restyle(line, 'dim') : line;
  });
  const total = table.total;
  if (total !== undefined && totalRows(table, room.rows) > 0) {
    const ruled = fitted.reduce((sum, column) => sum + column.width + 1, -1);
    lines.push([{ text: ' '.repeat(lead) }, { text: '─'.repeat(Math.max(0, ruled)), tone: 'dim' }]);
    // What a total does not know is no gap in what is known.
    lines.push([{ text: ' '.repeat(lead) }, ...cells(total, '')]);
  }
  return [heading, ...lines];
}

/** A line and the total below it, where there is room for them. */
const totalRows = ({ total }: TableView, rows: number): number =>
  total === undefined || rows < MIN_ROWS_FOR_TOTAL ? 0 : 2;

/** Rows of the table that so many lines show, below the heading. */
export const pageRows = (table: TableView, rows: number): number =>
  Math.max(1, rows - 1 - totalRows(table, rows));

const NARROW_COLUMNS = 80;
const MIN_ROWS_FOR_TOTAL = 8;

/** The window moves only as far as it must to show the cursor: that repaints the least. */
function scrollTo(view: View, cursorAt: number, height: number, count: number): void {
  if (cursorAt < view.top) view.top = cursorAt;
  if (cursorAt >= view.top + height) view.top = cursorAt - height + 1;
  view.top = Math.max(0, Math.min(view.top, count - height));
}

/** The arrow stands behind the whole word of the column that is sorted by. */
function withArrowRoom(
  columns: TableView['columns'],
  sort: string | undefined,
): TableView['columns'] {
  const key = sort?.split(',')[0]?.replace(/^-/, '');
  return columns.map((column) =>
    column.key === key
      ? { ...column, width: Math.max(column.width ?? 0, displayWidth(column.title) + 2) }
      : column,
  );
}

function headingOf(
  column: { readonly key: string; readonly title: string },
  sort: string | undefined,
  width: number,
): string {
  const title = column.title.toUpperCase();
  const first = sort?.split(',')[0] ?? '';
  if (first.replace(/^-/, '') !== column.key) return cut(title, width);
  const arrow = first.startsWith('-') ? '▼' : '▲';
  if (displayWidth(title) + 2 <= width) return `${title} ${arrow}`;
  return `${title.slice(0, Math.max(0, width - 1))}${arrow}`;
}

/** Next or previous sort column of those that are shown, each with the direction in which it says most. */
export function nextSort(listing: Listing): string {
  const keys = listing.table.columns.filter(({ wide }) => wide !== true).map(({ key }) => key);
  const current = listing.sort?.split(',')[0]?.replace(/^-/, '');
  const key = keys[(keys.indexOf(current ?? '') + 1) % keys.length] ?? '';
  const column = listing.table.columns.find((candidate) => candidate.key === key);
  const isNumber = column?.kind !== undefined && column.kind !== 'text' && column.kind !== 'time';
  return isNumber ? `-${key}` : key;
}

export function reversedSort(listing: Listing): string | undefined {
  const [first = '', ...rest] = (listing.sort ?? '').split(',');
  if (first === '') return undefined;
  return [first.startsWith('-') ? first.slice(1) : `-${first}`, ...rest].join(',');
}
