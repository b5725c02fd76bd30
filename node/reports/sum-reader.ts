// Reads what is counted of one feed: sums over any stretch of time, and the entries behind them. Writes nothing; what was
// read is kept in memory as long as there is room, and whoever writes rows says so.

import {
  durationsKey,
  happenedKey,
  indexOfKey,
  numberOfKey,
  sumsKey,
  tableRange,
  timeOfHappenedKey,
} from '../store/keys.ts';
import type { Store } from '../store/store.ts';
import { BLOCK_ROWS, type Block, blockOf, eachRow, type FeedRows, withRow } from './row-cache.ts';
import { cover, HOUR_MS, LEVELS, type Span } from './spans.ts';
import {
  checkRow,
  DURATIONS_WIDTH,
  decodeShare,
  eachCell,
  type Share,
  SUMS_WIDTH,
} from './sums.ts';

/** A counted entry by the time when it happened. */
export interface HappenedRow {
  readonly timeMs: number;
  readonly index: number;
  readonly value: Buffer;
}

interface SpanVisitor {
  /** A row of `width` values behind each cell; told cell by cell where those stand. */
  readonly cell: (ms: number, cell: number, block: Block, at: number) => void;
  readonly entry: (ms: number, share: Share) => void;
}

/** The tables that are kept in memory as they are read. */
const TABLES = {
  sums: { number: 0, width: SUMS_WIDTH, keyOf: sumsKey },
  lengths: { number: 1, width: DURATIONS_WIDTH, keyOf: durationsKey },
} as const;
export type SumTable = keyof typeof TABLES;
/** Beside them the single entries of an hour, four numbers each. */
const ENTRIES = 2;
const ENTRY_NUMBERS = 4;

/** Up to this many rows are looked up one by one: most are not there, and to open a range costs more. */
const FEW_ROWS = 3 * BLOCK_ROWS;

const keptKey = (table: number, level: number, n: number): number => (n * 4 + level) * 4 + table;

export class SumReader {
  readonly #store: Store;
  readonly #prefix: Buffer;
  readonly #kept: FeedRows;

  constructor(store: Store, prefix: Buffer, kept: FeedRows) {
    this.#store = store;
    this.#prefix = prefix;
    this.#kept = kept;
  }

  /**
   * Reads the sums of [starts[0], untilMs), part by part as they begin in `starts`.
   * @param visit told for each group, part and outcome how many
   */
  async sum(
    starts: readonly number[],
    untilMs: number,
    visit: (group: number, part: number, outcome: number, count: number) => void,
  ): Promise<void> {
    let part = 0;
    const partOf = (ms: number) => {
      while (part + 1 < starts.length && starts[part + 1]! <= ms) part++;
      return part;
    };
    for (const span of spansOf(starts, untilMs)) {
      await this.#readSpan(span, 'sums', {
        cell: (ms, group, block, at) => {
          for (let outcome = 0; outcome < SUMS_WIDTH; outcome++)
            visit(group, partOf(ms), outcome, block[at + outcome]!);
        },
        entry: (ms, { group, outcome }) => visit(group, partOf(ms), outcome, 1),
      });
    }
  }

  /** The same for how long they took. @param visitCell told a cell of a row; @param visit told a single entry */
  async lengths(
    fromMs: number,
    toMs: number,
    visitCell: (cell: number, count: number) => void,
    visit: (share: Share) => void,
  ): Promise<void> {
    for (const span of cover(fromMs, toMs)) {
      await this.#readSpan(span, 'lengths', {
        cell: (_, cell, block, at) => visitCell(cell, block[at]!),
        entry: (_, share) => visit(share),
      });
    }
  }

  async #readSpan({ level, from, to }: Span, table: SumTable, visit: SpanVisitor): Promise<void> {
    this.#kept.use();
    if (level === null) return this.#readEntries(from, to, visit.entry);
    const size = LEVELS[level]!;
    const step = 1 + TABLES[table].width;
    for (const block of await this.#blocks(table, level, from, to)) {
      eachRow(block, (n, begin, end) => {
        if (n < from || n >= to) return;
        for (let at = begin; at < end; at += step) visit.cell(n * size, block[at]!, block, at + 1);
      });
    }
  }

  /** Every block that has rows of [from, to); those that lie beside each other on the disk are read in one go. */
  async #blocks(table: SumTable, level: number, from: number, to: number): Promise<Block[]> {
    const { number } = TABLES[table];
    const last = Math.ceil(to / BLOCK_ROWS);
    const known = (b: number) => this.#kept.get(keptKey(number, level, b)) as Block | undefined;
    const blocks: Block[] = [];
    for (let b = Math.floor(from / BLOCK_ROWS); b < last; ) {
      const block = known(b);
      if (block) {
        blocks.push(block);
        b++;
        continue;
      }
      let end = b + 1;
      while (end < last && !known(end)) end++;
      blocks.push(...(await this.#readBlocks(table, level, b, end)));
      b = end;
    }
    return blocks;
  }

  async #readBlocks(table: SumTable, level: number, from: number, to: number): Promise<Block[]> {
    const { number, width } = TABLES[table];
    const rows = Array.from({ length: to - from }, (): { n: number; value: Buffer }[] => []);
    for await (const row of this.#readRows(table, level, from * BLOCK_ROWS, to * BLOCK_ROWS)) {
      checkRow(row.value, width);
      rows[Math.floor(row.n / BLOCK_ROWS) - from]!.push(row);
    }
    return rows.map((some, i) => {
      const block = some.length === 0 ? NO_ROWS : blockOf(some);
      this.#kept.set(keptKey(number, level, from + i), block);
      return block;
    });
  }

  async *#readRows(
    table: SumTable,
    level: number,
    from: number,
    to: number,
  ): AsyncGenerator<{ readonly n: number; readonly value: Buffer }> {
    const { keyOf } = TABLES[table];
    const prefix = this.#prefix;
    if (to - from > FEW_ROWS) {
      const range = { gte: keyOf(prefix, level, from), lt: keyOf(prefix, level, to) };
      for await (const { key, value } of this.#store.range(range))
        yield { n: numberOfKey(key), value };
      return;
    }
    const all = Array.from({ length: to - from }, (_, i) => from + i);
    const numbers = table === 'sums' ? all : await this.#presentIn(level, from, to);
    for (const n of numbers) {
      const value = this.#store.getSync(keyOf(prefix, level, n));
      if (value) yield { n, value };
    }
  }

  /** What has lengths has sums as well. */
  async #presentIn(level: number, from: number, to: number): Promise<number[]> {
    const numbers: number[] = [];
    for (const block of await this.#blocks('sums', level, from, to))
      eachRow(block, (n) => numbers.push(n));
    return numbers;
  }

  /** Where a row of sums says that an hour has entries, all of them are read and kept: the next question ends there too. */
  async #readEntries(
    fromMs: number,
    toMs: number,
    visit: (ms: number, share: Share) => void,
  ): Promise<void> {
    for (let hour = Math.floor(fromMs / HOUR_MS); hour * HOUR_MS < toMs; hour++) {
      const entries = (await this.#hasAny(hour)) ? await this.#entriesOf(hour) : NO_ENTRIES;
      for (let at = 0; at < entries.length; at += ENTRY_NUMBERS) {
        const ms = entries[at]!;
        const [group, outcome, durationMs] = [entries[at + 1]!, entries[at + 2]!, entries[at + 3]!];
        if (ms >= fromMs && ms < toMs) visit(ms, { group, outcome, durationMs });
      }
    }
  }

  async #hasAny(hour: number): Promise<boolean> {
    let isThere = false;
    for (const block of await this.#blocks('sums', 0, hour, hour + 1)) {
      eachRow(block, (n) => {
        isThere ||= n === hour;
      });
    }
    return isThere;
  }

  async #entriesOf(hour: number): Promise<Float64Array> {
    const key = keptKey(ENTRIES, 0, hour);
    const known = this.#kept.get(key) as Float64Array | undefined;
    if (known) return known;
    const numbers: number[] = [];
    for await (const { timeMs, value } of this.happened(hour * HOUR_MS, (hour + 1) * HOUR_MS)) {
      const { group, outcome, durationMs } = decodeShare(value);
      numbers.push(timeMs, group, outcome, durationMs);
    }
    const entries = Float64Array.from(numbers);
    this.#kept.set(key, entries);
    return entries;
  }

  /** A row was written; null took it away. */
  onRow(table: SumTable, level: number, n: number, value: Buffer | null): void {
    const key = keptKey(TABLES[table].number, level, Math.floor(n / BLOCK_ROWS));
    const block = this.#kept.get(key) as Block | undefined;
    if (block) this.#kept.set(key, withRow(block, n, value));
  }

  /** An entry that happened then was written or taken away. */
  onEntry(timeMs: number): void {
    this.#kept.delete(keptKey(ENTRIES, 0, Math.floor(timeMs / HOUR_MS)));
  }

  /** What is on the disk may be something else. */
  forget(): void {
    this.#kept.clear();
  }

  /** Counted entries of [fromMs, toMs) by the time when they happened. */
  async *happened(
    fromMs: number,
    toMs: number,
    options: { readonly reverse?: boolean; readonly limit?: number } = {},
  ): AsyncGenerator<HappenedRow> {
    const gte = happenedKey(this.#prefix, fromMs, 0);
    const lt = happenedKey(this.#prefix, toMs, 0);
    for await (const { key, value } of this.#store.range({ gte, lt, ...options }))
      yield { timeMs: timeOfHappenedKey(key), index: indexOfKey(key), value };
  }

  /** The same, newest first, of those deployments alone that match; hours without any are passed over by their sums. */
  async *matching(
    fromMs: number,
    toMs: number,
    isMatch: (group: number, outcome: number) => boolean,
  ): AsyncGenerator<HappenedRow & { readonly share: Share }> {
    const gte = sumsKey(this.#prefix, 0, Math.floor(fromMs / HOUR_MS));
    const lt = sumsKey(this.#prefix, 0, Math.ceil(toMs / HOUR_MS));
    for await (const { key, value: sums } of this.#store.range({ gte, lt, reverse: true })) {
      let hasMatch = false;
      eachCell(sums, SUMS_WIDTH, (group, at) => {
        for (let outcome = 0; outcome < SUMS_WIDTH; outcome++)
          hasMatch ||= sums.readUInt32LE(at + 4 * outcome) > 0 && isMatch(group, outcome);
      });
      if (!hasMatch) continue;
      const hourMs = numberOfKey(key) * HOUR_MS;
      const [from, to] = [Math.max(fromMs, hourMs), Math.min(toMs, hourMs + HOUR_MS)];
      for await (const row of this.happened(from, to, { reverse: true })) {
        const share = decodeShare(row.value);
        if (isMatch(share.group, share.outcome)) yield { ...row, share };
      }
    }
  }

  /** The newest counted entry. */
  async newest(): Promise<HappenedRow | undefined> {
    const range = { ...tableRange('e', this.#prefix), reverse: true, limit: 1 };
    for await (const { key, value } of this.#store.range(range))
      return { timeMs: timeOfHappenedKey(key), index: indexOfKey(key), value };
    return undefined;
  }
}

const NO_ROWS: Block = new Uint32Array(0);
const NO_ENTRIES = new Float64Array(0);

/** The parts of a window as spans in order of time; neighbours of one level are read in one go. */
function spansOf(starts: readonly number[], untilMs: number): Span[] {
  const spans: Span[] = [];
  starts.forEach((start, part) => {
    for (const span of cover(start, starts[part + 1] ?? untilMs)) {
      const last = spans.at(-1);
      if (last?.level === span.level && last.to === span.from)
        spans[spans.length - 1] = { ...last, to: span.to };
      else spans.push(span);
    }
  });
  return spans;
}
