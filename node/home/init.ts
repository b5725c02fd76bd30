// The beginning of a mesh: root keys, certificate authority, root metadata, the directory with its first entry, and the
// folder of the ODCM node. Loads node-forge; commands load it when they need it.

import type { KeyObject } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import {
  type Authority,
  createIssuingAuthority,
  createRootAuthority,
  issueSpaceCertificate,
} from '../../certs/authority.ts';
import { certificatePin } from '../../certs/chain.ts';
import { generateEd25519 } from '../../certs/ed25519.ts';
import { writeKeyFile } from '../../certs/keystore.ts';
import { signRoot } from '../../certs/root-keys.ts';
import { generateRsa, spkiOf } from '../../certs/rsa.ts';
import { signKey } from '../../certs/signed-key.ts';
import { generateX25519, x25519Raw } from '../../certs/x25519.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import {
  base32,
  type MeshId,
  meshIdOf,
  parseNewSpaceName,
  parseSpaceId,
  parseSpaceName,
  rootFingerprint,
  type SpaceId,
  type SpaceName,
  uuidFromBytes,
} from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { buildRootPayload, decodeRoot } from '../../protocols/root.ts';
import { type Clock, type Random, systemClock, systemRandom } from '../clock.ts';
import { Directory } from '../directory/directory.ts';
import { DirectoryWriter } from '../directory/writer.ts';
import { Blocks } from '../feed/blocks.ts';
import { silentLog } from '../log.ts';
import { openLevelStore } from '../store/level.ts';
import type { Store } from '../store/store.ts';
import {
  assertAddress,
  DEFAULT_LISTEN,
  fixPorts,
  formatHostPort,
  listenHost,
  multiaddrOf,
  parseHostPort,
  reachableAddresses,
} from './addresses.ts';
import { createHome, type HomeContent, writeHomeFiles } from './create.ts';
import { fileError } from './files.ts';
import { type HomePaths, homePaths } from './home.ts';
import { assertPassphrase } from './home-keys.ts';

export interface InitOptions {
  readonly dir: string;
  readonly meshName: string;
  /** Name of the ODCM space; `odcm` when absent. */
  readonly spaceName?: string;
  readonly rootKeys?: number;
  readonly threshold?: number;
  /** Folder for what is to be taken offline. */
  readonly rootKeysTo?: string;
  readonly listen?: readonly string[];
  readonly announce?: readonly string[];
  /** HOST:PORT of the enrolment endpoint; port 0 takes a free one. */
  readonly enrolListen?: string;
  readonly acceptForced?: boolean;
  readonly rsaBits?: { readonly root?: number; readonly issuing?: number; readonly space?: number };
  readonly clock?: Clock;
  readonly random?: Random;
  /** Protects the keys of the folder from the start; wiped. The offline keys are not protected by it. */
  readonly passphrase?: Buffer | undefined;
}

export interface InitResult {
  readonly mesh: MeshId;
  readonly meshName: SpaceName;
  readonly space: SpaceId;
  readonly name: SpaceName;
  /** As it stands in every token. */
  readonly rootFingerprint: string;
  readonly threshold: number;
  /** Private keys that belong offline: those of the root, and that of the root CA. */
  readonly offlineFiles: readonly string[];
  readonly listen: readonly string[];
  /** HOST:PORT. */
  readonly enrol: string;
}

const DAY_MS = 24 * 3_600_000;
const ROOT_DAYS = 365;
const SPACE_BITS = 3072;
const OFFLINE_FOLDER = 'root-keys-OFFLINE';

type Plan = ReturnType<typeof planOf>;

/** Everything that can be wrong with what was typed is found here, before anything is made. */
function planOf(options: InitOptions) {
  const { rootKeys = 3, threshold = Math.min(2, rootKeys), clock = systemClock } = options;
  if (!Number.isInteger(rootKeys) || rootKeys < 1 || rootKeys > LIMITS.rootRoleKeys) {
    throw new MeshError('USAGE', `the root has 1 to ${LIMITS.rootRoleKeys} keys, not ${rootKeys}`);
  }
  if (!Number.isInteger(threshold) || threshold < 1 || threshold > rootKeys) {
    throw new MeshError('USAGE', `the threshold is 1 to ${rootKeys}, not ${threshold}`);
  }
  if (options.passphrase) assertPassphrase(options.passphrase);
  const { dir, listen = [DEFAULT_LISTEN], announce = [], random = systemRandom } = options;
  for (const address of [...listen, ...announce]) assertAddress(address);
  return {
    options,
    home: homePaths(dir),
    meshName: parseSpaceName(options.meshName),
    name: parseNewSpaceName(options.spaceName ?? 'odcm'),
    space: parseSpaceId(uuidFromBytes(random.bytes(16))),
    rootKeys,
    threshold,
    listen,
    announce,
    enrol: parseHostPort(options.enrolListen ?? '0.0.0.0:0', 0),
    clock,
    random,
    nowMs: clock.nowMs(),
  };
}

export async function initMesh(options: InitOptions): Promise<InitResult> {
  const plan = planOf(options);
  return createHome(options.dir, async (staged) => {
    const enrolAt = multiaddrOf({ ...plan.enrol, host: listenHost(plan.enrol.host) });
    const [enrolFixed, ...listen] = await fixPorts([enrolAt, ...plan.listen]);
    const enrol = formatHostPort({ ...plan.enrol, port: Number(enrolFixed!.split('/').at(-1)) });
    const made = await makeTrust(plan);
    const config: HomeContent['config'] = {
      version: 1,
      mesh: made.mesh,
      meshName: plan.meshName,
      space: plan.space,
      name: plan.name,
      role: 'odcm',
      listen,
      ...(plan.announce.length > 0 ? { announce: [...plan.announce] } : {}),
      enrol,
      acceptForced: options.acceptForced ?? false,
    };
    await writeFirstEntry(staged, plan, made, reachableAddresses(listen, plan.announce));
    await writeHomeFiles(staged, { ...made, config, passphrase: options.passphrase });
    const { mesh, fingerprint } = made;
    const facts = {
      mesh,
      meshName: plan.meshName,
      space: plan.space,
      name: plan.name,
      listen,
      enrol,
    };
    const offlineFiles = await writeOfflineKeys(staged, plan, made);
    return { ...facts, rootFingerprint: fingerprint, threshold: plan.threshold, offlineFiles };
  });
}

type Made = Awaited<ReturnType<typeof makeTrust>>;

async function makeTrust(plan: Plan) {
  const { meshName: mesh, nowMs, options } = plan;
  const bits = (of: 'root' | 'issuing') => {
    const given = options.rsaBits?.[of];
    return given === undefined ? {} : { bits: given };
  };
  const [rootCa, tls] = await Promise.all([
    createRootAuthority({ mesh, nowMs, ...bits('root') }),
    generateRsa(options.rsaBits?.space ?? SPACE_BITS),
  ]);
  const issuing = await createIssuingAuthority({ root: rootCa, mesh, nowMs, ...bits('issuing') });
  const rootKeys = Array.from({ length: plan.rootKeys }, generateEd25519);
  const odcm = { directory: generateEd25519(), timestamp: generateEd25519(), issuing: issuing.key };
  const payload = rootPayload(plan, { rootCa, issuing, rootKeys, odcm });
  const meshId = meshIdOf(payload);
  const keys = { node: generateEd25519(), exchange: generateX25519(), tls };
  const spkiDer = spkiOf(tls);
  const leaf = issueSpaceCertificate({
    issuing,
    spkiDer,
    signedKey: signKey(keys.node, spkiDer),
    mesh: meshId,
    space: plan.space,
    name: plan.name,
    nowMs,
  });
  return {
    mesh: meshId,
    fingerprint: base32(rootFingerprint(payload)),
    root: decodeRoot(payload),
    roots: [signRoot(payload, rootKeys)],
    rootKeys,
    rootCaKey: rootCa.key,
    keys,
    odcm,
    certificates: { leaf, issuing: issuing.certificatePem, root: rootCa.certificatePem },
  };
}

function rootPayload(
  plan: Plan,
  parts: {
    readonly rootCa: Authority;
    readonly issuing: Authority;
    readonly rootKeys: readonly KeyObject[];
    readonly odcm: { readonly directory: KeyObject; readonly timestamp: KeyObject };
  },
): Buffer {
  const { rootCa, issuing, rootKeys, odcm } = parts;
  return buildRootPayload({
    version: 1,
    mesh: plan.meshName,
    expiresMs: plan.nowMs + ROOT_DAYS * DAY_MS,
    odcm: plan.space,
    roles: {
      root: { keys: rootKeys.map(ed25519Raw), threshold: plan.threshold },
      directory: { keys: [ed25519Raw(odcm.directory)], threshold: 1 },
      timestamp: { keys: [ed25519Raw(odcm.timestamp)], threshold: 1 },
    },
    x509: {
      root: certificatePin(rootCa.certificatePem),
      issuing: [certificatePin(issuing.certificatePem)],
    },
  });
}

/** The ODCM space is a member like any other, and the first. */
async function writeFirstEntry(
  staged: HomePaths,
  plan: Plan,
  made: Made,
  addresses: string[],
): Promise<void> {
  const { clock, random } = plan;
  const open: Store[] = [];
  const store = async (path: string): Promise<Store> => {
    const opened = await openLevelStore(path);
    open.push(opened);
    return opened;
  };
  try {
    const log = { store: await store(staged.log), root: made.root, mesh: made.mesh };
    const writer = await DirectoryWriter.open({
      directory: await Directory.open({ ...log, clock, log: silentLog }),
      views: await store(staged.views),
      blocks: new Blocks(await store(staged.blocks)),
      directoryKey: made.odcm.directory,
      timestampKey: made.odcm.timestamp,
      space: plan.name,
      clock,
      random,
    });
    const payload = {
      space: plan.space,
      name: plan.name,
      nodeKey: ed25519Raw(made.keys.node).toString('base64'),
      exchangeKey: x25519Raw(made.keys.exchange).toString('base64'),
      certificateSha256: certificatePin(made.certificates.leaf),
      addresses,
    };
    await writer.append('SpaceEnrolledV1Event', payload, `space/${plan.space}`);
  } finally {
    for (const opened of open) await opened.close();
  }
}

/** Each key in a file of its own, so that each can go to another keeper. Resolves to where they are in the end. */
async function writeOfflineKeys(staged: HomePaths, plan: Plan, made: Made): Promise<string[]> {
  const folder = resolve(plan.options.rootKeysTo ?? join(plan.home.dir, OFFLINE_FOLDER));
  // What lies inside the home is made with it.
  const inside = relative(plan.home.dir, folder);
  const target = inside.startsWith('..') ? folder : join(staged.dir, inside);
  const files = [
    ...made.rootKeys.map((key, i) => ({ name: `root-${i + 1}.pem`, key })),
    { name: 'root-ca.pem', key: made.rootCaKey },
  ];
  const written: string[] = [];
  try {
    await mkdir(target, { recursive: true, mode: 0o700 });
    for (const { name, key } of files) {
      await writeKeyFile(join(target, name), key);
      written.push(join(target, name));
    }
  } catch (cause) {
    for (const path of written) await rm(path, { force: true });
    throw fileError('write keys into', folder, cause);
  }
  return files.map(({ name }) => join(folder, name));
}
