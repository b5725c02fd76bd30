// Keys as the network library wants them, from the form in which we keep them: PKCS#8 PEM and raw 32-byte Ed25519 keys.
// Knows nothing of files; the text form of a peer id is accepted only as it would be written.

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { privateKeyFromRaw, publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { PrivateKey } from '@libp2p/interface';
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id';
import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';

const ED25519_BYTES = 32;
/** An Ed25519 peer id has 52 characters; nothing longer is looked at. */
const PEER_ID_CHARS = 64;

/** The node key for libp2p; refuses everything but Ed25519 without naming what it saw. */
export function privateKeyFromPem(pem: string): PrivateKey {
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch {
    // No cause: messages of the parser may quote the input.
    throw new MeshError('MALFORMED', 'the node key is not a PKCS#8 PEM');
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    throw new MeshError('MALFORMED', 'the node key is not an Ed25519 key');
  }
  const { d, x } = key.export({ format: 'jwk' });
  return privateKeyFromRaw(
    Buffer.concat([Buffer.from(d ?? '', 'base64url'), Buffer.from(x ?? '', 'base64url')]),
  );
}

/** Peer id of a raw Ed25519 public key. */
export function peerIdOfPublicKey(raw: Uint8Array): string {
  if (raw.byteLength !== ED25519_BYTES) {
    throw new MeshError('MALFORMED', 'an Ed25519 public key has 32 bytes');
  }
  return peerIdFromPublicKey(publicKeyFromRaw(raw)).toString();
}

/** The raw Ed25519 public key inside a peer id; inverse of {@link peerIdOfPublicKey}. */
export function publicKeyOfPeerId(id: string): Uint8Array {
  const raw = id.length <= PEER_ID_CHARS ? rawKeyIn(id) : undefined;
  if (raw === undefined) throw new MeshError('MALFORMED', `${quote(id)} is no Ed25519 peer id`);
  if (peerIdOfPublicKey(raw) !== id) {
    throw new MeshError('NOT_CANONICAL', `${quote(id)} is not the usual form of this peer id`);
  }
  return raw;
}

function rawKeyIn(id: string): Uint8Array | undefined {
  try {
    const peer = peerIdFromString(id);
    return peer.type === 'Ed25519' ? peer.publicKey.raw : undefined;
  } catch {
    return undefined;
  }
}
