import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isMeshError } from '../../../protocols/errors.ts';
import { decodeReceipt, signReceipt, verifyReceipt } from '../../../protocols/gap/receipt.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { codeOf, flipBit } from '../../certs/fixtures.ts';
import { deployment, privateKey, publicKey, receipt, SUBJECT } from './receipt-samples.ts';

const bytes = receipt();
const bundle = {
  exporter: '0199b7c2-1f00-4000-8000-000000000002',
  sequence: 3,
  manifestSha256: 'ef'.repeat(32),
};

describe('a receipt', () => {
  it('says what was deployed, and is signed by its space', () => {
    const decoded = decodeReceipt(bytes);
    expect(decoded.statement.predicate).toEqual(deployment());
    expect(decoded.statement.subject).toEqual([
      { name: SUBJECT.name, digest: { sha256: SUBJECT.sha256 } },
    ]);
    expect(() => verifyReceipt(decoded, publicKey)).not.toThrow();
    expect(bytes.length).toBeLessThan(2048);
  });

  it('is one of a bundle that was applied as well', () => {
    const { mesh, space, directory } = deployment();
    const applied = { kind: 'import', mesh, space, bundle, directory } as const;
    const more = {
      appliedAt: '2026-11-21T11:00:00.000Z',
      approvedBy: ['Barry', 'Lisa'],
      entries: 12,
    };
    const signed = signReceipt(
      { ...applied, ...more } as never,
      SUBJECT,
      privateKey,
      '0123456789abcdef',
    );
    expect(decodeReceipt(signed).statement.predicate).toEqual({ ...applied, ...more });
  });

  it('above its limit is not made', () => {
    // Six bytes each in JSON.
    const long = '\u0001'.repeat(LIMITS.itemNameChars);
    const release = '\u0001'.repeat(349);
    const most = { id: long, project: long, environment: long, deployedBy: long, release };
    expect(codeOf(() => receipt(most))).toBe('TOO_LARGE');
    expect(codeOf(() => receipt({ project: `${long}x` }))).toBe('MALFORMED');
  });

  it('is the same bytes whatever order its fields were given in', () => {
    const turned = Object.fromEntries(Object.entries(deployment()).reverse()) as never;
    expect(signReceipt(turned, SUBJECT, privateKey, '0123456789abcdef')).toEqual(bytes);
  });

  it('of another key is refused', () => {
    const other = generateKeyPairSync('ed25519').publicKey;
    expect(codeOf(() => verifyReceipt(decodeReceipt(bytes), other))).toBe('BAD_SIGNATURE');
  });

  it('is refused whichever of its bits is another, but for those of the name of its key', () => {
    const keyAt = bytes.indexOf('"keyid":"') + 9;
    for (let bit = 0; bit < bytes.length * 8; bit += 3) {
      const at = bit >> 3;
      if (at >= keyAt && at < keyAt + 16) continue;
      try {
        verifyReceipt(decodeReceipt(flipBit(bytes, bit)), publicKey);
      } catch (error) {
        if (isMeshError(error)) continue;
        throw error;
      }
      expect.fail(`bit ${bit} is not missed`);
    }
  });

  it.each<[string, object]>([
    ['without a project', { project: '' }],
    ['with an outcome that is none', { outcome: 'maybe' }],
    ['with a time of another form', { startedAt: '2026-11-21T10:00:00Z' }],
    ['of a bundle numbered nought', { bundle: { ...bundle, sequence: 0 } }],
    ['with a field too many', { secret: 'x' }],
    ['of another kind', { kind: 'rumour' }],
  ])('%s is not made', (_, more) => {
    expect(codeOf(() => receipt(more))).toBe('MALFORMED');
  });

  it.each<[string, (text: string) => string, string]>([
    ['with a space in it', (t) => t.replace(':', ': '), 'NOT_CANONICAL'],
    [
      'with its fields in another order',
      (t) => t.replace(/^\{("payload":"[^"]*"),("payloadType":"[^"]*"),/, '{$2,$1,'),
      'NOT_CANONICAL',
    ],
    ['of another type', (t) => t.replace('vnd.in-toto', 'vnd.other'), 'MALFORMED'],
    ['without a signature', (t) => t.replace(/\[\{.*\}\]/, '[]'), 'MALFORMED'],
    ['with two signatures', (t) => t.replace(/\[(\{.*\})\]/, '[$1,$1]'), 'MALFORMED'],
    ['that is no JSON', (t) => t.slice(1), 'MALFORMED'],
    ['that is a list', () => '[]', 'MALFORMED'],
    ['above its limit', (t) => t + ' '.repeat(9000), 'TOO_LARGE'],
  ])('%s is refused', (_, change, code) => {
    expect(codeOf(() => decodeReceipt(Buffer.from(change(bytes.toString()))))).toBe(code);
  });
});
