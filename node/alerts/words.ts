// How alerts write lengths of time, sizes, and what others wrote: names and errors may hold control characters or run on.

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
] as const;

/** `41 m`, `2 d 4 h`: two units at most, the smaller only where it matters. */
export function inWords(ms: number): string {
  const rounded = Math.max(0, Math.round(ms / 1000) * 1000);
  const index = UNITS.findIndex(([, unitMs]) => rounded >= unitMs);
  if (index < 0) return '0 s';
  const [unit, unitMs] = UNITS[index]!;
  const whole = Math.floor(rounded / unitMs);
  const next = UNITS[index + 1];
  const rest = next && whole < 10 ? Math.floor((rounded % unitMs) / next[1]) : 0;
  return rest === 0 ? `${whole} ${unit}` : `${whole} ${unit} ${rest} ${next![0]}`;
}

export function sizeInWords(bytes: number): string {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const step = Math.min(names.length - 1, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  const value = bytes / 1024 ** step;
  return `${step === 0 ? value : value.toFixed(1)} ${names[step]}`;
}

/** Controls, line breaks, what turns the direction of writing, and what has no width. */
const UNFIT = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]+/gu;

/** One line that changes nothing but its own place, cut to a length. */
export function oneLine(text: string, maxChars: number): string {
  // What is cut away is not looked at: it may be long.
  const clean = text
    .slice(0, maxChars * 4)
    .replaceAll(UNFIT, ' ')
    .trim();
  return clean.length <= maxChars ? clean : `${clean.slice(0, maxChars - 1)}…`;
}
