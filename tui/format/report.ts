// A report is rows under columns, with the node they come from and how old they are. One function turns it into any
// format, after the reader's own choice of rows (`--filter`), order (`--sort`) and columns (`--columns`).

import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { type Column, cellOrder, compareOrder, findColumn } from './cell.ts';
import { csvHeader, csvRow, csvTable } from './csv.ts';
import { displayText } from './display-text.ts';
import { formatAge } from './duration.ts';
import { parseFilter } from './filter.ts';
import { jsonDocument, jsonLine } from './json.ts';
import { textRecords, textTable } from './table.ts';
import { formatTime, timeMs } from './time.ts';

export const FORMATS = ['text', 'json', 'jsonl', 'csv'] as const;
export type Format = (typeof FORMATS)[number];

export interface Report<R extends object = object> {
  /** Plural noun for the rows: `spaces`, `feeds`. */
  readonly title: string;
  readonly columns: readonly Column<R>[];
  readonly rows: readonly R[];
  /** When the figures were true: ISO text, milliseconds or a Date. */
  readonly asOf: string | number | Date;
  /** Name of the node that was asked. */
  readonly target: string;
  /** Order when the reader asks for none. */
  readonly sort?: string;
  /** Below the rows in text, beside them in JSON: a row over all of them. Not filtered and not counted. */
  readonly total?: NoInfer<R>;
  /** Sentences below the table, in text only. */
  readonly notes?: readonly string[];
  /** In text and where no columns are asked for: this in place of the table. */
  readonly page?: (shape: PageShape) => string;
  /** Said in place of an empty table. */
  readonly empty?: string;
  /** `record` writes heading and value below each other, for things of which there is one. */
  readonly layout?: 'table' | 'record';
}

/** What a page is made for. */
export interface PageShape {
  readonly nowMs: number;
  /** Columns of the terminal; undefined where there is none: then nothing is cut. */
  readonly maxColumns: number | undefined;
  readonly colour: boolean;
  readonly ascii: boolean;
}

/** What the reader asked for, as typed. */
export interface Selection {
  readonly columns?: string | undefined;
  readonly sort?: string | undefined;
  readonly filter?: string | undefined;
}

export interface RenderOptions extends Selection {
  readonly format: Format;
  readonly nowMs: number;
  /** Columns of the terminal that the text goes to; absent when it goes to a file or a pipe. */
  readonly maxColumns?: number | undefined;
  readonly colour?: boolean | undefined;
  readonly ascii?: boolean | undefined;
}

/** Filter, then sort: both may speak of columns that are not shown. */
export function selectRows<R extends object>(
  report: Pick<Report<R>, 'columns' | 'rows' | 'sort'>,
  selection: Selection,
  asOfMs: number,
): readonly R[] {
  const { columns, rows } = report;
  const test = selection.filter === undefined ? null : parseFilter(selection.filter, columns);
  const kept = test === null ? rows : rows.filter((row) => test(row, asOfMs));
  const sort = selection.sort ?? report.sort;
  return sort === undefined ? kept : sortRows(kept, columns, sort, asOfMs);
}

/** `lag,-name`: first column first, a dash reverses, equal rows keep their order, unknown values are last either way. */
function sortRows<R extends object>(
  rows: readonly R[],
  columns: readonly Column<R>[],
  sort: string,
  asOfMs: number,
): R[] {
  const keys = splitList('sort', sort).map((name) => {
    const reverse = name.startsWith('-');
    return { sign: reverse ? -1 : 1, column: findColumn(columns, reverse ? name.slice(1) : name) };
  });
  const keyed = rows.map((row) => ({
    row,
    order: keys.map(({ column }) => cellOrder(column, row, asOfMs)),
  }));
  keyed.sort((a, b) => {
    for (const [index, { sign }] of keys.entries()) {
      const [left, right] = [a.order[index] ?? null, b.order[index] ?? null];
      if (left === right) continue;
      if (left === null) return 1;
      if (right === null) return -1;
      const order = compareOrder(left, right);
      if (order !== 0) return sign * order;
    }
    return 0;
  });
  return keyed.map(({ row }) => row);
}

/** Columns in the order asked for; without a wish all of them, in text without the wide ones. */
function selectColumns<R extends object>(
  columns: readonly Column<R>[],
  wish: string | undefined,
  format: Format,
): readonly Column<R>[] {
  if (wish !== undefined) {
    return [...new Set(splitList('columns', wish).map((name) => findColumn(columns, name)))];
  }
  return format === 'text' ? columns.filter((column) => !column.wide) : columns;
}

function splitList(option: string, text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) {
    throw new MeshError('USAGE', `--${option} ${quote(text)} has an empty name`, {
      next: 'Write names with commas between them: name,lag',
    });
  }
  return names;
}

export function renderReport<R extends object>(report: Report<R>, options: RenderOptions): string {
  const asOfMs = timeMs(report.asOf) ?? options.nowMs;
  const rows = selectRows(report, options, asOfMs);
  const columns = selectColumns(report.columns, options.columns, options.format);
  switch (options.format) {
    case 'csv':
      return csvTable(columns, rows);
    case 'jsonl':
      return rows.map((row) => jsonLine(columns, row)).join('');
    case 'json':
      return jsonDocument(columns, rows, {
        generatedAtMs: options.nowMs,
        asOfMs,
        target: report.target,
        ...(report.total === undefined ? {} : { total: report.total }),
      });
    case 'text':
      return renderText({ ...report, columns, rows }, report.rows.length, asOfMs, options);
  }
}

function renderText<R extends object>(
  report: Report<R>,
  total: number,
  asOfMs: number,
  options: RenderOptions,
): string {
  const { columns, rows, title } = report;
  const shape = {
    asOfMs,
    ...(options.maxColumns === undefined ? {} : { maxColumns: options.maxColumns }),
    colour: options.colour ?? false,
    ascii: options.ascii ?? false,
    ...(report.total === undefined ? {} : { total: report.total }),
    isChosen: options.columns !== undefined,
  };
  const layOut = report.layout === 'record' ? textRecords : textTable;
  const none =
    total > 0 ? 'Nothing matches the filter.' : (report.empty ?? `There are no ${title}.`);
  const { nowMs, maxColumns } = options;
  const isPage = report.page !== undefined && !shape.isChosen && rows.length > 0;
  const body = isPage
    ? report.page({ nowMs, maxColumns, colour: shape.colour, ascii: shape.ascii })
    : rows.length === 0
      ? `${none}\n`
      : layOut(columns, rows, shape);
  const notes = (report.notes ?? []).map((note) => `${displayText(note)}\n`).join('');
  const count = rows.length === total ? `${total}` : `${rows.length} of ${total}`;
  const noun = total === 1 ? title.replace(/ies$/, 'y').replace(/s$/, '') : title;
  const what = isPage || report.layout === 'record' ? '' : `${count} ${noun}, `;
  const age = formatAge(Math.max(0, options.nowMs - asOfMs));
  const origin = `${what}as of ${formatTime(asOfMs)} (${age} ago), from ${displayText(report.target)}`;
  return `${body}\n${notes}${origin}\n`;
}

/** For rows that come one after the other (`tail`): call it for each, it returns what to write, headings once. */
export function createRowPrinter<R extends object>(
  allColumns: readonly Column<R>[],
  options: Omit<RenderOptions, 'sort' | 'nowMs'> & { readonly now: () => number },
): (row: R) => string {
  const columns = selectColumns(allColumns, options.columns, options.format);
  const test = options.filter === undefined ? null : parseFilter(options.filter, allColumns);
  const widths = new Map<string, number>();
  let first = true;
  return (row) => {
    const asOfMs = options.now();
    if (test !== null && !test(row, asOfMs)) return '';
    const isFirst = first;
    first = false;
    // A stream has no end at which a document could be closed: `json` is one document per line here.
    if (options.format === 'json' || options.format === 'jsonl') return jsonLine(columns, row);
    if (options.format === 'csv') return (isFirst ? csvHeader(columns) : '') + csvRow(columns, row);
    const { colour = false, ascii = false } = options;
    const text = textTable(columns, [row], { asOfMs, colour, ascii, widths });
    return isFirst ? text : text.slice(text.indexOf('\n') + 1);
  };
}
