// The small rows of a feed's counts as bytes: the cursor, what an item adds, and why an entry is not counted.

import { Reader, Writer } from '../../protocols/codec.ts';
import { type Code, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { indexOfKey } from '../store/keys.ts';
import type { Row } from '../store/store.ts';
import type { Group, Held, Uncounted } from './counted.ts';
import { decodeShare, encodeShare } from './sums.ts';

/** How far the counts are. */
export interface CountCursor {
  /** Entries of the log that were looked at. */
  readonly next: number;
  /** Leaf hash of the last of them: another history of the same length is not taken for this one. */
  readonly tail: Buffer;
  readonly counted: number;
  readonly uncounted: number;
}

/** Rows of another form are made again. */
const FORMAT = 1;

export function encodeCursor({ next, tail, counted, uncounted }: CountCursor): Buffer {
  return new Writer()
    .array(5)
    .uint(FORMAT)
    .uint(next)
    .bytes(tail)
    .uint(counted)
    .uint(uncounted)
    .take();
}

/** Undefined when it was written by a version that counted otherwise. */
export function decodeCursor(bytes: Buffer): CountCursor | undefined {
  const r = new Reader(bytes);
  r.tuple(5);
  if (r.uint() !== FORMAT) return undefined;
  return { next: r.uint(), tail: r.bytesOf(32), counted: r.uint(), uncounted: r.uint() };
}

const INDEX_BYTES = 6;
const TIMED_BYTES = 12;

export function encodeHeld({ index, counted }: Held): Buffer {
  const head = Buffer.alloc(counted ? TIMED_BYTES : INDEX_BYTES);
  head.writeUIntBE(index, 0, 6);
  if (!counted) return head;
  head.writeUIntBE(counted.timeMs, INDEX_BYTES, 6);
  return counted.share ? Buffer.concat([head, encodeShare(counted.share)]) : head;
}

export function decodeHeld(bytes: Buffer): Held {
  if (bytes.length < INDEX_BYTES)
    throw new MeshError('STORE_DAMAGED', 'what an item adds has an impossible length');
  const index = bytes.readUIntBE(0, 6);
  if (bytes.length < TIMED_BYTES) return { index, counted: null };
  const timeMs = bytes.readUIntBE(INDEX_BYTES, 6);
  const rest = bytes.subarray(TIMED_BYTES);
  return { index, counted: { timeMs, share: rest.length > 0 ? decodeShare(rest) : undefined } };
}

export function encodeRefusal({ code, message }: MeshError): Buffer {
  return new Writer().array(2).text(code).text(message.slice(0, 300)).take();
}

export function decodeUncounted({ key, value }: Row): Uncounted {
  const r = new Reader(value);
  r.tuple(2);
  return {
    index: indexOfKey(key),
    code: r.text(64) as Code,
    message: r.text(LIMITS.refusalBytes),
  };
}

export function encodeGroup({ project, environment }: Group): Buffer {
  return new Writer().array(2).text(project).text(environment).take();
}

export function decodeGroup(bytes: Buffer): Group {
  const r = new Reader(bytes);
  r.tuple(2);
  return { project: r.text(LIMITS.reportBytes), environment: r.text(LIMITS.reportBytes) };
}
