// One process works on a node's folder at a time. The lock is that of an empty LevelDB: the operating system drops it
// with the process, however that ends, and only whoever may write to the folder can take it.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { MeshError } from '../../protocols/errors.ts';
import { fileError, readSmallFile, writeFileDurable } from './files.ts';

/** Names in the folder that belong to the lock. */
export const LOCK_NAMES: readonly string[] = ['lock', 'lock.pid'];

const OWNER_ONLY = 0o700;

export interface HomeLock {
  /** Doing it twice does nothing. */
  release(): Promise<void>;
}

/** @throws LOCKED naming the process that has the folder. */
export async function lockHome(dir: string): Promise<HomeLock> {
  const folder = join(dir, 'lock');
  try {
    await mkdir(folder, { recursive: true, mode: OWNER_ONLY });
  } catch (cause) {
    throw fileError('make', folder, cause);
  }
  const database = new Level(folder);
  try {
    await database.open();
  } catch (cause) {
    throw await lockError(dir, cause);
  }
  try {
    await writeFileDurable(join(dir, 'lock.pid'), `${process.pid}\n`);
  } catch (error) {
    await database.close();
    throw error;
  }
  return { release: () => database.close() };
}

async function lockError(dir: string, cause: unknown): Promise<MeshError> {
  const codes = errorTexts(cause);
  if (/LEVEL_LOCKED/.test(codes)) {
    const pid = await livingHolder(dir);
    const who = pid === undefined ? 'another process' : `process ${pid}`;
    return new MeshError('LOCKED', `${who} works on ${dir}`, {
      cause,
      ...(pid === undefined ? {} : { detail: { pid } }),
    });
  }
  if (/No space left|ENOSPC|Disk quota/.test(codes)) {
    return new MeshError('DISK_FULL', `no room to lock ${dir}`, { cause });
  }
  return new MeshError('FILE_UNREADABLE', `${dir} cannot be locked (${codes.slice(0, 200)})`, {
    next: `Check the permissions; the folder ${join(dir, 'lock')} holds nothing and may be removed.`,
    cause,
  });
}

/** Who wrote its id last, if it still runs: between taking the lock and writing, the file names the one before. */
async function livingHolder(dir: string): Promise<number | undefined> {
  const text = (await readSmallFile(join(dir, 'lock.pid'), 64).catch(() => undefined))?.toString();
  if (text === undefined || !/^[1-9]\d{0,9}\n$/.test(text)) return undefined;
  try {
    process.kill(Number(text), 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  return Number(text);
}

function errorTexts(error: unknown): string {
  const parts: string[] = [];
  for (let e = error; e instanceof Error; e = e.cause) {
    parts.push(`${(e as NodeJS.ErrnoException).code ?? ''} ${e.message}`);
  }
  return parts.join(': ');
}
