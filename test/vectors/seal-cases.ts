// Sealed records and share keys, written down by an implementation of their own: WebCrypto and @hpke/core in place of what
// the product uses. Run by hand: node test/vectors/seal-cases.ts; the files come out as they are.

import { webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import * as w from './wire.ts';

const { subtle } = webcrypto;
const bytes = (length: number, fill: number) => Buffer.alloc(length, fill);
const hex = (value: Uint8Array) => Buffer.from(value).toString('hex');
const u32 = (value: number) => {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
};
const clean = (value: Uint8Array): ArrayBuffer => Uint8Array.from(value).buffer;
const hash = async (...parts: Uint8Array[]) =>
  Buffer.from(await subtle.digest('SHA-256', clean(Buffer.concat(parts))));

const SCOPE = Buffer.concat([
  bytes(16, 1),
  Buffer.from('0199b7c21f0040008000000000000001', 'hex'),
  bytes(16, 2),
]);
const FEED = bytes(16, 2);
const KEY = bytes(32, 9);

async function hkdf(key: Uint8Array, salt: Uint8Array, info: Uint8Array): Promise<Buffer> {
  const base = await subtle.importKey('raw', clean(key), 'HKDF', false, ['deriveBits']);
  const params = { name: 'HKDF', hash: 'SHA-256', salt: clean(salt), info: clean(info) };
  return Buffer.from(await subtle.deriveBits(params, base, 256));
}

async function gcm(key: Buffer, iv: Buffer, plain: Buffer, aad: Buffer): Promise<Buffer> {
  const aes = await subtle.importKey('raw', clean(key), 'AES-GCM', false, ['encrypt']);
  const params = { name: 'AES-GCM', iv: clean(iv), additionalData: clean(aad) };
  return Buffer.from(await subtle.encrypt(params, aes, clean(plain)));
}

function padded(form: number, record: Buffer, size: number): Buffer {
  const out = Buffer.alloc(size);
  out[0] = form;
  u32(record.length).copy(out, 1);
  record.copy(out, 5);
  return out;
}

async function head(plain: Buffer, epoch: number, nonce: Buffer, aad: Buffer): Promise<Buffer> {
  const flags = aad.length > 0 ? 3 : 1;
  const start = [Buffer.from('ODR1'), Buffer.of(1, flags, 0, 0), FEED, u32(epoch), nonce];
  const header = Buffer.concat(start);
  const info = Buffer.concat([Buffer.from('odcm/record/v1\n'), SCOPE, header]);
  const iv = Buffer.from('000000000000000000000001', 'hex');
  return Buffer.concat([header, await gcm(await hkdf(KEY, nonce, info), iv, plain, aad)]);
}

const EVENT = Buffer.from(
  '{"id":"3378e306-61ab-4cb2-8804-7fc82579d513","source":"odcm://library/variables#base","type":' +
    '"VariableSetPublishedV1Event","occurredTimeUtc":"2026-11-21T10:00:00.000Z","activityId":' +
    '"b1d4fe08-204b-4004-8b19-2a64f1246a7e","specVersion":"1.0","payload":{"Db.Password":"s3cret"}}',
);

async function records(): Promise<unknown[]> {
  const one = { epoch: 1, nonce: hex(bytes(16, 7)), key: hex(KEY) };
  const event = await head(padded(1, EVENT, 1024), 1, bytes(16, 7), Buffer.alloc(0));
  const file = w.cbor([1, EVENT, 5, await hash(Buffer.from('bytes')), Buffer.from('bytes')]);
  const small = await head(padded(2, file, 1024), 1, bytes(16, 7), Buffer.alloc(0));
  const hashes = [await hash(bytes(1, 1)), await hash(bytes(1, 2)), await hash(bytes(1, 3))];
  hashes.push(await hash(bytes(1, 4)));
  const large = w.cbor([EVENT, 200_000, await hash(bytes(200_000, 1)), bytes(32, 5)]);
  const names = Buffer.concat(hashes);
  const plain = padded(3, large, 1024);
  const chunked = w.cbor([
    2,
    await head(plain, 1, bytes(16, 7), w.cbor([200_704, 0, names])),
    ...[200_704, 0, names],
  ]);
  return [
    { name: 'event', ...one, form: 'event', inside: hex(EVENT), hex: hex(event) },
    { name: 'small file', ...one, form: 'file', inside: hex(file), hex: hex(small) },
    { name: 'four chunks', ...one, form: 'chunked', inside: hex(EVENT), hex: hex(chunked) },
  ];
}

async function shareKeys(): Promise<unknown[]> {
  const suite = new CipherSuite({
    kem: new DhkemX25519HkdfSha256(),
    kdf: new HkdfSha256(),
    aead: new Aes256Gcm(),
  });
  const commit = await hash(Buffer.from('odcm/share-key-commit/v1\n'), FEED, u32(1), KEY);
  const wraps: { keyId: Buffer; enc: Buffer; ciphertext: Buffer }[] = [];
  for (const fill of [1, 2]) {
    const pair = await suite.kem.deriveKeyPair(clean(bytes(32, fill)));
    const raw = Buffer.from(await suite.kem.serializePublicKey(pair.publicKey));
    const keyId = (await hash(Buffer.from('odcm/exchange-key-id/v1\n'), raw)).subarray(0, 8);
    const info = Buffer.concat([Buffer.from('odcm/share-key/v1\n'), SCOPE, u32(1), keyId]);
    const sender = await suite.createSenderContext({
      recipientPublicKey: pair.publicKey,
      info: clean(info),
      ekm: await suite.kem.deriveKeyPair(clean(bytes(32, fill + 10))),
    });
    const ciphertext = Buffer.from(await sender.seal(clean(KEY), clean(commit)));
    wraps.push({ keyId, enc: Buffer.from(sender.enc), ciphertext });
  }
  wraps.sort((a, b) => Buffer.compare(a.keyId, b.keyId));
  const lists = wraps.map(({ keyId, enc, ciphertext }) => [keyId, enc, ciphertext]);
  const page = w.cbor([1, FEED, 1, 1, commit, lists]);
  const value = {
    ...{ feed: hex(FEED), epoch: 1, commit: hex(commit) },
    wraps: wraps.map((x) => ({
      ...{ keyId: hex(x.keyId), enc: hex(x.enc), ciphertext: hex(x.ciphertext) },
    })),
  };
  const bad = (name: string, fields: Parameters<typeof w.cbor>[0], code: string) => {
    return { name, hex: hex(w.cbor(fields)), code };
  };
  const opens = { ikm: hex(bytes(32, 1)), key: hex(KEY) };
  return [
    { name: 'two recipients', hex: hex(page), value, opens },
    bad(
      'recipients out of order',
      [1, FEED, 1, 1, commit, lists.slice().reverse()],
      'NOT_CANONICAL',
    ),
    bad('a recipient twice', [1, FEED, 1, 1, commit, [lists[0]!, lists[0]!]], 'NOT_CANONICAL'),
    bad('no recipient', [1, FEED, 1, 1, commit, []], 'MALFORMED'),
    bad('epoch 0', [1, FEED, 0, 1, commit, lists], 'MALFORMED'),
    bad('another suite', [1, FEED, 1, 2, commit, lists], 'MALFORMED'),
    bad('another format', [2, FEED, 1, 1, commit, lists], 'MALFORMED'),
    { name: 'a byte behind it', hex: `${hex(page)}00`, code: 'NOT_CANONICAL' },
  ];
}

const write = (name: string, list: unknown[]) =>
  writeFileSync(join(import.meta.dirname, name), `${JSON.stringify(list, null, 2)}\n`);
write('sealed.json', await records());
write('sharekey.json', await shareKeys());
