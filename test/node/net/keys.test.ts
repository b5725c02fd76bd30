import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id';
import { base36 } from 'multiformats/bases/base36';
import { describe, expect, it } from 'vitest';
import { peerIdOfPublicKey, privateKeyFromPem, publicKeyOfPeerId } from '../../../node/net/keys.ts';
import { newKeyPem } from './hosts.ts';

const code = (value: string) => expect.objectContaining({ code: value });

describe('node keys', () => {
  it('makes the peer id of a PEM key, and its public key again', () => {
    const pem = newKeyPem();
    const raw = Buffer.from(createPublicKey(pem).export({ format: 'jwk' }).x!, 'base64url');
    const id = peerIdFromPrivateKey(privateKeyFromPem(pem)).toString();
    expect(peerIdOfPublicKey(raw)).toBe(id);
    expect(Buffer.from(publicKeyOfPeerId(id))).toEqual(raw);
  });

  it('refuses keys of other kinds and text that is no key', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey;
    const x25519 = generateKeyPairSync('x25519').privateKey;
    for (const key of [rsa, x25519]) {
      const pem = key.export({ type: 'pkcs8', format: 'pem' }).toString();
      expect(() => privateKeyFromPem(pem)).toThrow(code('MALFORMED'));
    }
    expect(() => privateKeyFromPem('secret words')).toThrow(code('MALFORMED'));
  });

  it.each([0, 31, 33, 64])('refuses a public key of %i bytes', (size) => {
    expect(() => peerIdOfPublicKey(new Uint8Array(size))).toThrow(code('MALFORMED'));
  });

  it('refuses what is no Ed25519 peer id, and other ways to write one', () => {
    const id = peerIdOfPublicKey(new Uint8Array(32).fill(9));
    const rsaId = 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N';
    for (const text of ['', 'x', `${id}x`, ` ${id}`, rsaId, 'a'.repeat(10_000)]) {
      expect(() => publicKeyOfPeerId(text)).toThrow(code('MALFORMED'));
    }
    const asCid = peerIdFromString(id).toCID().toString(base36);
    expect(() => publicKeyOfPeerId(asCid)).toThrow(code('NOT_CANONICAL'));
  });
});
