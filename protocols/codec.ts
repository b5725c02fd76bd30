// Strict DAG-CBOR without maps, floats or negative numbers: what our wire needs and nothing else.
// Canonical by construction: every value has one encoding, and the reader refuses all others (RFC 8949 §4.2.1,
// IPLD DAG-CBOR). It must not know any message; those are arrays described where they belong.

import { MeshError } from './errors.ts';
import { LIMITS } from './limits.ts';

/** A content id: CIDv1, raw (0x55) or dag-cbor (0x71), SHA-256. */
export interface Cid {
  readonly codec: 0x55 | 0x71;
  /** 32 bytes. */
  readonly hash: Uint8Array;
}

export type Value = number | string | boolean | null | Uint8Array | Cid | readonly Value[];

const RAW = 0x55;
const DAG_CBOR = 0x71;
/** Multibase identity prefix, CID version 1, then codec, sha2-256 (0x12), 32 bytes (0x20). */
const CID_BYTES = 37;

export function isCid(value: Value): value is Cid {
  return typeof value === 'object' && value !== null && 'codec' in value;
}

/** Writes values into one growing buffer. */
export class Writer {
  #buffer: Buffer;
  #at = 0;

  constructor(sizeBytes = 512) {
    this.#buffer = Buffer.allocUnsafe(sizeBytes);
  }

  #reserve(count: number): void {
    if (this.#at + count <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + count));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }

  #head(major: number, value: number): void {
    this.#reserve(9);
    const b = this.#buffer;
    const type = major << 5;
    if (value < 24) {
      b[this.#at++] = type | value;
    } else if (value < 0x100) {
      b[this.#at++] = type | 24;
      b[this.#at++] = value;
    } else if (value < 0x1_0000) {
      b[this.#at++] = type | 25;
      this.#at = b.writeUInt16BE(value, this.#at);
    } else if (value < 0x1_0000_0000) {
      b[this.#at++] = type | 26;
      this.#at = b.writeUInt32BE(value, this.#at);
    } else {
      b[this.#at++] = type | 27;
      this.#at = b.writeUInt32BE(Math.floor(value / 0x1_0000_0000), this.#at);
      this.#at = b.writeUInt32BE(value >>> 0, this.#at);
    }
  }

  uint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new MeshError('MALFORMED', 'not a whole number');
    this.#head(0, value);
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#head(2, value.length);
    this.#reserve(value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
    return this;
  }

  /** Only the head of a byte string whose bytes the caller sends right behind, without a copy. */
  bytesHead(lengthBytes: number): this {
    this.#head(2, lengthBytes);
    return this;
  }

  text(value: string): this {
    const length = Buffer.byteLength(value);
    this.#head(3, length);
    this.#reserve(length);
    this.#at += this.#buffer.write(value, this.#at, 'utf8');
    return this;
  }

  array(length: number): this {
    this.#head(4, length);
    return this;
  }

  nothing(): this {
    this.#reserve(1);
    this.#buffer[this.#at++] = 0xf6;
    return this;
  }

  bool(value: boolean): this {
    this.#reserve(1);
    this.#buffer[this.#at++] = value ? 0xf5 : 0xf4;
    return this;
  }

  cid(value: Cid): this {
    this.#reserve(2);
    this.#buffer[this.#at++] = 0xd8;
    this.#buffer[this.#at++] = 42;
    this.#head(2, CID_BYTES);
    this.#reserve(CID_BYTES);
    const b = this.#buffer;
    b[this.#at++] = 0;
    b[this.#at++] = 1;
    b[this.#at++] = value.codec;
    b[this.#at++] = 0x12;
    b[this.#at++] = 0x20;
    b.set(value.hash, this.#at);
    this.#at += 32;
    return this;
  }

  value(value: Value): this {
    if (typeof value === 'number') return this.uint(value);
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'boolean') return this.bool(value);
    if (value === null) return this.nothing();
    if (value instanceof Uint8Array) return this.bytes(value);
    if (isCid(value)) return this.cid(value);
    this.array(value.length);
    for (const item of value) this.value(item);
    return this;
  }

  /** A copy of what was written; the writer can be used again after {@link reset}. */
  take(): Buffer {
    const out = Buffer.allocUnsafe(this.#at);
    this.#buffer.copy(out, 0, 0, this.#at);
    return out;
  }

  reset(): this {
    this.#at = 0;
    return this;
  }
}

/** Reads values from bytes that nobody vouches for. Byte strings are views into the input, never copies. */
export class Reader {
  readonly #buffer: Buffer;
  #at = 0;
  #items = 0;

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#buffer.length - this.#at;
  }

  #byte(): number {
    const byte = this.#buffer[this.#at++];
    if (byte === undefined) throw new MeshError('MALFORMED', 'CBOR ends too early');
    return byte;
  }

  #argument(info: number): number {
    if (info < 24) return info;
    const b = this.#buffer;
    const at = this.#at;
    const width = info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : info === 27 ? 8 : 0;
    if (width === 0) throw new MeshError('NOT_CANONICAL', 'CBOR of indefinite length');
    if (at + width > b.length) throw new MeshError('MALFORMED', 'CBOR ends too early');
    this.#at += width;
    let value: number;
    let least: number;
    if (width === 1) {
      value = b[at]!;
      least = 24;
    } else if (width === 2) {
      value = b.readUInt16BE(at);
      least = 0x100;
    } else if (width === 4) {
      value = b.readUInt32BE(at);
      least = 0x1_0000;
    } else {
      value = b.readUInt32BE(at) * 0x1_0000_0000 + b.readUInt32BE(at + 4);
      least = 0x1_0000_0000;
    }
    if (value < least)
      throw new MeshError('NOT_CANONICAL', 'CBOR number is not in its shortest form');
    if (!Number.isSafeInteger(value)) throw new MeshError('TOO_LARGE', 'CBOR number is above 2^53');
    return value;
  }

  #expect(major: number, what: string): number {
    const first = this.#byte();
    if (first >> 5 !== major) throw new MeshError('MALFORMED', `expected ${what} in CBOR`);
    return this.#argument(first & 31);
  }

  /** Where a byte string of this length begins, which is read over. */
  #skip(length: number): number {
    const found = this.#expect(2, 'bytes');
    if (found > length) throw new MeshError('TOO_LARGE', `byte string is longer than ${length}`);
    if (found > this.left) throw new MeshError('MALFORMED', 'CBOR ends too early');
    if (found !== length) throw new MeshError('MALFORMED', `byte string is not ${length} long`);
    this.#at += length;
    return this.#at - length;
  }

  #span(length: number): Buffer {
    if (length > this.left) throw new MeshError('MALFORMED', 'CBOR ends too early');
    const out = this.#buffer.subarray(this.#at, this.#at + length);
    this.#at += length;
    return out;
  }

  uint(max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.#expect(0, 'a number');
    if (value > max) throw new MeshError('TOO_LARGE', `number is above ${max}`);
    return value;
  }

  bytes(maxBytes: number): Buffer {
    const length = this.#expect(2, 'bytes');
    if (length > maxBytes)
      throw new MeshError('TOO_LARGE', `byte string is longer than ${maxBytes}`);
    return this.#span(length);
  }

  bytesOf(length: number): Buffer {
    const at = this.#skip(length);
    return this.#buffer.subarray(at, at + length);
  }

  text(maxBytes: number): string {
    const length = this.#expect(3, 'text');
    if (length > maxBytes)
      throw new MeshError('TOO_LARGE', `text is longer than ${maxBytes} bytes`);
    return decodeUtf8(this.#span(length));
  }

  /**
   * Text whose characters its caller checks to be ASCII: bytes above that come out as characters that are not.
   * @param expected given back, and nothing made, when the text is this one
   */
  ascii(maxBytes: number, expected = ''): string {
    const length = this.#expect(3, 'text');
    if (length > maxBytes)
      throw new MeshError('TOO_LARGE', `text is longer than ${maxBytes} bytes`);
    if (length === expected.length && length <= this.left && this.#isNext(expected)) {
      this.#at += length;
      return expected;
    }
    return this.#span(length).toString('latin1');
  }

  #isNext(text: string): boolean {
    for (let i = 0; i < text.length; i++)
      if (this.#buffer[this.#at + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** {@link bytesOf} as many as there are in `expected`, which is given back, and nothing made, when they are the same. */
  bytesLike(expected: Buffer): Buffer {
    const at = this.#at;
    if (this.#expect(2, 'bytes') === expected.length && this.left >= expected.length) {
      let i = 0;
      while (i < expected.length && this.#buffer[this.#at + i] === expected[i]) i++;
      if (i === expected.length) {
        this.#at += i;
        return expected;
      }
    }
    this.#at = at;
    return this.bytesOf(expected.length);
  }

  array(maxItems: number): number {
    const length = this.#expect(4, 'an array');
    if (length > maxItems)
      throw new MeshError('TOO_LARGE', `array has more than ${maxItems} items`);
    return length;
  }

  tuple(length: number): void {
    if (this.#expect(4, 'an array') !== length) {
      throw new MeshError('MALFORMED', `array does not have ${length} items`);
    }
  }

  /** True and consumed when the next value is null. */
  nothing(): boolean {
    if (this.#buffer[this.#at] !== 0xf6) return false;
    this.#at++;
    return true;
  }

  cid(): Cid {
    if (this.#byte() !== 0xd8 || this.#byte() !== 42) {
      throw new MeshError('MALFORMED', 'expected a CID in CBOR');
    }
    const b = this.#buffer;
    const at = this.#skip(CID_BYTES);
    const codec = b[at + 2];
    if (b[at] !== 0 || b[at + 1] !== 1 || b[at + 3] !== 0x12 || b[at + 4] !== 0x20) {
      throw new MeshError('MALFORMED', 'only CIDv1 with SHA-256 is accepted');
    }
    if (codec !== RAW && codec !== DAG_CBOR)
      throw new MeshError('MALFORMED', 'unknown codec in a CID');
    return { codec, hash: b.subarray(at + 5, at + CID_BYTES) };
  }

  value(depth = 0): Value {
    if (depth > LIMITS.cborDepth) throw new MeshError('TOO_LARGE', 'CBOR is nested too deeply');
    if (++this.#items > LIMITS.cborItems)
      throw new MeshError('TOO_LARGE', 'CBOR has too many items');
    const first = this.#buffer[this.#at];
    if (first === undefined) throw new MeshError('MALFORMED', 'CBOR ends too early');
    switch (first >> 5) {
      case 0:
        return this.uint();
      case 2:
        return this.bytes(this.left);
      case 3:
        return this.text(this.left);
      case 4: {
        const length = this.array(this.left);
        const out: Value[] = [];
        for (let i = 0; i < length; i++) out.push(this.value(depth + 1));
        return out;
      }
      case 6:
        return this.cid();
      default:
        this.#at++;
        if (first === 0xf4) return false;
        if (first === 0xf5) return true;
        if (first === 0xf6) return null;
        throw new MeshError('MALFORMED', 'CBOR type is not used here');
    }
  }

  end(): void {
    if (this.left !== 0)
      throw new MeshError('NOT_CANONICAL', 'bytes after the end of the CBOR value');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** UTF-8 to text, refusing anything that is not UTF-8; a byte-order mark stays a character. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new MeshError('MALFORMED', 'text is not UTF-8', { cause });
  }
}

export function encode(value: Value): Buffer {
  return new Writer().value(value).take();
}

/** Decodes exactly one value of at most `maxBytes`; nothing may follow it. */
export function decode(bytes: Uint8Array, maxBytes: number): Value {
  if (bytes.length > maxBytes)
    throw new MeshError('TOO_LARGE', `${bytes.length} bytes are more than ${maxBytes}`);
  const reader = new Reader(bytes);
  const value = reader.value();
  reader.end();
  return value;
}
