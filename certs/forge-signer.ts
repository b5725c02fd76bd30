// Lets node-forge build certificates and requests while node:crypto signs them: forge's own RSA is plain JavaScript and
// would hold up the event loop for more than 100 ms a signature. Forge hands the bytes to a digest and asks a key to
// sign that digest; here the digest only remembers the bytes, and the key passes them on.

import { type KeyObject, sign } from 'node:crypto';
import forge from 'node-forge';

/** Anything of forge's that is signed this way: a certificate or a request. */
interface Signable {
  sign(key: forge.pki.rsa.PrivateKey, digest: forge.md.MessageDigest): void;
}

/** Signs with SHA-256 and RSA PKCS#1 v1.5. */
export function signWithNode(target: Signable, key: KeyObject): void {
  let message = Buffer.alloc(0);
  const digest = {
    algorithm: 'sha256',
    update(bytes: string) {
      message = Buffer.from(bytes, 'binary');
      return digest;
    },
  };
  const signer = { sign: () => sign('sha256', message, key).toString('binary') };
  target.sign(
    signer as unknown as forge.pki.rsa.PrivateKey,
    digest as unknown as forge.md.MessageDigest,
  );
}

/** Forge's form of a public key that node:crypto holds. */
export function forgePublicKey(key: KeyObject): forge.pki.rsa.PublicKey {
  const pem = key.export({ format: 'pem', type: 'spki' }).toString();
  return forge.pki.publicKeyFromPem(pem) as forge.pki.rsa.PublicKey;
}
