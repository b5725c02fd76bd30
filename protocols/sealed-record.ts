// Sealed records: what an entry of a sealed feed points at (wire §5). Header and one chunk hold the record with its names;
// the content of a large file stands beside it in chunks, whose hashes are in the open so that anybody can check and carry it.

import { hkdfSync } from 'node:crypto';
import { type Cid, Reader, Writer } from './codec.ts';
import { parseEnvelope, parseEvent } from './envelope.ts';
import { MeshError } from './errors.ts';
import { LIMITS } from './limits.ts';
import {
  type Attachment,
  type Body,
  decodeAttachment,
  hashesAtTop,
  rawCid,
  splitHashes,
  structCid,
} from './record.ts';
import { contentKey, openChunk, sealChunk, type Tail } from './sealed-content.ts';
import { type SealScope, sealedRecordInfo } from './signable.ts';

export const SEALED_EVENT = 'SealedV1Event';
const MAGIC = Buffer.from('ODR1');
const HEADER_BYTES = 44;
const SUITE = 1;
const SEALED = 1;
const CHUNKED = 2;
const MANIFEST = 2;
const RAW = 0x55;
const STEPS = [256, 1024, 4096, 16_384];
const NONE = Buffer.alloc(0);

/** What is inside: a record as it would be in an open feed, or the event of a file with the key of its chunks. */
export interface WholeInner<Form extends 'event' | 'file'> {
  readonly form: Form;
  readonly record: Buffer;
}

export interface ChunkedInner {
  readonly form: 'chunked';
  readonly envelope: Buffer;
  readonly sizeBytes: number;
  readonly sha256: Buffer;
  readonly fileKey: Buffer;
  readonly tail: Tail;
}

export type Inner = WholeInner<'event'> | WholeInner<'file'> | ChunkedInner;

const FORMS = { event: 1, file: 2, chunked: 3 } as const;

/** Lengths that sealed things may have: 256 B, 1, 4, 16 KiB, then Padmé (at most 12 % more). */
export function paddedBytes(length: number): number {
  const step = STEPS.find((bytes) => length <= bytes);
  if (step !== undefined) return step;
  const exponent = Math.floor(Math.log2(length));
  const unit = 2 ** (exponent - Math.floor(Math.log2(exponent)) - 1);
  return Math.ceil(length / unit) * unit;
}

export interface SealKey {
  readonly scope: SealScope;
  readonly epoch: number;
  readonly key: Uint8Array;
}

export interface SealedRecord {
  readonly cid: Cid;
  readonly bytes: Buffer;
  /** What the entry says: nothing of it tells the length of the content. */
  readonly sizeBytes: number;
}

/** @param nonce 16 random bytes, used for this record only */
export function sealRecord(seal: SealKey, inner: Inner, nonce: Uint8Array): SealedRecord {
  const tail = inner.form === 'chunked' ? inner.tail : undefined;
  const header = encodeHeader(seal, tail !== undefined, nonce);
  const plain = encodeInner(inner);
  const aad = tail ? encodeTail(tail) : NONE;
  const chunk = sealChunk(recordKey(seal, header), 0, true, plain, aad);
  const head = Buffer.concat([header, chunk]);
  if (!tail) return { cid: rawCid(head), bytes: head, sizeBytes: plain.length };
  const { sizeBytes, depth, hashes } = tail;
  const w = new Writer(head.length + hashes.length * 32 + 64).array(5).uint(MANIFEST).bytes(head);
  const bytes = w.uint(sizeBytes).uint(depth).bytes(Buffer.concat(hashes)).take();
  return { cid: structCid(bytes), bytes, sizeBytes };
}

/**
 * What is inside a record that hashes to its CID.
 * @throws SEAL_BROKEN when it was not sealed with this key for this place, or was changed; MALFORMED
 */
export function openInner(seal: SealKey, cid: Cid, bytes: Buffer): Inner {
  const { head, tail } =
    cid.codec === RAW ? { head: bytes, tail: undefined } : decodeManifest(bytes);
  const header = head.subarray(0, HEADER_BYTES);
  checkHeader(seal, header, tail !== undefined);
  const aad = tail ? encodeTail(tail) : NONE;
  const chunk = head.subarray(HEADER_BYTES);
  return decodeInner(openChunk(recordKey(seal, header), 0, true, chunk, aad), tail);
}

/** The record inside, taken apart as {@link decodeRecord} does with those of open feeds. */
export function bodyOfInner(scope: SealScope, inner: Inner): Body {
  if (inner.form === 'event') return { kind: 'event', ...parseEvent(inner.record) };
  const attachment =
    inner.form === 'chunked' ? chunkedAttachment(scope, inner) : decodeAttachment(inner.record);
  return { kind: 'attachment', envelope: parseEnvelope(attachment.envelope), attachment };
}

function chunkedAttachment(scope: SealScope, inner: ChunkedInner): Attachment {
  const { envelope, sizeBytes, sha256, fileKey, tail } = inner;
  const { depth, hashes } = tail;
  const seal = { sizeBytes: tail.sizeBytes, key: contentKey(scope, fileKey) };
  return { envelope, sizeBytes, sha256, content: { depth, hashes, seal } };
}

/** True for bytes that begin as sealed records do. */
export const isSealed = (bytes: Uint8Array): boolean =>
  bytes.length > HEADER_BYTES && MAGIC.equals(bytes.subarray(0, MAGIC.length));

/** The tree of chunks that any record names, open or sealed; undefined when it names none. Needs no key. */
export function treeOf(record: Uint8Array): Pick<Tail, 'depth' | 'hashes'> | undefined {
  if (isManifest(record)) return decodeManifest(record).tail;
  // Sealed as a whole: a small file, or an event, with nothing beside it.
  if (isSealed(record)) return undefined;
  const { content } = decodeAttachment(record);
  return 'inline' in content ? undefined : content;
}

const isManifest = (record: Uint8Array): boolean => record[0] === 0x85 && record[1] === MANIFEST;

function decodeManifest(bytes: Uint8Array): { head: Buffer; tail: Tail } {
  if (bytes.length > LIMITS.blockBytes)
    throw new MeshError('TOO_LARGE', 'a sealed record is above the block limit');
  const r = new Reader(bytes);
  r.tuple(5);
  if (r.uint() !== MANIFEST) throw new MeshError('MALFORMED', 'unknown format of a sealed record');
  const head = r.bytes(LIMITS.blockBytes);
  const sizeBytes = r.uint(LIMITS.objectBytes);
  const depth = r.uint(LIMITS.manifestDepth);
  const hashes = splitHashes(r.bytes(LIMITS.manifestFanout * 32));
  r.end();
  const want = hashesAtTop(sizeBytes);
  const isOfItsSize = paddedBytes(sizeBytes) === sizeBytes && sizeBytes > LIMITS.inlineContentBytes;
  if (!isOfItsSize || depth !== want.depth || hashes.length !== want.count)
    throw new MeshError('NOT_CANONICAL', 'a sealed record names other chunks than its size needs');
  return { head, tail: { sizeBytes, depth, hashes } };
}

function encodeTail({ sizeBytes, depth, hashes }: Tail): Buffer {
  const w = new Writer(hashes.length * 32 + 32).array(3).uint(sizeBytes).uint(depth);
  return w.bytes(Buffer.concat(hashes)).take();
}

function encodeHeader({ scope, epoch }: SealKey, isChunked: boolean, nonce: Uint8Array): Buffer {
  if (nonce.length !== 16) throw new MeshError('MALFORMED', 'a nonce is not 16 bytes');
  const header = Buffer.alloc(HEADER_BYTES);
  header.set(MAGIC, 0);
  header[4] = SUITE;
  header[5] = SEALED | (isChunked ? CHUNKED : 0);
  header.set(scope.feed, 8);
  header.writeUInt32BE(epoch, 24);
  header.set(nonce, 28);
  return header;
}

/** All of it is under the tag as well; looked at first, so that a record of another place costs no key. */
function checkHeader(seal: SealKey, header: Buffer, isChunked: boolean): void {
  const nonce = header.subarray(28);
  if (nonce.length !== 16 || !header.equals(encodeHeader(seal, isChunked, nonce)))
    throw new MeshError('SEAL_BROKEN', 'a record was sealed for another feed or epoch');
}

function recordKey({ scope, key }: SealKey, header: Buffer): Buffer {
  const salt = header.subarray(28);
  return Buffer.from(hkdfSync('sha256', key, salt, sealedRecordInfo(scope, header), 32));
}

function encodeInner(inner: Inner): Buffer {
  const record = inner.form === 'chunked' ? encodeChunkedInner(inner) : inner.record;
  const plain = Buffer.alloc(paddedBytes(5 + record.length));
  plain[0] = FORMS[inner.form];
  plain.writeUInt32BE(record.length, 1);
  plain.set(record, 5);
  if (plain.length > LIMITS.chunkBytes)
    throw new MeshError('TOO_LARGE', 'a record is too large to be sealed as one');
  return plain;
}

function encodeChunkedInner(inner: ChunkedInner): Buffer {
  const w = new Writer(inner.envelope.length + 128).array(4).bytes(inner.envelope);
  return w.uint(inner.sizeBytes).bytes(inner.sha256).bytes(inner.fileKey).take();
}

function decodeInner(plain: Buffer, tail: Tail | undefined): Inner {
  const length = plain.length < 5 ? -1 : plain.readUInt32BE(1);
  if (length < 0 || paddedBytes(5 + length) !== plain.length)
    throw new MeshError('NOT_CANONICAL', 'a sealed record is padded otherwise');
  if (plain.subarray(5 + length).some((byte) => byte !== 0))
    throw new MeshError('NOT_CANONICAL', 'the padding of a sealed record is not zeros');
  const record = plain.subarray(5, 5 + length);
  if (plain[0] === FORMS.chunked && tail) return decodeChunkedInner(record, tail);
  if (plain[0] === FORMS.event && !tail) return { form: 'event', record };
  if (plain[0] === FORMS.file && !tail) return { form: 'file', record };
  throw new MeshError('MALFORMED', 'a sealed record of an unknown form');
}

function decodeChunkedInner(record: Buffer, tail: Tail): Inner {
  const r = new Reader(record);
  r.tuple(4);
  const envelope = r.bytes(LIMITS.envelopeBytes);
  const sizeBytes = r.uint(LIMITS.objectBytes);
  const [sha256, fileKey] = [r.bytesOf(32), r.bytesOf(32)];
  r.end();
  if (sizeBytes <= LIMITS.inlineContentBytes || paddedBytes(sizeBytes) !== tail.sizeBytes)
    throw new MeshError('NOT_CANONICAL', 'content of this size is sealed otherwise');
  return { form: 'chunked', envelope, sizeBytes, sha256, fileKey, tail };
}
