// A node's folder: where everything lies, and typed access to what is not a database. Keys are read when they are
// first needed; the root chain is verified at opening. Knows no network and opens no database.

import type { KeyObject } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Authority } from '../../certs/authority.ts';
import type { CertificateFiles } from '../../certs/enrol-messages.ts';
import { readKeyFile } from '../../certs/keystore.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type VerifiedRoot, verifyRootChain } from '../../protocols/root-chain.ts';
import { type HomeConfig, readConfig } from './config.ts';
import { fileError, readSmallFile } from './files.ts';

export type HomePaths = ReturnType<typeof homePaths>;

export function homePaths(folder: string) {
  const dir = resolve(folder);
  return {
    dir,
    config: join(dir, 'node.json'),
    roots: join(dir, 'root'),
    root: (version: number) => join(dir, 'root', `${version}.root.json`),
    keys: join(dir, 'keys'),
    nodeKey: join(dir, 'keys', 'node.pem'),
    exchangeKey: join(dir, 'keys', 'exchange.pem'),
    tlsKey: join(dir, 'keys', 'tls.pem'),
    certs: join(dir, 'certs'),
    spaceCertificate: join(dir, 'certs', 'space.pem'),
    issuingCertificate: join(dir, 'certs', 'issuing.pem'),
    rootCertificate: join(dir, 'certs', 'root.pem'),
    store: join(dir, 'store'),
    log: join(dir, 'store', 'log'),
    blocks: join(dir, 'store', 'blocks'),
    views: join(dir, 'store', 'views'),
    peers: join(dir, 'store', 'peers'),
    odcm: join(dir, 'odcm'),
    directoryKey: join(dir, 'odcm', 'directory.pem'),
    timestampKey: join(dir, 'odcm', 'timestamp.pem'),
    issuingKey: join(dir, 'odcm', 'issuing-ca.pem'),
    invites: join(dir, 'odcm', 'invites.json'),
  } as const;
}

type KeyName = 'nodeKey' | 'exchangeKey' | 'tlsKey' | OdcmKeyName;
type OdcmKeyName = 'directoryKey' | 'timestampKey' | 'issuingKey';

const KEY_TYPES: Readonly<Record<KeyName, 'ed25519' | 'x25519' | 'rsa'>> = {
  nodeKey: 'ed25519',
  exchangeKey: 'x25519',
  tlsKey: 'rsa',
  directoryKey: 'ed25519',
  timestampKey: 'ed25519',
  issuingKey: 'rsa',
};

export class Home {
  readonly paths: HomePaths;
  readonly config: HomeConfig;
  /** Envelopes of all versions, oldest first. */
  readonly rootEnvelopes: readonly Buffer[];
  /** Verified but for its expiry: a node goes on with what it has; see {@link isRootExpired}. */
  readonly root: VerifiedRoot;
  readonly #keys = new Map<KeyName, Promise<KeyObject>>();

  constructor(
    paths: HomePaths,
    config: HomeConfig,
    rootEnvelopes: readonly Buffer[],
    root: VerifiedRoot,
  ) {
    this.paths = paths;
    this.config = config;
    this.rootEnvelopes = rootEnvelopes;
    this.root = root;
  }

  get dir(): string {
    return this.paths.dir;
  }

  get isOdcm(): boolean {
    return this.config.role === 'odcm';
  }

  isRootExpired(nowMs: number): boolean {
    return nowMs >= Date.parse(this.root.root.expires);
  }

  /** Ed25519: signs the feeds of the space and is its identity on the network. */
  nodeKey(): Promise<KeyObject> {
    return this.#key('nodeKey');
  }

  /** X25519: what is sealed for the space is sealed for this key. */
  exchangeKey(): Promise<KeyObject> {
    return this.#key('exchangeKey');
  }

  /** RSA: the key of the space's certificate. */
  tlsKey(): Promise<KeyObject> {
    return this.#key('tlsKey');
  }

  /** Ed25519; ODCM only. */
  directoryKey(): Promise<KeyObject> {
    return this.#odcmKey('directoryKey');
  }

  /** Ed25519; ODCM only. */
  timestampKey(): Promise<KeyObject> {
    return this.#odcmKey('timestampKey');
  }

  /** Issuing CA with its key; ODCM only. */
  async issuing(): Promise<Authority> {
    const key = await this.#odcmKey('issuingKey');
    return { key, certificatePem: await readPem(this.paths.issuingCertificate) };
  }

  async certificates(): Promise<CertificateFiles> {
    const { spaceCertificate, issuingCertificate, rootCertificate } = this.paths;
    const [leaf, issuing, root] = await Promise.all([
      readPem(spaceCertificate),
      readPem(issuingCertificate),
      readPem(rootCertificate),
    ]);
    return { leaf, issuing, root };
  }

  #odcmKey(name: OdcmKeyName): Promise<KeyObject> {
    if (this.isOdcm) return this.#key(name);
    return Promise.reject(
      new MeshError('NOT_ODCM', `${this.config.name} is not the ODCM node of its mesh`),
    );
  }

  #key(name: KeyName): Promise<KeyObject> {
    const known = this.#keys.get(name);
    if (known !== undefined) return known;
    const reading = readTypedKey(this.paths[name], KEY_TYPES[name]);
    this.#keys.set(name, reading);
    // A file that was put right is read again.
    reading.catch(() => this.#keys.delete(name));
    return reading;
  }
}

/** @throws NOT_INITIALISED when there is no node, STORE_MISSING or STORE_DAMAGED when there was one */
export async function openHome(folder: string): Promise<Home> {
  const paths = homePaths(folder);
  const config = await readConfig(paths.config);
  if (config === undefined) throw await notThere(paths);
  const envelopes = await readRoots(paths);
  const root = verifyRoots(paths, envelopes);
  if (root.meshId !== config.mesh) {
    throw new MeshError(
      'WRONG_MESH',
      `${paths.roots} is the root of mesh ${root.meshId}, not of mesh ${config.mesh} as ${paths.config} says`,
      { next: `Restore ${paths.roots} and ${paths.config} from one backup.` },
    );
  }
  if ((config.role === 'odcm') !== (root.root.odcm === config.space)) {
    throw new MeshError('STORE_DAMAGED', `the role in ${paths.config} is not that of its space`, {
      next: 'Correct that file, or restore it from a backup.',
    });
  }
  return new Home(paths, config, envelopes, root);
}

async function notThere(paths: HomePaths): Promise<MeshError> {
  const names = await readdir(paths.dir).catch((): string[] => []);
  if (names.includes('keys')) {
    return new MeshError('STORE_MISSING', `${paths.config} is gone, while keys are still there`, {
      next: 'Restore that file from a backup.',
    });
  }
  return new MeshError('NOT_INITIALISED', `there is no node in ${paths.dir}`);
}

/** Versions follow each other without a gap; a later one that is missing would be a silent step back. */
async function readRoots(paths: HomePaths): Promise<Buffer[]> {
  let names: string[];
  try {
    names = (await readdir(paths.roots)).filter((name) => name.endsWith('.root.json'));
  } catch (cause) {
    throw rootsMissing(paths, cause);
  }
  const envelopes: Buffer[] = [];
  for (let version = 1; version <= names.length; version++) {
    const bytes = await readSmallFile(paths.root(version), LIMITS.rootBytes);
    if (bytes === undefined) throw rootsMissing(paths);
    envelopes.push(bytes);
  }
  if (envelopes.length === 0) throw rootsMissing(paths);
  return envelopes;
}

function rootsMissing({ roots }: HomePaths, cause?: unknown): MeshError {
  return new MeshError('STORE_MISSING', `root metadata is missing in ${roots}`, {
    next: `Restore ${roots} from a backup, or copy it from another node of the mesh.`,
    cause,
  });
}

function verifyRoots({ roots }: HomePaths, envelopes: readonly Buffer[]): VerifiedRoot {
  try {
    return verifyRootChain(envelopes, { nowMs: 0 });
  } catch (cause) {
    if (!isMeshError(cause)) throw cause;
    throw new MeshError('ROOT_INVALID', `${roots} does not verify: ${cause.message}`, {
      next: `Restore ${roots} from a backup, or copy it from another node of the mesh.`,
      cause,
    });
  }
}

async function readTypedKey(path: string, type: string): Promise<KeyObject> {
  const key = await readKeyFile(path);
  if (key.asymmetricKeyType === type) return key;
  throw new MeshError('FILE_UNREADABLE', `${path} holds no ${type} key`, {
    next: 'Restore the key file from a backup.',
  });
}

async function readPem(path: string): Promise<string> {
  const bytes = await readSmallFile(path, LIMITS.certificateBytes);
  if (bytes !== undefined) return bytes.toString('utf8');
  throw fileError('read', path, Object.assign(new Error('missing'), { code: 'ENOENT' }));
}
