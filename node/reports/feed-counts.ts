// The counts of one feed of inventory or deployments, kept in the views database beside the feed's view. Derived: a cursor
// stands in the same batch as what it counts, and what is missing is counted again from the log. Knows no log and no node.

import type { ReportContext } from '../../protocols/reports.ts';
import {
  countedKey,
  durationsKey,
  groupKey,
  happenedKey,
  shareKey,
  sumsKey,
  tableRange,
  uncountedKey,
} from '../store/keys.ts';
import { isRot, type Store, type Write } from '../store/store.ts';
import { Turn } from '../turn.ts';
import {
  type CountCursor,
  decodeCursor,
  decodeGroup,
  decodeHeld,
  decodeUncounted,
  encodeCursor,
  encodeGroup,
  encodeHeld,
  encodeRefusal,
} from './count-rows.ts';
import {
  type Change,
  Collected,
  type Group,
  Groups,
  type Held,
  type Uncounted,
} from './counted.ts';
import { FeedRows, RowCache } from './row-cache.ts';
import { type HappenedRow, SumReader, type SumTable } from './sum-reader.ts';

const NOTHING: CountCursor = { next: 0, tail: Buffer.alloc(32), counted: 0, uncounted: 0 };
/** Every table of a feed's counts. */
export const COUNT_TABLES = 'cgkeqyf';
/** Rows deleted at a time. */
const CLEAR_ROWS = 10_000;

/** A row of sums as it will stand; null takes it away. */
interface SumRow {
  readonly table: SumTable;
  readonly level: number;
  readonly n: number;
  readonly key: Buffer;
  readonly value: Buffer | null;
}

export class FeedCounts {
  readonly #store: Store;
  readonly #prefix: Buffer;
  readonly #context: ReportContext;
  readonly #reader: SumReader;
  /** Whoever reads sums reads all of them between two folds. */
  readonly #turn = new Turn();
  #groups = new Groups();
  #cursor = NOTHING;
  #isStale = true;
  #isDamaged = false;

  /** @param cache shared by the feeds that one report reads */
  constructor(store: Store, prefix: Buffer, context: ReportContext, cache = new RowCache()) {
    this.#store = store;
    this.#prefix = prefix;
    this.#context = context;
    this.#reader = new SumReader(store, prefix, new FeedRows(cache));
    store.onReopened(() => {
      this.#isStale = true;
    });
  }

  async cursor(): Promise<CountCursor> {
    return this.#alone(async () => this.#cursor);
  }

  async groups(): Promise<readonly Group[]> {
    return this.#alone(async () => this.#groups.names);
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#turn.take(async () => {
      try {
        if (this.#isDamaged) await this.#forget();
        if (this.#isStale) await this.#load();
        return await work();
      } catch (error) {
        // Everything is counted again from the log.
        if (isRot(error)) this.#isDamaged = true;
        throw error;
      }
    });
  }

  async #forget(): Promise<void> {
    await this.#write([{ type: 'del', key: countedKey(this.#prefix) }]);
    this.#isStale = true;
    await this.#clearRows();
    this.#isDamaged = false;
  }

  async #load(): Promise<void> {
    this.#reader.forget();
    const bytes = await this.#store.get(countedKey(this.#prefix));
    const cursor = bytes && decodeCursor(bytes);
    const groups = new Groups();
    // Rows without a cursor are what a clearing left behind when it was interrupted.
    if (cursor) {
      for await (const { value } of this.#store.range(tableRange('g', this.#prefix)))
        groups.add(decodeGroup(value));
    }
    this.#cursor = cursor ?? NOTHING;
    this.#groups = groups;
    this.#isStale = false;
  }

  /** The disk may hold the rows or not after a failed write: its cursor is read before anything is counted again. */
  async #write(writes: readonly Write[]): Promise<void> {
    try {
      await this.#store.write(writes);
    } catch (error) {
      this.#isStale = true;
      throw error;
    }
  }

  /** Forgets everything, the cursor first: a fold that finds rows without a cursor finds none of its own later. */
  clear(): Promise<void> {
    return this.#alone(async () => {
      await this.#forget();
      await this.#load();
    });
  }

  async #clearRows(): Promise<void> {
    for (const table of COUNT_TABLES) {
      const writes: Write[] = [];
      const onDamaged = (key: Buffer) => writes.push({ type: 'del', key });
      const range = { ...tableRange(table, this.#prefix), onDamaged };
      for await (const { key } of this.#store.range(range)) {
        writes.push({ type: 'del', key });
        if (writes.length >= CLEAR_ROWS) await this.#write(writes.splice(0));
      }
      await this.#write(writes);
    }
  }

  /** Counts the entries from the cursor to before `next`; `changes` are those of them that were applied, in order. */
  fold(changes: readonly Change[], next: number, tail: Buffer): Promise<void> {
    return this.#alone(async () => {
      // What an interrupted clearing left behind must not be added to.
      if (this.#cursor.next === 0) await this.#clearRows();
      const collected = new Collected(this.#context, this.#groups);
      // Groups of a fold that fails are in memory only.
      this.#isStale = true;
      const stored = await this.#heldBy(changes);
      for (const change of changes) collected.take(change, stored.get(change.item) ?? null);
      const cursor = {
        next,
        tail,
        counted: this.#cursor.counted + collected.countedMore,
        uncounted: this.#cursor.uncounted + collected.uncountedMore,
      };
      const sums = await this.#sumRows(collected);
      const writes = [...this.#rows(collected), ...sums.map(({ key, value }) => write(key, value))];
      const put = {
        type: 'put',
        key: countedKey(this.#prefix),
        value: encodeCursor(cursor),
      } as const;
      await this.#write([...writes, put]);
      this.#cursor = cursor;
      this.#isStale = false;
      for (const { table, level, n, value } of sums) this.#reader.onRow(table, level, n, value);
      for (const { timeMs } of collected.entries) this.#reader.onEntry(timeMs);
    });
  }

  /** First versions follow nothing: only items that were there before are looked up. */
  async #heldBy(changes: readonly Change[]): Promise<Map<string, Held | null>> {
    const names = [...new Set(changes.filter((c) => c.version > 1).map((c) => c.item))];
    const rows = await this.#store.getMany(names.map((name) => shareKey(this.#prefix, name)));
    return new Map(names.map((name, i) => [name, rows[i] ? decodeHeld(rows[i]) : null]));
  }

  *#rows({ held, entries, uncounted, newGroups }: Collected): Generator<Write> {
    const prefix = this.#prefix;
    for (const { timeMs, index, value } of entries)
      yield write(happenedKey(prefix, timeMs, index), value);
    for (const { index, refusal } of uncounted) {
      yield write(uncountedKey(prefix, index), refusal && encodeRefusal(refusal));
    }
    for (const number of newGroups) {
      yield write(groupKey(prefix, number), encodeGroup(this.#groups.names[number]!));
    }
    for (const [name, now] of held) yield write(shareKey(prefix, name), now && encodeHeld(now));
  }

  async #sumRows({ sums }: Collected): Promise<SumRow[]> {
    const prefix = this.#prefix;
    const rows = [...sums.values()].flatMap(({ level, n, cells, lengths }) => [
      { table: 'sums' as const, level, n, key: sumsKey(prefix, level, n), cells },
      { table: 'lengths' as const, level, n, key: durationsKey(prefix, level, n), cells: lengths },
    ]);
    const stored = await this.#store.getMany(rows.map(({ key }) => key));
    return rows.map(({ cells, ...row }, i) => {
      if (stored[i]) cells.addRow(stored[i]);
      return { ...row, value: cells.encode() ?? null };
    });
  }

  /** Reads the sums of [starts[0], untilMs), between two folds. */
  sum(...args: Parameters<SumReader['sum']>): Promise<void> {
    return this.#alone(() => this.#reader.sum(...args));
  }

  /** The same for how long they took. */
  lengths(...args: Parameters<SumReader['lengths']>): Promise<void> {
    return this.#alone(() => this.#reader.lengths(...args));
  }

  /** Counted entries of [fromMs, toMs) by the time when they happened. */
  happened(...args: Parameters<SumReader['happened']>): AsyncGenerator<HappenedRow> {
    return this.#reader.happened(...args);
  }

  /** The same, newest first, of those deployments alone that match. */
  matching(...args: Parameters<SumReader['matching']>): AsyncGenerator<HappenedRow> {
    return this.#reader.matching(...args);
  }

  /** The newest counted entry. */
  newest(): Promise<HappenedRow | undefined> {
    return this.#reader.newest();
  }

  /** Entries that are the newest of their items and cannot be counted. */
  async uncounted(limit: number): Promise<Uncounted[]> {
    const out: Uncounted[] = [];
    for await (const row of this.#store.range({ ...tableRange('f', this.#prefix), limit }))
      out.push(decodeUncounted(row));
    return out;
  }
}

const write = (key: Buffer, value: Buffer | null): Write =>
  value === null ? { type: 'del', key } : { type: 'put', key, value };
