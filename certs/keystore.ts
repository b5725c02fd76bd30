// Private key files: PEM, readable by their owner only, written whole or not at all. The one place in certs/ that
// touches the disk.

import { createPrivateKey, type KeyObject, randomBytes } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MeshError } from '../protocols/errors.ts';
import { LIMITS } from '../protocols/limits.ts';
import { privateKeyPem } from './ed25519.ts';

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

export interface WriteKeyOptions {
  /** A key that is overwritten is lost for good, so replacing has to be asked for. */
  readonly replace?: boolean;
}

/** Durable when it returns: file and folder are synced. */
export async function writeKeyFile(
  path: string,
  key: KeyObject,
  { replace = false }: WriteKeyOptions = {},
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeSynced(temporary, privateKeyPem(key));
    // `link` refuses an existing name and `rename` replaces it; both are one step.
    if (replace) await rename(temporary, path);
    else await link(temporary, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    throw writeError(path, cause);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Looks at the opened file, not at its name, so that nothing can be swapped between check and use. */
export async function readKeyFile(path: string): Promise<KeyObject> {
  let pem: string;
  try {
    const file = await open(path, 'r');
    try {
      const { mode, size } = await file.stat();
      assertPrivate(path, mode);
      if (size > LIMITS.certificateBytes) throw notAKey(path);
      pem = await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    throw new MeshError('FILE_UNREADABLE', `cannot read key file ${path}`, { cause });
  }
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    throw notAKey(path, cause);
  }
}

function assertPrivate(path: string, mode: number): void {
  if ((mode & OTHERS) === 0) return;
  throw new MeshError('FILE_UNREADABLE', `key file ${path} is open to other users`, {
    next: `Make it private with: chmod 600 ${path}; if others could read it, make a new key.`,
  });
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', OWNER_ONLY);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function writeError(path: string, cause: unknown): MeshError {
  const code = (cause as NodeJS.ErrnoException).code;
  if (code === 'EEXIST') {
    return new MeshError('ALREADY_ENROLLED', `key file ${path} is there already`, {
      next: 'Use another folder; a key that is overwritten is lost for good.',
      cause,
    });
  }
  if (code === 'ENOSPC') {
    return new MeshError('DISK_FULL', `no space for key file ${path}`, { cause });
  }
  return new MeshError('FILE_UNREADABLE', `cannot write key file ${path}`, { cause });
}

function notAKey(path: string, cause?: unknown): MeshError {
  return new MeshError('FILE_UNREADABLE', `${path} holds no private key in PEM form`, {
    next: 'Restore the key file from a backup.',
    cause,
  });
}
