// Rows as CSV (RFC 4180): one header row with the keys, raw numbers, ISO times. A spreadsheet must not run what a
// peer wrote: text that would start a formula gets a leading quote.

import { type Column, cellData } from './cell.ts';

const LINE_END = '\r\n';
/** Full-width forms count as well: some spreadsheets read them as the plain ones. Leading spaces do not protect. */
const FORMULA = /^\s*[=+\-@＝＋－＠]/;

export function csvHeader<R extends object>(columns: readonly Column<R>[]): string {
  return columns.map((column) => field(column.key)).join(',') + LINE_END;
}

export function csvRow<R extends object>(columns: readonly Column<R>[], row: R): string {
  return columns.map((column) => field(cellData(column, row))).join(',') + LINE_END;
}

export function csvTable<R extends object>(
  columns: readonly Column<R>[],
  rows: readonly R[],
): string {
  return csvHeader(columns) + rows.map((row) => csvRow(columns, row)).join('');
}

function field(value: unknown): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  const text = plain(value);
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return value.map(plain).join('; ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
