// Time cut into hours, days and weeks of UTC, and a length of time put into one of about a thousand bins. Pure; it says how
// any stretch of time is covered by whole hours, days and weeks with exact ends.

import { LIMITS } from '../../protocols/limits.ts';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;
export const WEEK_MS = 7 * DAY_MS;

/** APPEND ONLY. The levels at which sums are kept, as they stand in keys; weeks begin on Thursdays, as 1970 did. */
export const LEVELS = [HOUR_MS, DAY_MS, WEEK_MS] as const;

/** Whole hours, days or weeks `from` to before `to` of a level; without a level, a stretch of milliseconds. */
export interface Span {
  readonly level: number | null;
  readonly from: number;
  readonly to: number;
}

/** Covers [fromMs, toMs) without overlap, oldest first, with as few spans as may be. */
export function cover(fromMs: number, toMs: number, level: number = LEVELS.length - 1): Span[] {
  if (fromMs >= toMs) return [];
  const size = LEVELS[level];
  if (size === undefined) return [{ level: null, from: fromMs, to: toMs }];
  const from = Math.ceil(fromMs / size);
  const to = Math.floor(toMs / size);
  if (from >= to) return cover(fromMs, toMs, level - 1);
  return [
    ...cover(fromMs, from * size, level - 1),
    { level, from, to },
    ...cover(to * size, toMs, level - 1),
  ];
}

/** Lengths below this have a bin of their own. */
const EXACT = 64;
/** Above it each doubling is cut into this many bins, so that a bin is at most 1/32 of its values wide. */
const PER_DOUBLING = 32;

export function binOf(durationMs: number): number {
  if (durationMs < EXACT) return durationMs;
  let doublings = 0;
  let head = durationMs;
  for (; head >= EXACT; head = Math.floor(head / 2)) doublings++;
  return EXACT + (doublings - 1) * PER_DOUBLING + (head - PER_DOUBLING);
}

/** The middle of a bin: at most 1/64 from each of its values. */
export function binMiddle(bin: number): number {
  if (bin < EXACT) return bin;
  const doublings = Math.floor((bin - EXACT) / PER_DOUBLING) + 1;
  const head = PER_DOUBLING + ((bin - EXACT) % PER_DOUBLING);
  const width = 2 ** doublings;
  return head * width + width / 2;
}

export const BINS = binOf(LIMITS.deploymentDurationMs) + 1;

/** Steps of a trend: the shortest that gives at most this many parts is taken. */
const STEPS = [HOUR_MS, DAY_MS, WEEK_MS, 4 * WEEK_MS, 12 * WEEK_MS, 52 * WEEK_MS];
const MOST_PARTS = 31;

/**
 * Where the parts of a trend begin, the first at `sinceMs` itself. The others begin with an hour, or with a day when the
 * step is a week or more: between whole hours sums are kept, inside of them entries must be read.
 */
export function trendStarts(sinceMs: number, untilMs: number): number[] {
  const lengthMs = untilMs - sinceMs;
  const step = STEPS.find((ms) => Math.ceil(lengthMs / ms) <= MOST_PARTS) ?? STEPS.at(-1)!;
  const grain = step > DAY_MS ? DAY_MS : HOUR_MS;
  const starts = [sinceMs];
  for (let k = 1; k * step < lengthMs; k++) {
    const start = Math.floor((sinceMs + k * step) / grain) * grain;
    if (start > starts.at(-1)!) starts.push(start);
  }
  return starts;
}
