// The folder of the demo: made or taken over only when it is empty or says itself that it is a demo's, held by one demo
// at a time. Of an earlier demo it removes what that demo made there, nothing else.

import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join, resolve } from 'node:path';
import { Level } from 'level';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { ask } from '../ask.ts';
import type { CommandContext } from '../command-context.ts';

export const MARKER = 'odcm-demo.json';
const MARKER_TEXT = `${JSON.stringify(
  { what: 'data of odcm demo; the next start replaces the folders spaces and logs', version: 1 },
  null,
  2,
)}\n`;
const OWNER_ONLY = 0o700;
const CREDENTIALS = '.credentials';
/** Longest name of a space in the demo, and the socket in its folder. */
const SOCKET_BELOW = '/spaces/platform/control.sock'.length;
/** Nodes of a demo that was killed stop by themselves, in about this time. */
const LEFTOVER_MS = 15_000;

export interface DemoFolder {
  readonly dir: string;
  /** One folder for each node. */
  readonly spaces: string;
  readonly logs: string;
  /** Holds the passphrase of the nodes' keys, as a service manager would hand it to them. */
  readonly credentials: string;
  release(): Promise<void>;
}

type Surroundings = Pick<CommandContext, 'env' | 'createClient' | 'delay' | 'signal'>;

export function demoDir(typed: string | undefined, env: CommandContext['env']): string {
  const { uid, username } = userInfo();
  const user = uid >= 0 ? String(uid) : username;
  return resolve(typed ?? (env['ODCM_DEMO_HOME'] || join(tmpdir(), `odcm-demo-${user}`)));
}

/** @throws USAGE for a folder that is not the demo's, LOCKED while another demo works on it. */
export async function openDemoFolder(dir: string, around: Surroundings): Promise<DemoFolder> {
  if (Buffer.byteLength(dir) + SOCKET_BELOW > LIMITS.socketPathBytes) {
    throw new MeshError('USAGE', `the path of the folder ${quote(dir)} is too long for sockets`, {
      next: 'Name a shorter one: odcm demo --dir DIR',
    });
  }
  await claim(dir);
  const lock = await takeLock(dir);
  const spaces = join(dir, 'spaces');
  const folder = { dir, spaces, logs: join(dir, 'logs'), credentials: join(spaces, CREDENTIALS) };
  try {
    await awaitLeftovers(folder.spaces, around);
    for (const made of [folder.spaces, folder.logs]) {
      await rm(made, { recursive: true, force: true });
      await mkdir(made, { mode: OWNER_ONLY });
    }
    await writePassphrase(folder.credentials);
  } catch (error) {
    await lock.close();
    throw folderError(dir, error);
  }
  return { ...folder, release: () => lock.close() };
}

/** A new one for each demo: the folders of the last are gone. */
async function writePassphrase(folder: string): Promise<void> {
  await mkdir(folder, { mode: OWNER_ONLY });
  const passphrase = randomBytes(24).toString('base64url');
  await writeFile(join(folder, 'odcm-passphrase'), `${passphrase}\n`, { flag: 'wx', mode: 0o600 });
}

async function claim(dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true, mode: OWNER_ONLY });
    const { uid } = await stat(dir);
    if (process.getuid !== undefined && uid !== process.getuid()) {
      throw new MeshError('USAGE', `the folder ${quote(dir)} belongs to another user`, {
        next: 'Name one of your own: odcm demo --dir DIR',
      });
    }
    const names = await readdir(dir);
    if (names.length === 0) await writeFile(join(dir, MARKER), MARKER_TEXT, { flag: 'wx' });
    else if (!names.includes(MARKER) || !(await isMarked(dir))) {
      throw new MeshError('USAGE', `the folder ${quote(dir)} is not empty and is no demo's`, {
        next: 'Nothing in it was touched. Name another: odcm demo --dir DIR',
      });
    }
  } catch (error) {
    // Another demo began in the same empty folder just now: the lock decides.
    if (codeOf(error) !== 'EEXIST') throw folderError(dir, error);
  }
}

async function isMarked(dir: string): Promise<boolean> {
  return (await readFile(join(dir, MARKER), 'utf8')) === MARKER_TEXT;
}

/** The operating system drops the lock of an empty LevelDB with the process, however that ends. */
async function takeLock(dir: string): Promise<Level> {
  const lock = new Level(join(dir, 'lock'));
  try {
    await lock.open();
    return lock;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (codeOf(cause) !== 'LEVEL_LOCKED') throw folderError(dir, error);
    throw new MeshError('LOCKED', `another demo runs in ${quote(dir)}`, {
      next: 'Stop it with ctrl-c where it runs, or give this one its own folder: odcm demo --dir DIR',
      cause: error,
    });
  }
}

/** Removing the folder of a node that still runs would leave two nodes with one name. */
async function awaitLeftovers(spaces: string, around: Surroundings): Promise<void> {
  const names = await readdir(spaces).catch(() => []);
  const untilMs = Date.now() + LEFTOVER_MS;
  for (const name of names) {
    const asker = { client: around.createClient({ home: join(spaces, name) }), ...around };
    for (;;) {
      const running = await ask(asker, 'status', { timeoutMs: 1_000 }).catch((error: unknown) => {
        if (isMeshError(error, 'NODE_UNREACHABLE')) return undefined;
        throw error;
      });
      if (running === undefined) break;
      if (Date.now() > untilMs) {
        throw new MeshError('LOCKED', `the node ${name} of an earlier demo still runs`, {
          next: `Stop process ${running.pid}, then start the demo again.`,
        });
      }
      await around.delay(200, around.signal);
    }
  }
}

function folderError(dir: string, error: unknown): unknown {
  const code = codeOf(error);
  if (isMeshError(error) || code === undefined || code === 'ABORT_ERR') return error;
  if (code === 'ENOSPC') {
    return new MeshError('DISK_FULL', `no room for the demo in ${quote(dir)}`, { cause: error });
  }
  return new MeshError('FILE_UNREADABLE', `the folder ${quote(dir)} cannot be used (${code})`, {
    next: 'Name another: odcm demo --dir DIR',
    cause: error,
  });
}

function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
