// What stands before the payload of an event in the form that this program writes, told byte by byte: nearly all events have it,
// and there are millions. Knows no other form; those may be as good, and are read in another way (envelope.ts).

/** The fields before the payload, and where that begins. */
export interface UsualHead {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly occurredTimeUtc: string;
  readonly activityId: string;
  readonly payloadAt: number;
}

const QUOTE = 0x22;
const DIGIT = 1;
const HEX = 2;
const PLAIN = 4;
/** What a byte may be: plain are those that stand for themselves in a JSON text. */
const CLASSES = new Uint8Array(256);
for (let byte = 0x20; byte < 0x80; byte++)
  if (byte !== QUOTE && byte !== 0x5c) CLASSES[byte] = PLAIN;
for (const byte of Buffer.from('0123456789')) CLASSES[byte]! |= DIGIT | HEX;
for (const byte of Buffer.from('abcdef')) CLASSES[byte]! |= HEX;

const ID = Buffer.from('{"id":"');
const SOURCE = Buffer.from('","source":"');
const TYPE = Buffer.from('","type":"');
const TIME = Buffer.from('","occurredTimeUtc":"');
const ACTIVITY = Buffer.from('","activityId":"');
const PAYLOAD = Buffer.from('","specVersion":"1.0","payload":');
const UUID_BYTES = 36;

const is = (byte: number | undefined, what: number): boolean => (CLASSES[byte!]! & what) !== 0;

/** Undefined for any other form, and for one with bytes above ASCII before its payload. */
export function usualHead(record: Buffer): UsualHead | undefined {
  if (!stands(record, 0, ID)) return undefined;
  const idAt = ID.length;
  const idEnd = idAt + UUID_BYTES;
  if (!isUuid(record, idAt) || !stands(record, idEnd, SOURCE)) return undefined;
  const sourceAt = idEnd + SOURCE.length;
  const sourceEnd = plainEnd(record, sourceAt);
  if (!stands(record, sourceEnd, TYPE)) return undefined;
  const typeAt = sourceEnd + TYPE.length;
  const typeEnd = plainEnd(record, typeAt);
  if (!stands(record, typeEnd, TIME)) return undefined;
  const timeAt = typeEnd + TIME.length;
  const timeEnd = plainEnd(record, timeAt);
  if (!isUtc(record, timeAt, timeEnd) || !stands(record, timeEnd, ACTIVITY)) return undefined;
  const activityAt = timeEnd + ACTIVITY.length;
  const activityEnd = activityAt + UUID_BYTES;
  if (!isUuid(record, activityAt) || !stands(record, activityEnd, PAYLOAD)) return undefined;
  const text = record.toString('latin1', 0, activityEnd);
  return {
    id: text.slice(idAt, idEnd),
    // A text of its own: names of items are cut out of it and kept, and would keep all of this.
    source: record.toString('latin1', sourceAt, sourceEnd),
    type: text.slice(typeAt, typeEnd),
    occurredTimeUtc: text.slice(timeAt, timeEnd),
    activityId: text.slice(activityAt),
    payloadAt: activityEnd + PAYLOAD.length,
  };
}

function stands(record: Buffer, at: number, expected: Buffer): boolean {
  if (at + expected.length > record.length) return false;
  for (let i = 0; i < expected.length; i++) if (record[at + i] !== expected[i]) return false;
  return true;
}

/** Where a run of plain characters ends. */
function plainEnd(record: Buffer, from: number): number {
  let at = from;
  while (at < record.length && is(record[at], PLAIN)) at++;
  return at;
}

/** Five runs of small hexadecimal digits. */
function isUuid(record: Buffer, at: number): boolean {
  if (at + UUID_BYTES > record.length) return false;
  for (let i = 0; i < UUID_BYTES; i++) {
    const isDash = i === 8 || i === 13 || i === 18 || i === 23;
    if (isDash ? record[at + i] !== 0x2d : !is(record[at + i], HEX)) return false;
  }
  return true;
}

/** `2026-01-28T23:59:59.1234567Z`, on a day that every month has. */
function isUtc(record: Buffer, at: number, end: number): boolean {
  const isForm =
    end - at >= 20 &&
    record[at + 4] === 0x2d &&
    record[at + 7] === 0x2d &&
    record[at + 10] === 0x54 &&
    record[at + 13] === 0x3a &&
    record[at + 16] === 0x3a &&
    record[end - 1] === 0x5a;
  if (!isForm || !isPair(record, at, 0, 99) || !isPair(record, at + 2, 0, 99)) return false;
  if (!isPair(record, at + 5, 1, 12) || !isPair(record, at + 8, 1, 28)) return false;
  if (!isPair(record, at + 11, 0, 23) || !isPair(record, at + 14, 0, 59)) return false;
  return isPair(record, at + 17, 0, 59) && isFraction(record, at + 19, end - 1);
}

/** Nothing, or a point and up to seven digits. */
function isFraction(record: Buffer, from: number, end: number): boolean {
  if (from === end) return true;
  if (record[from] !== 0x2e || end - from < 2 || end - from > 8) return false;
  for (let at = from + 1; at < end; at++) if (!is(record[at], DIGIT)) return false;
  return true;
}

/** Two digits that are a number from `least` to `most`. */
function isPair(record: Buffer, at: number, least: number, most: number): boolean {
  if (!is(record[at], DIGIT) || !is(record[at + 1], DIGIT)) return false;
  const value = (record[at]! - 48) * 10 + record[at + 1]! - 48;
  return value >= least && value <= most;
}
