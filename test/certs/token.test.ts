import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeToken, parseToken, tokenKey } from '../../certs/token.ts';
import { codeOf, refusalOf } from './fixtures.ts';

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const parts = {
  id: Buffer.alloc(5, 1),
  secret: Buffer.alloc(16, 2),
  fingerprint: Buffer.alloc(32, 3),
};
const token = makeToken(parts);

describe('tokens', () => {
  it('have four parts of fixed length', () => {
    expect(token).toMatch(/^odcm1\.[a-z2-7]{8}\.[a-z2-7]{26}\.[a-z2-7]{52}$/);
    expect(token).toBe(`odcm1.aeaqcaib.aibaeaqcaibaeaqcaibaeaqcai.${'ambqgayd'.repeat(6)}ambq`);
  });

  it('read back what they were made of', () => {
    fc.assert(
      fc.property(bytes(5), bytes(16), bytes(32), (id, secret, fingerprint) => {
        const read = parseToken(makeToken({ id, secret, fingerprint }));
        expect(read.secret).toEqual(Buffer.from(secret));
        expect(read.fingerprint).toEqual(Buffer.from(fingerprint));
        expect(read.endpoint).toBeUndefined();
      }),
    );
  });

  it.each([
    ['127.0.0.1', 4100],
    ['odcm.example.com', 65_535],
    ['localhost', 1],
    ['::1', 4100],
    ['2001:db8::10', 443],
  ])('carry the endpoint %s port %i', (host, port) => {
    const endpoint = { host, port };
    expect(parseToken(makeToken({ ...parts, endpoint })).endpoint).toEqual(endpoint);
  });

  it('may be pasted with white space around them', () => {
    expect(parseToken(`  ${token}\n`)).toEqual(parseToken(token));
  });

  it.each([
    ['nothing', ''],
    ['another version', token.replace('odcm1', 'odcm2')],
    ['a missing part', token.slice(0, token.lastIndexOf('.'))],
    ['a fifth part', `${token}.aaaa`],
    ['a shortened end', token.slice(0, -1)],
    ['capitals', token.toUpperCase()],
    ['a character outside base32', token.replace('aib', 'a1b')],
    ['spare bits set in the fingerprint', `${token.slice(0, -1)}r`],
    ['white space inside', token.replace('.', '. ')],
    ['an endpoint without port', `${token}@localhost`],
    ['an endpoint without host', `${token}@:4100`],
    ['port 0', `${token}@localhost:0`],
    ['port 65536', `${token}@localhost:65536`],
    ['a port with a leading zero', `${token}@localhost:04100`],
    ['a host with a slash', `${token}@local/host:4100`],
    ['an IPv6 address without brackets', `${token}@::1:4100`],
    ['two endpoints', `${token}@a:1@b:2`],
    ['a very long text', `${token}@${'a'.repeat(600)}:1`],
  ])('are refused with %s', (_, text) => {
    expect(codeOf(() => parseToken(text))).toBe('TOKEN_MALFORMED');
  });

  it('are refused when made of parts of another length', () => {
    expect(codeOf(() => makeToken({ ...parts, secret: Buffer.alloc(15) }))).toBe('TOKEN_MALFORMED');
    expect(codeOf(() => makeToken({ ...parts, id: Buffer.alloc(6) }))).toBe('TOKEN_MALFORMED');
    const endpoint = { host: 'a b', port: 1 };
    expect(codeOf(() => makeToken({ ...parts, endpoint }))).toBe('TOKEN_MALFORMED');
  });

  it('never read as the same token after one character changed', () => {
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.string({ minLength: 1, maxLength: 1 }), (at, c) => {
        fc.pre(token[at] !== c);
        const changed = token.slice(0, at) + c + token.slice(at + 1);
        try {
          expect(parseToken(changed)).not.toEqual(parseToken(token));
        } catch (error) {
          expect(error).toMatchObject({ code: 'TOKEN_MALFORMED' });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('are never repeated by their refusal', () => {
    const line = refusalOf(() => parseToken(`${token}!`)).line;
    expect(line).not.toContain('aibaeaq');
  });
});

describe('token keys', () => {
  it('depend on the secret alone and do not show it', () => {
    const secret = randomBytes(16);
    const key = tokenKey(secret);
    expect(key).toHaveLength(32);
    expect(tokenKey(Buffer.from(secret))).toEqual(key);
    expect(tokenKey(randomBytes(16))).not.toEqual(key);
    expect(key.includes(secret)).toBe(false);
  });
});
