// JSON whose bytes are signed or hashed: accepted only when writing it again gives the same bytes. That settles field
// order, spacing, escapes, duplicates, unknown fields and number forms at once. Readers name the field they refuse.

import { MeshError } from './errors.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

export interface CanonicalForm<T> {
  /** What the bytes are, for messages: "root metadata". */
  readonly what: string;
  readonly maxBytes: number;
  readonly read: (value: JsonObject) => T;
  readonly encode: (value: T) => Uint8Array;
}

/** Size first, then UTF-8, JSON, fields, and last the comparison with the one canonical encoding. */
export function decodeCanonical<T>(bytes: Uint8Array, form: CanonicalForm<T>): T {
  if (bytes.length > form.maxBytes) {
    throw new MeshError('TOO_LARGE', `${form.what} is larger than ${form.maxBytes} bytes`);
  }
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (cause) {
    throw new MeshError('MALFORMED', `${form.what} is not UTF-8 JSON`, { cause });
  }
  const typed = form.read(asObject(value, form.what));
  if (Buffer.compare(form.encode(typed), bytes) !== 0) {
    throw new MeshError('NOT_CANONICAL', `${form.what} is not in its canonical form`);
  }
  return typed;
}

export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MeshError('MALFORMED', `${what} is not an object`);
  }
  return value as JsonObject;
}

/** Text that fits the pattern as a whole: patterns carry their own anchors and bounds. */
export function asText(value: unknown, pattern: RegExp, what: string): string {
  if (typeof value !== 'string' || !pattern.test(value)) {
    throw new MeshError('MALFORMED', `${what} is not of the promised form`);
  }
  return value;
}

export function asCount(value: unknown, max: number, what: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max) {
    throw new MeshError('MALFORMED', `${what} is not a whole number from 1 to ${max}`);
  }
  return value;
}

/** Base64 of exactly `length` bytes, or of any number when no length is given. */
export function asBase64(value: unknown, what: string, length?: number): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
  if (bytes === undefined || (length !== undefined && bytes.length !== length)) {
    throw new MeshError('MALFORMED', `${what} is not base64 of the promised length`);
  }
  return bytes;
}

export function asList<T>(
  value: unknown,
  max: number,
  what: string,
  read: (value: unknown) => T,
): T[] {
  if (!Array.isArray(value) || value.length > max) {
    throw new MeshError('MALFORMED', `${what} is not a list of at most ${max}`);
  }
  return value.map(read);
}
