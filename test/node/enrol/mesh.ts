// A mesh made by init, with its ODCM's endpoint on loopback, for the tests of enrolment; and folders that go away.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, systemClock, systemRandom } from '../../../node/clock.ts';
import { Directory } from '../../../node/directory/directory.ts';
import { DirectoryWriter } from '../../../node/directory/writer.ts';
import { FileDesk } from '../../../node/enrol/file-desk.ts';
import { Invites } from '../../../node/enrol/invites.ts';
import { type JoinOptions, joinMesh } from '../../../node/enrol/join.ts';
import {
  type EnrolServer,
  type EnrolServerOptions,
  startEnrolServer,
} from '../../../node/enrol/server.ts';
import { Blocks } from '../../../node/feed/blocks.ts';
import { type HostPort, parseHostPort } from '../../../node/home/addresses.ts';
import { type Home, openHome } from '../../../node/home/home.ts';
import { type InitOptions, initMesh } from '../../../node/home/init.ts';
import { silentLog } from '../../../node/log.ts';
import { openLevelStore } from '../../../node/store/level.ts';
import { Turn } from '../../../node/turn.ts';
import { isMeshError, type MeshError } from '../../../protocols/errors.ts';
import { rootFingerprint } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';

export const BITS = 2048;
const SMALL_KEYS = { root: BITS, issuing: BITS, space: BITS };
export const LOOPBACK = '/ip4/127.0.0.1/tcp/0';

const folders: string[] = [];
const running: { stop(): Promise<void> }[] = [];

export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'odcm-test-'));
  folders.push(folder);
  return folder;
}

/** Stops what the tests left running and removes their folders. */
export async function cleanUp(): Promise<void> {
  for (const odcm of running.splice(0)) await odcm.stop();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
}

export const init = (options: Partial<InitOptions> & { dir: string }) =>
  initMesh({
    meshName: 'acme',
    listen: [LOOPBACK],
    enrolListen: '127.0.0.1:0',
    rsaBits: SMALL_KEYS,
    ...options,
  });

export interface Odcm {
  readonly home: Home;
  readonly directory: Directory;
  readonly writer: DirectoryWriter;
  readonly invites: Invites;
  readonly server: EnrolServer;
  readonly files: FileDesk;
  readonly endpoint: HostPort;
  /** A token for this name. */
  token(name: string, ttlMs?: number): Promise<string>;
  stop(): Promise<void>;
}

export interface OdcmOptions {
  readonly clock?: Clock;
  readonly server?: Partial<EnrolServerOptions>;
  readonly snapshotBytes?: number;
}

export async function startOdcm(dir: string, options: OdcmOptions = {}): Promise<Odcm> {
  const { clock = systemClock } = options;
  const home = await openHome(dir);
  const stores = await Promise.all(
    [home.paths.log, home.paths.views, home.paths.blocks].map((path) => openLevelStore(path)),
  );
  const [store, views, blocks] = stores;
  const { mesh, name, enrol } = home.config;
  const directory = await Directory.open({
    store: store!,
    root: home.root.root,
    mesh,
    clock,
    log: silentLog,
  });
  const writer = await DirectoryWriter.open({
    directory,
    views: views!,
    blocks: new Blocks(blocks!),
    directoryKey: await home.directoryKey(),
    timestampKey: await home.timestampKey(),
    space: name,
    clock,
    random: systemRandom,
  });
  await writer.renew();
  const invites = await Invites.open(home.paths.invites, { clock, random: systemRandom });
  const endpoint = parseHostPort(enrol ?? '');
  const turn = new Turn();
  const files = new FileDesk({
    ...{ home, invites, clock, turn, random: systemRandom },
    issuing: () => home.issuing(),
    state: () => directory.state,
    head: () => writer.note,
    enrol: (payload) => writer.append('SpaceEnrolledV1Event', payload, `space/${payload.space}`),
    snapshot: (maxBytes) => writer.snapshot(options.snapshotBytes ?? maxBytes),
  });
  const server = await startEnrolServer({
    turn,
    listen: endpoint,
    mesh,
    roots: home.rootEnvelopes,
    directoryKey: await home.directoryKey(),
    issuing: await home.issuing(),
    rootCertificatePem: (await home.certificates()).root,
    invites,
    state: () => directory.state,
    head: () => writer.note,
    enrol: (payload) => writer.append('SpaceEnrolledV1Event', payload, `space/${payload.space}`),
    snapshot: () => writer.snapshot(options.snapshotBytes),
    clock,
    random: systemRandom,
    log: silentLog,
    ...options.server,
    // Asked for each time: a test may give one stranger less time than the next.
    get timeoutMs() {
      return options.server?.timeoutMs ?? LIMITS.enrolTimeoutMs;
    },
  });
  let isStopped = false;
  const odcm: Odcm = {
    home,
    directory,
    writer,
    invites,
    server,
    files,
    endpoint,
    token: async (spaceName, ttlMs) => {
      const { token } = await invites.invite({
        name: spaceName,
        ...(ttlMs === undefined ? {} : { ttlMs }),
        fingerprint: rootFingerprint(home.root.payloadV1),
        endpoint,
        isTaken: (taken) => directory.state.spaceNamed(taken) !== undefined,
      });
      return token;
    },
    stop: async () => {
      if (isStopped) return;
      isStopped = true;
      await server.stop();
      await writer.idle();
      for (const opened of stores) await opened.close();
    },
  };
  running.push(odcm);
  return odcm;
}

export const joinWith = (dir: string, token: string, options: Partial<JoinOptions> = {}) =>
  joinMesh({ dir, token, listen: [LOOPBACK], rsaBits: BITS, ...options });

/** The code that a promise is refused with, or `done`. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await refusalOf(promise))?.code ?? 'done';
}

export async function refusalOf(promise: Promise<unknown>): Promise<MeshError | undefined> {
  try {
    await promise;
  } catch (error) {
    if (isMeshError(error)) return error;
    throw error;
  }
  return undefined;
}
