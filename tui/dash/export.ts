// What is shown, as text for other programs: csv, json or text, to a file or the clipboard. The same rendering as the
// commands have, so that a number never differs.

import { rawValue } from '../format/cell.ts';
import { displayText } from '../format/display-text.ts';
import { type Format, renderReport } from '../format/report.ts';
import { reportOf } from '../views/table.ts';
import type { Listing } from './list.ts';
import type { View } from './state.ts';

export const EXPORT_FORMATS = ['csv', 'json', 'text'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Marked rows when some are marked, else all that the filter left, in the order on the screen. */
export function exportText(
  { table, rows }: Listing,
  view: View,
  format: Format,
  target: string,
  nowMs: number,
): string {
  const marked =
    view.marks.size === 0 ? rows : rows.filter((row) => view.marks.has(table.idOf(row)));
  return renderReport({ ...reportOf(table, target), rows: marked }, { format, nowMs });
}

export function exportFileName({ table }: Listing, format: ExportFormat, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[:T]/g, '-');
  return `odcm-${table.id}-${stamp}.${format === 'text' ? 'txt' : format}`;
}

/** One row as tab-separated raw values, for `Y`. */
export function rowText({ table }: Listing, row: object): string {
  return table.columns
    .filter(({ wide }) => wide !== true)
    .map((column) => {
      const value = rawValue(column, row);
      return value === null || value === undefined
        ? ''
        : displayText(typeof value === 'object' ? JSON.stringify(value) : String(value));
    })
    .join('\t');
}

const MAX_CLIPBOARD_CHARS = 100_000;

/** The terminal puts it on the clipboard, also over SSH; undefined when it is more than terminals take. */
export function clipboardSequence(text: string): string | undefined {
  if (text.length > MAX_CLIPBOARD_CHARS) return undefined;
  return `\x1b]52;c;${Buffer.from(text, 'utf8').toString('base64')}\x07`;
}
