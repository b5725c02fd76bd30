// The event envelope: seven fields of JSON around every payload, smaller than 64 KB (wire §5).
// Its bytes are hashed and stored as the publisher made them; nobody re-serialises an envelope.

import { isAscii } from 'node:buffer';
import { decodeUtf8 } from './codec.ts';
import { MeshError } from './errors.ts';
import {
  type FeedName,
  parseFeedName,
  parseItemName,
  parseSpaceName,
  type SpaceName,
} from './ids.ts';
import { LIMITS } from './limits.ts';
import { usualHead } from './usual-event.ts';

export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [key: string]: Json };

export interface Envelope {
  /** UUID of the event. */
  readonly id: string;
  /** `odcm://SPACE/FEED#ITEM`, the item percent-encoded. */
  readonly source: string;
  readonly type: string;
  /** ISO 8601, UTC. */
  readonly occurredTimeUtc: string;
  /** UUID that ties events of one activity together. */
  readonly activityId: string;
  readonly specVersion: string;
  readonly payload: Json;
}

export const SPEC_VERSION = '1.0';
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?Z$/;
const KEYS = ['id', 'source', 'type', 'occurredTimeUtc', 'activityId', 'specVersion', 'payload'];

export interface Source {
  readonly space: SpaceName;
  readonly feed: FeedName;
  readonly item: string;
}

/** What the sources of all events of a feed begin with. */
export const formatSourcePrefix = (s: Pick<Source, 'space' | 'feed'>): string =>
  `odcm://${s.space}/${s.feed}#`;

export const formatSource = (s: Source): string =>
  `${formatSourcePrefix(s)}${encodeURIComponent(s.item)}`;

/** Inverse of {@link formatSource}; refuses any other spelling of the same source. */
export function parseSource(text: string): Source {
  const match = /^odcm:\/\/([^/#]+)\/([^#]+)#(.+)$/s.exec(text);
  if (!match)
    throw new MeshError('EVENT_INVALID', 'source of an event is not odcm://SPACE/FEED#ITEM');
  const [, space, feed, item] = match;
  return {
    space: parseSpaceName(space!),
    feed: parseFeedName(feed!),
    item: parseSourceItem(item!),
  };
}

/** Characters that percent-encoding leaves as they are (ECMA-262, encodeURIComponent). */
const PLAIN = /^[A-Za-z0-9\-_.!~*'()]+$/;

/** The name of an item out of its percent-encoded form. */
export function parseSourceItem(encoded: string): string {
  // None of the plain characters is one that names may not have.
  if (encoded.length <= LIMITS.itemNameChars && PLAIN.test(encoded)) return encoded;
  let name: string;
  try {
    name = decodeURIComponent(encoded);
  } catch (cause) {
    throw new MeshError('EVENT_INVALID', 'item in the source of an event is badly encoded', {
      cause,
    });
  }
  if (encodeURIComponent(parseItemName(name)) !== encoded)
    throw new MeshError('NOT_CANONICAL', 'source of an event');
  return name;
}

export function encodeEnvelope(e: Envelope): Buffer {
  // The keys stand in this order whatever the order of the argument.
  const bytes = Buffer.from(
    JSON.stringify({
      id: e.id,
      source: e.source,
      type: e.type,
      occurredTimeUtc: e.occurredTimeUtc,
      activityId: e.activityId,
      specVersion: e.specVersion,
      payload: e.payload,
    }),
  );
  if (bytes.length >= LIMITS.envelopeBytes) {
    throw new MeshError(
      'TOO_LARGE',
      `an event of ${bytes.length} bytes is not below ${LIMITS.envelopeBytes}`,
      {
        next: 'Publish large content as a file: odcm publish FEED ITEM FILE',
      },
    );
  }
  return bytes;
}

/** Parses and checks an envelope; the payload is any JSON value, its contract is checked by its context. */
export const parseEnvelope = (bytes: Uint8Array): Envelope => parseEvent(bytes).envelope;

/** An event, and its payload as the text that readers of the item get. */
export interface ParsedEvent {
  readonly envelope: Envelope;
  readonly content: Buffer;
}

/**
 * Publishers of this program write the payload last and unspaced: then its text is a part of the record, as it stands,
 * and both halves are parsed once. Any other form is parsed as a whole and the payload written anew.
 */
export function parseEvent(bytes: Uint8Array): ParsedEvent {
  if (bytes.length >= LIMITS.envelopeBytes)
    throw new MeshError('TOO_LARGE', 'an event is not below 64 KB');
  const record = Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const usual = usualEvent(record);
  if (usual) return usual;
  const text = textOf(record);
  checkNesting(text);
  const split = splitEvent(record, text);
  if (split) return { envelope: checkEnvelope(split.fields), content: split.content };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MeshError('EVENT_INVALID', 'an event is not JSON', { cause });
  }
  const envelope = checkEnvelope(value);
  return { envelope, content: Buffer.from(JSON.stringify(envelope.payload)) };
}

function textOf(record: Buffer): string {
  try {
    return isAscii(record) ? record.toString('latin1') : decodeUtf8(record);
  } catch (cause) {
    throw new MeshError('EVENT_INVALID', 'an event is not JSON', { cause });
  }
}

/** An event in the form that this program writes, told by its beginning; undefined for any other, which may be as good. */
function usualEvent(record: Buffer): ParsedEvent | undefined {
  // Of others the bytes of the payload would have to be counted.
  if (record.at(-1) !== 0x7d || !isAscii(record)) return undefined;
  const head = usualHead(record);
  if (!head) return undefined;
  const { id, source, type, occurredTimeUtc, activityId, payloadAt } = head;
  const text = record.toString('latin1', payloadAt, record.length - 1);
  if (text.trim().length !== text.length) return undefined;
  checkNesting(text, 1);
  let payload: Json;
  try {
    payload = JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
  const specVersion = SPEC_VERSION;
  return {
    envelope: { id, source, type, occurredTimeUtc, activityId, specVersion, payload },
    content: record.subarray(payloadAt, -1),
  };
}

const PAYLOAD_KEY = ',"payload":';

/** Undefined unless the record is one object whose last field is the payload, without space around it. */
function splitEvent(
  record: Buffer,
  text: string,
): { fields: Record<string, unknown>; content: Buffer } | undefined {
  const at = text.indexOf(PAYLOAD_KEY);
  if (at < 0 || !text.endsWith('}')) return undefined;
  const payloadText = text.slice(at + PAYLOAD_KEY.length, -1);
  if (payloadText.trim().length !== payloadText.length) return undefined;
  try {
    const head: unknown = JSON.parse(`${text.slice(0, at)}}`);
    // The key can only stand there once more, or deeper down, when one of the two halves is no JSON value of its own.
    const payload: unknown = JSON.parse(payloadText);
    if (typeof head !== 'object' || head === null || Object.hasOwn(head, 'payload'))
      return undefined;
    const fields = head as Record<string, unknown>;
    fields['payload'] = payload;
    const isAscii = text.length === record.length;
    const sizeBytes = isAscii ? payloadText.length : Buffer.byteLength(payloadText);
    return { fields, content: record.subarray(-1 - sizeBytes, -1) };
  } catch {
    return undefined;
  }
}

function checkEnvelope(value: unknown): Envelope {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new MeshError('EVENT_INVALID', 'an event is not a JSON object');
  }
  const fields = value as Record<string, unknown>;
  const count = Object.keys(fields).length;
  for (const key of KEYS) {
    if (!Object.hasOwn(fields, key)) throw invalid(`lacks ${key}`);
    if (key !== 'payload' && typeof fields[key] !== 'string')
      throw invalid(`has a ${key} that is no text`);
  }
  if (count !== KEYS.length) throw invalid('has fields that are not of the envelope');
  const e = fields as unknown as Envelope;
  checkFields(e);
  if (e.specVersion !== SPEC_VERSION) throw invalid(`has specVersion other than ${SPEC_VERSION}`);
  return e;
}

/** The fields that publishers may choose freely, and the id. */
export function checkFields(e: Pick<Envelope, 'id' | 'activityId' | 'occurredTimeUtc'>): void {
  if (!UUID.test(e.id) || !UUID.test(e.activityId)) throw invalid('has an id that is no UUID');
  if (!UTC.test(e.occurredTimeUtc) || Number.isNaN(Date.parse(e.occurredTimeUtc))) {
    throw invalid('has a time that is not ISO 8601 in UTC');
  }
}

/**
 * JSON.parse takes any depth, but writing such a value again exhausts the stack: depth is bounded before.
 * @param outer how deep in another value it stands
 */
export function checkNesting(json: string, outer = 0): void {
  // Most events open fewer brackets than the limit; finding them is native, walking every character is not.
  if (outer + count(json, '[') + count(json, '{') <= LIMITS.jsonDepth) return;
  let depth = outer;
  for (let i = 0, isText = false; i < json.length; i++) {
    const char = json[i];
    if (char === '"') isText = !isText;
    else if (isText) i += char === '\\' ? 1 : 0;
    else if (char === '[' || char === '{') depth++;
    else if (char === ']' || char === '}') depth--;
    if (depth > LIMITS.jsonDepth) throw invalid(`is nested more than ${LIMITS.jsonDepth} deep`);
  }
}

/** How often the character occurs, not counting beyond the limit of nesting. */
function count(text: string, char: string): number {
  let found = 0;
  for (let at = text.indexOf(char); at >= 0; at = text.indexOf(char, at + 1)) {
    if (++found > LIMITS.jsonDepth) break;
  }
  return found;
}

const invalid = (what: string): MeshError => new MeshError('EVENT_INVALID', `an event ${what}`);
