// CAR version 1 (ipld.io/specs/transport/car/carv1), the strict part that bundles are made of: one root, CIDv1 with SHA-256,
// no block twice, no byte behind the last. Reads and writes as a stream. Which blocks may come is not known here.

import { hash as digest } from 'node:crypto';
import type { Cid } from '../codec.ts';
import { MeshError } from '../errors.ts';
import { LIMITS } from '../limits.ts';

export interface Block {
  readonly cid: Cid;
  readonly bytes: Buffer;
  /** Where its bytes begin in the CAR. */
  readonly at: number;
}

const CID_BYTES = 36;
/** `{ "roots": [ CID ], "version": 1 }` in DAG-CBOR has one form; behind these bytes stands the CID, and then the version. */
const HEADER_BEGIN = Buffer.from('a265726f6f747381d82a582500', 'hex');
const HEADER_END = Buffer.from('6776657273696f6e01', 'hex');
const HEADER_BYTES = HEADER_BEGIN.length + CID_BYTES + HEADER_END.length;

function cidBytes({ codec, hash }: Cid): Buffer {
  const out = Buffer.allocUnsafe(CID_BYTES);
  out[0] = 0x01;
  out[1] = codec;
  out[2] = 0x12;
  out[3] = 0x20;
  out.set(hash, 4);
  return out;
}

function readCid(bytes: Buffer): Cid {
  const codec = bytes[1];
  if (
    bytes[0] !== 0x01 ||
    bytes[2] !== 0x12 ||
    bytes[3] !== 0x20 ||
    (codec !== 0x55 && codec !== 0x71)
  )
    throw new MeshError('MALFORMED', 'a block of a CAR has a CID that is not ours');
  return { codec, hash: bytes.subarray(4, CID_BYTES) };
}

/** Unsigned LEB128 in its shortest form. */
function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out.push((rest % 0x80) | 0x80);
  out.push(rest);
  return Buffer.from(out);
}

export function carHeader(root: Cid): Buffer {
  return Buffer.concat([varint(HEADER_BYTES), HEADER_BEGIN, cidBytes(root), HEADER_END]);
}

/** What stands before the bytes of a block. */
export function sectionHead(cid: Cid, sizeBytes: number): Buffer {
  return Buffer.concat([varint(CID_BYTES + sizeBytes), cidBytes(cid)]);
}

/**
 * The blocks of a CAR in their order, each checked against its CID. Holds one section and one piece of the source at a time;
 * bytes of a block are valid until the next one is asked for.
 * @throws TOO_LARGE, MALFORMED, NOT_CANONICAL, HASH_MISMATCH
 */
export async function* readCar(
  source: AsyncIterable<Uint8Array>,
  root: Cid,
): AsyncGenerator<Block, void, undefined> {
  const input = new Pieces(source);
  const headerBytes = await input.varint(LIMITS.carHeaderBytes);
  if (headerBytes === undefined || headerBytes !== HEADER_BYTES)
    throw new MeshError('MALFORMED', 'the header of a CAR is not one with a single root');
  const header = await input.take(HEADER_BYTES);
  if (!carHeader(root).subarray(1).equals(header))
    throw new MeshError(
      'MALFORMED',
      'the header of a CAR names another root, or is written in another way',
    );
  for (;;) {
    const sizeBytes = await input.varint(LIMITS.carSectionBytes);
    if (sizeBytes === undefined) return;
    if (sizeBytes < CID_BYTES) throw new MeshError('MALFORMED', 'a section of a CAR has no CID');
    const section = await input.take(sizeBytes);
    const cid = readCid(section);
    const bytes = section.subarray(CID_BYTES);
    if (digest('sha256', bytes, 'hex') !== Buffer.from(cid.hash).toString('hex'))
      throw new MeshError('HASH_MISMATCH', 'a block of a CAR is not what its CID promises');
    yield { cid, bytes, at: input.at - bytes.length };
  }
}

/** A stream of pieces, read in runs of bytes. */
class Pieces {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);
  /** Bytes taken so far. */
  at = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next piece, when nothing is left of the last one. False at the end of the source. */
  async #more(): Promise<boolean> {
    const { done, value } = await this.#source.next();
    if (done) return false;
    this.#held = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return true;
  }

  async take(count: number): Promise<Buffer> {
    if (this.#held.length >= count) return this.#cut(count);
    // Only what lies across two pieces is copied.
    const out = Buffer.allocUnsafe(count);
    for (let at = 0; at < count; ) {
      if (this.#held.length === 0 && !(await this.#more()))
        throw new MeshError('MALFORMED', 'a CAR ends too early');
      at += this.#cut(Math.min(count - at, this.#held.length)).copy(out, at);
    }
    return out;
  }

  #cut(count: number): Buffer {
    const out = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    this.at += count;
    return out;
  }

  /** Undefined at the end of the source. */
  async varint(most: number): Promise<number | undefined> {
    while (this.#held.length === 0) if (!(await this.#more())) return undefined;
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = (this.#held.length > 0 ? this.#cut(1) : await this.take(1))[0]!;
      value += (byte & 0x7f) * scale;
      if (value > most || scale > most)
        throw new MeshError('TOO_LARGE', 'a section of a CAR is above its limit');
      if (byte >= 0x80) continue;
      if (byte === 0 && scale > 1)
        throw new MeshError('NOT_CANONICAL', 'a length in a CAR is not in its shortest form');
      return value;
    }
  }
}
