// A view of a node's databases that can be opened without changing them: opening a LevelDB writes to it. Table files never
// change, so they are linked; the few small files that do are copied.

import { randomBytes } from 'node:crypto';
import { copyFile, link, mkdir, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { codeOf, fileError } from '../home/files.ts';

const PREFIX = '.fsck-';
const TABLE = /\.(?:ldb|sst)$/;
/** LevelDB makes these anew. */
const SKIPPED = new Set(['LOCK', 'LOG', 'LOG.old']);

export interface Snapshot {
  /** Folder for things of the check's own. */
  readonly dir: string;
  /** Adds a database; resolves to the folder in which it may be opened. */
  add(database: string): Promise<string>;
  remove(): Promise<void>;
}

/** In the node's own folder, because links do not lead to other disks. The folder must be locked. */
export async function createSnapshot(home: string): Promise<Snapshot> {
  const dir = join(home, `${PREFIX}${randomBytes(6).toString('hex')}`);
  try {
    // What a check that was killed has left.
    for (const name of await readdir(home)) {
      if (name.startsWith(PREFIX)) await rm(join(home, name), { recursive: true, force: true });
    }
    await mkdir(dir, { mode: 0o700 });
  } catch (cause) {
    throw fileError('make', dir, cause);
  }
  return {
    dir,
    add: (database) => addDatabase(dir, database),
    remove: () => rm(dir, { recursive: true, force: true }),
  };
}

async function addDatabase(dir: string, database: string): Promise<string> {
  const folder = join(dir, basename(database));
  try {
    await mkdir(folder);
    for (const name of await readdir(database)) {
      if (SKIPPED.has(name)) continue;
      await (TABLE.test(name) ? linkOrCopy : copyFile)(join(database, name), join(folder, name));
    }
  } catch (cause) {
    throw fileError('read', database, cause);
  }
  return folder;
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    // Some file systems have no links.
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'].includes(codeOf(error) ?? '')) throw error;
    await copyFile(from, to);
  }
}
