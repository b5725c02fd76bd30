import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ed25519FromPem,
  generateEd25519,
  privateKeyPem,
  signEd25519,
} from '../../certs/ed25519.ts';
import { rsaFromSpki, spkiOf } from '../../certs/rsa.ts';
import {
  agreeX25519,
  assertStrongX25519,
  generateX25519,
  x25519FromRaw,
  x25519Raw,
} from '../../certs/x25519.ts';
import {
  assertStrongEd25519,
  ed25519FromRaw,
  ed25519Raw,
  littleEndian,
  verifyEd25519,
} from '../../protocols/ed25519.ts';
import { codeOf } from './fixtures.ts';

const P = 2n ** 255n - 19n;
const bytesOf = (value: bigint): Buffer =>
  Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse();
const power = (base: bigint, exponent: bigint): bigint => {
  let out = 1n;
  for (let b = base % P, e = exponent; e > 0n; e >>= 1n, b = (b * b) % P) {
    if (e & 1n) out = (out * b) % P;
  }
  return out;
};
const inverse = (value: bigint): bigint => power(value, P - 2n);
const root = (value: bigint): bigint => {
  const half = power(value, (P + 3n) / 8n);
  return (half * half) % P === value ? half : (half * power(2n, (P - 1n) / 4n)) % P;
};

/** Points of order 8 double to y = 0: d·y⁴ + 2·y² - 1 = 0, solved here without the product's constants. */
function orderEight(): bigint[] {
  const d = ((P - 121_665n) * inverse(121_666n)) % P;
  const s = root((1n + d) % P);
  const squares = [s, P - s].map((r) => ((r + P - 1n) * inverse(d)) % P);
  const roots = squares.map((square) => [root(square), square] as const);
  return roots.flatMap(([y, square]) => ((y * y) % P === square ? [y, P - y] : []));
}

const sign = 1n << 255n;
const ed25519Points: [string, bigint][] = [
  ['the neutral point', 1n],
  ['the point of order 2', P - 1n],
  ['a point of order 4', 0n],
  ...orderEight().map((y): [string, bigint] => ['a point of order 8', y]),
];

describe('Ed25519 keys', () => {
  it('solves for exactly two y coordinates of order 8', () => {
    expect(orderEight()).toHaveLength(2);
  });

  it.each(ed25519Points)('refuses %s with either sign (y = %s)', (_, y) => {
    expect(codeOf(() => assertStrongEd25519(bytesOf(y)))).toBe('WEAK_KEY');
    expect(codeOf(() => assertStrongEd25519(bytesOf(y + sign)))).toBe('WEAK_KEY');
    expect(codeOf(() => ed25519FromRaw(bytesOf(y)))).toBe('WEAK_KEY');
  });

  it('refuses every y that is not below p, with either sign', () => {
    for (let y = P; y < 2n ** 255n; y++) {
      expect(codeOf(() => assertStrongEd25519(bytesOf(y)))).toBe('WEAK_KEY');
      expect(codeOf(() => assertStrongEd25519(bytesOf(y + sign)))).toBe('WEAK_KEY');
    }
  });

  it('refuses keys of another length', () => {
    for (const length of [0, 31, 33]) {
      expect(codeOf(() => ed25519FromRaw(Buffer.alloc(length, 9)))).toBe('MALFORMED');
    }
  });

  it('accepts keys that were made as keys are made, and brings them back from PEM and raw form', () => {
    const key = generateEd25519();
    const raw = ed25519Raw(key);
    assertStrongEd25519(raw);
    expect(ed25519Raw(ed25519FromRaw(raw))).toEqual(raw);
    expect(ed25519Raw(ed25519FromPem(privateKeyPem(key)))).toEqual(raw);
  });

  it('verifies its own signature and refuses any other message, key or signature', () => {
    const key = generateEd25519();
    const publicKey = ed25519FromRaw(ed25519Raw(key));
    const message = Buffer.from('odcm/test/v1');
    const signature = signEd25519(key, message);
    expect(verifyEd25519(publicKey, message, signature)).toBe(true);
    expect(verifyEd25519(publicKey, Buffer.from('odcm/test/v2'), signature)).toBe(false);
    expect(verifyEd25519(publicKey, message, signature.subarray(1))).toBe(false);
    const other = ed25519FromRaw(ed25519Raw(generateEd25519()));
    expect(verifyEd25519(other, message, signature)).toBe(false);
  });

  it('refuses a PEM of another kind and text that is no PEM', () => {
    expect(codeOf(() => ed25519FromPem(privateKeyPem(generateX25519())))).toBe('MALFORMED');
    expect(codeOf(() => ed25519FromPem('no key'))).toBe('MALFORMED');
    expect(codeOf(() => ed25519Raw(generateX25519()))).toBe('MALFORMED');
  });

  it('reads little-endian integers as they are written', () => {
    fc.assert(fc.property(fc.bigInt(0n, 2n ** 256n - 1n), (n) => littleEndian(bytesOf(n)) === n));
  });
});

const x25519Points: [string, bigint][] = [
  ['0', 0n],
  ['1', 1n],
  ['order 8', 325606250916557431795983626356110631294008115727848805560023387167927233504n],
  ['order 8', 39382357235489614581723060781553021112529911719440698176882885853963445705823n],
  ['-1', P - 1n],
];

describe('X25519 keys', () => {
  it.each(x25519Points)('refuses the point %s, on which every agreement is zero', (_, u) => {
    expect(codeOf(() => x25519FromRaw(bytesOf(u)))).toBe('WEAK_KEY');
    const spki = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), bytesOf(u)]);
    const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    expect(() => diffieHellman({ privateKey: generateX25519(), publicKey })).toThrow();
  });

  it('refuses second spellings: u not below p, and the top bit', () => {
    for (const u of [P, P + 1n, 2n ** 255n - 1n, 9n + sign]) {
      expect(codeOf(() => assertStrongX25519(bytesOf(u)))).toBe('WEAK_KEY');
    }
    expect(codeOf(() => assertStrongX25519(Buffer.alloc(31)))).toBe('MALFORMED');
    expect(codeOf(() => x25519Raw(generateEd25519()))).toBe('MALFORMED');
  });

  it('agrees on one secret from both sides', () => {
    const [left, right] = [generateX25519(), generateX25519()];
    expect(agreeX25519(left, x25519Raw(right))).toEqual(agreeX25519(right, x25519Raw(left)));
    expect(codeOf(() => agreeX25519(left, Buffer.alloc(32)))).toBe('WEAK_KEY');
  });
});

describe('RSA keys from outside', () => {
  const rsa = (modulusLength: number, publicExponent = 65_537): KeyObject =>
    generateKeyPairSync('rsa', { modulusLength, publicExponent }).privateKey;

  it('accepts the usual kind', () => {
    const spki = spkiOf(rsa(2048));
    expect(spkiOf(rsaFromSpki(spki))).toEqual(spki);
  });

  it('refuses short keys, exponent 3, other kinds and rubbish', () => {
    expect(codeOf(() => rsaFromSpki(spkiOf(rsa(1024))))).toBe('WEAK_KEY');
    expect(codeOf(() => rsaFromSpki(spkiOf(rsa(2048, 3))))).toBe('WEAK_KEY');
    expect(codeOf(() => rsaFromSpki(spkiOf(generateEd25519())))).toBe('WEAK_KEY');
    expect(codeOf(() => rsaFromSpki(Buffer.from('3000', 'hex')))).toBe('MALFORMED');
    const padded = Buffer.concat([spkiOf(rsa(2048)), Buffer.alloc(1)]);
    expect(['MALFORMED', 'NOT_CANONICAL']).toContain(codeOf(() => rsaFromSpki(padded)));
  });
});
