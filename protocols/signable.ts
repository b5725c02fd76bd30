// The one home of every byte string of the mesh that is ever signed or MACed. Each begins with its own label, so that no
// signature can be shown as one of another kind. Builders only: this file holds no key and verifies nothing.

import { createHash } from 'node:crypto';
import { MeshError } from './errors.ts';
import { fromBase32, type MeshId, type Origin, type SpaceId, uuidBytes } from './ids.ts';

// APPEND ONLY. A label is never changed and never given a second meaning; versions 1 and 2 of presence are spent.
const X509_BINDING = 'odcm/x509-binding/v1:';
const PRESENCE = 'odcm/presence/v3\n';
const PETITION = 'odcm/petition/v1\n';
const ENROL_TRANSCRIPT = 'odcm/enrol/v1/transcript\n';
const COSIGNATURE = 'cosignature/v1\n';
const LOCAL_KEY = 'odcm/local-key/v1/wrap\n';
const ROTATION = 'odcm/rotation/v1/';
const SHARE_KEY_COMMIT = 'odcm/share-key-commit/v1\n';
const SHARE_KEY = 'odcm/share-key/v1\n';
const SHARE_KEY_REST = 'odcm/local-key/v1/share-key\n';
const SEALED_RECORD = 'odcm/record/v1\n';
const SEALED_CONTENT = 'odcm/content/v1\n';
const EXCHANGE_KEY_ID = 'odcm/exchange-key-id/v1\n';

/** What a proof over an enrolment transcript stands for; part of the signed bytes. */
export type EnrolProof = 'offer' | 'offer-file' | 'token' | 'node-key' | 'exchange-key' | 'answer';

/** HKDF info of the key that ODCM keeps of a token: kept here because it separates domains just as a label does. */
export const TOKEN_KEY_INFO = 'odcm/enrol/v1/token-key';
/** HKDF info of the X25519 key that ODCM makes for one offer by file, from the local key of its folder. */
export const OFFER_KEY_INFO = 'odcm/local-key/v1/offer';
/** HKDF info of the key with which a node proves its X25519 key. */
export const EXCHANGE_KEY_INFO = 'odcm/enrol/v1/exchange-key';
/** HKDF info of the key with which a space proves a new X25519 key. */
export const ROTATION_KEY_INFO = 'odcm/rotation/v1/exchange-key';
/** HKDF info of what encrypts private key files, from the local key of a folder. */
export const KEY_FILE_INFO = 'odcm/local-key/v1/key-files';

/** HKDF info of what wraps opened share keys at rest, from the local key of a folder. */
export const SHARE_KEY_REST_INFO = 'odcm/local-key/v1/share-keys';

/** DSSE pre-authentication encoding: what root metadata and receipts sign (DSSE protocol v1). */
export function dssePae(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType);
  const head = `DSSEv1 ${type.length} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** By this the Ed25519 node key vouches for the RSA key of a certificate. */
export function x509BindingBytes(spkiDer: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(X509_BINDING), spkiDer]);
}

/** Hash over enrolment messages as they were sent, in order; lengths keep their borders apart. */
export function enrolTranscript(messages: readonly Uint8Array[]): Buffer {
  const sum = createHash('sha256').update(ENROL_TRANSCRIPT);
  for (const message of messages) sum.update(u32(message.length)).update(message);
  return sum.digest();
}

/** What each of the enrolment proofs signs or MACs. */
export function enrolProofBytes(proof: EnrolProof, transcript: Uint8Array): Buffer {
  fixed(transcript, 32, 'transcript hash');
  return Buffer.concat([Buffer.from(`odcm/enrol/v1/${proof}\n`), transcript]);
}

export interface PresenceStatement {
  readonly mesh: MeshId;
  readonly space: SpaceId;
  /** 16 bytes drawn at each start of the node. */
  readonly incarnation: Uint8Array;
  readonly timeMs: number;
  /** Hash over the sorted heads of all feeds of the space. */
  readonly headsHash: Uint8Array;
  /** The directory that the space has folded: everything below that size is in force there. */
  readonly directory: { readonly size: number; readonly root: Uint8Array };
  readonly version: string;
  readonly addresses: readonly string[];
  /** Spaces that this one no longer hears, each with the time of the last statement it has of them. */
  readonly suspicions: readonly { readonly space: SpaceId; readonly timeMs: number }[];
}

/** Heartbeat of a space: freshness of all its feeds in one signature (wire §6). Lists and texts carry their lengths. */
export function presenceBytes(statement: PresenceStatement): Buffer {
  const { addresses, directory, suspicions } = statement;
  const parts: Uint8Array[] = [
    Buffer.from(PRESENCE),
    fromBase32(statement.mesh),
    uuidBytes(statement.space),
    fixed(statement.incarnation, 16, 'incarnation'),
    u64(statement.timeMs),
    fixed(statement.headsHash, 32, 'heads hash'),
    u64(directory.size),
    fixed(directory.root, 32, 'directory root'),
    ...counted(statement.version),
    u16(addresses.length),
    ...addresses.flatMap(counted),
    u16(suspicions.length),
  ];
  for (const { space, timeMs } of suspicions) parts.push(uuidBytes(space), u64(timeMs));
  return Buffer.concat(parts);
}

export interface CheckpointBody {
  readonly origin: Origin;
  readonly size: number;
  readonly root: Uint8Array;
}

/** Body of a checkpoint, itself the signed message (wire §2; C2SP tlog-checkpoint). Its label is the origin's `odcm/`. */
export function checkpointBody({ origin, size, root }: CheckpointBody): string {
  const hash = Buffer.from(fixed(root, 32, 'tree root'));
  return `${origin}\n${safe(size)}\n${hash.toString('base64')}\n`;
}

/** "As of this second this is my largest tree": what a timestamp or witness key signs (wire §2; C2SP tlog-cosignature). */
export function cosignatureBytes(timeS: number, body: string): Buffer {
  return Buffer.from(`${COSIGNATURE}time ${safe(timeS)}\n${body}`);
}

/** What the wrapping of a local key authenticates beside the key: how it was wrapped. */
export function localKeyWrapBytes(wrapping: {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Uint8Array;
}): Buffer {
  const { logN, r, p, salt } = wrapping;
  return Buffer.concat([
    Buffer.from(LOCAL_KEY),
    ...[logN, r, p].map(u16),
    fixed(salt, 16, 'salt of a local key'),
  ]);
}

/** What the new keys of a space sign or MAC: that whoever holds them wants them in place of this very key. */
export interface Rotation {
  readonly mesh: MeshId;
  readonly space: SpaceId;
  readonly formerNodeKey: Uint8Array;
  readonly nodeKey: Uint8Array;
  readonly exchangeKey: Uint8Array;
}

export function rotationBytes(proof: 'node-key' | 'exchange-key', rotation: Rotation): Buffer {
  return Buffer.concat([
    Buffer.from(`${ROTATION}${proof}\n`),
    fromBase32(rotation.mesh),
    uuidBytes(rotation.space),
    fixed(rotation.formerNodeKey, 32, 'former node key'),
    fixed(rotation.nodeKey, 32, 'node key'),
    fixed(rotation.exchangeKey, 32, 'exchange key'),
  ]);
}

export interface Petition {
  readonly mesh: MeshId;
  /** The space that asks. */
  readonly space: SpaceId;
  /** 16 bytes: a petition is carried out once. */
  readonly nonce: Uint8Array;
  readonly body: Uint8Array;
}

/** What a space asks ODCM to write into the directory, for example a new feed (wire §8). */
export function petitionBytes({ mesh, space, nonce, body }: Petition): Buffer {
  return Buffer.concat([
    Buffer.from(PETITION),
    fromBase32(mesh),
    uuidBytes(space),
    fixed(nonce, 16, 'nonce'),
    u32(body.length),
    body,
  ]);
}

/** Where sealed things belong: nothing that was sealed for one feed opens in another. */
export interface SealScope {
  readonly mesh: MeshId;
  readonly publisher: SpaceId;
  /** 16-byte feed id. */
  readonly feed: Uint8Array;
}

const scopeBytes = ({ mesh, publisher, feed }: SealScope): Buffer =>
  Buffer.concat([fromBase32(mesh), uuidBytes(publisher), fixed(feed, 16, 'feed id')]);

/** What the first 8 bytes of a hash over it name: an X25519 public key, in wraps of share keys. */
export function exchangeKeyIdBytes(raw: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(EXCHANGE_KEY_ID), fixed(raw, 32, 'exchange key')]);
}

/** Its hash is public: it holds a publisher to one key for all recipients of an epoch. */
export function shareKeyCommitBytes(feed: Uint8Array, epoch: number, key: Uint8Array): Buffer {
  return Buffer.concat([
    Buffer.from(SHARE_KEY_COMMIT),
    fixed(feed, 16, 'feed id'),
    u32(epoch),
    fixed(key, 32, 'share key'),
  ]);
}

/** HPKE info of a share key for one recipient. */
export function shareKeyInfo(scope: SealScope, epoch: number, keyId: Uint8Array): Buffer {
  const id = fixed(keyId, 8, 'key id');
  return Buffer.concat([Buffer.from(SHARE_KEY), scopeBytes(scope), u32(epoch), id]);
}

/** HKDF info of the key of one sealed record. */
export function sealedRecordInfo(scope: SealScope, header: Uint8Array): Buffer {
  const start = fixed(header, 44, 'header of a sealed record');
  return Buffer.concat([Buffer.from(SEALED_RECORD), scopeBytes(scope), start]);
}

/** HKDF info of the key of the chunks of one sealed file. */
export function sealedContentInfo(scope: SealScope): Buffer {
  return Buffer.concat([Buffer.from(SEALED_CONTENT), scopeBytes(scope)]);
}

/** What is authenticated with a share key at rest: a row that was moved opens nothing. */
export function shareKeyRestBytes(scope: SealScope, epoch: number): Buffer {
  return Buffer.concat([Buffer.from(SHARE_KEY_REST), scopeBytes(scope), u32(epoch)]);
}

function fixed(bytes: Uint8Array, length: number, what: string): Uint8Array {
  if (bytes.length !== length) throw new MeshError('MALFORMED', `${what} is not ${length} bytes`);
  return bytes;
}

function safe(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new MeshError('MALFORMED', 'a signed number is not a whole number from 0 to 2^53 - 1');
  }
  return value;
}

function counted(text: string): [Buffer, Buffer] {
  const bytes = Buffer.from(text);
  return [u16(bytes.length), bytes];
}

function u16(value: number): Buffer {
  if (value > 0xffff) throw new MeshError('TOO_LARGE', 'a signed list or text is too long');
  const out = Buffer.alloc(2);
  out.writeUInt16BE(value);
  return out;
}

function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
}

function u64(value: number): Buffer {
  const out = Buffer.alloc(8);
  out.writeBigUInt64BE(BigInt(safe(value)));
  return out;
}
