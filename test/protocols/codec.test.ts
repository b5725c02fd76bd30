import * as dagCbor from '@ipld/dag-cbor';
import fc from 'fast-check';
import { CID } from 'multiformats/cid';
import { create } from 'multiformats/hashes/digest';
import { describe, expect, it } from 'vitest';
import {
  type Cid,
  decode,
  encode,
  isCid,
  Reader,
  type Value,
  Writer,
} from '../../protocols/codec.ts';
import { isMeshError } from '../../protocols/errors.ts';
import { codeOf } from '../certs/fixtures.ts';
import { plain } from '../vectors/plain.ts';

const MAX = 100_000;
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const cid: fc.Arbitrary<Cid> = fc.record({ codec: fc.constantFrom(0x55, 0x71), hash: digest });

const { tree: values } = fc.letrec<{ tree: Value }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, depthSize: 'medium' },
    fc.maxSafeNat(),
    fc.constantFrom(0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32),
    fc.string({ unit: 'binary', maxLength: 30 }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    cid,
    fc.array(tie('tree'), { maxLength: 30 }),
  ),
}));

/** The value as the library writes it and reads it. */
function foreign(value: Value): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return value;
  if (isCid(value)) return CID.createV1(value.codec, create(0x12, value.hash));
  return value.map(foreign);
}

function foreignPlain(value: unknown): unknown {
  const link = CID.asCID(value);
  if (link) return { codec: link.code, hash: plain(link.multihash.digest) };
  return Array.isArray(value) ? value.map(foreignPlain) : plain(value);
}

/** Bytes that nearly are a value: flipped, cut, doubled, or with something put in. */
const nearly = fc
  .tuple(values, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(3))
  .map(([value, at, bits, how]) => {
    const bytes = encode(value);
    const i = at % bytes.length;
    if (how === 0) return Buffer.concat([bytes.subarray(0, i), bytes]);
    if (how === 1) return bytes.subarray(0, i);
    if (how === 2) return Buffer.concat([bytes.subarray(0, i), Buffer.of(bits), bytes.subarray(i)]);
    bytes[i] = bytes[i]! ^ bits;
    return bytes;
  });

/** Whatever is accepted must be the one encoding of its value; everything else is refused by a MeshError. */
function acceptsOnlyCanonical(bytes: Uint8Array): void {
  let value: Value;
  try {
    value = decode(bytes, MAX);
  } catch (error) {
    if (isMeshError(error)) return;
    throw error;
  }
  expect(encode(value)).toEqual(Buffer.from(bytes));
  expect(foreignPlain(dagCbor.decode(bytes))).toEqual(plain(value));
}

describe('strict codec', () => {
  it('writes the bytes that @ipld/dag-cbor writes, and reads them back', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(value);
        expect(bytes).toEqual(Buffer.from(dagCbor.encode(foreign(value))));
        expect(foreignPlain(dagCbor.decode(bytes))).toEqual(plain(value));
        expect(plain(decode(bytes, MAX))).toEqual(plain(value));
      }),
      { numRuns: 1000 },
    );
  });

  it('accepts of mutated bytes only what it would write itself', () => {
    fc.assert(fc.property(nearly, acceptsOnlyCanonical), { numRuns: 5000 });
  });

  it('accepts of any bytes only what it would write itself', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), acceptsOnlyCanonical), {
      numRuns: 20_000,
    });
  });

  it('accepts of all values of two bytes only what it would write itself', () => {
    for (let n = 0; n < 65_536; n++) acceptsOnlyCanonical(Buffer.of(n >> 8, n & 255));
  });

  it('gives byte strings as views into the input', () => {
    const bytes = encode(Buffer.from('abc'));
    const view = decode(bytes, MAX) as Buffer;
    bytes[1] = 0x7a;
    expect(view.toString()).toBe('zbc');
  });

  it.each([
    ['a depth bomb of 64 KB', Buffer.alloc(64_000, 0x81), 'TOO_LARGE'],
    ['a depth bomb of tags', Buffer.alloc(64_000, 0xd8), 'MALFORMED'],
    [
      '100,000 empty arrays',
      Buffer.concat([Buffer.from('9a000186a0', 'hex'), Buffer.alloc(100_000, 0x80)]),
      'TOO_LARGE',
    ],
    [
      '100,000 nulls',
      Buffer.concat([Buffer.from('9a000186a0', 'hex'), Buffer.alloc(100_000, 0xf6)]),
      'TOO_LARGE',
    ],
    ['an array of 2^53 - 1', Buffer.from('9b001fffffffffffff', 'hex'), 'TOO_LARGE'],
    ['bytes of 2^53 - 1', Buffer.from('5b001fffffffffffff', 'hex'), 'TOO_LARGE'],
    ['text of 2^53 - 1', Buffer.from('7b001fffffffffffff', 'hex'), 'TOO_LARGE'],
    ['bytes of 2^64 - 1', Buffer.from('5bffffffffffffffff', 'hex'), 'TOO_LARGE'],
  ])('refuses %s before it makes anything of it', (_, bytes, code) => {
    expect(codeOf(() => decode(bytes, 1_000_000))).toBe(code);
  });

  it('refuses more bytes than its caller allows before it looks at them', () => {
    expect(codeOf(() => decode(Buffer.alloc(11, 0xff), 10))).toBe('TOO_LARGE');
    expect(decode(encode('x'.repeat(8)), 9)).toBe('x'.repeat(8));
  });

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])('never writes %d', (n) => {
    expect(codeOf(() => encode(n))).toBe('MALFORMED');
  });

  it('keeps every reader to its bound', () => {
    const reader = (value: Value) => new Reader(encode(value));
    expect(reader(7).uint(7)).toBe(7);
    expect(codeOf(() => reader(8).uint(7))).toBe('TOO_LARGE');
    expect(codeOf(() => reader('abc').text(2))).toBe('TOO_LARGE');
    expect(codeOf(() => reader(Buffer.alloc(3)).bytes(2))).toBe('TOO_LARGE');
    expect(codeOf(() => reader(Buffer.alloc(3)).bytesOf(4))).toBe('MALFORMED');
    expect(codeOf(() => reader([1, 2, 3]).array(2))).toBe('TOO_LARGE');
    expect(codeOf(() => reader([1, 2, 3]).tuple(2))).toBe('MALFORMED');
    expect(codeOf(() => reader('7').uint())).toBe('MALFORMED');
    expect(reader(null).nothing()).toBe(true);
    expect(reader(0).nothing()).toBe(false);
    expect(new Reader(Buffer.alloc(0)).nothing()).toBe(false);
  });

  it('writes the head of bytes that follow apart as it writes the whole', () => {
    const bytes = Buffer.alloc(300, 5);
    const head = new Writer(1).array(1).bytesHead(300).take();
    expect(Buffer.concat([head, bytes])).toEqual(encode([bytes]));
  });

  it('gives copies, so that a writer can be used again', () => {
    const writer = new Writer(1).text('first');
    const first = writer.take();
    expect(writer.reset().text('other').take()).toEqual(encode('other'));
    expect(first).toEqual(encode('first'));
  });
});
