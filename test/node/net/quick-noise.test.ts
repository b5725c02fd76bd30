import { randomBytes } from 'node:crypto';
import { defaultCrypto } from '@chainsafe/libp2p-noise/crypto';
import { Uint8ArrayList } from 'uint8arraylist';
import { describe, expect, it } from 'vitest';
import { noiseCrypto } from '../../../node/net/quick-noise.ts';

const KEY = randomBytes(32);
const NONCE = randomBytes(12);
const AD = randomBytes(5);
/** Around the size from which the cipher is node's own, and that of the largest message. */
const SIZES = [0, 1, 799, 800, 801, 1300, 65_519];

type Cipher = Pick<typeof noiseCrypto, 'chaCha20Poly1305Encrypt' | 'chaCha20Poly1305Decrypt'>;
const seal = (cipher: Cipher, text: Uint8Array | Uint8ArrayList) =>
  Buffer.from(cipher.chaCha20Poly1305Encrypt(text, NONCE, AD, KEY).subarray());
const open = (cipher: Cipher, sealed: Uint8Array | Uint8ArrayList, ad = AD) =>
  Buffer.from(cipher.chaCha20Poly1305Decrypt(sealed, NONCE, ad, KEY).subarray());

describe('cipher of connections', () => {
  it.each(SIZES)('seals %d bytes to those that the library makes of them', (size) => {
    const text = randomBytes(size);
    const expected = seal(defaultCrypto, text);
    expect(seal(noiseCrypto, text)).toEqual(expected);
    const list = new Uint8ArrayList(text.subarray(0, size >> 1), text.subarray(size >> 1));
    expect(seal(noiseCrypto, list)).toEqual(expected);
  });

  it.each(SIZES)('opens %d bytes that the library sealed, as a whole and in pieces', (size) => {
    const text = randomBytes(size);
    const sealed = seal(defaultCrypto, text);
    const list = new Uint8ArrayList(sealed.subarray(0, 7), sealed.subarray(7));
    expect(open(noiseCrypto, list)).toEqual(text);
    expect(open(noiseCrypto, sealed)).toEqual(text);
  });

  it.each([10, 2000])('refuses %d bytes in which one bit is another', (size) => {
    for (const at of [0, size - 1, size, size + 15]) {
      const sealed = seal(defaultCrypto, randomBytes(size));
      sealed[at]! ^= 1;
      expect(() => open(noiseCrypto, sealed)).toThrow();
    }
    const sealed = seal(defaultCrypto, randomBytes(size));
    expect(() => open(noiseCrypto, sealed, randomBytes(5))).toThrow();
    expect(() => open(noiseCrypto, sealed.subarray(0, 15))).toThrow();
  });

  it('keeps the keys of connections apart', () => {
    const text = randomBytes(2000);
    const other = randomBytes(32);
    const sealed = noiseCrypto.chaCha20Poly1305Encrypt(text, NONCE, AD, other);
    expect(() => open(noiseCrypto, sealed)).toThrow();
    expect(seal(noiseCrypto, text)).toEqual(seal(defaultCrypto, text));
  });
});
