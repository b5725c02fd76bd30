import { createSecretKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  decodeLocalKey,
  encodePlainLocalKey,
  generateLocalKey,
  keyFileSecret,
  type LocalKeyFile,
  unwrapLocalKey,
  wrapLocalKey,
} from '../../certs/local-key.ts';
import { asMeshError } from '../../protocols/errors.ts';
import { codeOf, flipBit } from './fixtures.ts';

const PASSPHRASE = Buffer.from('correct horse battery');
const key = generateLocalKey();
const former = generateLocalKey();
const wrapped = await wrapLocalKey({ key }, PASSPHRASE);

type Wrapped = LocalKeyFile & { kind: 'wrapped' };
const asWrapped = (bytes: Uint8Array): Wrapped => {
  const file = decodeLocalKey(bytes);
  if (file.kind !== 'wrapped') throw new Error('not wrapped');
  return file;
};
const refusalOf = (bytes: Uint8Array, passphrase: Uint8Array) =>
  unwrapLocalKey(asWrapped(bytes), passphrase).then(
    () => 'opened',
    (error: unknown) => asMeshError(error).code,
  );

describe('the local key', () => {
  it('comes back from its plain file', () => {
    const file = decodeLocalKey(encodePlainLocalKey(key));
    expect(file.kind === 'plain' && createSecretKey(file.key).equals(key)).toBe(true);
  });

  it('comes back under its passphrase, and its file names the cost of a guess', async () => {
    const file = asWrapped(wrapped);
    expect(file.wrapping).toMatchObject({ logN: 17, r: 8, p: 1 });
    const keys = await unwrapLocalKey(file, PASSPHRASE);
    expect([keys.key.equals(key), keys.former]).toEqual([true, undefined]);
  });

  it('brings the key before it, which only what was made before is opened with', async () => {
    const both = await wrapLocalKey({ key, former }, PASSPHRASE);
    const keys = await unwrapLocalKey(asWrapped(both), PASSPHRASE);
    expect([keys.key.equals(key), keys.former?.equals(former)]).toEqual([true, true]);
    for (const byte of [both.length - 17, both.length - 60])
      expect(await refusalOf(flipBit(both, byte * 8), PASSPHRASE)).toBe('KEYS_LOCKED');
  });

  it('is wrapped with a new salt and nonce each time', async () => {
    const again = asWrapped(await wrapLocalKey({ key }, PASSPHRASE));
    const first = asWrapped(wrapped);
    expect(again.wrapping.salt).not.toEqual(first.wrapping.salt);
    expect(again.wrapping.nonce).not.toEqual(first.wrapping.nonce);
    expect(again.sealed).not.toEqual(first.sealed);
  });

  it('stays closed under another passphrase', async () => {
    for (const wrong of ['correct horse batter', 'correct horse battery ', '']) {
      expect(await refusalOf(wrapped, Buffer.from(wrong))).toBe('KEYS_LOCKED');
    }
  });

  it('stays closed when salt, nonce, key or tag were altered', async () => {
    // Behind the head of seven small fields: one bit of each of the four.
    const { length } = wrapped;
    for (const byte of [10, 30, length - 40, length - 1]) {
      expect(await refusalOf(flipBit(wrapped, byte * 8), PASSPHRASE)).toBe('KEYS_LOCKED');
    }
  });

  it('encrypts key files with a secret that is not itself', () => {
    const secret = keyFileSecret(key);
    expect(secret.toString()).toMatch(/^[0-9a-f]{64}$/);
    expect(secret.toString()).not.toBe(key.export().toString('hex'));
    expect(keyFileSecret(generateLocalKey()).equals(secret)).toBe(false);
  });
});

describe('the file of the local key is refused', () => {
  const plain = encodePlainLocalKey(key);

  it.each([
    ['when it is large', Buffer.alloc(257), 'TOO_LARGE'],
    ['when it is empty', Buffer.alloc(0), 'MALFORMED'],
    ['when it is cut', wrapped.subarray(0, -1), 'MALFORMED'],
    [
      'when its wrapped key is short',
      Buffer.concat([wrapped.subarray(0, -50), Buffer.of(0x58, 47), wrapped.subarray(-47)]),
      'MALFORMED',
    ],
    ['when something follows', Buffer.concat([plain, Buffer.of(0)]), 'NOT_CANONICAL'],
    ['when its key is short', Buffer.from('820141ff', 'hex'), 'MALFORMED'],
    [
      'when it is of another form',
      Buffer.concat([Buffer.of(0x82, 3), plain.subarray(2)]),
      'MALFORMED',
    ],
  ])('%s', (_, bytes, code) => {
    expect(codeOf(() => decodeLocalKey(bytes))).toBe(code);
  });

  it.each([
    ['less work than ours', 2, 16],
    ['all the memory there is', 2, 23],
    ['another block size', 3, 9],
    ['another parallelism', 4, 2],
  ])('when its parameters ask for %s', (_, at, value) => {
    const bytes = Buffer.from(wrapped);
    bytes[at] = value;
    expect(codeOf(() => decodeLocalKey(bytes))).toBe('MALFORMED');
  });
});
