import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseMeshId, parseSpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  decodePetition,
  signPetition,
  verifyPetition,
  type Wish,
} from '../../protocols/petition.ts';
import { petitionBytes } from '../../protocols/signable.ts';
import { codeOf } from '../certs/fixtures.ts';

const mesh = parseMeshId('aeaqcaibaeaqcaibaeaqcaibae');
const space = parseSpaceId('0199b7c2-1f00-4000-8000-000000000001');
const { publicKey, privateKey } = generateKeyPairSync('ed25519');

/** What ODCM reads of a signed wish for these addresses. */
function asked(addresses: string[]) {
  const wish = { wish: 'addresses', addresses } as const;
  const bytes = signPetition(mesh, space, wish, Buffer.alloc(16), privateKey);
  return verifyPetition(mesh, decodePetition(bytes), publicKey);
}

describe('a petition for addresses', () => {
  it.each([
    [[]],
    [['/ip4/10.0.0.5/tcp/4101', '/dns/odcm.example.org/tcp/4101']],
    [[`/${'x'.repeat(LIMITS.addressChars - 1)}`]],
  ])('is read: %j', (addresses) => {
    expect(asked(addresses)).toEqual({ wish: 'addresses', addresses });
  });

  it.each([
    ['nothing', ''],
    ['no leading slash', 'ip4/10.0.0.5'],
    ['a slash alone', '/'],
    ['a space', '/ip4/10.0.0.5 /tcp/1'],
    ['a line break', '/ip4/10.0.0.5\n'],
    ['an escape sequence', '/\x1b[2J'],
    ['letters beyond ASCII', '/dns/exämple'],
    ['too many characters', `/${'x'.repeat(LIMITS.addressChars)}`],
  ])('with %s is refused', (_, address) => {
    expect(codeOf(() => asked([address]))).toBe('MALFORMED');
  });

  it('for new keys is refused unless they are base64 in its one spelling', () => {
    const key = (bytes: number) => Buffer.alloc(bytes, 255).toString('base64');
    const proofs = { nodeKey: key(64), exchangeKey: key(32) };
    for (const nodeKey of [key(31), key(32).replace('=', ''), `${key(32)} `]) {
      const wish = { wish: 'rotate-keys', nodeKey, exchangeKey: key(32), from: {}, proofs };
      const body = Buffer.from(JSON.stringify(wish));
      const nonce = Buffer.alloc(16);
      const signature = sign(null, petitionBytes({ mesh, space, nonce, body }), privateKey);
      const petition = { space, nonce, body, signature };
      expect(codeOf(() => verifyPetition(mesh, petition, publicKey))).toBe('MALFORMED');
    }
  });

  it('is refused when another key signed it, in another format, or without JSON', () => {
    const wish: Wish = { wish: 'addresses', addresses: [] };
    const bytes = signPetition(mesh, space, wish, Buffer.alloc(16), privateKey);
    const stranger = generateKeyPairSync('ed25519').publicKey;
    const petition = decodePetition(bytes);
    expect(codeOf(() => verifyPetition(mesh, petition, stranger))).toBe('BAD_SIGNATURE');
    const later = Buffer.from(bytes);
    later[1] = 2;
    expect(codeOf(() => decodePetition(later))).toBe('MALFORMED');
    const body = Buffer.from('no JSON');
    const nonce = Buffer.alloc(16);
    const signature = sign(null, petitionBytes({ mesh, space, nonce, body }), privateKey);
    const odd = { space, nonce, body, signature };
    expect(codeOf(() => verifyPetition(mesh, odd, publicKey))).toBe('MALFORMED');
  });
});
