// Ed25519 private keys: making, loading and signing. Verifying is protocols/ed25519.ts; key files are keystore.ts.

import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { MeshError } from '../protocols/errors.ts';

export function generateEd25519(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

export function ed25519FromPem(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw new MeshError('MALFORMED', 'an Ed25519 key is not readable PEM', { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new MeshError('MALFORMED', `expected an Ed25519 key, found ${key.asymmetricKeyType}`);
  }
  return key;
}

/** PKCS#8 PEM: what key files hold. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** The message must come from protocols/signable.ts. */
export function signEd25519(key: KeyObject, message: Uint8Array): Buffer {
  return sign(null, message, key);
}
