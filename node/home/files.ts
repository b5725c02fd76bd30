// Small files of a node's folder: readable by their owner only, whole or not there, and durable once written.
// Knows nothing of what is in them; key files are certs/keystore.ts.

import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MeshError } from '../../protocols/errors.ts';

const OWNER_ONLY = 0o600;
const NO_ROOM = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Replaces the file in one step; a reader sees the old content or the new one. */
export async function writeFileDurable(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', OWNER_ONLY);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    await rm(temporary, { force: true });
    throw fileError('write', path, cause);
  }
}

/** Makes names in a folder durable: syncing a file does not sync its name. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/**
 * The content, or undefined when there is no such file; size first, so that nothing large is read by mistake. Files that this
 * program writes are never links; those that people put there may be, as secrets of containers are.
 */
export async function readSmallFile(
  path: string,
  maxBytes: number,
  { mayBeLink = false }: { readonly mayBeLink?: boolean } = {},
): Promise<Buffer | undefined> {
  try {
    const { O_RDONLY, O_NOFOLLOW } = constants;
    const file = await open(path, mayBeLink ? O_RDONLY : O_RDONLY | O_NOFOLLOW);
    try {
      const { size } = await file.stat();
      if (size > maxBytes) throw new MeshError('TOO_LARGE', `${path} is above ${maxBytes} bytes`);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined;
    throw fileError('read', path, cause);
  }
}

/** What the file system refuses, as one of our codes. */
export function fileError(verb: string, path: string, cause: unknown): MeshError {
  if (cause instanceof MeshError) return cause;
  const code = codeOf(cause);
  if (code !== undefined && NO_ROOM.has(code)) {
    return new MeshError('DISK_FULL', `no room to ${verb} ${path}`, { cause });
  }
  return new MeshError('FILE_UNREADABLE', `cannot ${verb} ${path} (${code ?? cause})`, { cause });
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
