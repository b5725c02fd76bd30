// Private key files: PKCS#8 in PEM, encrypted where the folder is protected (local-key.ts). Whoever reads one says where
// the key that opens it comes from; a file that is not encrypted needs none.

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { isMeshError, MeshError } from '../protocols/errors.ts';
import { LIMITS } from '../protocols/limits.ts';
import { readPrivateFile, type WriteOptions, writePrivateFile } from './private-files.ts';

/** What encrypted files are opened with; from local-key.ts. */
export type KeySecret = () => Promise<Buffer>;

const ENCRYPTED = Buffer.from('-----BEGIN ENCRYPTED PRIVATE KEY-----');

export interface WriteKeyOptions extends WriteOptions {
  /** The file is encrypted with it when present. */
  readonly secret?: Uint8Array | undefined;
}

/** Durable when it returns: file and folder are synced. */
export async function writeKeyFile(
  path: string,
  key: KeyObject,
  { secret, ...options }: WriteKeyOptions = {},
): Promise<void> {
  const pem = { format: 'pem', type: 'pkcs8' } as const;
  const passphrase = secret && Buffer.from(secret);
  const text = passphrase
    ? key.export({ ...pem, cipher: 'aes-256-cbc', passphrase })
    : key.export(pem);
  passphrase?.fill(0);
  await writePrivateFile(path, text.toString(), options);
}

/** @throws FILE_UNREADABLE when there is none, it is open to others, or it is not opened by the secret */
export async function readKeyFile(path: string, secret?: KeySecret): Promise<KeyObject> {
  const pem = await readPem(path);
  if (pem === undefined) throw new MeshError('FILE_UNREADABLE', `cannot read key file ${path}`);
  if (isEncrypted(pem) && secret === undefined) {
    throw new MeshError('KEYS_LOCKED', `key file ${path} is encrypted`);
  }
  const passphrase = isEncrypted(pem) ? await secret?.() : undefined;
  try {
    return createPrivateKey({ key: pem, format: 'pem', ...(passphrase ? { passphrase } : {}) });
  } catch (cause) {
    throw notAKey(path, cause);
  } finally {
    pem.fill(0);
    passphrase?.fill(0);
  }
}

export type KeyFileState = 'plain' | 'encrypted' | 'missing';

/** What the file looks like from outside; no key is opened. */
export async function keyFileState(path: string): Promise<KeyFileState> {
  const pem = await readPem(path);
  if (pem === undefined) return 'missing';
  const state = isEncrypted(pem) ? 'encrypted' : 'plain';
  pem.fill(0);
  return state;
}

async function readPem(path: string): Promise<Buffer | undefined> {
  try {
    return await readPrivateFile(path, LIMITS.certificateBytes);
  } catch (cause) {
    if (isMeshError(cause, 'TOO_LARGE')) throw notAKey(path, cause);
    throw cause;
  }
}

const isEncrypted = (pem: Buffer): boolean => pem.subarray(0, ENCRYPTED.length).equals(ENCRYPTED);

function notAKey(path: string, cause?: unknown): MeshError {
  return new MeshError('FILE_UNREADABLE', `${path} holds no private key in PEM form`, {
    next: 'Restore the key file from a backup.',
    cause,
  });
}
