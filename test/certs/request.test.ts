import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import forge from 'node-forge';
import { beforeAll, describe, expect, it } from 'vitest';
import { derFromPem, pemFromDer } from '../../certs/der.ts';
import { generateEd25519 } from '../../certs/ed25519.ts';
import { forgePublicKey, signWithNode } from '../../certs/forge-signer.ts';
import { createRequest, verifyRequest } from '../../certs/request.ts';
import { generateRsa, spkiOf } from '../../certs/rsa.ts';
import { encodeSignedKey, SIGNED_KEY_OID, signKey } from '../../certs/signed-key.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { isMeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { BITS, codeOf, flipBit, makeNode, type Node } from './fixtures.ts';

const LABEL = 'CERTIFICATE REQUEST';
let node: Node;
beforeAll(async () => {
  node = await makeNode();
});

/** A request by forge with whatever extensions the test wants, properly self-signed. */
function custom(extensions: object[] | null): string {
  const request = forge.pki.createCertificationRequest();
  request.publicKey = forgePublicKey(node.request.publicKey);
  request.setSubject([{ name: 'commonName', value: 'library' }]);
  if (extensions) request.setAttributes([{ name: 'extensionRequest', extensions }]);
  signWithNode(request, node.rsaKey);
  return forge.pki.certificationRequestToPem(request).replaceAll('\r\n', '\n');
}

const extension = (value: Buffer) => ({
  id: SIGNED_KEY_OID,
  critical: false,
  value: value.toString('binary'),
});

describe('certificate requests', () => {
  it('prove both keys', () => {
    const verified = verifyRequest(node.csr);
    expect(verified.spkiDer).toEqual(spkiOf(node.rsaKey));
    expect(verified.signedKey.nodeKey).toEqual(ed25519Raw(node.nodeKey));
  });

  it('can be read and verified by forge as well', () => {
    expect(forge.pki.certificationRequestFromPem(node.csr).verify()).toBe(true);
  });

  it('are refused when any bit is turned over', () => {
    const der = derFromPem(node.csr, LABEL);
    fc.assert(
      fc.property(fc.nat(der.length * 8 - 1), (bit) => {
        try {
          verifyRequest(pemFromDer(flipBit(der, bit), LABEL));
        } catch (error) {
          return isMeshError(error) && error.code !== 'INTERNAL';
        }
        return false;
      }),
      { numRuns: 400 },
    );
  });

  it('are refused at any cut, without a look beyond the end', () => {
    const der = derFromPem(node.csr, LABEL);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: der.length - 1 }), (length) => {
        const code = codeOf(() => verifyRequest(pemFromDer(der.subarray(0, length), LABEL)));
        return code === 'BAD_REQUEST_PROOF';
      }),
    );
  });

  it('are refused when another RSA key took the place of theirs', async () => {
    const other = await generateRsa(BITS);
    const der = derFromPem(node.csr, LABEL);
    const at = der.indexOf(node.request.spkiDer);
    const swapped = Buffer.from(der);
    spkiOf(other).copy(swapped, at);
    expect(codeOf(() => verifyRequest(pemFromDer(swapped, LABEL)))).toBe('BAD_REQUEST_PROOF');
  });

  it('are refused when the node key vouches for another RSA key', async () => {
    const foreign = signKey(node.nodeKey, spkiOf(await generateRsa(BITS)));
    const pem = custom([extension(encodeSignedKey(foreign))]);
    expect(codeOf(() => verifyRequest(pem))).toBe('BAD_REQUEST_PROOF');
  });

  it('are refused with a node key of small order', () => {
    const weak = { nodeKey: Buffer.alloc(32), signature: Buffer.alloc(64) };
    expect(codeOf(() => verifyRequest(custom([extension(encodeSignedKey(weak))])))).toBe(
      'WEAK_KEY',
    );
  });

  it('are refused without a node key, with two, and with one of another form', () => {
    const good = extension(encodeSignedKey(node.request.signedKey));
    expect(verifyRequest(custom([good])).signedKey).toEqual(node.request.signedKey);
    const bad = [
      custom(null),
      custom([{ name: 'basicConstraints', cA: true }]),
      custom([good, good]),
      custom([{ ...good, critical: true }]),
      custom([
        extension(Buffer.concat([encodeSignedKey(node.request.signedKey), Buffer.alloc(1)])),
      ]),
      custom([extension(Buffer.alloc(102))]),
    ];
    for (const pem of bad) expect(codeOf(() => verifyRequest(pem))).toBe('BAD_REQUEST_PROOF');
  });

  it('take no notice of what else they ask for', () => {
    const request = forge.pki.createCertificationRequest();
    request.publicKey = forgePublicKey(node.request.publicKey);
    request.setSubject([{ name: 'commonName', value: 'library' }]);
    const extensions = [extension(encodeSignedKey(node.request.signedKey))];
    request.setAttributes([
      { name: 'unstructuredName', value: 'spoken aside' },
      { name: 'extensionRequest', extensions },
    ]);
    signWithNode(request, node.rsaKey);
    const pem = forge.pki.certificationRequestToPem(request).replaceAll('\r\n', '\n');
    expect(verifyRequest(pem).signedKey).toEqual(node.request.signedKey);
  });

  it('are refused with RSA keys that are too short or too quick to forge', () => {
    const make = (modulusLength: number, publicExponent: number) =>
      generateKeyPairSync('rsa', { modulusLength, publicExponent }).privateKey;
    for (const rsaKey of [make(1024, 65_537), make(2048, 3)]) {
      const act = () => createRequest({ rsaKey, nodeKey: generateEd25519(), commonName: 'x' });
      expect(codeOf(act)).toBe('WEAK_KEY');
    }
  });

  it.each([
    ['text that is no PEM', 'hello', 'BAD_REQUEST_PROOF'],
    [
      'another PEM',
      '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n',
      'BAD_REQUEST_PROOF',
    ],
    ['an empty sequence', pemFromDer(Buffer.from('3000', 'hex'), LABEL), 'BAD_REQUEST_PROOF'],
    [
      'an indefinite length',
      pemFromDer(Buffer.from('30800000', 'hex'), LABEL),
      'BAD_REQUEST_PROOF',
    ],
    [
      'a length of four bytes',
      pemFromDer(Buffer.from('3084ffffffff', 'hex'), LABEL),
      'BAD_REQUEST_PROOF',
    ],
    [
      'a length with a leading zero',
      pemFromDer(Buffer.from('30820001ff', 'hex'), LABEL),
      'BAD_REQUEST_PROOF',
    ],
    ['more than any request has', 'x'.repeat(LIMITS.certificateBytes + 1), 'TOO_LARGE'],
  ])('refuse %s', (_, pem, code) => {
    expect(codeOf(() => verifyRequest(pem))).toBe(code);
  });

  it('refuse two requests in one file', () => {
    expect(codeOf(() => verifyRequest(node.csr + node.csr))).toBe('BAD_REQUEST_PROOF');
  });
});
