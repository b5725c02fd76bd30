// Points in time: whatever the control API gives (ISO text or milliseconds) to one number, and back to text in UTC.

/** Largest number that still is a date. */
const MAX_TIME_MS = 8.64e15;
const DAY_MS = 86_400_000;

/** Milliseconds since 1970, or null when the value is no time. */
export function timeMs(value: unknown): number | null {
  const ms =
    value instanceof Date
      ? value.getTime()
      : typeof value === 'string' && /^\d{4}-\d\d/.test(value)
        ? Date.parse(value)
        : value;
  return typeof ms === 'number' && Math.abs(ms) <= MAX_TIME_MS ? ms : null;
}

/** ISO 8601 in UTC, for machines. */
export function isoTime(value: unknown): string | null {
  const ms = timeMs(value);
  return ms === null ? null : new Date(ms).toISOString();
}

/** The same where there is little room: time of day within a day of now, the day before that, the year when it is long ago. */
export function formatMoment(ms: number, nowMs: number): string {
  const text = formatTime(ms);
  const agoMs = Math.abs(nowMs - ms);
  if (text === '-' || agoMs < DAY_MS) return text.slice(text.indexOf(' ') + 1);
  return agoMs < 300 * DAY_MS ? `${text.slice(5, 16)}Z` : text.slice(0, 10);
}

/** `2026-11-20 10:41:58Z`, for people. */
export function formatTime(ms: number): string {
  const iso = isoTime(ms);
  return iso === null ? '-' : `${iso.slice(0, 10)} ${iso.slice(11, 19)}Z`;
}
