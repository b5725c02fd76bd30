// Decoded values in the form in which vectors state them: bytes as hex, trees as size and hashes.

import { Frontier } from '../../protocols/merkle.ts';

export interface Vector {
  readonly name: string;
  readonly hex: string;
  /** What the bytes mean; absent when they are refused. */
  readonly value?: unknown;
  /** The code with which they are refused. */
  readonly code?: string;
}

/** Lists stand in their order, fields in any: compare with toEqual. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Frontier) return { size: value.size, hashes: plain(value.hashes) };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, plain(v)]));
}
