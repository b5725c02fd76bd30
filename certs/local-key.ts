// The local key: 32 random bytes of one node's folder, under which its secrets rest. Its file holds the key as it is, or
// wrapped under a passphrase (scrypt, AES-256-GCM) with the parameters of the wrapping, and beside it the key before it, which
// lay in the clear once: it opens what was made before, and nothing else. Bytes in, bytes out; no disk.

import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
  scrypt,
} from 'node:crypto';
import { Reader, Writer } from '../protocols/codec.ts';
import { MeshError } from '../protocols/errors.ts';
import { LIMITS } from '../protocols/limits.ts';
import { KEY_FILE_INFO, localKeyWrapBytes } from '../protocols/signable.ts';

const PLAIN = 1;
const WRAPPED = 2;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
/** N = 2^17, 128 MiB of memory for one guess. Files with up to 2^20 are read, so that it can grow later. */
const LOG_N = 17;
const MAX_LOG_N = 20;
const R = 8;
const P = 1;

export interface Wrapping {
  readonly logN: number;
  readonly r: number;
  readonly p: number;
  readonly salt: Buffer;
  readonly nonce: Buffer;
}

export type LocalKeyFile =
  | { readonly kind: 'plain'; readonly key: Buffer }
  | { readonly kind: 'wrapped'; readonly wrapping: Wrapping; readonly sealed: Buffer };

export interface LocalKeys {
  readonly key: KeyObject;
  /** Lay in the clear before the folder had a passphrase. */
  readonly former?: KeyObject;
}

export function generateLocalKey(): KeyObject {
  const bytes = randomBytes(KEY_BYTES);
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return key;
}

/** What encrypts private key files: never the local key itself, which has other uses. */
export function keyFileSecret(localKey: KeyObject): Buffer {
  const secret = Buffer.from(
    hkdfSync('sha256', localKey, new Uint8Array(0), KEY_FILE_INFO, KEY_BYTES),
  );
  // OpenSSL takes a passphrase; in hex it has no byte that some reader of PEM could end it at.
  const text = Buffer.alloc(2 * KEY_BYTES);
  for (const [i, byte] of secret.entries()) {
    text[2 * i] = HEX[byte >> 4]!;
    text[2 * i + 1] = HEX[byte & 15]!;
  }
  secret.fill(0);
  return text;
}

const HEX = Buffer.from('0123456789abcdef');

/** For a folder without a passphrase: whoever reads the file has the key. */
export function encodePlainLocalKey(key: KeyObject): Buffer {
  const bytes = key.export();
  const out = new Writer(64).array(2).uint(PLAIN).bytes(bytes).take();
  bytes.fill(0);
  return out;
}

/** Size first, then the one encoding of either form; limits keep a hostile file from taking all memory. */
export function decodeLocalKey(bytes: Uint8Array): LocalKeyFile {
  if (bytes.length > LIMITS.localKeyFileBytes) {
    throw new MeshError('TOO_LARGE', 'the file of the local key is too large');
  }
  const r = new Reader(bytes);
  const fields = r.array(7);
  const form = r.uint();
  const file = form === PLAIN && fields === 2 ? readPlain(r) : readWrapped(r, form, fields);
  r.end();
  return file;
}

function readPlain(r: Reader): LocalKeyFile {
  return { kind: 'plain', key: Buffer.from(r.bytesOf(KEY_BYTES)) };
}

function readWrapped(r: Reader, form: number, fields: number): LocalKeyFile {
  if (form !== WRAPPED || fields !== 7) {
    throw new MeshError('MALFORMED', 'the file of the local key is of an unknown form');
  }
  const wrapping = {
    logN: r.uint(),
    r: r.uint(),
    p: r.uint(),
    salt: Buffer.from(r.bytesOf(16)),
    nonce: Buffer.from(r.bytesOf(12)),
  };
  const { logN } = wrapping;
  if (logN < LOG_N || logN > MAX_LOG_N || wrapping.r !== R || wrapping.p !== P) {
    throw new MeshError('MALFORMED', 'the local key is wrapped with parameters of another kind');
  }
  const sealed = Buffer.from(r.bytes(2 * KEY_BYTES + TAG_BYTES));
  if (sealed.length !== KEY_BYTES + TAG_BYTES && sealed.length !== 2 * KEY_BYTES + TAG_BYTES)
    throw new MeshError('MALFORMED', 'a wrapped local key has another length');
  return { kind: 'wrapped', wrapping, sealed };
}

/** The file's bytes with the keys wrapped under this passphrase; a fresh salt each time. */
export async function wrapLocalKey(
  { key, former }: LocalKeys,
  passphrase: Uint8Array,
): Promise<Buffer> {
  const wrapping = { logN: LOG_N, r: R, p: P, salt: randomBytes(16), nonce: randomBytes(12) };
  const wrappingKey = await derive(passphrase, wrapping);
  const parts = [key.export(), ...(former ? [former.export()] : [])];
  const plain = Buffer.concat(parts);
  try {
    const cipher = createCipheriv('aes-256-gcm', wrappingKey, wrapping.nonce);
    cipher.setAAD(localKeyWrapBytes(wrapping));
    const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    const w = new Writer(160).array(7).uint(WRAPPED).uint(wrapping.logN).uint(R).uint(P);
    return w.bytes(wrapping.salt).bytes(wrapping.nonce).bytes(sealed).take();
  } finally {
    for (const secret of [...parts, plain, wrappingKey]) secret.fill(0);
  }
}

/** @throws KEYS_LOCKED when the passphrase is another one, or the file was altered: the two cannot be told apart */
export async function unwrapLocalKey(
  file: LocalKeyFile & { kind: 'wrapped' },
  passphrase: Uint8Array,
): Promise<LocalKeys> {
  const { wrapping, sealed } = file;
  const end = sealed.length - TAG_BYTES;
  const wrappingKey = await derive(passphrase, wrapping);
  try {
    const decipher = createDecipheriv('aes-256-gcm', wrappingKey, wrapping.nonce, {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(localKeyWrapBytes(wrapping));
    decipher.setAuthTag(sealed.subarray(end));
    const plain = Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
    const key = createSecretKey(plain.subarray(0, KEY_BYTES));
    const former = end > KEY_BYTES ? createSecretKey(plain.subarray(KEY_BYTES)) : undefined;
    plain.fill(0);
    return { key, ...(former ? { former } : {}) };
  } catch (cause) {
    throw new MeshError('KEYS_LOCKED', 'the passphrase does not open the keys of this folder', {
      cause,
    });
  } finally {
    wrappingKey.fill(0);
  }
}

function derive(passphrase: Uint8Array, { logN, r, p, salt }: Wrapping): Promise<Buffer> {
  const cost = { N: 2 ** logN, r, p, maxmem: 2 * 128 * 2 ** logN * r };
  return new Promise((resolve, reject) =>
    scrypt(passphrase, salt, KEY_BYTES, cost, (error, key) =>
      error ? reject(error) : resolve(key),
    ),
  );
}
