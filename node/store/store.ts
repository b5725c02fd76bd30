// What the rest of a node needs from a database: checked values, atomic batches, ranges in key order.
// Values are never trusted: each carries a checksum, checked on every read (docs/decisions, storage).

import { crc32 } from 'node:zlib';
import { isMeshError, MeshError } from '../../protocols/errors.ts';

export interface Put {
  readonly type: 'put';
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface Del {
  readonly type: 'del';
  readonly key: Buffer;
}

export type Write = Put | Del;

export interface RangeOptions {
  readonly gte?: Buffer;
  readonly gt?: Buffer;
  readonly lt?: Buffer;
  readonly lte?: Buffer;
  readonly reverse?: boolean;
  readonly limit?: number;
  /** Told of rows whose value fails its check, which are then passed over; without it the first one ends the range. */
  readonly onDamaged?: (key: Buffer) => void;
}

export interface Row {
  readonly key: Buffer;
  readonly value: Buffer;
}

export interface WriteOptions {
  readonly sync?: boolean;
  /** The rows can be made anew from others: a store may write them a little later, as long as whoever reads finds them. */
  readonly isDerived?: boolean;
}

export interface Store {
  get(key: Buffer): Promise<Buffer | undefined>;
  /** A row without leaving the event loop. @throws also while the database is being opened again: see {@link getMany} */
  getSync(key: Buffer): Buffer | undefined;
  /** Few rows are read in this turn as well, when the database can be used: they are in memory as a rule. */
  getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]>;
  has(key: Buffer): Promise<boolean>;
  /** All or nothing. With `sync` it is on the disk when the promise resolves; without, it survives a killed process only. */
  write(batch: readonly Write[], options?: WriteOptions): Promise<void>;
  /** All that was written before is on the disk when it resolves: for much that is written without `sync`. */
  flush(): Promise<void>;
  /** Rows in key order, read in pages; breaking out of the loop releases the snapshot. */
  range(options: RangeOptions): AsyncGenerator<Row>;
  /**
   * Called after the database had to be opened again because a write failed: what was held in memory may be behind or
   * ahead of the disk and must be read anew.
   */
  onReopened(listener: () => void): () => void;
  close(): Promise<void>;
}

/** A key as text, one character a byte: texts compare as the bytes do. */
export const nameOf = (key: Buffer): string => key.toString('latin1');

const CHECK_BYTES = 4;

/** CRC-32 of key and value, then the value: finds rot, which no attacker with access to the disk needs to fear or to cause. */
export function sealValue(key: Uint8Array, value: Uint8Array): Buffer {
  return sealInto(Buffer.allocUnsafe(CHECK_BYTES + value.length), key, value);
}

function sealInto(out: Buffer, key: Uint8Array, value: Uint8Array): Buffer {
  out.writeUInt32BE(crc32(value, crc32(key)), 0);
  out.set(value, CHECK_BYTES);
  return out;
}

const SMALL_BYTES = 512;
const scratch = Buffer.allocUnsafeSlow(SMALL_BYTES);
/** Its beginnings, by length. */
const views: Buffer[] = [];

/** The same for whoever copies it at once: the next call may write over it. Rows are small and many as a rule. */
export function sealedForNow(key: Uint8Array, value: Uint8Array): Buffer {
  const length = CHECK_BYTES + value.length;
  if (length > SMALL_BYTES) return sealValue(key, value);
  views[length] ??= scratch.subarray(0, length);
  return sealInto(views[length], key, value);
}

/** The value without its check; a value that does not match its key was damaged at rest. */
export function openValue(key: Uint8Array, sealed: Uint8Array): Buffer {
  const b = Buffer.isBuffer(sealed)
    ? sealed
    : Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length);
  const value = b.subarray(CHECK_BYTES);
  if (b.length < CHECK_BYTES || crc32(value, crc32(key)) !== b.readUInt32BE(0)) {
    const name = Buffer.from(key).toString('hex');
    throw new MeshError('STORE_DAMAGED', `the stored value ${name} fails its check`, {
      detail: { key: name },
    });
  }
  return value;
}

/** A row as a range gives it: undefined when it is damaged and somebody wants to hear of that instead. */
export function openRow(
  key: Buffer,
  sealed: Buffer,
  onDamaged: RangeOptions['onDamaged'],
): Row | undefined {
  try {
    return { key, value: openValue(key, sealed) };
  } catch (error) {
    if (!onDamaged || !isRot(error)) throw error;
    onDamaged(key);
    return undefined;
  }
}

/** True for data that is damaged, in place of a database that cannot be used just now. */
export function isRot(error: unknown): boolean {
  if (!isMeshError(error, 'STORE_DAMAGED') && !isMeshError(error, 'HASH_MISMATCH')) return false;
  const { detail } = error as MeshError;
  return detail !== undefined && ('key' in detail || 'log' in detail || 'isCorrupt' in detail);
}
