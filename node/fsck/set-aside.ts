// `odcm fsck --set-aside`: a database that cannot be opened any more is renamed, never deleted, and the node makes a new one
// and fills it from other members. Own feeds are asked for elsewhere before anything is added to them.

import { existsSync } from 'node:fs';
import { rename, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { MeshError } from '../../protocols/errors.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import { fileError } from '../home/files.ts';
import type { Home } from '../home/home.ts';
import { lockHome } from '../home/lock.ts';
import { refetchMark } from '../scrub/refetch.ts';
import { tableRange } from '../store/keys.ts';
import { markOf, openLevelStore } from '../store/level.ts';

export const DATABASES = ['log', 'blocks', 'views'] as const;
export type DatabaseName = (typeof DATABASES)[number];

export function parseDatabase(text: string): DatabaseName {
  const name = DATABASES.find((database) => database === text);
  if (name) return name;
  throw new MeshError('USAGE', `--set-aside ${JSON.stringify(text)} names no database`, {
    next: `There are: ${DATABASES.join(', ')}.`,
  });
}

/** Resolves to the folder in which the old database lies now. */
export async function setAside(home: Home, name: DatabaseName, nowMs: number): Promise<string> {
  const lock = await lockHome(home.dir);
  try {
    await requireRefillable(home, name);
    // First: beside a new database, without the rows that name what is in them, they would be taken away.
    if (name === 'blocks') await movePacks(home.paths.packs, nowMs);
    return await moveAway(home.paths[name], name, nowMs);
  } finally {
    await lock.release();
  }
}

/** @throws what keeps the node from filling a new database from others */
async function requireRefillable(home: Home, name: DatabaseName): Promise<void> {
  if (name !== 'log') return;
  const next = 'Restore the folder store from a backup.';
  if (home.isOdcm)
    throw new MeshError('READ_ONLY', 'the log of ODCM is the directory, which nobody else writes', {
      next,
    });
  if (await hasDirectoryCopy(home.paths.views)) return;
  const what = 'store/views has no second copy of the directory, without which no member is known';
  throw new MeshError('STORE_MISSING', what, { next });
}

async function hasDirectoryCopy(views: string): Promise<boolean> {
  if (!existsSync(markOf(views))) return false;
  const store = await openLevelStore(views);
  try {
    for await (const _ of store.range({ ...tableRange('n', DIRECTORY_LOG), limit: 1 })) return true;
    return false;
  } finally {
    await store.close();
  }
}

/** The mark decides: while it is there, a missing database is a loss; without it the node makes a new one. */
export async function moveAway(path: string, name: DatabaseName, nowMs: number): Promise<string> {
  const aside = asideOf(path, nowMs);
  try {
    // First of all: what follows may be cut short, and a new database must never be taken for a first start.
    if (name !== 'views')
      await writeFile(refetchMark(path), `${basename(aside)}\n`, { flush: true });
    if (existsSync(path)) await rename(path, aside);
    await rm(markOf(path), { force: true });
  } catch (cause) {
    throw fileError('write', path, cause);
  }
  return aside;
}

async function movePacks(path: string, nowMs: number): Promise<void> {
  try {
    if (existsSync(path)) await rename(path, asideOf(path, nowMs));
  } catch (cause) {
    throw fileError('write', path, cause);
  }
}

function asideOf(path: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  return `${path}.aside-${stamp}`;
}
