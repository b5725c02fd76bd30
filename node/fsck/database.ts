// One database of a node as the check sees it: is it there, are its files whole, and its rows with their values checked.
// A damaged value is reported and passed over, where a running node would stop at it.

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Level } from 'level';
import { isMeshError } from '../../protocols/errors.ts';
import { markOf } from '../store/level.ts';
import { openValue, type RangeOptions, type Row } from '../store/store.ts';
import { checkLevelFiles } from './level-files.ts';
import type { CheckedDatabase, Report } from './report.ts';
import type { Snapshot } from './snapshot.ts';

const PAGE_ROWS = 256;
const PAGE_BYTES = 1024 * 1024;

export interface DatabaseCheck {
  readonly report: Report;
  readonly snapshot: Snapshot;
  /** What to do when this database is damaged. */
  readonly next: string;
  readonly signal: AbortSignal;
}

export class CheckedRows {
  /** Of the snapshot: may be opened as a store while no rows are being read. */
  readonly folder: string;
  readonly next: string;
  readonly #counts: CheckedDatabase;
  readonly #report: Report;
  readonly #signal: AbortSignal;

  constructor(folder: string, counts: CheckedDatabase, { report, next, signal }: DatabaseCheck) {
    this.folder = folder;
    this.next = next;
    this.#counts = counts;
    this.#report = report;
    this.#signal = signal;
  }

  /**
   * All sound rows in key order; the others are reported, and so is a database that cannot be read to its end.
   * @param nameOf what a row is, for a message
   * @param onDamaged told the keys of the others, once they are reported
   */
  async *all(nameOf: (key: Buffer) => string, onDamaged = (_: Buffer) => {}): AsyncGenerator<Row> {
    try {
      for await (const { key, value: sealed } of this.#sealed({})) {
        this.#counts.values++;
        this.#counts.bytes += sealed.length;
        this.#report.read(sealed.length);
        const value = soundValue(key, sealed);
        if (value) {
          yield { key, value };
        } else {
          this.problem(`the stored value of ${nameOf(key)} fails its check`);
          onDamaged(key);
        }
      }
    } catch (error) {
      if (!isLevelError(error)) throw error;
      const why = error.cause instanceof Error ? error.cause.message : error.message;
      this.problem(`${this.#counts.name} cannot be read: ${why.slice(0, 200)}`);
    }
  }

  /** Some sound rows, for what must be known beforehand; nothing is counted or reported. */
  async *some(range: RangeOptions): AsyncGenerator<Row> {
    try {
      for await (const { key, value: sealed } of this.#sealed(range)) {
        const value = soundValue(key, sealed);
        if (value) yield { key, value };
      }
    } catch (error) {
      if (!isLevelError(error)) throw error;
    }
  }

  problem(message: string): void {
    this.#report.problem('STORE_DAMAGED', message, this.next);
  }

  async *#sealed(range: RangeOptions): AsyncGenerator<Row> {
    const options = { keyEncoding: 'buffer', valueEncoding: 'buffer', createIfMissing: false };
    const db = new Level<Buffer, Buffer>(this.folder, options);
    try {
      await db.open();
      const iterator = db.iterator({ ...range, highWaterMarkBytes: PAGE_BYTES } as never);
      for (;;) {
        this.#signal.throwIfAborted();
        const page = (await iterator.nextv(PAGE_ROWS)) as [Buffer, Buffer][];
        if (page.length === 0) return;
        for (const [key, value] of page) yield { key, value };
      }
    } finally {
      await db.close();
    }
  }
}

function soundValue(key: Buffer, sealed: Buffer): Buffer | undefined {
  try {
    return openValue(key, sealed);
  } catch (error) {
    if (isMeshError(error, 'STORE_DAMAGED')) return undefined;
    throw error;
  }
}

function isLevelError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('LEVEL_');
}

/** Checks the files of a database; undefined when there is nothing that could be opened. */
export async function checkDatabase(
  path: string,
  check: DatabaseCheck,
): Promise<CheckedRows | undefined> {
  const { report, snapshot, next, signal } = check;
  const name = `store/${basename(path)}`;
  const problem = (what: string) => report.problem('STORE_MISSING', what, next);
  const hasMark = existsSync(markOf(path));
  if (!hasMark) problem(`the file ${basename(markOf(path))} beside ${name} is gone`);
  if (!existsSync(join(path, 'CURRENT'))) {
    problem(existsSync(path) ? `${name}/CURRENT is gone` : `${name} is gone`);
    return undefined;
  }
  const files = await checkLevelFiles({
    path,
    signal,
    onDamaged: (file, how) => report.problem('STORE_DAMAGED', `${name}/${file} ${how}`, next),
    onRead: (bytes) => report.read(bytes),
  });
  const counts: CheckedDatabase = { name, files, values: 0, bytes: 0 };
  report.databases.push(counts);
  const folder = await snapshot.add(path);
  await writeFile(markOf(folder), '');
  return new CheckedRows(folder, counts, check);
}
