// The extension that ties the RSA key of a certificate or request to the Ed25519 node key:
// SignedKey ::= SEQUENCE { OCTET STRING pub(32), OCTET STRING sig(64) }, the signature covering the RSA key.

import type { KeyObject } from 'node:crypto';
import { ed25519FromRaw, ed25519Raw, verifyEd25519 } from '../protocols/ed25519.ts';
import { MeshError } from '../protocols/errors.ts';
import { x509BindingBytes } from '../protocols/signable.ts';
import { type DerNode, readChildren, readDer, TAG } from './der.ts';
import { signEd25519 } from './ed25519.ts';

/**
 * Arc 2.25 belongs to everybody: what follows is a UUID as a number (ITU-T X.667), so no registration is needed. Ours is
 * a random one cut to 31 bits, because node-forge neither writes nor reads longer arcs and must be able to read these
 * certificates. An organisation with an enterprise number of its own would choose one under that.
 */
export const SIGNED_KEY_OID = '2.25.954186319';
/** Content bytes of that object identifier: 2·40+25 = 105, then the arc in base 128. */
const SIGNED_KEY_OID_DER = Buffer.from('6983c6fef44f', 'hex');

const PUB_AT = 4;
const SIG_AT = 38;
const HEAD = Buffer.from('30640420', 'hex');
const MIDDLE = Buffer.from('0440', 'hex');

export interface SignedKey {
  readonly nodeKey: Buffer;
  readonly signature: Buffer;
}

/** By the node: its Ed25519 key vouches for the RSA key. */
export function signKey(nodeKey: KeyObject, spkiDer: Uint8Array): SignedKey {
  return {
    nodeKey: ed25519Raw(nodeKey),
    signature: signEd25519(nodeKey, x509BindingBytes(spkiDer)),
  };
}

/** All lengths are fixed, so the encoding is a constant frame. */
export function encodeSignedKey({ nodeKey, signature }: SignedKey): Buffer {
  return Buffer.concat([HEAD, nodeKey, MIDDLE, signature]);
}

/** Refuses weak keys and signatures over another RSA key. */
export function verifySignedKey(value: Uint8Array, spkiDer: Uint8Array): SignedKey {
  const der = Buffer.from(value);
  const nodeKey = der.subarray(PUB_AT, PUB_AT + 32);
  const signature = der.subarray(SIG_AT);
  if (der.length !== 102 || !encodeSignedKey({ nodeKey, signature }).equals(der)) {
    throw new MeshError('MALFORMED', 'the node key extension is not of the promised form');
  }
  if (!verifyEd25519(ed25519FromRaw(nodeKey), x509BindingBytes(spkiDer), signature)) {
    throw new MeshError('BAD_SIGNATURE', 'the node key does not vouch for the RSA key');
  }
  return { nodeKey, signature };
}

/** Value of the extension in an `Extensions` sequence; exactly one, not critical. */
export function findSignedKey(extensions: DerNode): Buffer {
  const what = 'extension';
  const found: Buffer[] = [];
  for (const extension of readChildren(extensions, what)) {
    const [oid, value, ...rest] = readChildren(readDer(extension.der, TAG.sequence, what), what);
    if (!oid || oid.tag !== TAG.oid || !oid.content.equals(SIGNED_KEY_OID_DER)) continue;
    if (!value || value.tag !== TAG.octetString || rest.length > 0) {
      throw new MeshError('MALFORMED', 'the node key extension is not of the promised form');
    }
    found.push(value.content);
  }
  if (found.length !== 1) {
    throw new MeshError('MALFORMED', `there are ${found.length} node key extensions, not one`);
  }
  return found[0]!;
}

/** Extensions of an X.509 certificate that node:crypto has already parsed. */
export function certificateExtensions(certificateDer: Uint8Array): DerNode {
  const what = 'certificate';
  const [tbs] = readChildren(readDer(certificateDer, TAG.sequence, what), what);
  const fields = tbs ? readChildren(tbs, what) : [];
  const wrapped = fields.find((field) => field.tag === TAG.context3);
  if (!wrapped) throw new MeshError('MALFORMED', 'the certificate has no extensions');
  return readDer(wrapped.content, TAG.sequence, what);
}
