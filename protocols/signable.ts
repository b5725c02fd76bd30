// The one home of every byte string of the mesh that is ever signed or MACed. Each begins with its own label, so that no
// signature can be shown as one of another kind. Builders only: this file holds no key and verifies nothing.

import { createHash } from 'node:crypto';
import { MeshError } from './errors.ts';
import { fromBase32, type MeshId, type Origin, type SpaceId, uuidBytes } from './ids.ts';

// APPEND ONLY. A label is never changed and never given a second meaning; `odcm/presence/v1` is spent.
const X509_BINDING = 'odcm/x509-binding/v1:';
const PRESENCE = 'odcm/presence/v2\n';
const PETITION = 'odcm/petition/v1\n';
const ENROL_TRANSCRIPT = 'odcm/enrol/v1/transcript\n';
const COSIGNATURE = 'cosignature/v1\n';

/** What a proof over an enrolment transcript stands for; part of the signed bytes. */
export type EnrolProof = 'offer' | 'token' | 'node-key' | 'exchange-key' | 'answer';

/** HKDF info of the key that ODCM keeps of a token: kept here because it separates domains just as a label does. */
export const TOKEN_KEY_INFO = 'odcm/enrol/v1/token-key';
/** HKDF info of the key with which a node proves its X25519 key. */
export const EXCHANGE_KEY_INFO = 'odcm/enrol/v1/exchange-key';

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
  readonly version: string;
  readonly addresses: readonly string[];
  /** Spaces that this one no longer hears, each with the time of the last statement it has of them. */
  readonly suspicions: readonly { readonly space: SpaceId; readonly timeMs: number }[];
}

/** Heartbeat of a space: freshness of all its feeds in one signature (wire §6). Lists and texts carry their lengths. */
export function presenceBytes(statement: PresenceStatement): Buffer {
  const { addresses, suspicions } = statement;
  const parts: Uint8Array[] = [
    Buffer.from(PRESENCE),
    fromBase32(statement.mesh),
    uuidBytes(statement.space),
    fixed(statement.incarnation, 16, 'incarnation'),
    u64(statement.timeMs),
    fixed(statement.headsHash, 32, 'heads hash'),
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
