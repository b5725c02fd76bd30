// Verifies the certificate of a space at a given instant: depth of three, pinned by the root metadata.
// Pure, and node:crypto only: what node-forge made is never verified by node-forge.

import { hash as digest, X509Certificate } from 'node:crypto';
import { isMeshError, MeshError } from '../protocols/errors.ts';
import { type MeshId, parseSpaceName, type SpaceId, type SpaceName } from '../protocols/ids.ts';
import { derFromPem } from './der.ts';
import { assertStrongRsa } from './rsa.ts';
import { certificateExtensions, findSignedKey, verifySignedKey } from './signed-key.ts';
import { validityOf } from './validity.ts';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const EMAIL_PROTECTION = '1.3.6.1.5.5.7.3.4';

/** Which check failed; part of the error's detail. */
export type ChainCheck =
  | 'form'
  | 'root-pin'
  | 'issuing-pin'
  | 'ca-flag'
  | 'issuer'
  | 'signature'
  | 'validity'
  | 'usage'
  | 'names'
  | 'key'
  | 'binding';

export interface ChainOptions {
  readonly leafPem: string;
  readonly issuingPem: string;
  readonly rootPem: string;
  /** `x509` of the verified root metadata. */
  readonly pins: { readonly root: string; readonly issuing: readonly string[] };
  readonly mesh: MeshId;
  readonly space: SpaceId;
  readonly nowMs: number;
}

export interface VerifiedChain {
  /** Raw Ed25519 key that the certificate binds. */
  readonly nodeKey: Buffer;
  readonly name: SpaceName;
  readonly spkiDer: Buffer;
  readonly expiresMs: number;
  readonly serial: string;
}

/** Mesh, space and name as the certificate states them, in this order. */
export function spaceUris(mesh: MeshId, space: SpaceId, name: SpaceName): [string, string] {
  return [`odcm://${mesh}/space/${space}`, `odcm://${mesh}/name/${name}`];
}

/** SHA-256 of the DER in hex: how root metadata pins a CA certificate. */
export function certificatePin(pem: string): string {
  return digest('sha256', derFromPem(pem, 'CERTIFICATE'), 'hex');
}

/** Every check in turn; the first that fails is named. */
export function verifyChain(options: ChainOptions): VerifiedChain {
  const root = parseCertificate(options.rootPem, 'root CA');
  const issuing = parseCertificate(options.issuingPem, 'issuing CA');
  const leaf = parseCertificate(options.leafPem, 'space');
  verifyPins(root, issuing, options.pins);
  if (!root.ca || !issuing.ca || leaf.ca) {
    throw refused('ca-flag', 'a certificate stands where its CA flag forbids it');
  }
  verifyLink(root, root, 'root CA');
  verifyLink(issuing, root, 'issuing CA');
  verifyLink(leaf, issuing, 'space');
  verifyValidity(root, options.nowMs, 'root CA');
  verifyValidity(issuing, options.nowMs, 'issuing CA');
  verifyValidity(leaf, options.nowMs, 'space');
  verifyUsage(leaf);
  const name = verifyNames(leaf, options);
  const { spkiDer, nodeKey } = verifyKeys(leaf);
  const { toMs: expiresMs } = validityOf(leaf);
  return { nodeKey, name, spkiDer, expiresMs, serial: leaf.serialNumber };
}

function parseCertificate(pem: string, what: string): X509Certificate {
  try {
    const der = derFromPem(pem, 'CERTIFICATE');
    const certificate = new X509Certificate(der);
    if (certificate.raw.equals(der)) return certificate;
  } catch (cause) {
    if (isMeshError(cause, 'TOO_LARGE')) throw cause;
    throw refused('form', `the ${what} certificate is not readable`, cause);
  }
  throw refused('form', `the ${what} certificate is not readable`);
}

function verifyPins(
  root: X509Certificate,
  issuing: X509Certificate,
  pins: ChainOptions['pins'],
): void {
  if (digest('sha256', root.raw, 'hex') !== pins.root) {
    throw refused('root-pin', 'the root CA is not the one that the root metadata names');
  }
  if (!pins.issuing.includes(digest('sha256', issuing.raw, 'hex'))) {
    throw refused('issuing-pin', 'the issuing CA is not one that the root metadata names');
  }
}

/** `checkIssued` compares names only and says yes to any CA of the same name, so the signature is checked as well. */
function verifyLink(subject: X509Certificate, issuer: X509Certificate, what: string): void {
  if (!subject.checkIssued(issuer)) {
    throw refused('issuer', `the ${what} certificate names another issuer`);
  }
  if (!subject.verify(issuer.publicKey)) {
    throw refused('signature', `the ${what} certificate is not signed by its issuer`);
  }
}

function verifyValidity(certificate: X509Certificate, nowMs: number, what: string): void {
  const { validFrom, validTo } = certificate;
  const { fromMs, toMs } = validityOf(certificate);
  // Dates that are none are NaN, which nothing is before or after.
  if (!(fromMs <= nowMs && nowMs <= toMs)) {
    throw refused('validity', `the ${what} certificate is valid from ${validFrom} to ${validTo}`);
  }
}

function verifyUsage(leaf: X509Certificate): void {
  // Despite its name, node's `keyUsage` is the list of extended key usages; it is undefined without the extension.
  const usages: readonly string[] = leaf.keyUsage ?? [];
  if (!usages.includes(CLIENT_AUTH) || !usages.includes(EMAIL_PROTECTION)) {
    throw refused('usage', 'the space certificate is not for client authentication and signing');
  }
}

/** Exactly the two URIs of this mesh and space; nothing beside them. */
function verifyNames(leaf: X509Certificate, { mesh, space }: ChainOptions): SpaceName {
  const prefix = `odcm://${mesh}/name/`;
  const stated = leaf.subjectAltName ?? '';
  try {
    const name = parseSpaceName(stated.slice(stated.lastIndexOf(prefix) + prefix.length));
    const [spaceUri, nameUri] = spaceUris(mesh, space, name);
    if (stated === `URI:${spaceUri}, URI:${nameUri}`) return name;
  } catch (cause) {
    throw refused('names', 'the certificate names another mesh or space', cause);
  }
  throw refused('names', 'the certificate names another mesh or space');
}

function verifyKeys(leaf: X509Certificate): { spkiDer: Buffer; nodeKey: Buffer } {
  const key = leaf.publicKey;
  try {
    assertStrongRsa(key);
  } catch (cause) {
    throw refused('key', 'the RSA key of the certificate is too weak', cause);
  }
  const spkiDer = key.export({ format: 'der', type: 'spki' });
  try {
    const extension = findSignedKey(certificateExtensions(leaf.raw));
    return { spkiDer, nodeKey: verifySignedKey(extension, spkiDer).nodeKey };
  } catch (cause) {
    throw refused('binding', 'the certificate does not bind a node key to its RSA key', cause);
  }
}

function refused(check: ChainCheck, message: string, cause?: unknown): MeshError {
  return new MeshError('BAD_CERTIFICATE', message, { detail: { check }, cause });
}
