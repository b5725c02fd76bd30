// Finds the rows, runs them at a size, and says what became of each. Knows nothing about any single attack.

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type Attack, CATALOGUE } from './catalogue.ts';
import { type How, isAbsent, type Outcome, type Row, type RunRow, type Size } from './row.ts';

/** `not here` and `missing` are not passed; nothing else is left out. */
export type State = 'passed' | 'failed' | 'not here' | 'missing';

export interface Result {
  readonly id: string;
  readonly what: string;
  readonly how: How | null;
  readonly expected: string;
  readonly measured: string;
  readonly pass: boolean;
  readonly state: State;
  readonly tookMs: number;
}

export type Numbers = Pick<Size, 'isLong' | 'seeds' | 'mutations' | 'kills'>;

export const QUICK: Numbers = { isLong: false, seeds: 2, mutations: 2_000, kills: 1 };
export const LONG: Numbers = { isLong: true, seeds: 10_000, mutations: 1_000_000, kills: 200 };

/** Many times what a quick row takes: a busy machine is not a failure. */
const QUICK_LIMIT_MS = 120_000;
const LONG_LIMIT_MS = 12 * 3_600_000;
const ROWS = fileURLToPath(new URL('./rows/', import.meta.url));

export interface Found {
  readonly rows: readonly Row[];
  /** Files that do not load, or whose rows are not in the catalogue. */
  readonly broken: readonly Result[];
}

export async function findRows(folder = ROWS, catalogue = CATALOGUE): Promise<Found> {
  const known = new Set(catalogue.map(({ id }) => id));
  const rows: Row[] = [];
  const broken: Result[] = [];
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.ts')).sort()) {
    try {
      const { rows: some } = (await import(pathToFileURL(join(folder, file)).href)) as {
        rows?: readonly Row[];
      };
      if (!some?.length) throw new Error('it exports no rows');
      const stray = some.find(({ id }) => !known.has(id));
      if (stray) throw new Error(`its row ${stray.id} is not in the catalogue`);
      rows.push(...some);
    } catch (error) {
      broken.push(brokenFile(file, error));
    }
  }
  return { rows: rows.sort((a, b) => order(a.id, known) - order(b.id, known)), broken };
}

const order = (id: string, known: ReadonlySet<string>): number => [...known].indexOf(id);

const brokenFile = (file: string, error: unknown): Result => ({
  ...{ id: file, what: 'a file of rows', how: null, expected: 'loads' },
  ...{ measured: String(error), pass: false, state: 'failed', tookMs: 0 },
});

/** `T01,G*`: ids, or beginnings of them. */
export function picker(only: string | undefined): (id: string) => boolean {
  if (only === undefined) return () => true;
  const patterns = only.split(',').map((one) => one.trim().toUpperCase());
  return (id) =>
    patterns.some((one) => (one.endsWith('*') ? id.startsWith(one.slice(0, -1)) : id === one));
}

/** Ids for which no row exists. */
export const missingOf = (rows: readonly Row[], catalogue = CATALOGUE): readonly Attack[] =>
  catalogue.filter(({ id }) => !rows.some((row) => row.id === id));

export const missing = ({ id, what, mark }: Attack): Result => ({
  ...{ id, what, how: null, expected: mark },
  ...{ measured: 'no row makes this attack', pass: false, state: 'missing', tookMs: 0 },
});

/** Why a row does not run at this size; undefined when it does. */
export function whyNot(row: Row, { isLong }: Numbers): string | undefined {
  if (isAbsent(row)) return row.notHere;
  if (row.onlyLong !== undefined && !isLong) return `only with --long: ${row.onlyLong}`;
  return undefined;
}

export async function runRow(
  row: Row,
  numbers: Numbers,
  log: (line: string) => void = () => {},
): Promise<Result> {
  const { id, what, how, expected } = row;
  const reason = whyNot(row, numbers);
  if (reason !== undefined) {
    return { id, what, how, expected, measured: reason, pass: false, state: 'not here', tookMs: 0 };
  }
  const folder = await mkdtemp(join(tmpdir(), `odcm-attack-${id}-`));
  const startMs = performance.now();
  const { measured, pass } = await outcomeOf(row as RunRow, { ...numbers, folder, log });
  const tookMs = Math.round(performance.now() - startMs);
  await rm(folder, { recursive: true, force: true });
  const state = pass ? 'passed' : 'failed';
  return { id, what, how, expected, measured, pass, state, tookMs };
}

async function outcomeOf(row: RunRow, size: Size): Promise<Outcome> {
  const limitMs = size.isLong ? LONG_LIMIT_MS : QUICK_LIMIT_MS;
  const late = Promise.withResolvers<Outcome>();
  const timer = setTimeout(
    () => late.resolve({ measured: `still at it after ${limitMs / 1000} s`, pass: false }),
    limitMs,
  );
  try {
    return await Promise.race([row.run(size), late.promise]);
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { measured: `threw ${text.split('\n').slice(0, 4).join(' | ')}`, pass: false };
  } finally {
    clearTimeout(timer);
  }
}
