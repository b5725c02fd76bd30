// Points in time as they are asked for: an instant, or how long before now.

import { z } from 'zod';
import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { DAY_MS, HOUR_MS, WEEK_MS } from './spans.ts';

const UNITS: Readonly<Record<string, number>> = { m: 60_000, h: HOUR_MS, d: DAY_MS, w: WEEK_MS };

/** Without a zone it would depend on whose clock it is, and mean two times or none when clocks are set. */
const INSTANT = z.union([
  z.iso.datetime({ offset: true }),
  z.iso.datetime({ offset: true, precision: -1 }),
  z.iso.date(),
]);

/** @throws USAGE */
export function parseMoment(text: string, nowMs: number): number {
  const [, count, unit] = /^(\d{1,6})([mhdw])$/.exec(text) ?? [];
  const ms = unit === undefined ? instantMs(text) : nowMs - Number(count) * UNITS[unit]!;
  // Before 1970 nothing was deployed, and no key of the store stands for it.
  if (Number.isFinite(ms) && ms >= 0) return ms;
  throw new MeshError('USAGE', `${quote(text)} is not a time`, {
    next: 'Write it like 2026-11-20T10:41:00Z, or how long ago: 24h, 14d, 8w.',
  });
}

const instantMs = (text: string): number =>
  INSTANT.safeParse(text).success ? Date.parse(text) : Number.NaN;

export interface Window {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** @throws USAGE for a window that is empty or too long */
export function parseWindow(since: string, until: string | undefined, nowMs: number): Window {
  const sinceMs = parseMoment(since, nowMs);
  const untilMs = until === undefined ? nowMs : parseMoment(until, nowMs);
  if (sinceMs >= untilMs) throw new MeshError('USAGE', 'the time asked for ends before it begins');
  if (untilMs - sinceMs > LIMITS.reportWindowMs)
    throw new MeshError(
      'USAGE',
      `the time asked for is above ${LIMITS.reportWindowMs / DAY_MS} days`,
    );
  return { sinceMs, untilMs };
}
