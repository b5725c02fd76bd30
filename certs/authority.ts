// The certificate authority: root CA, issuing CA and the certificates of spaces. Forge builds,
// node:crypto makes keys and signs. Knows nothing of who may have a certificate; whoever calls has decided that.

import { createPublicKey, type KeyObject, randomBytes } from 'node:crypto';
import forge from 'node-forge';
import type { MeshId, SpaceId, SpaceName } from '../protocols/ids.ts';
import { LIMITS } from '../protocols/limits.ts';
import { spaceUris } from './chain.ts';
import { forgePublicKey, signWithNode } from './forge-signer.ts';
import { generateRsa, rsaFromSpki } from './rsa.ts';
import { encodeSignedKey, SIGNED_KEY_OID, type SignedKey } from './signed-key.ts';

const DAY_MS = 24 * 3_600_000;
const ROOT_DAYS = 3652;
const ISSUING_DAYS = 730;
const SPACE_DAYS = 30;

export interface Authority {
  readonly certificatePem: string;
  readonly key: KeyObject;
}

export interface RootAuthorityOptions {
  readonly mesh: SpaceName;
  readonly nowMs: number;
  readonly bits?: number;
}

export interface IssuingAuthorityOptions extends RootAuthorityOptions {
  readonly root: Authority;
}

export interface SpaceCertificateOptions {
  readonly issuing: Authority;
  /** From a verified request, as is `signedKey`. */
  readonly spkiDer: Uint8Array;
  readonly signedKey: SignedKey;
  readonly mesh: MeshId;
  readonly space: SpaceId;
  readonly name: SpaceName;
  readonly nowMs: number;
  readonly days?: number;
}

/** Self-signed; its key is meant to be taken offline. It may have issuing CAs below it and nothing deeper. */
export async function createRootAuthority(options: RootAuthorityOptions): Promise<Authority> {
  const key = await generateRsa(options.bits ?? 4096);
  const subject = caSubject(options.mesh, 'Root CA');
  const certificate = build({ subject, publicKey: createPublicKey(key) });
  setValidity(certificate, options.nowMs, ROOT_DAYS);
  certificate.setIssuer(subject);
  certificate.setExtensions(caExtensions(1, keyIdentifier(certificate)));
  return { certificatePem: finish(certificate, key), key };
}

export async function createIssuingAuthority(options: IssuingAuthorityOptions): Promise<Authority> {
  const key = await generateRsa(options.bits ?? 3072);
  const subject = caSubject(options.mesh, 'Issuing CA');
  const certificate = build({ subject, publicKey: createPublicKey(key) });
  const issuer = setIssuer(certificate, options.root.certificatePem);
  setValidity(certificate, options.nowMs, ISSUING_DAYS, issuer);
  certificate.setExtensions(caExtensions(0, keyIdentifier(issuer)));
  return { certificatePem: finish(certificate, options.root.key), key };
}

/** Names come from the caller, never from the request. Shorter than asked when the issuing CA ends earlier. */
export function issueSpaceCertificate(options: SpaceCertificateOptions): string {
  const certificate = build({
    subject: [{ name: 'commonName', value: options.name }],
    publicKey: rsaFromSpki(options.spkiDer),
  });
  const issuer = setIssuer(certificate, options.issuing.certificatePem);
  setValidity(certificate, options.nowMs, options.days ?? SPACE_DAYS, issuer);
  const uris = spaceUris(options.mesh, options.space, options.name);
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: false },
    { name: 'keyUsage', critical: true, digitalSignature: true },
    // With emailProtection a plain `openssl cms -verify` accepts what the space signs.
    { name: 'extKeyUsage', clientAuth: true, emailProtection: true },
    { name: 'subjectAltName', altNames: uris.map((value) => ({ type: 6, value })) },
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: keyIdentifier(issuer) },
    {
      id: SIGNED_KEY_OID,
      critical: false,
      value: encodeSignedKey(options.signedKey).toString('binary'),
    },
  ]);
  return finish(certificate, options.issuing.key);
}

function caSubject(mesh: SpaceName, commonName: string): forge.pki.CertificateField[] {
  return [
    { name: 'organizationName', value: mesh },
    { name: 'commonName', value: `ODCM ${commonName}` },
  ];
}

function build(parts: {
  subject: forge.pki.CertificateField[];
  publicKey: KeyObject;
}): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forgePublicKey(parts.publicKey);
  certificate.setSubject(parts.subject);
  certificate.serialNumber = serial(randomBytes(16)).toString('hex');
  return certificate;
}

/** Positive, without a leading zero byte, at most 20 bytes: DER and RFC 5280 §4.1.2.2 want all three. */
export function serial(random: Uint8Array): Buffer {
  const bytes = Buffer.from(random);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes;
}

function setIssuer(certificate: forge.pki.Certificate, issuerPem: string): forge.pki.Certificate {
  const issuer = forge.pki.certificateFromPem(issuerPem);
  certificate.setIssuer(issuer.subject.attributes);
  return issuer;
}

/** Begins a little in the past, so that clocks which are slow by the allowed skew accept it at once. */
function setValidity(
  certificate: forge.pki.Certificate,
  nowMs: number,
  days: number,
  issuer?: forge.pki.Certificate,
): void {
  const end = new Date(nowMs + days * DAY_MS);
  const limit = issuer?.validity.notAfter ?? end;
  certificate.validity.notBefore = new Date(nowMs - LIMITS.clockSkewMs);
  certificate.validity.notAfter = end < limit ? end : limit;
}

function caExtensions(pathLenConstraint: number, authority: string): object[] {
  return [
    { name: 'basicConstraints', critical: true, cA: true, pathLenConstraint },
    { name: 'keyUsage', critical: true, keyCertSign: true, cRLSign: true },
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: authority },
  ];
}

const keyIdentifier = (certificate: forge.pki.Certificate): string =>
  certificate.generateSubjectKeyIdentifier().getBytes();

function finish(certificate: forge.pki.Certificate, key: KeyObject): string {
  signWithNode(certificate, key);
  return forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
}
