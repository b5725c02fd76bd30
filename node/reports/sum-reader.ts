// Reads what is counted of one feed: sums over any stretch of time, and the entries behind them. Writes nothing.

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
import { cover, HOUR_MS, LEVELS, type Span } from './spans.ts';
import { DURATIONS_WIDTH, decodeShare, eachCell, type Share, SUMS_WIDTH } from './sums.ts';

/** A counted entry by the time when it happened. */
export interface HappenedRow {
  readonly timeMs: number;
  readonly index: number;
  readonly value: Buffer;
}

interface SpanVisitor {
  readonly row: (ms: number, value: Buffer) => void;
  readonly entry: (ms: number, share: Share) => void;
}

/** Up to this many rows are looked up by their keys: to open a range costs more. */
const FEW_ROWS = 32;

export class SumReader {
  readonly #store: Store;
  readonly #prefix: Buffer;

  constructor(store: Store, prefix: Buffer) {
    this.#store = store;
    this.#prefix = prefix;
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
      await this.#readSpan(span, sumsKey, {
        row: (ms, value) => {
          const at = partOf(ms);
          eachCell(value, SUMS_WIDTH, (group, from) => {
            for (let outcome = 0; outcome < SUMS_WIDTH; outcome++)
              visit(group, at, outcome, value.readUInt32LE(from + 4 * outcome));
          });
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
      await this.#readSpan(span, durationsKey, {
        row: (_, value) =>
          eachCell(value, DURATIONS_WIDTH, (cell, at) => visitCell(cell, value.readUInt32LE(at))),
        entry: (_, share) => visit(share),
      });
    }
  }

  async #readSpan(span: Span, keyOf: typeof sumsKey, visit: SpanVisitor): Promise<void> {
    const { level, from, to } = span;
    const prefix = this.#prefix;
    if (level === null) {
      // Most hours of most feeds are empty, and the row of an empty hour is not there.
      if (!this.#hasAny(from, to)) return;
      for await (const { timeMs, value } of this.happened(from, to))
        visit.entry(timeMs, decodeShare(value));
    } else if (to - from <= FEW_ROWS) {
      const numbers = Array.from({ length: to - from }, (_, i) => from + i);
      const rows = await this.#store.getMany(numbers.map((n) => keyOf(prefix, level, n)));
      rows.forEach((value, i) => {
        if (value) visit.row(numbers[i]! * LEVELS[level]!, value);
      });
    } else {
      const range = { gte: keyOf(prefix, level, from), lt: keyOf(prefix, level, to) };
      for await (const { key, value } of this.#store.range(range))
        visit.row(numberOfKey(key) * LEVELS[level]!, value);
    }
  }

  #hasAny(fromMs: number, toMs: number): boolean {
    for (let hour = Math.floor(fromMs / HOUR_MS); hour * HOUR_MS < toMs; hour++)
      if (this.#store.getSync(sumsKey(this.#prefix, 0, hour))) return true;
    return false;
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
