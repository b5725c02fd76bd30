// Branded ids: the only place that makes them. Binary ids are written as UUID or base32 text outside the wire.

import { hash as digest } from 'node:crypto';
import { MeshError } from './errors.ts';
import { LIMITS } from './limits.ts';

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** 26 characters of lower-case base32: the first 16 bytes of the hash of the first root metadata. */
export type MeshId = Branded<'MeshId'>;
/** UUID of a space, in lower-case text form. */
export type SpaceId = Branded<'SpaceId'>;
/** UUID of a feed, in lower-case text form. */
export type FeedId = Branded<'FeedId'>;
/** UUID of a grant, in lower-case text form. */
export type GrantId = Branded<'GrantId'>;
/** Origin line of a log: `odcm/MESH/SPACE/LOG/EPOCH`; names a log everywhere. */
export type Origin = Branded<'Origin'>;
/** Name of a space: unique in the mesh, never renamed. */
export type SpaceName = Branded<'SpaceName'>;
/** Name of a feed within its space: `step-templates` or `variables/base`. */
export type FeedName = Branded<'FeedName'>;
/** Name of a bounded context, the kind of data of a feed. */
export type ContextName = Branded<'ContextName'>;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MESH_ID = /^[a-z2-7]{26}$/;
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

function parseUuid(text: string, what: string): string {
  if (!UUID.test(text)) throw new MeshError('MALFORMED', `${what} is not a UUID`);
  return text;
}

export const parseSpaceId = (text: string): SpaceId => parseUuid(text, 'space id') as SpaceId;
export const parseFeedId = (text: string): FeedId => parseUuid(text, 'feed id') as FeedId;
export const parseGrantId = (text: string): GrantId => parseUuid(text, 'grant id') as GrantId;

export function parseMeshId(text: string): MeshId {
  if (!MESH_ID.test(text)) throw new MeshError('MALFORMED', 'mesh id is not 26 base32 characters');
  return text as MeshId;
}

/** One DNS-like label of 1 to 63 characters, so that names fit into URIs, topics and file names unchanged. */
export function parseSpaceName(text: string): SpaceName {
  if (!LABEL.test(text)) throw new MeshError('NAME_INVALID', `${quote(text)} is no space name`);
  return text as SpaceName;
}

/** A name for a space that is to come: none that stands for something else where spaces are named. */
export function parseNewSpaceName(text: string): SpaceName {
  const name = parseSpaceName(text);
  if (name !== 'all' && !UUID.test(name)) return name;
  throw new MeshError('NAME_INVALID', `${quote(text)} may not be the name of a space`, {
    next: "Choose another name: 'all' stands for every space, and a UUID for the space with that id.",
  });
}

export function parseContextName(text: string): ContextName {
  if (!LABEL.test(text)) throw new MeshError('NAME_INVALID', `${quote(text)} is no context name`);
  return text as ContextName;
}

/** Up to four labels joined by slashes. */
export function parseFeedName(text: string): FeedName {
  const labels = text.split('/');
  if (labels.length > 4 || !labels.every((label) => LABEL.test(label))) {
    throw new MeshError('NAME_INVALID', `${quote(text)} is no feed name`);
  }
  return text as FeedName;
}

/**
 * Items carry whatever name their publisher uses: 1 to 200 characters of printable Unicode, no control characters, and
 * none that turns the direction of reading: two names must not look like each other's letters in another order.
 */
export function parseItemName(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what is refused
  const bad = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufeff\p{Cs}\p{Bidi_Control}]/u;
  if (text.length === 0 || text.length > LIMITS.itemNameChars || bad.test(text)) {
    throw new MeshError('NAME_INVALID', `${quote(text)} is no item name`, {
      next: `Item names have 1 to ${LIMITS.itemNameChars} characters and no control characters.`,
    });
  }
  return text;
}

/** The name as it may stand in an error message: bounded, without control characters. */
export function quote(text: string): string {
  const shown = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  return JSON.stringify(shown);
}

/** Text form of 16 random bytes as a version 4 UUID (RFC 9562 §5.4); the two fixed fields are set here. */
export function uuidFromBytes(bytes: Uint8Array): string {
  return uuidFromHex(Buffer.from(bytes.buffer, bytes.byteOffset, 16).toString('hex'));
}

/** The same out of a longer text: the 32 hexadecimal digits from `at` on. */
export function uuidFromHex(hex: string, at = 0): string {
  const variant = '89ab'[Number.parseInt(hex[at + 16]!, 16) & 3];
  return (
    `${hex.slice(at, at + 8)}-${hex.slice(at + 8, at + 12)}-4${hex.slice(at + 13, at + 16)}-` +
    `${variant}${hex.slice(at + 17, at + 20)}-${hex.slice(at + 20, at + 32)}`
  );
}

/** 16 bytes in UUID text form, unchanged. */
export function formatUuid(bytes: Uint8Array): string {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20, 32)}`;
}

/** The 16 bytes of an id in UUID text form. */
export function uuidBytes(id: SpaceId | FeedId | GrantId): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

/** Lower-case base32 without padding (RFC 4648 §6). */
export function base32(bytes: Uint8Array): string {
  let out = '';
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      out += BASE32[(value >>> (bits - 5)) & 31];
      bits -= 5;
    }
    value &= (1 << bits) - 1;
  }
  if (bits > 0) out += BASE32[(value << (5 - bits)) & 31];
  return out;
}

/** Inverse of {@link base32}; refuses other characters and non-zero spare bits. */
export function fromBase32(text: string): Buffer {
  const out: number[] = [];
  let bits = 0;
  let value = 0;
  for (const char of text) {
    const digit = BASE32.indexOf(char);
    if (digit < 0) throw new MeshError('MALFORMED', 'not base32');
    value = (value << 5) | digit;
    bits += 5;
    if (bits >= 8) {
      out.push((value >>> (bits - 8)) & 255);
      bits -= 8;
    }
    value &= (1 << bits) - 1;
  }
  if (value !== 0 || bits >= 5) throw new MeshError('NOT_CANONICAL', 'base32 has spare bits');
  return Buffer.from(out);
}

/** Full SHA-256 of the first root metadata: what tokens and people compare. */
export function rootFingerprint(rootV1: Uint8Array): Buffer {
  return digest('sha256', Buffer.concat([Buffer.from('odcm/mesh/v1\n'), rootV1]), 'buffer');
}

/** Mesh id of the first root metadata. */
export function meshIdOf(rootV1: Uint8Array): MeshId {
  return base32(rootFingerprint(rootV1).subarray(0, 16)) as MeshId;
}

/** Which log of a space: a feed's entries, its receipts, or the directory (which only ODCM has). */
export type LogName = `feed-${FeedId}` | 'receipts' | 'dir';

export interface OriginParts {
  readonly mesh: MeshId;
  readonly space: SpaceId;
  readonly log: LogName;
  readonly epoch: number;
}

function formatOrigin(parts: OriginParts): Origin {
  return `odcm/${parts.mesh}/${parts.space}/${parts.log}/${parts.epoch}` as Origin;
}

export const feedOrigin = (mesh: MeshId, space: SpaceId, feed: FeedId, epoch = 1): Origin =>
  formatOrigin({ mesh, space, log: `feed-${feed}`, epoch });

export const directoryOrigin = (mesh: MeshId, odcm: SpaceId, epoch = 1): Origin =>
  formatOrigin({ mesh, space: odcm, log: 'dir', epoch });

export const receiptsOrigin = (mesh: MeshId, space: SpaceId, epoch = 1): Origin =>
  formatOrigin({ mesh, space, log: 'receipts', epoch });

/** Refuses anything that would not format back to the same text. */
export function parseOrigin(text: string): OriginParts {
  const [head, mesh, space, log, epochText, ...rest] = text.split('/');
  if (head !== 'odcm' || epochText === undefined || rest.length > 0) {
    throw new MeshError('MALFORMED', 'not an origin line');
  }
  const epoch = Number(epochText);
  if (!Number.isSafeInteger(epoch) || epoch < 1 || String(epoch) !== epochText) {
    throw new MeshError('NOT_CANONICAL', 'epoch of an origin is not a plain number');
  }
  if (log !== 'dir' && log !== 'receipts') {
    if (!log?.startsWith('feed-'))
      throw new MeshError('MALFORMED', 'unknown kind of log in an origin');
    parseFeedId(log.slice(5));
  }
  return {
    mesh: parseMeshId(mesh ?? ''),
    space: parseSpaceId(space ?? ''),
    log: log as LogName,
    epoch,
  };
}
