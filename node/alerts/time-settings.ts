// Lengths of time in the configuration: `90s`, `10m`, `30d` in the file, milliseconds under a name that says so after it
// was read.

import { z } from 'zod';

const UNIT_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const FORM = /^(\d{1,9})(ms|s|m|h|d)$/;
const MAX_MS = 3650 * UNIT_MS.d;

/** Milliseconds; undefined when the text is no length of time. */
export function durationMs(text: string): number | undefined {
  const [, digits, unit] = FORM.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  const ms = Number(digits) * UNIT_MS[unit as keyof typeof UNIT_MS];
  return ms <= MAX_MS ? ms : undefined;
}

const asWritten = z.string().refine((text) => durationMs(text) !== undefined, {
  error: 'is no length of time like 90s or 10m',
});
export const duration = asWritten.transform((text) => durationMs(text) ?? 0);

const TIMES = [
  ...(['for', 'clear', 'age', 'after', 'window', 'group'] as const),
  ...(['before', 'critBefore', 'beforeByFile', 'critBeforeByFile'] as const),
] as const;
type Times = (typeof TIMES)[number];
export type WithUnits<T> = { [K in keyof T as K extends Times ? `${K}Ms` : K]: T[K] };

export function withUnits<T extends object>(value: T): WithUnits<T> {
  const named = Object.entries(value).map(([key, inner]: [string, unknown]) => [
    (TIMES as readonly string[]).includes(key) ? `${key}Ms` : key,
    inner,
  ]);
  return Object.fromEntries(named) as WithUnits<T>;
}
