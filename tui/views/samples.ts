// What can only be seen by looking more than once: how fast a feed grows, how far it was behind over the
// last minutes. Fed by whoever polls; holds a fixed number of numbers for each feed. Knows no clock.

import type { FeedRow } from './answers.ts';

/** One number for each slot of time; newer slots push out the oldest. Slots in which nobody looked are unknown. */
export class SlotRing {
  readonly slotMs: number;
  readonly #values: Float64Array;
  #newest = Number.NEGATIVE_INFINITY;

  constructor(slots: number, slotMs: number) {
    this.slotMs = slotMs;
    this.#values = new Float64Array(slots).fill(Number.NaN);
  }

  /** Of several values in one slot the highest stays, or with `replace` the last. */
  add(atMs: number, value: number, replace = false): void {
    const slot = Math.floor(atMs / this.slotMs);
    const size = this.#values.length;
    if (slot <= this.#newest - size) return;
    if (slot > this.#newest) {
      const from = Math.max(this.#newest + 1, slot - size + 1);
      for (let skipped = from; skipped <= slot; skipped += 1)
        this.#values[mod(skipped, size)] = Number.NaN;
      this.#newest = slot;
    }
    const at = mod(slot, size);
    const before = this.#values[at]!;
    this.#values[at] = replace || Number.isNaN(before) ? value : Math.max(before, value);
  }

  /** Oldest first. */
  values(): (number | null)[] {
    const size = this.#values.length;
    if (this.#newest === Number.NEGATIVE_INFINITY) return Array.from({ length: size }, () => null);
    return Array.from({ length: size }, (_, index) => {
      const value = this.#values[mod(this.#newest - size + 1 + index, size)]!;
      return Number.isNaN(value) ? null : value;
    });
  }
}

const mod = (value: number, size: number): number => ((value % size) + size) % size;

const TREND_SLOTS = 10;
const TREND_SLOT_MS = 30_000;
const MINUTE_MS = 60_000;
const LAG_MINUTES = 60;
/** Growth is measured over this long at most. */
const RATE_WINDOW_MS = 60_000;

interface Look {
  readonly atMs: number;
  readonly size: number;
}

interface Seen {
  readonly trend: SlotRing;
  /** At most the window old, oldest first. */
  looks: Look[];
}

export class FeedSamples {
  readonly #feeds = new Map<string, Seen>();
  readonly #worst = new SlotRing(LAG_MINUTES, MINUTE_MS);

  /** One look at all feeds. A feed that is not among them any more is forgotten. */
  add(
    atMs: number,
    rows: readonly Pick<FeedRow, 'id' | 'size' | 'held' | 'behind' | 'lagMs'>[],
  ): void {
    let worstMs = 0;
    const ids = new Set(rows.map(({ id }) => id));
    for (const id of this.#feeds.keys()) if (!ids.has(id)) this.#feeds.delete(id);
    for (const row of rows) {
      const seen = this.#seen(row.id);
      seen.trend.add(atMs, row.behind);
      worstMs = Math.max(worstMs, row.lagMs ?? 0);
      addLook(seen, { atMs, size: Math.max(row.size ?? 0, row.held) });
    }
    this.#worst.add(atMs, worstMs);
  }

  /** Entries a second that the publisher adds; null until it was looked at twice. */
  rate(feed: string): number | null {
    const looks = this.#feeds.get(feed)?.looks ?? [];
    const [first, last] = [looks[0], looks.at(-1)];
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return null;
    return Math.max(0, ((last.size - first.size) * 1000) / (last.atMs - first.atMs));
  }

  /** Entries missing, highest of each half minute of the last five. */
  trend(feed: string): (number | null)[] {
    return this.#feeds.get(feed)?.trend.values() ?? [];
  }

  /** The longest lag of all feeds, for each minute of the last hour. */
  worstPerMinute(): (number | null)[] {
    return this.#worst.values();
  }

  #seen(id: string): Seen {
    let seen = this.#feeds.get(id);
    if (seen === undefined) {
      const trend = new SlotRing(TREND_SLOTS, TREND_SLOT_MS);
      seen = { trend, looks: [] };
      this.#feeds.set(id, seen);
    }
    return seen;
  }
}

/** Looks that follow each other closely are not all kept: ten over the window are enough. */
const MIN_APART_MS = RATE_WINDOW_MS / 10;

function addLook(seen: Seen, look: Look): void {
  const { looks } = seen;
  const last = looks.at(-1);
  const before = looks.at(-2);
  // The publisher's feed was made anew or the clock went back: what was measured before says nothing.
  if (last !== undefined && (look.size < last.size || look.atMs < last.atMs)) seen.looks = [look];
  else if (last !== undefined && before !== undefined && last.atMs - before.atMs < MIN_APART_MS) {
    looks[looks.length - 1] = look;
  } else looks.push(look);
  while (seen.looks.length > 2 && look.atMs - seen.looks[0]!.atMs > RATE_WINDOW_MS)
    seen.looks.shift();
}
