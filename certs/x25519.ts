// X25519 keys: raw import, the agreement used to prove possession, and refusal of points that agree on zero.

import {
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { littleEndian } from '../protocols/ed25519.ts';
import { MeshError } from '../protocols/errors.ts';

/** Fixed DER before the 32 key bytes of an X25519 SubjectPublicKeyInfo (RFC 8410 §4). */
const SPKI_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

const P = 2n ** 255n - 19n;
/** The u coordinates of small order on the curve and its twist: 0, 1, -1 and the two of order 8 (RFC 7748 §6.1). */
const SMALL_ORDER_U: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P - 1n,
  littleEndian(
    Buffer.from('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800', 'hex'),
  ),
  littleEndian(
    Buffer.from('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157', 'hex'),
  ),
]);

export function generateX25519(): KeyObject {
  return generateKeyPairSync('x25519').privateKey;
}

/** Fixed DER before the 32 key bytes of an X25519 private key (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** The private key of these 32 secret bytes. */
export function x25519Private(secret: Uint8Array): KeyObject {
  if (secret.length !== 32) throw new MeshError('MALFORMED', 'an X25519 key is not 32 bytes');
  return createPrivateKey({
    key: Buffer.concat([PKCS8_PREFIX, secret]),
    format: 'der',
    type: 'pkcs8',
  });
}

/** Refuses small order and every second spelling of a point, although X25519 itself would take the latter. */
export function assertStrongX25519(raw: Uint8Array): void {
  if (raw.length !== 32) throw new MeshError('MALFORMED', 'an X25519 public key is not 32 bytes');
  const u = littleEndian(raw);
  if (u >= P || SMALL_ORDER_U.has(u)) {
    throw new MeshError('WEAK_KEY', 'an X25519 key is of small order or not canonical');
  }
}

export function x25519FromRaw(raw: Uint8Array): KeyObject {
  assertStrongX25519(raw);
  return createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, raw]),
    format: 'der',
    type: 'spki',
  });
}

/** The 32 bytes of a public key, or of the public half of a private one. */
export function x25519Raw(key: KeyObject): Buffer {
  if (key.asymmetricKeyType !== 'x25519') throw new MeshError('MALFORMED', 'not an X25519 key');
  const half = key.type === 'private' ? createPublicKey(key) : key;
  return half.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length);
}

/** Shared secret of 32 bytes; never zero, because the points that lead there are refused first. */
export function agreeX25519(privateKey: KeyObject, peerRaw: Uint8Array): Buffer {
  return diffieHellman({ privateKey, publicKey: x25519FromRaw(peerRaw) });
}
