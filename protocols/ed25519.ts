// Ed25519 as verifiers see it: raw public keys, signatures, and the keys that must never be trusted.
// Pure: makes no keys and signs nothing; that is certs/ed25519.ts.

import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { MeshError } from './errors.ts';

/** Fixed DER before the 32 key bytes of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

const P = 2n ** 255n - 19n;
/**
 * The y coordinates of the eight points whose order divides 8: orders 1 and 2 (±1), 4 (0) and 8 (the two roots of
 * d·y⁴ + 2y² = 1). Under such a key one signature fits any message, so its owner could deny every signature.
 */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  P - 1n,
  littleEndian(
    Buffer.from('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'hex'),
  ),
  littleEndian(
    Buffer.from('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', 'hex'),
  ),
]);

/** Small order in any encoding, or y not below p: both signs of x and all non-canonical forms are covered. */
function isWeakEd25519(raw: Uint8Array): boolean {
  const y = Buffer.from(raw);
  y[31]! &= 0x7f;
  const value = littleEndian(y);
  return value >= P || SMALL_ORDER_Y.has(value);
}

/** Refuses keys that are not 32 bytes or that would accept any message. */
export function assertStrongEd25519(raw: Uint8Array): void {
  if (raw.length !== 32) throw new MeshError('MALFORMED', 'an Ed25519 public key is not 32 bytes');
  if (isWeakEd25519(raw)) {
    throw new MeshError('WEAK_KEY', 'an Ed25519 key is of small order or not canonical');
  }
}

/** Importing costs more than verifying: callers keep the result. Weak keys are refused here, so nobody can forget. */
export function ed25519FromRaw(raw: Uint8Array): KeyObject {
  assertStrongEd25519(raw);
  return createPublicKey({
    key: Buffer.concat([SPKI_PREFIX, raw]),
    format: 'der',
    type: 'spki',
  });
}

/** The 32 bytes of a public key, or of the public half of a private one. */
export function ed25519Raw(key: KeyObject): Buffer {
  if (key.asymmetricKeyType !== 'ed25519') throw new MeshError('MALFORMED', 'not an Ed25519 key');
  const half = key.type === 'private' ? createPublicKey(key) : key;
  return half.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length);
}

export function verifyEd25519(key: KeyObject, message: Uint8Array, signature: Uint8Array): boolean {
  return signature.length === 64 && verify(null, message, key, signature);
}

/** Unsigned little-endian integer, the byte order of both curves. */
export function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}
