import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import forge from 'node-forge';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  createIssuingAuthority,
  createRootAuthority,
  issueSpaceCertificate,
  serial,
} from '../../certs/authority.ts';
import {
  type ChainCheck,
  type ChainOptions,
  certificatePin,
  verifyChain,
} from '../../certs/chain.ts';
import { derFromPem, pemFromDer } from '../../certs/der.ts';
import { forgePublicKey, signWithNode } from '../../certs/forge-signer.ts';
import { encodeSignedKey, SIGNED_KEY_OID } from '../../certs/signed-key.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { parseMeshId, parseSpaceId, parseSpaceName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  ACME,
  BITS,
  codeOf,
  DAY_MS,
  flipBit,
  issueFor,
  LIBRARY,
  makeNode,
  makeTrustRoot,
  NOW_MS,
  type Node,
  refusalOf,
  SPACE,
  type TrustRoot,
} from './fixtures.ts';

let trust: TrustRoot;
let node: Node;
let leafPem: string;
let good: ChainOptions;
beforeAll(async () => {
  trust = await makeTrustRoot();
  node = await makeNode();
  leafPem = issueFor(trust, node.request);
  good = {
    leafPem,
    issuingPem: trust.issuing.certificatePem,
    rootPem: trust.root.certificatePem,
    pins: trust.pins,
    mesh: trust.mesh,
    space: SPACE,
    nowMs: NOW_MS,
  };
});

/** Name of the check that refuses the chain with these things changed. */
function checkOf(changed: Partial<ChainOptions>): ChainCheck {
  const refusal = refusalOf(() => verifyChain({ ...good, ...changed }));
  expect(refusal.code).toBe('BAD_CERTIFICATE');
  return refusal.detail?.['check'] as ChainCheck;
}

/** A space certificate from the real issuing CA in which the test chooses names, usages and extensions. */
function custom(changed: { uris?: string[]; usages?: object; binding?: object[] }): string {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forgePublicKey(node.request.publicKey);
  certificate.serialNumber = '41';
  certificate.setSubject([{ name: 'commonName', value: 'library' }]);
  const issuer = forge.pki.certificateFromPem(trust.issuing.certificatePem);
  certificate.setIssuer(issuer.subject.attributes);
  certificate.validity.notBefore = new Date(NOW_MS - DAY_MS);
  certificate.validity.notAfter = new Date(NOW_MS + DAY_MS);
  const uris = changed.uris ?? [
    `odcm://${trust.mesh}/space/${SPACE}`,
    `odcm://${trust.mesh}/name/library`,
  ];
  const usages = changed.usages ?? { clientAuth: true, emailProtection: true };
  certificate.setExtensions([
    { name: 'basicConstraints', critical: true, cA: false },
    { name: 'extKeyUsage', ...usages },
    { name: 'subjectAltName', altNames: uris.map((value) => ({ type: 6, value })) },
    ...(changed.binding ?? [binding()]),
  ]);
  signWithNode(certificate, trust.issuing.key);
  return forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
}

const binding = (signedKey = node.request.signedKey) => ({
  id: SIGNED_KEY_OID,
  critical: false,
  value: encodeSignedKey(signedKey).toString('binary'),
});

describe('certificate chains', () => {
  it('give node key, name and end of a space certificate', () => {
    const verified = verifyChain(good);
    expect(verified).toMatchObject({ name: 'library', expiresMs: NOW_MS + 30 * DAY_MS });
    expect(verified.nodeKey).toEqual(ed25519Raw(node.nodeKey));
    expect(verified.spkiDer).toEqual(node.request.spkiDer);
    expect(verifyChain({ ...good, leafPem: custom({}) }).name).toBe('library');
  });

  it('satisfy forge too, which must be able to read them', () => {
    const [leaf, issuing, root] = [good.leafPem, good.issuingPem, good.rootPem].map((pem) =>
      forge.pki.certificateFromPem(pem),
    );
    const store = forge.pki.createCaStore([root!]);
    const validityCheckDate = new Date(NOW_MS);
    expect(
      forge.pki.verifyCertificateChain(store, [leaf!, issuing!, root!], { validityCheckDate }),
    ).toBe(true);
  });

  it('have the lives, path lengths and key usages of their profiles', () => {
    const read = (pem: string) => {
      const x509 = new X509Certificate(pem);
      const days = (x509.validToDate.getTime() - NOW_MS) / DAY_MS;
      return { ca: x509.ca, days, text: forge.pki.certificateFromPem(pem) };
    };
    const [leaf, issuing, root] = [good.leafPem, good.issuingPem, good.rootPem].map(read);
    expect(root).toMatchObject({ ca: true, days: 3652 });
    expect(issuing).toMatchObject({ ca: true, days: 730 });
    expect(leaf).toMatchObject({ ca: false, days: 30 });
    expect(root!.text.getExtension('basicConstraints')).toMatchObject({ pathLenConstraint: 1 });
    expect(issuing!.text.getExtension('basicConstraints')).toMatchObject({ pathLenConstraint: 0 });
    expect(leaf!.text.getExtension('keyUsage')).toMatchObject({
      digitalSignature: true,
      keyCertSign: false,
    });
  });

  it('never outlive their issuer', () => {
    const { spkiDer, signedKey } = node.request;
    const pem = issueSpaceCertificate({
      issuing: trust.issuing,
      spkiDer,
      signedKey,
      mesh: trust.mesh,
      space: SPACE,
      name: LIBRARY,
      nowMs: NOW_MS + 725 * DAY_MS,
    });
    const end = new X509Certificate(pem).validToDate.getTime();
    expect(end).toBe(NOW_MS + 730 * DAY_MS);
  });

  it('carry serials that are positive, of 16 bytes and without a leading zero', () => {
    for (const first of [0x00, 0x3f, 0x80, 0xff]) {
      const bytes = serial(Buffer.alloc(16, first));
      expect(bytes[0]! & 0xc0).toBe(0x40);
      expect(bytes).toHaveLength(16);
    }
    expect(verifyChain(good).serial).toHaveLength(32);
  });

  it('are refused when any bit of the space certificate is turned over', () => {
    const der = derFromPem(leafPem, 'CERTIFICATE');
    fc.assert(
      fc.property(fc.nat(der.length * 8 - 1), (bit) => {
        const bad = pemFromDer(flipBit(der, bit), 'CERTIFICATE');
        return codeOf(() => verifyChain({ ...good, leafPem: bad })) === 'BAD_CERTIFICATE';
      }),
      { numRuns: 400 },
    );
  });

  it('are refused with another root or issuing CA of the same names', async () => {
    const other = await makeTrustRoot();
    expect(checkOf({ rootPem: other.root.certificatePem })).toBe('root-pin');
    expect(checkOf({ issuingPem: other.issuing.certificatePem })).toBe('issuing-pin');
  });

  it('are refused when a pinned CA of the right name did not sign', async () => {
    const root = await createRootAuthority({ mesh: ACME, nowMs: NOW_MS, bits: BITS });
    const pins = { ...trust.pins, root: certificatePin(root.certificatePem) };
    const impostor = new X509Certificate(good.issuingPem);
    // The names match. The key identifiers do not, and node looks at those, too, where they are present.
    expect(impostor.checkIssued(new X509Certificate(root.certificatePem))).toBe(false);
    expect(checkOf({ rootPem: root.certificatePem, pins })).toBe('issuer');
  });

  it('are refused when names and key identifiers match and the signature does not', () => {
    const der = derFromPem(leafPem, 'CERTIFICATE');
    const last = pemFromDer(flipBit(der, (der.length - 1) * 8), 'CERTIFICATE');
    const issuing = new X509Certificate(good.issuingPem);
    expect(new X509Certificate(last).checkIssued(issuing)).toBe(true);
    expect(checkOf({ leafPem: last })).toBe('signature');
  });

  it('are refused in any other order than root, issuing, space', () => {
    const pins = { root: trust.pins.root, issuing: [certificatePin(leafPem)] };
    expect(checkOf({ issuingPem: leafPem, pins })).toBe('ca-flag');
    expect(checkOf({ leafPem: good.issuingPem })).toBe('ca-flag');
    const swapped = { root: trust.pins.issuing[0]!, issuing: [trust.pins.root] };
    const order = { rootPem: good.issuingPem, issuingPem: good.rootPem, pins: swapped };
    expect(checkOf(order)).toBe('issuer');
  });

  it('are refused before their beginning and after the end of any certificate', () => {
    expect(checkOf({ nowMs: NOW_MS - LIMITS.clockSkewMs - 1000 })).toBe('validity');
    expect(verifyChain({ ...good, nowMs: NOW_MS - LIMITS.clockSkewMs }).name).toBe('library');
    expect(verifyChain({ ...good, nowMs: NOW_MS + 30 * DAY_MS }).name).toBe('library');
    expect(checkOf({ nowMs: NOW_MS + 30 * DAY_MS + 1000 })).toBe('validity');
    expect(checkOf({ nowMs: NOW_MS + 800 * DAY_MS })).toBe('validity');
  });

  it('are refused when the issuing CA ended while the space certificate still runs', async () => {
    const early = { root: trust.root, mesh: ACME, nowMs: NOW_MS - 729 * DAY_MS, bits: BITS };
    const issuing = await createIssuingAuthority(early);
    const pem = issueFor({ ...trust, issuing }, node.request);
    const pins = { ...trust.pins, issuing: [certificatePin(issuing.certificatePem)] };
    const chain = { leafPem: pem, issuingPem: issuing.certificatePem, pins };
    expect(verifyChain({ ...good, ...chain }).expiresMs).toBe(NOW_MS + DAY_MS);
    expect(checkOf({ ...chain, nowMs: NOW_MS + 2 * DAY_MS })).toBe('validity');
  });

  it('are refused for another mesh, space or form of names', () => {
    const mesh = parseMeshId('aeaqcaibaeaqcaibaeaqcaibae');
    const space = parseSpaceId('0199b7c2-1f00-4000-8000-0000000000ff');
    expect(checkOf({ mesh })).toBe('names');
    expect(checkOf({ space })).toBe('names');
    const uri = `odcm://${trust.mesh}/space/${SPACE}`;
    const name = `odcm://${trust.mesh}/name/library`;
    const lists = [
      [uri],
      [name],
      [name, uri],
      [uri, name, name],
      [uri, `odcm://${mesh}/name/library`],
      [uri, `odcm://${trust.mesh}/name/Library`],
      [uri, `odcm://${trust.mesh}/name/`],
      [`${uri}, URI:${name}`],
      [uri, `${name}, URI:${name}`],
      [uri, name, 'https://example.com'],
    ];
    for (const uris of lists) expect(checkOf({ leafPem: custom({ uris }) })).toBe('names');
  });

  it('are refused without the usages of a space', () => {
    for (const usages of [{ serverAuth: true }, { clientAuth: true }, { emailProtection: true }]) {
      expect(checkOf({ leafPem: custom({ usages }) })).toBe('usage');
    }
  });

  it('are refused when the node key is missing, doubled, weak or bound to another RSA key', async () => {
    const foreign = (await makeNode()).request.signedKey;
    const weak = { nodeKey: Buffer.alloc(32), signature: Buffer.alloc(64) };
    const bindings = [
      [],
      [binding(), binding()],
      [binding(foreign)],
      [binding(weak)],
      [{ ...binding(), critical: true }],
      [{ ...binding(), value: 'x' }],
    ];
    for (const list of bindings) {
      expect(checkOf({ leafPem: custom({ binding: list }) })).toBe('binding');
    }
  });

  it.each([
    ['no PEM', 'hello'],
    ['an empty text', ''],
    ['a PEM of rubbish', pemFromDer(Buffer.from('30020500', 'hex'), 'CERTIFICATE')],
    ['a request', pemFromDer(Buffer.from('30020500', 'hex'), 'CERTIFICATE REQUEST')],
  ])('are refused when the space certificate is %s', (_, pem) => {
    expect(checkOf({ leafPem: pem })).toBe('form');
  });

  it('are refused with two certificates in one text, bytes after one, or too many bytes', () => {
    expect(checkOf({ leafPem: leafPem + leafPem })).toBe('form');
    const longer = Buffer.concat([derFromPem(leafPem, 'CERTIFICATE'), Buffer.alloc(1)]);
    expect(checkOf({ leafPem: pemFromDer(longer, 'CERTIFICATE') })).toBe('form');
    const large = 'x'.repeat(LIMITS.certificateBytes + 1);
    expect(codeOf(() => verifyChain({ ...good, leafPem: large }))).toBe('TOO_LARGE');
  });

  it('bind the name that was given, whatever the request called itself', () => {
    const { spkiDer, signedKey } = node.request;
    const name = parseSpaceName('payments');
    const { issuing } = trust;
    const options = { issuing, spkiDer, signedKey, mesh: trust.mesh, space: SPACE, nowMs: NOW_MS };
    const pem = issueSpaceCertificate({ ...options, name });
    expect(verifyChain({ ...good, leafPem: pem }).name).toBe('payments');
  });
});
