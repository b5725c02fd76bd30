import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import { describe, expect, it } from 'vitest';
import {
  deriveKeyPair,
  encapsulate,
  type HpkeCipher,
  hpkeKeys,
  openHpke,
  rawPublicKey,
  sealHpke,
} from '../../protocols/hpke.ts';
import vectors from '../vectors/hpke.json' with { type: 'json' };

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const INFO = Buffer.from('info of a test');
const AAD = Buffer.from('aad of a test');

/** Small-order points of Curve25519 and second spellings of zero and one. */
const WEAK = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
];

/**
 * What the published vectors sum up: a thousand messages whose inputs come out of SHAKE128 of nothing, and 16 bytes of
 * SHAKE128 over all ciphertexts.
 */
function sealThousand(cipher: HpkeCipher, key: Buffer, baseNonce: Buffer): string {
  const source = createHash('shake128', { outputLength: 1_000_000 }).digest();
  let at = 0;
  const draw = (): Buffer => {
    const length = source[at++]!;
    at += length;
    return source.subarray(at - length, at);
  };
  const sink = createHash('shake128', { outputLength: 16 });
  for (let sequence = 0; sequence < 1000; sequence++) {
    const [aad, plain] = [draw(), draw()];
    const nonce = Buffer.from(baseNonce);
    nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ sequence) >>> 0, 8);
    const one = createCipheriv(cipher, key, nonce).setAAD(aad);
    sink.update(one.update(plain)).update(one.final()).update(one.getAuthTag());
  }
  return sink.digest('hex');
}

describe('hpke', () => {
  it.each(vectors)('makes the keys and messages of $name', (v) => {
    const cipher = v.cipher as HpkeCipher;
    const recipient = deriveKeyPair(hex(v.ikmR));
    expect(recipient.raw.toString('hex')).toBe(v.pkRm);
    const jwk = recipient.privateKey.export({ format: 'jwk' });
    expect(Buffer.from(jwk.d!, 'base64url').toString('hex')).toBe(v.skRm);
    const { enc, shared } = encapsulate(hex(v.pkRm), hex(v.ikmE));
    expect(enc.toString('hex')).toBe(v.enc);
    if (v.sharedSecret) expect(shared.toString('hex')).toBe(v.sharedSecret);
    const { key, nonce } = hpkeKeys(shared, hex(v.info), cipher);
    if (v.key) expect([key.toString('hex'), nonce.toString('hex')]).toEqual([v.key, v.baseNonce]);
    expect(sealThousand(cipher, key, nonce)).toBe(v.sealsTo);
  });

  const suite = new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  });

  it('opens what another implementation sealed', async () => {
    const { privateKey, raw } = deriveKeyPair(randomBytes(32));
    const publicKey = await suite.kem.deserializePublicKey(toArrayBuffer(raw));
    const sender = await suite.createSenderContext({
      recipientPublicKey: publicKey,
      info: toArrayBuffer(INFO),
    });
    const ciphertext = await sender.seal(toArrayBuffer(Buffer.from('hello')), toArrayBuffer(AAD));
    const message = { enc: Buffer.from(sender.enc), ciphertext: Buffer.from(ciphertext) };
    expect(openHpke(privateKey, { info: INFO, aad: AAD }, message)?.toString()).toBe('hello');
  });

  it('is opened by another implementation', async () => {
    const pair = await suite.kem.generateKeyPair();
    const raw = Buffer.from(await suite.kem.serializePublicKey(pair.publicKey));
    const sealed = sealHpke(raw, { info: INFO, aad: AAD }, Buffer.from('hello'), randomBytes(32));
    const recipient = await suite.createRecipientContext({
      recipientKey: pair.privateKey,
      enc: toArrayBuffer(sealed.enc),
      info: toArrayBuffer(INFO),
    });
    const plain = await recipient.open(toArrayBuffer(sealed.ciphertext), toArrayBuffer(AAD));
    expect(Buffer.from(plain).toString()).toBe('hello');
  });

  it('does not open with another key, info, aad, or changed bytes', () => {
    const { privateKey, raw } = deriveKeyPair(randomBytes(32));
    const context = { info: INFO, aad: AAD };
    const sealed = sealHpke(raw, context, Buffer.alloc(32, 7), randomBytes(32));
    expect(openHpke(privateKey, context, sealed)).toEqual(Buffer.alloc(32, 7));
    expect(openHpke(deriveKeyPair(randomBytes(32)).privateKey, context, sealed)).toBeUndefined();
    expect(openHpke(privateKey, { info: AAD, aad: AAD }, sealed)).toBeUndefined();
    expect(openHpke(privateKey, { info: INFO, aad: INFO }, sealed)).toBeUndefined();
    for (let i = 0; i < sealed.ciphertext.length; i++) {
      const ciphertext = Buffer.from(sealed.ciphertext);
      ciphertext[i]! ^= 1;
      expect(openHpke(privateKey, context, { ...sealed, ciphertext })).toBeUndefined();
    }
    const cut = { ...sealed, ciphertext: sealed.ciphertext.subarray(0, 15) };
    expect(openHpke(privateKey, context, cut)).toBeUndefined();
  });

  it.each(WEAK)('refuses the point of small order %s on both sides', (point) => {
    const context = { info: INFO, aad: AAD };
    const seal = () => sealHpke(hex(point), context, Buffer.alloc(1), randomBytes(32));
    expect(seal).toThrow(expect.objectContaining({ code: 'WEAK_KEY' }));
    const { privateKey } = deriveKeyPair(randomBytes(32));
    const open = () =>
      openHpke(privateKey, context, { enc: hex(point), ciphertext: Buffer.alloc(20) });
    expect(open).toThrow(expect.objectContaining({ code: 'WEAK_KEY' }));
  });

  it('refuses keys and seeds that are not 32 bytes', () => {
    const context = { info: INFO, aad: AAD };
    const { raw } = deriveKeyPair(randomBytes(32));
    const malformed = expect.objectContaining({ code: 'MALFORMED' });
    expect(() => sealHpke(raw.subarray(1), context, AAD, randomBytes(32))).toThrow(malformed);
    expect(() => sealHpke(raw, context, AAD, randomBytes(31))).toThrow(malformed);
  });

  it('gives the raw public half of either key', () => {
    const { privateKey, raw } = deriveKeyPair(Buffer.alloc(32, 3));
    expect(rawPublicKey(privateKey)).toEqual(raw);
  });
});

function toArrayBuffer(bytes: Uint8Array): ArrayBuffer {
  return Uint8Array.from(bytes).buffer;
}
