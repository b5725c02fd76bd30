// What a column is and what its cells mean: raw value for machines, text for people, comparable value for sort and
// filter. The kind of a column decides all three, so that `lag>60s` and the shown `1 m` speak of the same number.

import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { formatBytes, parseBytes } from './bytes.ts';
import { displayJson, displayText } from './display-text.ts';
import { formatAge, formatDuration, parseDuration } from './duration.ts';
import { formatNumber } from './number.ts';
import { formatTime, isoTime, timeMs } from './time.ts';

/** `bytes` and `duration` (milliseconds) are numbers; `time` and `age` are points in time, an age is shown as how old. */
export type Kind = 'text' | 'number' | 'bytes' | 'duration' | 'time' | 'age';

/** A word's worth of colour on a terminal; the text says the same without it. */
export type Tone = 'good' | 'warn' | 'bad' | 'dim';

/** What a cell is written for: ages are counted from `asOfMs`, and some terminals have no block glyphs. */
export interface Shown {
  readonly asOfMs: number;
  readonly ascii?: boolean | undefined;
}

/** 0 name and status, 1 the two that matter most (60 columns and up), 2 as drawn (80), 3 more (120). */
export type Priority = 0 | 1 | 2 | 3;

export interface Column<R extends object = object> {
  /** Property of the row, name in JSON and CSV, and what `--columns`, `--sort` and `--filter` call it. */
  readonly key: string;
  /** Heading of the text table; may be used in place of the key by `--columns`, `--sort` and `--filter`. */
  readonly title: string;
  readonly kind?: Kind;
  readonly align?: 'left' | 'right';
  /** Left out of the text table unless `--columns` asks for it; always in JSON and CSV. */
  readonly wide?: boolean;
  /** The raw value when it is not simply the property of that name. */
  readonly value?: (row: R) => unknown;
  /** Text for people when the kind does not say enough. */
  readonly format?: (value: unknown, row: R, shown: Shown) => string;
  /** Where not all fit, those of the highest number go first; without it a column stays. */
  readonly priority?: Priority;
  /** Columns it takes on a screen, where it must not change with every row that scrolls by. */
  readonly width?: number;
  /** Takes what the other columns leave over, on a screen, so that it is at most so wide. */
  readonly grows?: boolean;
  readonly maxWidth?: number;
  readonly tone?: (value: unknown, row: R) => Tone | undefined;
}

/** `2026.3` comes before `2026.10`, capitals do not matter. */
/** Made when it is first needed. */
let natural: Intl.Collator | undefined;

/** As it came, for the column's own code only: it may be hostile. */
export function rawValue<R extends object>(column: Column<R>, row: R): unknown {
  if (column.value !== undefined) return column.value(row);
  return Object.hasOwn(row, column.key) ? (row as Record<string, unknown>)[column.key] : null;
}

/** For JSON and CSV: raw numbers, times in ISO form, nothing hostile in the strings. */
export function cellData<R extends object>(column: Column<R>, row: R): unknown {
  const value = rawValue(column, row) ?? null;
  const isTime = column.kind === 'time' || column.kind === 'age' || value instanceof Date;
  return isTime ? isoTime(value) : displayJson(value);
}

/** For people. */
export function cellText<R extends object>(column: Column<R>, row: R, shown: Shown): string {
  const value = rawValue(column, row);
  const text =
    column.format === undefined
      ? plainText(column, value, shown.asOfMs)
      : column.format(value, row, shown);
  return text === '' ? '-' : displayText(text);
}

function plainText<R extends object>(column: Column<R>, value: unknown, asOfMs: number): string {
  if (value === null || value === undefined || value === '') return '-';
  const ms = timeMs(value);
  if (column.kind === 'time') return ms === null ? '-' : formatTime(ms);
  if (column.kind === 'age') return ms === null ? '-' : formatAge(asOfMs - ms);
  if (typeof value === 'number') return numberText(column.kind, value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (value instanceof Date) return formatTime(value.getTime());
  if (Array.isArray(value)) {
    return value.map((inner) => plainText({ key: '', title: '' }, inner, asOfMs)).join(', ');
  }
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function numberText(kind: Kind | undefined, value: number): string {
  if (kind === 'bytes') return formatBytes(value);
  if (kind === 'duration') return formatDuration(value);
  return formatNumber(value);
}

/** Numbers, sizes, durations and ages stand to the right, so that digits stand below digits. */
export function alignOf<R extends object>(column: Column<R>): 'left' | 'right' {
  if (column.align !== undefined) return column.align;
  return column.kind === undefined || column.kind === 'text' || column.kind === 'time'
    ? 'left'
    : 'right';
}

export function toneOf<R extends object>(column: Column<R>, row: R): Tone | undefined {
  return column.tone?.(rawValue(column, row), row);
}

/** What sort and filter compare: a number where the kind is one, else text; null where nothing is known. */
export function cellOrder<R extends object>(
  column: Column<R>,
  row: R,
  asOfMs: number,
): number | string | null {
  const value = rawValue(column, row);
  if (value === null || value === undefined || value === '') return null;
  if (column.kind === 'time') return timeMs(value);
  if (column.kind === 'age') {
    const ms = timeMs(value);
    return ms === null ? null : asOfMs - ms;
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  return plainText({ key: column.key, title: column.title }, displayJson(value), asOfMs);
}

/** The elements of a list cell one by one, as text, so that `topics=users` finds one among several. */
export function cellWords<R extends object>(column: Column<R>, row: R): string[] {
  const value = rawValue(column, row);
  const list = Array.isArray(value) ? value : [value];
  return list.map((inner) =>
    inner === null || inner === undefined
      ? ''
      : plainText({ key: '', title: '' }, displayJson(inner), 0),
  );
}

export function compareOrder(a: number | string, b: number | string): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  natural ??= new Intl.Collator('en', { numeric: true, sensitivity: 'accent' });
  return natural.compare(String(a), String(b));
}

/** What stands right of an operator, read as the kind of the column: `60s`, `10MiB`, `2026-11-20`, `12`, `offline`. */
export function parseOperand(kind: Kind | undefined, text: string): number | string {
  if (kind === 'bytes') return parseBytes(text);
  if (kind === 'duration' || kind === 'age') return parseDuration(text);
  if (kind === 'time') {
    return timeMs(text) ?? refuse(text, 'a time', 'Write it like 2026-11-20 or 2026-11-20T10:41Z.');
  }
  if (kind !== 'number') return text;
  return /^-?\d+(?:\.\d+)?$/.test(text) ? Number(text) : refuse(text, 'a number', 'Write digits.');
}

function refuse(text: string, what: string, next: string): never {
  throw new MeshError('USAGE', `${quote(text)} is not ${what}`, { next });
}

/** The column somebody typed, by key or by title. */
export function findColumn<R extends object>(
  columns: readonly Column<R>[],
  name: string,
): Column<R> {
  const wanted = plainName(name);
  const found =
    columns.find((column) => plainName(column.key) === wanted) ??
    columns.find((column) => plainName(column.title) === wanted);
  if (found !== undefined) return found;
  throw new MeshError('USAGE', `there is no column ${quote(name)}`, {
    next: `Columns: ${columns.map((column) => column.key).join(', ')}.`,
  });
}

const plainName = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]/g, '');
