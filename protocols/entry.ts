// A feed entry: the leaf of a log, an array of exactly 12 fields (wire §3).
// Encoding and decoding are written out by hand because this is the one structure handled by the million.

import { type Cid, Reader, Writer } from './codec.ts';
import { MeshError } from './errors.ts';
import { quote } from './ids.ts';
import { LIMITS } from './limits.ts';

/** APPEND ONLY. These numbers are on the wire. */
export const KIND = {
  publish: 1,
  supersede: 2,
  withdraw: 3,
  shareKeyEpoch: 4,
  receipt: 5,
  note: 6,
  keyChange: 7,
  closeLog: 8,
} as const;

export type Kind = (typeof KIND)[keyof typeof KIND];

export interface Entry {
  readonly kind: Kind;
  /** Event type, ASCII: `VariableSetPublishedV1Event`. */
  readonly event: string;
  /** 16 random bytes that stand for the item; never a name. */
  readonly item: Uint8Array;
  /** 1, 2, 3 … per item. */
  readonly version: number;
  /** Advisory; order is the index. */
  readonly timeMs: number;
  /** Feed id, 16 bytes; null in the directory log. */
  readonly feed: Uint8Array | null;
  /** Key epoch of a sealed record. */
  readonly keyEpoch: number | null;
  readonly record: Cid | null;
  /** Total bytes of the record with all its chunks. */
  readonly sizeBytes: number;
  /** Index of the previous version of this item. */
  readonly prev: number | null;
  /** Seconds since 1970 after which caches may drop the record. */
  readonly expiresS: number | null;
}

const FORMAT = 1;
/** The last instant that a Date can show (ECMA-262): a later one would break whoever prints it. */
const MAX_TIME_MS = 8_640_000_000_000_000;
const EVENT = /^[A-Za-z0-9.]{1,64}$/;
const writer = new Writer(LIMITS.entryBytes);
/** Event of the entry that was made last: the next mostly has the same. */
let lastMade: string | undefined;

/** Canonical leaf bytes. What {@link decodeEntry} would refuse is never made: once signed it would stop the log. */
export function encodeEntry(e: Entry): Buffer {
  const isSound =
    (e.event === lastMade || EVENT.test(e.event)) &&
    e.item.length === 16 &&
    (e.feed === null || e.feed.length === 16) &&
    (e.record === null || e.record.hash.length === 32) &&
    e.version > 0 &&
    e.timeMs <= MAX_TIME_MS &&
    e.sizeBytes <= LIMITS.objectBytes;
  if (!isSound) throw new MeshError('EVENT_INVALID', `no entry can be made of ${quote(e.event)}`);
  lastMade = e.event;
  const w = writer.reset().array(12).uint(FORMAT).uint(e.kind).text(e.event).bytes(e.item);
  w.uint(e.version).uint(e.timeMs);
  if (e.feed === null) w.nothing();
  else w.bytes(e.feed);
  optional(w, e.keyEpoch);
  if (e.record === null) w.nothing();
  else w.cid(e.record);
  w.uint(e.sizeBytes);
  optional(w, e.prev);
  optional(w, e.expiresS);
  return w.take();
}

function optional(w: Writer, value: number | null): void {
  if (value === null) w.nothing();
  else w.uint(value);
}

/** Most entries have the event and the feed of the one before: what they share is made, and looked at, once. */
let lastEvent = '';
let lastFeed = Buffer.alloc(16);

function eventOf(r: Reader): string {
  const event = r.ascii(LIMITS.eventTypeChars, lastEvent);
  if (event === lastEvent && event !== '') return event;
  if (!EVENT.test(event))
    throw new MeshError('MALFORMED', 'event type of an entry is not plain ASCII');
  lastEvent = event;
  return event;
}

function feedOf(r: Reader): Buffer {
  const feed = r.bytesLike(lastFeed);
  // A copy: the bytes behind it may be those of a whole segment.
  if (feed !== lastFeed) lastFeed = Buffer.from(feed);
  return lastFeed;
}

/** Decodes one leaf; anything but the canonical bytes of a valid entry is refused. */
export function decodeEntry(bytes: Uint8Array): Entry {
  if (bytes.length > LIMITS.entryBytes) {
    throw new MeshError(
      'TOO_LARGE',
      `an entry of ${bytes.length} bytes is above ${LIMITS.entryBytes}`,
    );
  }
  const r = new Reader(bytes);
  r.tuple(12);
  if (r.uint() !== FORMAT) throw new MeshError('MALFORMED', 'unknown format of an entry');
  const kind = r.uint(KIND.closeLog);
  if (kind === 0) throw new MeshError('MALFORMED', 'an entry has no kind');
  const event = eventOf(r);
  const item = r.bytesOf(16);
  const version = r.uint();
  const timeMs = r.uint(MAX_TIME_MS);
  const feed = r.nothing() ? null : feedOf(r);
  const keyEpoch = r.nothing() ? null : r.uint();
  const record = r.nothing() ? null : r.cid();
  const sizeBytes = r.uint(LIMITS.objectBytes);
  const prev = r.nothing() ? null : r.uint();
  const expiresS = r.nothing() ? null : r.uint();
  r.end();
  if (version === 0) throw new MeshError('MALFORMED', 'versions of an item start at 1');
  return {
    kind: kind as Kind,
    event,
    item,
    version,
    timeMs,
    feed,
    keyEpoch,
    record,
    sizeBytes,
    prev,
    expiresS,
  };
}
