// Lengths of time as people read and type them: `0.4 s`, `41 m`, `2 d 4 h` out, `5m`, `1h30m`, `7d` in.

import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Longest duration taken, so that a time plus a duration is still a date. */
const MAX_DAYS = 36_500;

const UNIT_MS: Readonly<Record<string, number>> = {
  w: 7 * DAY,
  d: DAY,
  h: HOUR,
  m: MINUTE,
  s: SECOND,
  ms: 1,
};

/** How long something took or takes: two units where they matter (`4 m 10 s`). */
export function formatDuration(ms: number): string {
  return format(ms, true);
}

/** How old something is: coarser, minutes without their seconds (`41 m`). */
export function formatAge(ms: number): string {
  return format(ms, false);
}

function format(ms: number, withSeconds: boolean): string {
  if (!Number.isFinite(ms)) return '-';
  if (ms < 0) return ms > -0.5 ? '0 s' : `-${format(-ms, withSeconds)}`;
  if (ms < 0.5) return '0 s';
  if (ms < 99.5) return `${Math.round(ms)} ms`;
  if (ms < 9.95 * SECOND) return `${Math.round(ms / 100) / 10} s`;
  const seconds = Math.round(ms / SECOND);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600)
    return withSeconds ? twoUnits(seconds, 60, 'm', 's') : units(seconds, 60, 'm');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return twoUnits(minutes, 60, 'h', 'm');
  const hours = Math.floor(minutes / 60);
  return hours < 10 * 24 ? twoUnits(hours, 24, 'd', 'h') : units(hours, 24, 'd');
}

const units = (small: number, ratio: number, unit: string): string =>
  `${Math.floor(small / ratio)} ${unit}`;

function twoUnits(small: number, ratio: number, unit: string, smallUnit: string): string {
  const rest = small % ratio;
  const whole = units(small, ratio, unit);
  return rest === 0 ? whole : `${whole} ${rest} ${smallUnit}`;
}

/** Milliseconds of `500ms`, `1h30m` or `2 d 4 h`: largest unit first, each at most once, never without a unit. */
export function parseDuration(text: string): number {
  const refuse = (): never => {
    throw new MeshError('USAGE', `${quote(text)} is not a duration`, {
      next: 'Write it like 30s, 5m, 1h30m or 7d.',
    });
  };
  if (!/^\s*(?:\d{1,9}(?:\.\d{1,3})?\s*(?:ms|[wdhms])\s*)+$/.test(text)) refuse();
  let total = 0;
  let last = Number.POSITIVE_INFINITY;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)\s*(ms|[wdhms])/g)) {
    const unitMs = UNIT_MS[unit!]!;
    if (unitMs >= last) refuse();
    last = unitMs;
    total += Number(amount) * unitMs;
  }
  if (total > MAX_DAYS * DAY) refuse();
  return Math.round(total);
}
