// Records: what an entry points at (wire §5). An event alone is its envelope as raw bytes. A file is an attachment:
// the envelope, the size and hash of the content, and the content itself or the hashes of its 64 KiB chunks.

import { type Cid, Reader, Writer } from './codec.ts';
import { type Envelope, type ParsedEvent, parseEnvelope, parseEvent } from './envelope.ts';
import { MeshError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { sha256 } from './merkle.ts';

const FORMAT = 1;

export const rawCid = (bytes: Uint8Array): Cid => ({ codec: 0x55, hash: sha256(bytes) });
export const structCid = (bytes: Uint8Array): Cid => ({ codec: 0x71, hash: sha256(bytes) });

/** What opens the chunks of a sealed file, and the length of all of them before they were sealed (sealed-content.ts). */
export interface ContentSeal {
  readonly sizeBytes: number;
  readonly key: Buffer;
}

/** Where the content of an attachment is: with it, or in chunks under `depth` levels of index blocks. */
export type Content =
  | { readonly inline: Buffer }
  | {
      readonly depth: number;
      readonly hashes: readonly Buffer[];
      /** Present when the chunks are sealed. */
      readonly seal?: ContentSeal;
    };

export interface Attachment {
  readonly envelope: Buffer;
  readonly sizeBytes: number;
  /** SHA-256 of the whole content, so that `sha256sum` of the file tells whether it is the same. */
  readonly sha256: Buffer;
  readonly content: Content;
}

export type Body =
  | ({ readonly kind: 'event' } & ParsedEvent)
  | { readonly kind: 'attachment'; readonly envelope: Envelope; readonly attachment: Attachment };

export function encodeAttachment(a: Attachment): Buffer {
  const w = new Writer(1024)
    .array(5)
    .uint(FORMAT)
    .bytes(a.envelope)
    .uint(a.sizeBytes)
    .bytes(a.sha256);
  if ('inline' in a.content) {
    w.bytes(a.content.inline);
  } else if (a.content.seal) {
    throw new MeshError('MALFORMED', 'sealed content has no place in an open record');
  } else {
    w.array(2).uint(a.content.depth).bytes(Buffer.concat(a.content.hashes));
  }
  return w.take();
}

export function decodeAttachment(bytes: Uint8Array): Attachment {
  if (bytes.length > LIMITS.blockBytes)
    throw new MeshError('TOO_LARGE', 'a record is above the block limit');
  const r = new Reader(bytes);
  r.tuple(5);
  if (r.uint() !== FORMAT) throw new MeshError('MALFORMED', 'unknown format of a record');
  const envelope = r.bytes(LIMITS.envelopeBytes);
  const sizeBytes = r.uint(LIMITS.objectBytes);
  const hash = r.bytesOf(32);
  // A byte string has major type 2, an array major type 4: the first byte tells which form follows.
  const isInline = (bytes[r.at] ?? 0) >> 5 === 2;
  const content = isInline ? { inline: r.bytes(r.left) } : decodeChunked(r);
  r.end();
  if (isInline !== sizeBytes <= LIMITS.inlineContentBytes) {
    throw new MeshError('NOT_CANONICAL', 'content of this size stands elsewhere in a record');
  }
  if ('inline' in content) {
    if (content.inline.length !== sizeBytes)
      throw new MeshError('MALFORMED', 'size of a record is wrong');
    if (!sha256(content.inline).equals(hash))
      throw new MeshError('HASH_MISMATCH', 'content of a record');
  } else {
    const want = hashesAtTop(sizeBytes);
    if (content.depth !== want.depth || content.hashes.length !== want.count) {
      throw new MeshError('NOT_CANONICAL', 'a record names other chunks than its size needs');
    }
  }
  return { envelope, sizeBytes, sha256: hash, content };
}

function decodeChunked(r: Reader): { depth: number; hashes: Buffer[] } {
  r.tuple(2);
  const depth = r.uint(LIMITS.manifestDepth);
  return { depth, hashes: splitHashes(r.bytes(LIMITS.manifestFanout * 32)) };
}

export function splitHashes(bytes: Buffer): Buffer[] {
  if (bytes.length % 32 !== 0) throw new MeshError('MALFORMED', 'a list of hashes is cut');
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += 32) out.push(bytes.subarray(at, at + 32));
  return out;
}

export const chunkCount = (sizeBytes: number): number => Math.ceil(sizeBytes / LIMITS.chunkBytes);

/** How many hashes stand in the record itself, and how many levels of index lie between them and the chunks. */
export function hashesAtTop(sizeBytes: number): { depth: number; count: number } {
  let count = chunkCount(sizeBytes);
  let depth = 0;
  while (count > LIMITS.manifestFanout) {
    count = Math.ceil(count / LIMITS.manifestFanout);
    depth++;
  }
  return { depth, count };
}

/** An index block: the hashes of the next level, nothing else. */
export function encodeIndex(hashes: readonly Buffer[]): Buffer {
  return new Writer(hashes.length * 32 + 16)
    .array(2)
    .uint(FORMAT)
    .bytes(Buffer.concat(hashes))
    .take();
}

export function decodeIndex(bytes: Uint8Array): Buffer[] {
  const r = new Reader(bytes);
  r.tuple(2);
  if (r.uint() !== FORMAT) throw new MeshError('MALFORMED', 'unknown format of an index block');
  const hashes = splitHashes(r.bytes(LIMITS.manifestFanout * 32));
  r.end();
  if (hashes.length === 0) throw new MeshError('MALFORMED', 'an index block without hashes');
  return hashes;
}

/** The record of an entry, checked against its CID and taken apart. */
export function decodeRecord(cid: Cid, bytes: Buffer): Body {
  if (cid.codec === 0x55) {
    const { envelope, content } = parseEvent(bytes);
    return { kind: 'event', envelope, content };
  }
  const attachment = decodeAttachment(bytes);
  return { kind: 'attachment', envelope: parseEnvelope(attachment.envelope), attachment };
}

export function verifyBlock(cid: Cid, bytes: Uint8Array): void {
  if (bytes.length > LIMITS.blockBytes)
    throw new MeshError('TOO_LARGE', 'a block is above its limit');
  if (!sha256(bytes).equals(cid.hash))
    throw new MeshError('HASH_MISMATCH', 'a block is not what its hash promises');
}
