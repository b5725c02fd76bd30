// Files that only their owner may read: written whole or not at all, durable when written, and refused when others can
// read them. Knows nothing of what is in them.

import { randomBytes } from 'node:crypto';
import { type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MeshError } from '../protocols/errors.ts';

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;

export interface WriteOptions {
  /** A key that is overwritten is lost for good, so replacing has to be asked for. */
  readonly replace?: boolean;
  /** What is replaced was a secret that lay in the clear: its bytes are overwritten, unless another name leads to them. */
  readonly shred?: boolean;
}

/** Durable when it returns: file and folder are synced. */
export async function writePrivateFile(
  path: string,
  content: string | Uint8Array,
  { replace = false, shred = false }: WriteOptions = {},
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const former = replace && shred ? await openFormer(path) : undefined;
  try {
    await writeSynced(temporary, content);
    // `link` refuses an existing name and `rename` replaces it; both are one step.
    if (replace) await rename(temporary, path);
    else await link(temporary, path);
    await syncFolder(dirname(path));
    if (former) await overwrite(former);
  } catch (cause) {
    throw writeError(path, cause);
  } finally {
    await former?.close();
    await rm(temporary, { force: true });
  }
}

/** What stands under the name now, held on to after its name is gone. */
async function openFormer(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r+');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw writeError(path, cause);
  }
}

async function overwrite(file: FileHandle): Promise<void> {
  const { size, nlink } = await file.stat();
  // Somebody's backup by a second name is not this program's to destroy.
  if (nlink > 0) return;
  await file.write(Buffer.alloc(size), 0, size, 0);
  await file.sync();
}

/**
 * The content, or undefined when there is no such file. Looks at the opened file, not at its name, so that nothing can be
 * swapped between check and use.
 * @throws FILE_UNREADABLE, TOO_LARGE
 */
export async function readPrivateFile(path: string, maxBytes: number): Promise<Buffer | undefined> {
  try {
    const file = await open(path, 'r');
    try {
      const { mode, size } = await file.stat();
      assertPrivate(path, mode);
      if (size > maxBytes) {
        throw new MeshError('TOO_LARGE', `key file ${path} is above ${maxBytes} bytes`);
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new MeshError('FILE_UNREADABLE', `cannot read key file ${path}`, { cause });
  }
}

/** Makes a change of names in the file's folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function assertPrivate(path: string, mode: number): void {
  if ((mode & OTHERS) === 0) return;
  throw new MeshError('FILE_UNREADABLE', `key file ${path} is open to other users`, {
    next: `Make it private with: chmod 600 ${path}; if others could read it, make a new key.`,
  });
}

async function writeSynced(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx', OWNER_ONLY);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
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
