// Detached signatures over manifests: CMS SignedData (RFC 5652) with RSA and SHA-256, the form that `openssl cms -verify`
// reads. Forge builds, node:crypto signs and is the only one that verifies. Of what is read, only the certificates, the
// digest and the time are used; whether the certificates are good is for certs/chain.ts to say.

import {
  constants,
  hash as digest,
  type KeyObject,
  privateEncrypt,
  verify,
  X509Certificate,
} from 'node:crypto';
import forge from 'node-forge';
import { MeshError } from '../protocols/errors.ts';
import { LIMITS } from '../protocols/limits.ts';
import { type DerNode, derFromPem, pemFromDer, readChildren, readDer, TAG } from './der.ts';
import { assertStrongRsa } from './rsa.ts';

const CMS = 'a signature';
const OID = {
  data: '06092a864886f70d010701',
  signedData: '06092a864886f70d010702',
  contentType: '06092a864886f70d010903',
  messageDigest: '06092a864886f70d010904',
  signingTime: '06092a864886f70d010905',
} as const;
/** AlgorithmIdentifier of SHA-256 and of RSA, each with a NULL for parameters. */
const SHA256 = '300d06096086480165030402010500';
const RSA = '300d06092a864886f70d0101010500';
/** DigestInfo of SHA-256 up to the digest itself (RFC 8017 §9.2 note 1). */
const DIGEST_INFO = Buffer.from('3031300d060960864801650304020105000420', 'hex');
const VERSION_1 = '020101';
const UTC_TIME = 0x17;

export interface SignCmsOptions {
  readonly content: Uint8Array;
  /** RSA key of the first certificate. */
  readonly key: KeyObject;
  readonly leafPem: string;
  readonly issuingPem: string;
  readonly nowMs: number;
}

export interface VerifiedCms {
  readonly leafPem: string;
  readonly issuingPem: string;
  /** What the signer says, to the second; the signature covers it. */
  readonly signedAtMs: number;
}

/** DER of a detached signature with both certificates in it. */
export function signCms({ content, key, leafPem, issuingPem, nowMs }: SignCmsOptions): Buffer {
  const message = forge.pkcs7.createSignedData();
  message.content = forge.util.createBuffer(Buffer.from(content).toString('binary'));
  message.addCertificate(leafPem);
  message.addCertificate(issuingPem);
  const { oids } = forge.pki;
  message.addSigner({
    key: signer(key) as unknown as forge.pki.rsa.PrivateKey,
    certificate: forge.pki.certificateFromPem(leafPem),
    digestAlgorithm: oids['sha256']!,
    // In the order that DER wants of a set; forge does not sort them.
    authenticatedAttributes: [
      { type: oids['contentType']!, value: oids['data']! },
      { type: oids['signingTime']!, value: new Date(nowMs) as unknown as string },
      { type: oids['messageDigest']! },
    ],
  });
  message.sign({ detached: true });
  return Buffer.from(forge.asn1.toDer(message.toAsn1()).getBytes(), 'binary');
}

/** Forge asks a key to sign a digest; its own RSA would hold up the event loop for longer than all the rest takes. */
function signer(key: KeyObject): { sign: (md: forge.md.MessageDigest) => string } {
  return {
    sign: (md) => {
      const hashed = Buffer.from(md.digest().getBytes(), 'binary');
      const padding = constants.RSA_PKCS1_PADDING;
      return privateEncrypt({ key, padding }, Buffer.concat([DIGEST_INFO, hashed])).toString(
        'binary',
      );
    },
  };
}

/**
 * Checks form and signature of a detached CMS over the content: one signer, SHA-256 and RSA, exactly the attributes that
 * {@link signCms} writes, the signer's certificate and that of its issuer. Says nothing of whether they are to be trusted.
 * @throws TOO_LARGE, MALFORMED, HASH_MISMATCH when the content is another, BAD_SIGNATURE
 */
export function verifyCms(der: Uint8Array, content: Uint8Array): VerifiedCms {
  if (der.length > LIMITS.cmsBytes)
    throw new MeshError('TOO_LARGE', `a signature is above ${LIMITS.cmsBytes} bytes`);
  const [type, wrapped] = exactly(readDer(der, TAG.sequence, CMS), 2);
  expectHex(type, OID.signedData, 'is no SignedData');
  const [signed] = exactly(withTag(wrapped!, TAG.context0), 1);
  const [version, digests, encapsulated, certificates, signers] = exactly(
    withTag(signed!, TAG.sequence),
    5,
  );
  expectHex(version, VERSION_1, 'is of an unknown version');
  const [digestAlgorithm] = exactly(withTag(digests!, TAG.set), 1);
  expectHex(digestAlgorithm, SHA256, 'uses another digest than SHA-256');
  const [contentType] = exactly(withTag(encapsulated!, TAG.sequence), 1);
  expectHex(contentType, OID.data, 'holds its content, or is of another kind');
  const [leaf, issuing] = exactly(withTag(certificates!, TAG.context0), 2);
  const certificate = certificateOf(leaf!);
  certificateOf(issuing!);
  const publicKey = keyOf(certificate);
  const [info] = exactly(withTag(signers!, TAG.set), 1);
  const signer = withTag(info!, TAG.sequence);
  verifyIdentifier(signer, certificate);
  const signedAtMs = verifySigner(signer, publicKey, content);
  return {
    leafPem: pemFromDer(leaf!.der, 'CERTIFICATE'),
    issuingPem: pemFromDer(issuing!.der, 'CERTIFICATE'),
    signedAtMs,
  };
}

function verifySigner(info: DerNode, publicKey: KeyObject, content: Uint8Array): number {
  const [version, , digestAlgorithm, attributes, algorithm, signature] = exactly(info, 6);
  expectHex(version, VERSION_1, 'has a signer of an unknown version');
  expectHex(digestAlgorithm, SHA256, 'has a signer with another digest than SHA-256');
  expectHex(algorithm, RSA, 'has a signer with another algorithm than RSA');
  const { messageDigest, signedAtMs } = readAttributes(withTag(attributes!, TAG.context0));
  if (messageDigest !== digest('sha256', content, 'hex'))
    throw new MeshError('HASH_MISMATCH', 'a signature is over another manifest');
  // Signed as the set that they are, not as the optional field in which they stand (RFC 5652 §5.4).
  const asSet = Buffer.from(attributes!.der);
  asSet[0] = TAG.set;
  const bytes = withTag(signature!, TAG.octetString).content;
  if (!verify('sha256', asSet, publicKey, bytes))
    throw new MeshError('BAD_SIGNATURE', 'a manifest is not signed by the key of its certificate');
  return signedAtMs;
}

/** Issuer and serial number are those of the certificate that came along: what they say is used nowhere else. */
function verifyIdentifier(signer: DerNode, certificate: X509Certificate): void {
  const [issuer, serial] = exactly(withTag(exactly(signer, 6)[1]!, TAG.sequence), 2);
  const [tbs] = readChildren(readDer(certificate.raw, TAG.sequence, CMS), CMS);
  const [version, ownSerial, , ownIssuer] = readChildren(withTag(tbs!, TAG.sequence), CMS);
  const isSame =
    version?.tag === TAG.context0 &&
    ownSerial?.der.equals(serial!.der) === true &&
    ownIssuer?.der.equals(issuer!.der) === true;
  if (!isSame) throw bad('names another certificate than the one it holds');
}

function readAttributes(attributes: DerNode): { messageDigest: string; signedAtMs: number } {
  const [type, time, hash] = exactly(attributes, 3);
  expectHex(value(type!, OID.contentType), OID.data, 'signs another kind of content');
  const at = value(time!, OID.signingTime);
  const messageDigest = withTag(value(hash!, OID.messageDigest), TAG.octetString).content;
  return { messageDigest: messageDigest.toString('hex'), signedAtMs: utcTime(at) };
}

/** Of an attribute with this type and a single value. */
function value(attribute: DerNode, oid: string): DerNode {
  const [type, values] = exactly(withTag(attribute, TAG.sequence), 2);
  expectHex(type, oid, 'has other attributes than type, time and digest');
  const [only] = exactly(withTag(values!, TAG.set), 1);
  return only!;
}

/** `YYMMDDHHMMSSZ`, of the years 1950 to 2049 (RFC 5652 §11.3). */
function utcTime(node: DerNode): number {
  const text = withTag(node, UTC_TIME).content.toString('latin1');
  const match = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!match) throw bad('has a time that is none');
  const [year = 0, month = 0, ...rest] = match.slice(1).map(Number);
  const [day, hour, minute, second] = rest;
  const ms = Date.UTC(year < 50 ? 2000 + year : 1900 + year, month - 1, day, hour, minute, second);
  const digits = new Date(ms).toISOString().replaceAll(/\D/g, '').slice(2, 14);
  if (`${digits}Z` !== text) throw bad('has a time that is none');
  return ms;
}

function keyOf(certificate: X509Certificate): KeyObject {
  try {
    const key = certificate.publicKey;
    assertStrongRsa(key);
    return key;
  } catch (cause) {
    throw new MeshError('MALFORMED', 'a signature holds a certificate without a strong RSA key', {
      cause,
    });
  }
}

function certificateOf(node: DerNode): X509Certificate {
  try {
    // Through PEM, as every certificate from outside: its size and its form are looked at there.
    const der = derFromPem(pemFromDer(node.der, 'CERTIFICATE'), 'CERTIFICATE');
    const certificate = new X509Certificate(der);
    if (certificate.raw.equals(node.der)) return certificate;
  } catch (cause) {
    throw new MeshError('MALFORMED', 'a signature holds a certificate that is none', { cause });
  }
  throw bad('holds a certificate that is none');
}

function exactly(node: DerNode, count: number): DerNode[] {
  const children = readChildren(node, CMS);
  if (children.length !== count) throw bad('has more parts, or fewer, than ours have');
  return children;
}

function withTag(node: DerNode, tag: number): DerNode {
  if (node.tag !== tag) throw bad('has another form than ours');
  return node;
}

function expectHex(node: DerNode | undefined, hex: string, why: string): void {
  if (node?.der.toString('hex') !== hex) throw bad(why);
}

const bad = (why: string): MeshError => new MeshError('MALFORMED', `${CMS} ${why}`);
