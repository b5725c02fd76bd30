// Hybrid public key encryption, RFC 9180 base mode, one message for each key agreement: DHKEM(X25519, HKDF-SHA256) with
// HKDF-SHA256 and AES-256-GCM. Draws no random number: whoever seals brings 32 fresh bytes.

import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
} from 'node:crypto';
import { MeshError } from './errors.ts';

/** The second is for the published vectors only; the mesh uses the first. */
export type HpkeCipher = 'aes-256-gcm' | 'aes-128-gcm';

const SPKI = Buffer.from('302a300506032b656e032100', 'hex');
const PKCS8 = Buffer.from('302e020100300506032b656e04220420', 'hex');
const NONE = Buffer.alloc(0);
const KEM_SUITE = Buffer.from('KEM\x00\x20', 'latin1');
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** An encapsulated key, and what sealing adds to a message. */
export const HPKE_ENC_BYTES = 32;
export const HPKE_TAG_BYTES = TAG_BYTES;

export interface HpkeMessage {
  readonly enc: Buffer;
  readonly ciphertext: Buffer;
}

export interface HpkeContext {
  readonly info: Uint8Array;
  readonly aad: Uint8Array;
}

/** @param ikm 32 random bytes, used for this message only @throws WEAK_KEY when the recipient's key agrees on zero */
export function sealHpke(
  recipient: Uint8Array,
  { info, aad }: HpkeContext,
  plain: Uint8Array,
  ikm: Uint8Array,
): HpkeMessage {
  const { enc, shared } = encapsulate(recipient, ikm);
  const { key, nonce } = hpkeKeys(shared, info);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad);
  return {
    enc,
    ciphertext: Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]),
  };
}

/** A fresh shared secret and what the recipient needs to have it too. */
export function encapsulate(
  recipient: Uint8Array,
  ikm: Uint8Array,
): { enc: Buffer; shared: Buffer } {
  const { privateKey, raw: enc } = deriveKeyPair(ikm);
  return { enc, shared: agree(privateKey, recipient, enc, recipient) };
}

/** Undefined when the message was not sealed for this key, in this context. @throws WEAK_KEY */
export function openHpke(
  privateKey: KeyObject,
  { info, aad }: HpkeContext,
  { enc, ciphertext }: HpkeMessage,
): Buffer | undefined {
  if (ciphertext.length < TAG_BYTES) return undefined;
  const shared = agree(privateKey, enc, enc, rawPublicKey(privateKey));
  const { key, nonce } = hpkeKeys(shared, info);
  const end = ciphertext.length - TAG_BYTES;
  const cipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(aad);
  cipher.setAuthTag(ciphertext.subarray(end));
  try {
    return Buffer.concat([cipher.update(ciphertext.subarray(0, end)), cipher.final()]);
  } catch {
    return undefined;
  }
}

/** The 32 bytes of an X25519 public key, or of the public half of a private one. */
export function rawPublicKey(key: KeyObject): Buffer {
  const half = key.type === 'private' ? createPublicKey(key) : key;
  return half.export({ format: 'der', type: 'spki' }).subarray(SPKI.length);
}

/** DeriveKeyPair of RFC 9180 §7.1.3. */
export function deriveKeyPair(ikm: Uint8Array): { privateKey: KeyObject; raw: Buffer } {
  if (ikm.length !== 32) throw new MeshError('MALFORMED', 'a key pair is derived from 32 bytes');
  const prk = labeledExtract(KEM_SUITE, NONE, 'dkp_prk', ikm);
  const secret = labeledExpand(KEM_SUITE, prk, 'sk', NONE, 32);
  const key = Buffer.concat([PKCS8, secret]);
  const privateKey = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  return { privateKey, raw: rawPublicKey(privateKey) };
}

/** The shared secret of Encap and Decap; a peer whose point is of small order is refused. */
function agree(own: KeyObject, peer: Uint8Array, enc: Uint8Array, recipient: Uint8Array): Buffer {
  if (peer.length !== 32) throw new MeshError('MALFORMED', 'an X25519 public key is not 32 bytes');
  const publicKey = createPublicKey({
    key: Buffer.concat([SPKI, peer]),
    format: 'der',
    type: 'spki',
  });
  let dh: Buffer | undefined;
  try {
    dh = diffieHellman({ privateKey: own, publicKey });
  } catch {
    // OpenSSL refuses most points of small order by itself.
  }
  if (!dh || dh.every((byte) => byte === 0))
    throw new MeshError('WEAK_KEY', 'an X25519 key agrees on zero with every other');
  const prk = labeledExtract(KEM_SUITE, NONE, 'eae_prk', dh);
  return labeledExpand(KEM_SUITE, prk, 'shared_secret', Buffer.concat([enc, recipient]), 32);
}

/** KeySchedule of base mode (RFC 9180 §5.1). */
export function hpkeKeys(
  shared: Uint8Array,
  info: Uint8Array,
  cipher: HpkeCipher = 'aes-256-gcm',
): { key: Buffer; nonce: Buffer } {
  const { suite, pskIdHash, keyBytes } = SUITES[cipher];
  const context = Buffer.concat([
    Buffer.of(0),
    pskIdHash,
    labeledExtract(suite, NONE, 'info_hash', info),
  ]);
  const secret = labeledExtract(suite, shared, 'secret', NONE);
  return {
    key: labeledExpand(suite, secret, 'key', context, keyBytes),
    nonce: labeledExpand(suite, secret, 'base_nonce', context, NONCE_BYTES),
  };
}

function labeledExtract(suite: Buffer, salt: Uint8Array, label: string, ikm: Uint8Array): Buffer {
  // HKDF-Extract is one HMAC; an empty salt is 32 zeros, which HMAC pads with anyway.
  return createHmac('sha256', salt)
    .update('HPKE-v1')
    .update(suite)
    .update(label)
    .update(ikm)
    .digest();
}

function labeledExpand(
  suite: Buffer,
  prk: Buffer,
  label: string,
  info: Uint8Array,
  length: number,
): Buffer {
  // Up to 32 bytes HKDF-Expand is one HMAC too (RFC 5869 §2.3).
  const size = Buffer.of(length >> 8, length & 255);
  const mac = createHmac('sha256', prk).update(size).update('HPKE-v1').update(suite).update(label);
  return mac.update(info).update(Buffer.of(1)).digest().subarray(0, length);
}

/** What is the same in every message. */
function suiteOf(aead: number, keyBytes: number) {
  const suite = Buffer.from(`HPKE\x00\x20\x00\x01\x00${String.fromCharCode(aead)}`, 'latin1');
  return { suite, keyBytes, pskIdHash: labeledExtract(suite, NONE, 'psk_id_hash', NONE) };
}

const SUITES: Readonly<Record<HpkeCipher, ReturnType<typeof suiteOf>>> = {
  'aes-128-gcm': suiteOf(1, 16),
  'aes-256-gcm': suiteOf(2, 32),
};
