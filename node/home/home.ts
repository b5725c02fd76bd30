// A node's folder: where everything lies, and typed access to what is not a database. Keys are read when they are
// first needed; the root chain is verified at opening. Knows no network and opens no database.

import type { KeyObject } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import type { Authority } from '../../certs/authority.ts';
import type { CertificateFiles } from '../../certs/message-fields.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { extendRootChain, type VerifiedRoot, verifyRootChain } from '../../protocols/root-chain.ts';
import { type HomeConfig, readConfig } from './config.ts';
import { fileError, readSmallFile, writeFileDurable } from './files.ts';
import { HomeKeys } from './home-keys.ts';
import { noPassphrase, type PassphraseSource } from './passphrase.ts';

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
    localKey: join(dir, 'keys', 'local.key'),
    // While keys are rotated: what comes next, and what still counts beside the newest.
    nodeKeyNext: join(dir, 'keys', 'node.next.pem'),
    nodeKeyBefore: join(dir, 'keys', 'node.before.pem'),
    exchangeKeyNext: join(dir, 'keys', 'exchange.next.pem'),
    exchangeKeyBefore: join(dir, 'keys', 'exchange.before.pem'),
    // One that was in force once, and then neither of these: what was wrapped for it still opens.
    exchangeKeyAside: join(dir, 'keys', 'exchange.aside.pem'),
    certs: join(dir, 'certs'),
    spaceCertificate: join(dir, 'certs', 'space.pem'),
    issuingCertificate: join(dir, 'certs', 'issuing.pem'),
    rootCertificate: join(dir, 'certs', 'root.pem'),
    store: join(dir, 'store'),
    log: join(dir, 'store', 'log'),
    blocks: join(dir, 'store', 'blocks'),
    packs: join(dir, 'store', 'packs'),
    views: join(dir, 'store', 'views'),
    peers: join(dir, 'store', 'peers'),
    odcm: join(dir, 'odcm'),
    directoryKey: join(dir, 'odcm', 'directory.pem'),
    timestampKey: join(dir, 'odcm', 'timestamp.pem'),
    issuingKey: join(dir, 'odcm', 'issuing-ca.pem'),
    directoryKeyNext: join(dir, 'odcm', 'directory.next.pem'),
    timestampKeyNext: join(dir, 'odcm', 'timestamp.next.pem'),
    issuingKeyNext: join(dir, 'odcm', 'issuing-ca.next.pem'),
    issuingCertificateNext: join(dir, 'odcm', 'issuing.next.pem'),
    invites: join(dir, 'odcm', 'invites.json'),
    quarantine: join(dir, 'gap', 'quarantine'),
    receiptMark: join(dir, 'gap', 'receipts.mark'),
    // While a site without a network waits for the answer to its request.
    joining: join(dir, 'joining'),
    certificateRequest: join(dir, 'certs', 'request.json'),
  } as const;
}

type OdcmKeyName = 'directoryKey' | 'timestampKey' | 'issuingKey';

export class Home {
  readonly paths: HomePaths;
  readonly config: HomeConfig;
  #rootEnvelopes: readonly Buffer[];
  #root: VerifiedRoot;
  readonly keys: HomeKeys;

  constructor(
    paths: HomePaths,
    config: HomeConfig,
    rootEnvelopes: readonly Buffer[],
    root: VerifiedRoot,
    passphrase: PassphraseSource = noPassphrase,
  ) {
    this.keys = new HomeKeys(paths, passphrase);
    this.paths = paths;
    this.config = config;
    this.#rootEnvelopes = rootEnvelopes;
    this.#root = root;
  }

  get dir(): string {
    return this.paths.dir;
  }

  get isOdcm(): boolean {
    return this.config.role === 'odcm';
  }

  /** Envelopes of all versions, oldest first. */
  get rootEnvelopes(): readonly Buffer[] {
    return this.#rootEnvelopes;
  }

  /** Verified but for its expiry: a node goes on with what it has; see {@link isRootExpired}. */
  get root(): VerifiedRoot {
    return this.#root;
  }

  /**
   * Takes the version that follows the newest; durable when it resolves. One at a time: who calls this sees to it.
   * @throws ROOT_INVALID, MALFORMED … for anything but the one that follows
   */
  async addRoot(envelope: Uint8Array): Promise<void> {
    const root = extendRootChain(this.#root, envelope);
    await this.keepRoot(root.versions, envelope);
    this.#root = root;
    this.#rootEnvelopes = [...this.#rootEnvelopes, Buffer.from(envelope)];
  }

  /** Where versions are written down. */
  protected keepRoot(version: number, envelope: Uint8Array): Promise<void> {
    return writeFileDurable(this.paths.root(version), envelope);
  }

  isRootExpired(nowMs: number): boolean {
    return nowMs >= Date.parse(this.root.root.expires);
  }

  /** Secret of 32 bytes, under which this node's other secrets rest. @throws KEYS_LOCKED without the passphrase */
  localKey(): Promise<KeyObject> {
    return this.keys.localKey();
  }

  /** What opens secrets that were made before this folder had a passphrase. */
  formerLocalKey(): Promise<KeyObject | undefined> {
    return this.keys.formerLocalKey();
  }

  /** Ed25519: signs the feeds of the space and is its identity on the network. */
  nodeKey(): Promise<KeyObject> {
    return this.keys.get('nodeKey');
  }

  /** X25519: what is sealed for the space is sealed for this key. */
  exchangeKey(): Promise<KeyObject> {
    return this.keys.get('exchangeKey');
  }

  /**
   * The exchange key, and behind it all others that are kept: what was wrapped for those still opens. The next one may have been
   * in force, before the directory went on from an earlier point.
   */
  async exchangeKeys(): Promise<KeyObject[]> {
    const names = ['exchangeKeyNext', 'exchangeKeyBefore', 'exchangeKeyAside'] as const;
    const others = await Promise.all(names.map((name) => this.keys.find(name)));
    return [await this.exchangeKey(), ...others.filter((key) => key !== undefined)];
  }

  /** RSA: the key of the space's certificate. */
  tlsKey(): Promise<KeyObject> {
    return this.keys.get('tlsKey');
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
    if (this.isOdcm) return this.keys.get(name);
    return Promise.reject(
      new MeshError('NOT_ODCM', `${this.config.name} is not the ODCM node of its mesh`),
    );
  }
}

/** @throws NOT_INITIALISED when there is no node, STORE_MISSING or STORE_DAMAGED when there was one */
export async function openHome(folder: string, passphrase?: PassphraseSource): Promise<Home> {
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
  return new Home(paths, config, envelopes, root, passphrase);
}

async function notThere(paths: HomePaths): Promise<MeshError> {
  const names = await readdir(paths.dir).catch((): string[] => []);
  if (names.includes(basename(paths.joining))) {
    return new MeshError('NOT_INITIALISED', `the request from ${paths.dir} is not answered yet`, {
      next: 'Finish it with: odcm join --answer FILE',
    });
  }
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

async function readPem(path: string): Promise<string> {
  const bytes = await readSmallFile(path, LIMITS.certificateBytes);
  if (bytes !== undefined) return bytes.toString('utf8');
  throw fileError('read', path, Object.assign(new Error('missing'), { code: 'ENOENT' }));
}
