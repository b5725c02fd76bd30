// What a node is made of before it is wired: its stores, the directory in them, its key and its network. Nothing listens yet.

import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isMeshError, MeshError } from '../protocols/errors.ts';
import { contextTopic, directoryTopic, presenceTopic } from '../protocols/gossip.ts';
import { LIMITS } from '../protocols/limits.ts';
import { decodeRoot } from '../protocols/root.ts';
import { decodeRootEnvelope } from '../protocols/root-chain.ts';
import { CarryRows } from './carry/carry-rows.ts';
import type { Clock, Random, Timers } from './clock.ts';
import { DirectoryCopy } from './directory/copy.ts';
import { Directory } from './directory/directory.ts';
import { ForkBook } from './fork/fork-book.ts';
import { STARTED } from './fork/release-gate.ts';
import { checkLevelFiles } from './fsck/level-files.ts';
import { moveAway } from './fsck/set-aside.ts';
import type { HomeConfig } from './home/config.ts';
import type { Home } from './home/home.ts';
import type { Log } from './log.ts';
import { Members } from './members.ts';
import { createHost, type HostOptions } from './net/host.ts';
import type { Network } from './net/network.ts';
import { createNoNetwork } from './net/no-network.ts';
import { Receipts } from './replicate/receipts.ts';
import { Subscriptions } from './replicate/subscriptions.ts';
import { openOwnKeys } from './rotate/adopt-keys.ts';
import type { OwnKeys } from './rotate/own-keys.ts';
import { DiskGuard, spaceOf } from './store/disk-guard.ts';
import { isLastingMark, tableRange } from './store/keys.ts';
import { type LevelStoreOptions, openLevelStore, storeMissing } from './store/level.ts';
import { Packs } from './store/packs.ts';
import type { Store } from './store/store.ts';
import { WriteBehind } from './store/write-behind.ts';
import { TrustClock } from './trust-time/trust-clock.ts';

export interface NodeOptions {
  readonly home: Home;
  /** Most that is kept for others, in place of what the folder says or a share of the disk; 0 keeps nothing. */
  readonly carryBytes?: number;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
  /** Addresses to listen on instead of those of the folder's configuration. */
  readonly listen?: readonly string[];
  /** Age from which on the directory has expired, instead of what the folder says. */
  readonly directoryLimitMs?: number;
  /** The clock is right now, whatever it was before. */
  readonly acceptClock?: boolean;
  /** No network at all: what is new comes in bundles. */
  readonly isOffline?: boolean;
  /** At ODCM: this folder is the newest, whether anybody can be asked or not. */
  readonly isAlone?: boolean;
  /** Addresses of members to try besides those in the directory, each with `/p2p/` and its peer id. */
  readonly peers?: readonly string[];
}

export interface Stores {
  /** Called when all of them were closed in good order. */
  readonly onClosed?: () => Promise<void>;
  /** Present where they lie on a disk. */
  readonly disk?: DiskGuard;
  readonly logs: Store;
  readonly blockStore: Store;
  /** Present where they lie on a disk. */
  readonly packs?: Packs;
  readonly views: Store;
}

export interface Parts extends Stores {
  readonly directory: Directory;
  readonly members: Members;
  readonly subscriptions: Subscriptions;
  readonly host: Network;
  readonly keys: OwnKeys;
  readonly trustClock: TrustClock;
  readonly receipts: Receipts;
  readonly forks: ForkBook;
  readonly carryRows: CarryRows;
}

/** On the stores of the node's folder and the real network. */
export async function openParts(o: NodeOptions): Promise<Parts> {
  const { paths } = o.home;
  const running = join(paths.store, 'running');
  if (!existsSync(paths.store)) throw storeMissing(paths.store);
  const isSuspect = existsSync(running);
  if (isSuspect) for (const path of [paths.log, paths.blocks]) await requireSoundTables(path);
  await writeFile(running, '');
  const disk = new DiskGuard({
    ...{ ballast: join(paths.store, 'ballast'), timers: o.timers, log: o.log },
    space: () => spaceOf(paths.store),
  });
  const options = { onFull: disk.release };
  const stores = {
    disk,
    onClosed: () => rm(running, { force: true }),
    logs: await openLevelStore(paths.log, options),
    blockStore: await openLevelStore(paths.blocks, options),
    packs: new Packs(paths.packs),
    views: new WriteBehind(await openViews(paths.views, o, options, isSuspect), o.timers),
  };
  if (o.isOffline) {
    const nodeKey = await o.home.nodeKey();
    return gatherParts(o, stores, () => Promise.resolve(createNoNetwork(nodeKey)));
  }
  return gatherParts(o, stores, (options) =>
    createHost({ ...options, datastorePath: paths.peers }),
  );
}

/** Views are made from the other two: when they cannot be opened they are made anew, and the old ones stay beside them. */
async function openViews(
  path: string,
  { clock, log }: NodeOptions,
  options: LevelStoreOptions,
  isSuspect: boolean,
) {
  try {
    if (isSuspect) await requireSoundTables(path);
    return await openLevelStore(path, options);
  } catch (error) {
    if (!isMeshError(error, 'STORE_DAMAGED') && !isMeshError(error, 'STORE_MISSING')) throw error;
    const aside = await moveAway(path, 'views', clock.nowMs());
    log.error({ aside, code: error.code }, 'the views cannot be opened and are made anew');
    return openLevelStore(path, options);
  }
}

/**
 * After a crash, which damaged tables may have been the cause of: LevelDB does not look at their checksums and ends the
 * whole process over some of them.
 */
async function requireSoundTables(path: string): Promise<void> {
  if (!existsSync(join(path, 'CURRENT'))) return;
  const damaged: string[] = [];
  await checkLevelFiles({
    path,
    signal: new AbortController().signal,
    // A write-ahead log may end in the middle of a row; what is missing then is found by what reads it.
    onDamaged: (file, how) => file.endsWith('.log') || damaged.push(`${file} ${how}`),
    onRead: () => {},
  });
  const [first] = damaged;
  if (first === undefined) return;
  throw new MeshError('STORE_DAMAGED', `the database in ${path} is damaged: ${first}`, {
    next: `Set it aside with: odcm fsck --set-aside ${basename(path)}`,
  });
}

/**
 * Most marks are counters and hints: one that is damaged is worth less than none, and must not keep a node from starting.
 * Those of the air gap stay as they are: whoever reads one is refused, and the rest of the node goes on.
 */
export async function forgetDamagedMarks(store: Store, log: Log): Promise<void> {
  const damaged: Buffer[] = [];
  for await (const _ of store.range({ ...tableRange('m'), onDamaged: (key) => damaged.push(key) }));
  for (const key of damaged) {
    const what = isLastingMark(key) ? 'stays: what needs it is refused' : 'was forgotten';
    log.error({ mark: key.toString('latin1', 1) }, `a mark is damaged and ${what}`);
  }
  const forgotten = damaged.filter((key) => !isLastingMark(key));
  await store.write(
    forgotten.map((key) =>
      key.equals(STARTED) ? { type: 'put', key, value: Buffer.alloc(0) } : { type: 'del', key },
    ),
  );
}

/** On stores that are open already and a network of the caller's choice. */
export async function gatherParts(
  o: NodeOptions,
  stores: Stores,
  openNetwork: (options: HostOptions) => Promise<Network>,
): Promise<Parts> {
  const { home, clock, log } = o;
  const { mesh } = home.config;
  const { logs: store } = stores;
  await forgetDamagedMarks(store, log);
  const trustClock = await TrustClock.open(store, clock, o.acceptClock);
  const directory = await Directory.open({
    ...{ store, root: home.root.root, mesh, clock: trustClock, log },
    roots: home.rootEnvelopes.map((bytes) => decodeRoot(decodeRootEnvelope(bytes).payload)),
    copy: new DirectoryCopy(stores.views),
    isWriter: home.isOdcm,
    limitMs: o.directoryLimitMs ?? limitOf(home.config),
    // Its own word tells ODCM nothing about its clock.
    ...(home.isOdcm
      ? {}
      : {
          onVouched: (timeMs: number) => trustClock.hearOdcm(timeMs),
          onRecalled: (timeMs: number) => trustClock.recallOdcm(timeMs),
        }),
  });
  const members = new Members(() => trustClock.nowMs());
  members.update(directory.state);
  const row = directory.state.spaces.get(home.config.space);
  const forks = await ForkBook.open(store, clock);
  const isDoubtful = directory.isWaiting || forks.of(directory.origin) !== undefined;
  const keys = await openOwnKeys(home, row, trustClock.nowMs(), isDoubtful);
  const contexts = [...directory.state.contexts.keys()].map((context) =>
    contextTopic(mesh, context),
  );
  const host = await openNetwork({
    ...{ meshId: mesh, membership: members, clock, log },
    privateKeyPem: keys.identity.export({ format: 'pem', type: 'pkcs8' }).toString(),
    topics: [...contexts, directoryTopic(mesh), presenceTopic(mesh)].map((name) => ({ name })),
    listen: o.listen ?? home.config.listen,
    ...(home.config.announce ? { announce: home.config.announce } : {}),
  });
  const subscriptions = await Subscriptions.open(store, stores.views);
  const receipts = await Receipts.open(store, log);
  const carryRows = await CarryRows.open(store);
  const trust = { trustClock, receipts, carryRows, forks };
  return { ...stores, ...trust, directory, members, subscriptions, host, keys };
}

const limitOf = ({ directoryLimitMs, regulated }: HomeConfig): number =>
  directoryLimitMs ?? (regulated ? LIMITS.directoryRegulatedMs : LIMITS.directoryExpiredMs);
