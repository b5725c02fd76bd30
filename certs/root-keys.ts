// Signs root metadata with keys that are otherwise kept offline. Knows no files and no network: the ceremony around it
// (where the keys come from, where they go) belongs to the caller.

import type { KeyObject } from 'node:crypto';
import { ed25519Raw } from '../protocols/ed25519.ts';
import { rootKeyId } from '../protocols/root.ts';
import { encodeRootEnvelope, type RootSignature, rootMessage } from '../protocols/root-chain.ts';
import { signEd25519 } from './ed25519.ts';

/** Envelope bytes with one signature per key, in the order of key ids, so that equal inputs give equal bytes. */
export function signRoot(payload: Buffer, keys: readonly KeyObject[]): Buffer {
  const signatures = keys
    .map((key) => rootSignature(payload, key))
    .sort((a, b) => (a.keyid < b.keyid ? -1 : 1));
  return encodeRootEnvelope({ payload, signatures });
}

/** One keeper's share of a signing, when the keys never meet on one machine. */
export function rootSignature(payload: Buffer, key: KeyObject): RootSignature {
  return { keyid: rootKeyId(ed25519Raw(key)), sig: signEd25519(key, rootMessage(payload)) };
}
