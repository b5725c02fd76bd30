// Certificate requests (PKCS#10): forge builds them, node:crypto signs and verifies them. A request proves possession of
// its RSA key by its own signature, and of the Ed25519 node key by the SignedKey extension.

import { type KeyObject, verify } from 'node:crypto';
import forge from 'node-forge';
import { isMeshError, MeshError } from '../protocols/errors.ts';
import { type DerNode, derFromPem, readChildren, readDer, TAG } from './der.ts';
import { forgePublicKey, signWithNode } from './forge-signer.ts';
import { rsaFromSpki, spkiOf } from './rsa.ts';
import {
  encodeSignedKey,
  findSignedKey,
  SIGNED_KEY_OID,
  type SignedKey,
  signKey,
  verifySignedKey,
} from './signed-key.ts';

const WHAT = 'certificate request';
/** AlgorithmIdentifier sha256WithRSAEncryption with NULL parameters (RFC 4055 §5): the only one taken. */
const SHA256_RSA = Buffer.from('300d06092a864886f70d01010b0500', 'hex');
/** OID extensionRequest (PKCS#9), content bytes. */
const EXTENSION_REQUEST = Buffer.from('2a864886f70d01090e', 'hex');

export interface RequestParts {
  readonly rsaKey: KeyObject;
  readonly nodeKey: KeyObject;
  /** Common name: for people who look at the file; the issuer takes no name from a request. */
  readonly commonName: string;
}

export interface VerifiedRequest {
  readonly spkiDer: Buffer;
  readonly publicKey: KeyObject;
  /** Raw Ed25519 key and its signature over the RSA key, as the certificate will repeat them. */
  readonly signedKey: SignedKey;
}

export function createRequest({ rsaKey, nodeKey, commonName }: RequestParts): string {
  const spkiDer = spkiOf(rsaKey);
  const request = forge.pki.createCertificationRequest();
  request.publicKey = forgePublicKey(rsaFromSpki(spkiDer));
  request.setSubject([{ name: 'commonName', value: commonName }]);
  const value = encodeSignedKey(signKey(nodeKey, spkiDer)).toString('binary');
  const extensions = [{ id: SIGNED_KEY_OID, critical: false, value }];
  request.setAttributes([{ name: 'extensionRequest', extensions }]);
  signWithNode(request, rsaKey);
  return forge.pki.certificationRequestToPem(request).replaceAll('\r\n', '\n');
}

/** Size, form, RSA key, its signature, then the node key: the cheap checks come first. */
export function verifyRequest(pem: string): VerifiedRequest {
  try {
    return verifyRequestDer(derFromPem(pem, 'CERTIFICATE REQUEST'));
  } catch (error) {
    if (!isMeshError(error, 'MALFORMED') && !isMeshError(error, 'BAD_SIGNATURE')) throw error;
    throw new MeshError('BAD_REQUEST_PROOF', error.message, { cause: error });
  }
}

function verifyRequestDer(der: Buffer): VerifiedRequest {
  const [info, algorithm, signature, ...rest] = readChildren(
    readDer(der, TAG.sequence, WHAT),
    WHAT,
  );
  if (!info || !algorithm || signature?.tag !== TAG.bitString || rest.length > 0) {
    throw new MeshError('MALFORMED', `${WHAT} does not have its three parts`);
  }
  const [version, , spki, attributes, ...more] = readChildren(info, WHAT);
  if (version?.der.toString('hex') !== '020100' || !spki || !attributes || more.length > 0) {
    throw new MeshError('MALFORMED', `${WHAT} does not have its four fields`);
  }
  const publicKey = rsaFromSpki(spki.der);
  const signed = signature.content[0] === 0 && algorithm.der.equals(SHA256_RSA);
  if (!signed || !verify('sha256', info.der, publicKey, signature.content.subarray(1))) {
    throw new MeshError('BAD_SIGNATURE', `${WHAT} is not signed by its own RSA key`);
  }
  const signedKey = verifySignedKey(findSignedKey(requestedExtensions(attributes)), spki.der);
  return { spkiDer: spki.der, publicKey, signedKey };
}

/** Attributes hold exactly one thing that matters here: the requested extensions. */
function requestedExtensions(attributes: DerNode): DerNode {
  for (const attribute of readChildren(readDer(attributes.der, TAG.context0, WHAT), WHAT)) {
    const [oid, values] = readChildren(attribute, WHAT);
    if (!oid?.content.equals(EXTENSION_REQUEST) || values?.tag !== TAG.set) continue;
    return readDer(values.content, TAG.sequence, WHAT);
  }
  throw new MeshError('MALFORMED', `${WHAT} asks for no extensions`);
}
