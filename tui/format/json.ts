// Rows as JSON: one document with where and when it comes from, or one row per line. Numbers raw, times ISO in UTC.

import { type Column, cellData } from './cell.ts';
import { displayText } from './display-text.ts';
import { isoTime } from './time.ts';

/** Changes only when a reader of the document would have to change. */
const DOCUMENT_VERSION = 1;

export interface JsonHeader {
  readonly generatedAtMs: number;
  readonly asOfMs: number;
  /** Which node was asked. */
  readonly target: string;
}

function jsonRow<R extends object>(columns: readonly Column<R>[], row: R): Record<string, unknown> {
  return Object.fromEntries(columns.map((column) => [column.key, cellData(column, row)]));
}

export function jsonDocument<R extends object>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  header: JsonHeader & { readonly total?: R },
): string {
  const document = {
    version: DOCUMENT_VERSION,
    generatedAt: isoTime(header.generatedAtMs),
    asOf: isoTime(header.asOfMs),
    target: displayText(header.target),
    rows: rows.map((row) => jsonRow(columns, row)),
    ...(header.total === undefined ? {} : { total: jsonRow(columns, header.total) }),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

export function jsonLine<R extends object>(columns: readonly Column<R>[], row: R): string {
  return `${JSON.stringify(jsonRow(columns, row))}\n`;
}
