// A segment: a run of consecutive entries with their small records, the same bytes on the wire and on disk (wire §4).
// It never crosses a tile boundary, so that every segment can be verified against one hash of the tree.
//
//   u8  format = 1
//   u48 index of the first entry
//   u16 number of entries, 1 to 256
//   per entry: u16 leaf length, u32 record length or 0xffffffff when the record travels apart, leaf, record

import type { Entry } from './entry.ts';
import { MeshError } from './errors.ts';
import { LIMITS } from './limits.ts';

const FORMAT = 1;
const HEADER_BYTES = 9;
const ENTRY_HEADER_BYTES = 6;
const APART = 0xffff_ffff;

/** An entry as it is stored and sent: its leaf, and its record when that is small. */
export interface Packed {
  readonly leaf: Buffer;
  /** null: the record is fetched by its hash. Empty: the entry has no record. */
  readonly record: Buffer | null;
}

export interface Segment {
  readonly from: number;
  readonly entries: readonly Packed[];
}

/** A segment taken apart, once for all who look at it. */
export interface OpenSegment extends Segment {
  readonly decoded: readonly Entry[];
  /** Hashes of its leaves, of somebody who checked these very bytes before: then nothing in it is hashed again. */
  readonly leaves?: readonly Buffer[] | undefined;
}

const packedBytes = (p: Packed): number =>
  ENTRY_HEADER_BYTES + p.leaf.length + (p.record?.length ?? 0);

/** Index just behind the tile in which `index` stands. */
export const tileEnd = (index: number): number =>
  index - (index % LIMITS.tileHashes) + LIMITS.tileHashes;

/** Cuts a run of entries into segments at tile boundaries and at about {@link LIMITS.segmentBytes}. */
export function packSegments(from: number, entries: readonly Packed[]): Buffer[] {
  const out: Buffer[] = [];
  let start = 0;
  while (start < entries.length) {
    const most = Math.min(entries.length, start + tileEnd(from + start) - (from + start));
    let end = start;
    let size = HEADER_BYTES;
    while (end < most) {
      const next = packedBytes(entries[end]!);
      if (end > start && size + next > LIMITS.segmentBytes) break;
      size += next;
      end++;
    }
    out.push(packOne(from + start, entries, start, end, size));
    start = end;
  }
  return out;
}

/** True for segments behind each other that {@link packSegments} would make of their entries; none of them is taken apart. */
export function arePacked(segments: readonly Buffer[]): boolean {
  return segments.every((bytes, at) => {
    const next = segments[at + 1];
    const isSmall = bytes.length <= LIMITS.segmentBytes || bytes.readUInt16BE(7) === 1;
    return isSmall && (!next || bytes.length + firstBytes(next) > LIMITS.segmentBytes);
  });
}

function firstBytes(segment: Buffer): number {
  const recordBytes = segment.readUInt32BE(HEADER_BYTES + 2);
  const leafBytes = segment.readUInt16BE(HEADER_BYTES);
  return ENTRY_HEADER_BYTES + leafBytes + (recordBytes === APART ? 0 : recordBytes);
}

function packOne(
  from: number,
  entries: readonly Packed[],
  start: number,
  end: number,
  size: number,
): Buffer {
  const out = Buffer.allocUnsafe(size);
  out[0] = FORMAT;
  out.writeUIntBE(from, 1, 6);
  out.writeUInt16BE(end - start, 7);
  let at = HEADER_BYTES;
  for (let i = start; i < end; i++) {
    const { leaf, record } = entries[i]!;
    at = out.writeUInt16BE(leaf.length, at);
    at = out.writeUInt32BE(record === null ? APART : record.length, at);
    out.set(leaf, at);
    at += leaf.length;
    if (record !== null) {
      out.set(record, at);
      at += record.length;
    }
  }
  return out;
}

/** Checks the frame of a segment and gives views into it; leaves and records are still unverified. */
export function decodeSegment(bytes: Uint8Array): Segment {
  if (bytes.length > LIMITS.frameBytes)
    throw new MeshError('TOO_LARGE', 'a segment is above the frame limit');
  const b = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (b.length < HEADER_BYTES || b[0] !== FORMAT) throw new MeshError('MALFORMED', 'not a segment');
  const from = b.readUIntBE(1, 6);
  const count = b.readUInt16BE(7);
  if (count === 0 || from + count > tileEnd(from)) {
    throw new MeshError('NOT_CANONICAL', 'a segment is empty or crosses a tile boundary');
  }
  const entries: Packed[] = [];
  let at = HEADER_BYTES;
  for (let i = 0; i < count; i++) {
    if (at + ENTRY_HEADER_BYTES > b.length)
      throw new MeshError('MALFORMED', 'a segment ends too early');
    const leafLength = b.readUInt16BE(at);
    const recordLength = b.readUInt32BE(at + 2);
    const leafAt = at + ENTRY_HEADER_BYTES;
    const recordAt = leafAt + leafLength;
    at = recordAt + (recordLength === APART ? 0 : recordLength);
    if (leafLength > LIMITS.entryBytes)
      throw new MeshError('TOO_LARGE', 'an entry is above its limit');
    if (recordLength !== APART && recordLength > LIMITS.inlineRecordBytes) {
      throw new MeshError('TOO_LARGE', 'a record beside its entry is above its limit');
    }
    if (at > b.length) throw new MeshError('MALFORMED', 'a segment ends too early');
    entries.push({
      leaf: b.subarray(leafAt, recordAt),
      record: recordLength === APART ? null : b.subarray(recordAt, at),
    });
  }
  if (at !== b.length) throw new MeshError('NOT_CANONICAL', 'bytes after the end of a segment');
  return { from, entries };
}

/** Index and count of a stored segment, without looking at its entries. */
export function segmentRange(bytes: Buffer): { from: number; to: number } {
  const from = bytes.readUIntBE(1, 6);
  return { from, to: from + bytes.readUInt16BE(7) };
}
