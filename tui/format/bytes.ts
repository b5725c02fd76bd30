// Sizes as people read and type them: `41 KiB`, `1.2 MiB` out, `500`, `64KiB`, `10MB` in.

import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes)) return '-';
  if (bytes < 0) return `-${formatBytes(-bytes)}`;
  let value = bytes;
  let unit = 0;
  while (value >= 1023.5 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit > 0 && value < 9.95 ? 1 : 0;
  return `${Number(value.toFixed(digits))} ${UNITS[unit]}`;
}

const FACTORS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

export function parseBytes(text: string): number {
  const match = /^\s*(\d{1,15}(?:\.\d{1,3})?)\s*([a-z]{0,3})\s*$/i.exec(text);
  const factor = match === null ? undefined : FACTORS[match[2]!.toLowerCase()];
  const bytes = Math.round(Number(match?.[1]) * (factor ?? Number.NaN));
  if (!Number.isSafeInteger(bytes)) {
    throw new MeshError('USAGE', `${quote(text)} is not a size`, {
      next: 'Write it like 500, 64KiB, 10MB or 1.5GiB.',
    });
  }
  return bytes;
}
