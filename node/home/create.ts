// Making a node's folder: everything is prepared beside its place and moved there at the end, node.json last. What fails
// before that leaves nothing behind, and what is killed before that is swept away by the next attempt.

import type { KeyObject } from 'node:crypto';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { writeKeyFile } from '../../certs/keystore.ts';
import {
  encodePlainLocalKey,
  generateLocalKey,
  keyFileSecret,
  wrapLocalKey,
} from '../../certs/local-key.ts';
import type { CertificateFiles } from '../../certs/message-fields.ts';
import { writePrivateFile } from '../../certs/private-files.ts';
import { MeshError } from '../../protocols/errors.ts';
import { type HomeConfig, readConfig, writeConfig } from './config.ts';
import { codeOf, fileError, syncFolder, writeFileDurable } from './files.ts';
import { type HomePaths, homePaths } from './home.ts';
import { LOCK_NAMES, lockHome } from './lock.ts';

const OWNER_ONLY = 0o700;
const STAGING = '.new-';
/** Names that do not make a folder a used one. */
const IGNORED = new Set([...LOCK_NAMES, 'lost+found']);

export interface HomeContent {
  readonly config: HomeConfig;
  /** Root envelopes, version 1 first. */
  readonly roots: readonly Uint8Array[];
  readonly keys: {
    readonly node: KeyObject;
    readonly exchange: KeyObject;
    readonly tls: KeyObject;
  };
  readonly certificates: CertificateFiles;
  readonly odcm?: {
    readonly directory: KeyObject;
    readonly timestamp: KeyObject;
    readonly issuing: KeyObject;
  };
  /** With one, the keys are protected from the start. It is wiped. */
  readonly passphrase?: Buffer | undefined;
}

/**
 * Runs `make` on a folder of its own and puts what it wrote in place when it succeeds.
 * @throws ALREADY_ENROLLED when the folder is in use, LOCKED when another process makes it at this moment
 */
export async function createHome<T>(
  folder: string,
  make: (staged: HomePaths) => Promise<T>,
): Promise<T> {
  const dir = resolve(folder);
  const isNew = (await mkdirPrivate(dir)) !== undefined;
  const lock = await lockHome(dir);
  let isDone = false;
  try {
    await assertUnused(dir);
    const staging = join(dir, `${STAGING}${randomBytes(6).toString('hex')}`);
    await mkdirPrivate(staging);
    try {
      const made = await make(homePaths(staging));
      await moveInto(dir, staging);
      isDone = true;
      return made;
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  } finally {
    await lock.release();
    if (isNew && !isDone) await removeEmptied(dir);
  }
}

/**
 * The same for a folder in which a request waits for its answer: what an attempt that was stopped has left is made anew.
 * What waited goes last, so that until then it can be done again.
 * @throws ALREADY_ENROLLED when the node is there already, LOCKED when another process has the folder
 */
export async function completeHome<T>(
  folder: string,
  make: (staged: HomePaths) => Promise<T>,
): Promise<T> {
  const paths = homePaths(folder);
  const lock = await lockHome(paths.dir);
  try {
    if (await readConfig(paths.config)) throw await inUse(paths.dir);
    for (const part of [paths.roots, paths.keys, paths.certs, paths.store])
      await rm(part, { recursive: true, force: true });
    for (const name of await readdir(paths.dir))
      if (name.startsWith(STAGING)) await rm(join(paths.dir, name), { recursive: true });
    const staging = join(paths.dir, `${STAGING}${randomBytes(6).toString('hex')}`);
    await mkdirPrivate(staging);
    try {
      const made = await make(homePaths(staging));
      await moveInto(paths.dir, staging);
      await rm(paths.joining, { recursive: true, force: true });
      return made;
    } finally {
      await rm(staging, { recursive: true, force: true });
    }
  } finally {
    await lock.release();
  }
}

export async function mkdirPrivate(dir: string): Promise<string | undefined> {
  try {
    const made = await mkdir(dir, { recursive: true, mode: OWNER_ONLY });
    await chmod(dir, OWNER_ONLY);
    return made;
  } catch (cause) {
    throw fileError('make the folder', dir, cause);
  }
}

async function assertUnused(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    if (name.startsWith(STAGING)) await rm(join(dir, name), { recursive: true, force: true });
    else if (!IGNORED.has(name)) throw await inUse(dir);
  }
}

async function inUse(dir: string): Promise<MeshError> {
  const config = await readConfig(homePaths(dir).config).catch(() => undefined);
  if (config === undefined && (await readdir(dir)).includes(basename(homePaths(dir).joining))) {
    return new MeshError('ALREADY_ENROLLED', `a request from ${dir} waits for its answer`, {
      next: 'Finish it with: odcm join --answer FILE, or use another --home.',
    });
  }
  if (config === undefined) {
    return new MeshError('ALREADY_ENROLLED', `the folder ${dir} is not empty`, {
      next: 'Use another --home, or an empty folder.',
    });
  }
  const { name, meshName, mesh } = config;
  return new MeshError(
    'ALREADY_ENROLLED',
    `${dir} belongs to space ${name} of mesh ${meshName} already`,
    { detail: { name, mesh } },
  );
}

async function moveInto(dir: string, staging: string): Promise<void> {
  const config = basename(homePaths(dir).config);
  const names = await readdir(staging);
  const moved: string[] = [];
  try {
    for (const name of names.sort((a, b) => Number(a === config) - Number(b === config))) {
      // What it needs must be durable before the file that says that all is there.
      if (name === config) await syncFolder(dir);
      await rename(join(staging, name), join(dir, name));
      moved.push(join(dir, name));
    }
    await syncFolder(dir);
  } catch (cause) {
    for (const path of moved) await rm(path, { recursive: true, force: true });
    throw fileError('make', dir, cause);
  }
}

/** Only what the lock left there; anything else keeps the folder. */
async function removeEmptied(dir: string): Promise<void> {
  for (const name of LOCK_NAMES) await rm(join(dir, name), { recursive: true, force: true });
  await rmdir(dir).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOTEMPTY') throw fileError('remove', dir, error);
  });
}

/** Writes everything but the databases. */
export async function writeHomeFiles(paths: HomePaths, content: HomeContent): Promise<void> {
  await mkdirPrivate(paths.keys);
  await writeKeys(paths, content);
  await writePublicFiles(paths, content);
}

/** What anybody may read; node.json last. */
export async function writePublicFiles(
  paths: HomePaths,
  content: Pick<HomeContent, 'certificates' | 'roots' | 'config'>,
): Promise<void> {
  const { certificates, roots } = content;
  for (const folder of [paths.roots, paths.certs]) await mkdirPrivate(folder);
  for (const [i, envelope] of roots.entries()) await writeFileDurable(paths.root(i + 1), envelope);
  await writeFileDurable(paths.spaceCertificate, certificates.leaf);
  await writeFileDurable(paths.issuingCertificate, certificates.issuing);
  await writeFileDurable(paths.rootCertificate, certificates.root);
  await writeConfig(paths.config, content.config);
}

/** The local key first: with a passphrase no key ever lies open on the disk. */
export async function writeKeys(
  paths: HomePaths,
  content: Pick<HomeContent, 'keys' | 'odcm' | 'passphrase'>,
): Promise<void> {
  const { keys, odcm, passphrase } = content;
  const localKey = generateLocalKey();
  const bytes = passphrase
    ? await wrapLocalKey({ key: localKey }, passphrase)
    : encodePlainLocalKey(localKey);
  passphrase?.fill(0);
  await writePrivateFile(paths.localKey, bytes);
  const secret = passphrase ? keyFileSecret(localKey) : undefined;
  const files: [string, KeyObject][] = [
    [paths.nodeKey, keys.node],
    [paths.exchangeKey, keys.exchange],
    [paths.tlsKey, keys.tls],
  ];
  if (odcm) {
    await mkdirPrivate(paths.odcm);
    files.push(
      [paths.directoryKey, odcm.directory],
      [paths.timestampKey, odcm.timestamp],
      [paths.issuingKey, odcm.issuing],
    );
  }
  for (const [path, key] of files) await writeKeyFile(path, key, { secret });
  secret?.fill(0);
}
