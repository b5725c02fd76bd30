import { beforeAll, describe, expect, it } from 'vitest';
import { certificateFacts } from '../../certs/certificate-facts.ts';
import { certificatePin, verifyChain } from '../../certs/chain.ts';
import { derFromPem, pemFromDer } from '../../certs/der.ts';
import {
  codeOf,
  issueFor,
  makeNode,
  makeTrustRoot,
  NOW_MS,
  SPACE,
  type TrustRoot,
} from './fixtures.ts';

const LABEL = 'CERTIFICATE';
let trust: TrustRoot;
let leaf: string;
beforeAll(async () => {
  trust = await makeTrustRoot();
  leaf = issueFor(trust, (await makeNode()).request);
});

/** With its first text changed to another of the same length. */
function altered(pem: string, from: string, to: string): string {
  const der = derFromPem(pem, LABEL);
  der.write(to, der.indexOf(from), 'latin1');
  return pemFromDer(der, LABEL);
}

/** The date from which it is valid, as its DER has it. */
const firstDate = (pem: string): string =>
  /\d{12}Z/.exec(derFromPem(pem, LABEL).toString('latin1'))![0];

describe('what a certificate says of itself', () => {
  it('is its pin, its names and its dates', () => {
    expect(certificateFacts(leaf)).toMatchObject({
      ...{ sha256: certificatePin(leaf), subject: 'library' },
      serial: expect.stringMatching(/^[0-9A-F]+$/),
    });
    const { notBefore, notAfter } = certificateFacts(leaf);
    expect(Date.parse(notBefore)).toBeLessThan(NOW_MS);
    expect(Date.parse(notAfter)).toBeGreaterThan(NOW_MS);
  });

  it('is its whole subject where that has no common name', () => {
    // The object identifier of the common name becomes one that nobody knows.
    const issuing = trust.issuing.certificatePem;
    const der = derFromPem(issuing, LABEL);
    for (let at = der.indexOf('550403', 0, 'hex'); at >= 0; at = der.indexOf('550403', at, 'hex'))
      der[at + 2] = 0x0b;
    expect(certificateFacts(pemFromDer(der, LABEL)).subject).toContain('OU=');
  });

  it('is nothing when it states a date that is none, and nothing believes in such a date', () => {
    const odd = altered(leaf, firstDate(leaf), '269921115500Z');
    // Often enough to see what only happens where memory holds something that looks like a date.
    for (let i = 0; i < 200; i++)
      expect(codeOf(() => certificateFacts(odd))).toBe('BAD_CERTIFICATE');
    const { root, issuing, pins, mesh } = trust;
    const chain = { rootPem: root.certificatePem, issuingPem: issuing.certificatePem, pins, mesh };
    const verify = () => verifyChain({ ...chain, leafPem: odd, space: SPACE, nowMs: NOW_MS });
    expect(codeOf(verify)).toBe('BAD_CERTIFICATE');
  });

  it('is nothing when it is no certificate', () => {
    expect(codeOf(() => certificateFacts('text'))).toBe('MALFORMED');
    expect(codeOf(() => certificateFacts(pemFromDer(Buffer.of(0x30, 0), LABEL)))).toBe(
      'BAD_CERTIFICATE',
    );
  });
});
