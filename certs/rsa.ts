// RSA keys for X.509: made by node:crypto off the event loop, and the rules for those that come from outside.

import { createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import { MeshError } from '../protocols/errors.ts';

const generate = promisify(generateKeyPair);

/** Below this nobody should sign any more; above the other a verification costs too much. */
const MIN_BITS = 2048;
const MAX_BITS = 4096;

export async function generateRsa(bits: number): Promise<KeyObject> {
  const { privateKey } = await generate('rsa', { modulusLength: bits, publicExponent: 65_537 });
  return privateKey;
}

export function spkiOf(key: KeyObject): Buffer {
  const half = key.type === 'private' ? createPublicKey(key) : key;
  return half.export({ format: 'der', type: 'spki' });
}

/** An RSA public key of decent size with the usual exponent, in the one encoding that its hash stands for. */
export function rsaFromSpki(spkiDer: Uint8Array): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: Buffer.from(spkiDer), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new MeshError('MALFORMED', 'the public key is not readable', { cause });
  }
  assertStrongRsa(key);
  if (!spkiOf(key).equals(spkiDer)) {
    throw new MeshError('NOT_CANONICAL', 'the RSA key is not in its canonical encoding');
  }
  return key;
}

export function assertStrongRsa(key: KeyObject): void {
  const { modulusLength, publicExponent } = key.asymmetricKeyDetails ?? {};
  const bits = modulusLength ?? 0;
  if (key.asymmetricKeyType !== 'rsa' || publicExponent !== 65_537n) {
    throw new MeshError('WEAK_KEY', 'the certificate key is not RSA with exponent 65537');
  }
  if (bits < MIN_BITS || bits > MAX_BITS) {
    throw new MeshError('WEAK_KEY', `the RSA key has ${bits} bits, not ${MIN_BITS} to ${MAX_BITS}`);
  }
}
