// One simulated machine: its disks, and the node process that runs on it, which may be stopped, killed, or lose its power.
// The process is node/node.ts as it is, with disks, network, time and randomness of the simulation.

import { createPrivateKey } from 'node:crypto';
import { type Directory, Directory as OpenDirectory } from '../../node/directory/directory.ts';
import { requirePoint } from '../../node/directory/epoch.ts';
import { Trust } from '../../node/directory/trust.ts';
import { DirectoryWriter } from '../../node/directory/writer.ts';
import type { Draft } from '../../node/feed/new-records.ts';
import type { Log } from '../../node/log.ts';
import { peerIdOfPublicKey } from '../../node/net/keys.ts';
import { MeshNode } from '../../node/node.ts';
import type { Desk } from '../../node/odcm.ts';
import { KeyOffice } from '../../node/rotate/key-office.ts';
import { WriteBehind } from '../../node/store/write-behind.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { extendRootChain, type VerifiedRoot } from '../../protocols/root-chain.ts';
import { SimDisk, type SimStore } from './disk.ts';
import type { SimHome } from './home.ts';
import { SimHost } from './host.ts';
import type { SimNetwork } from './network.ts';
import { type Dice, ProcessTimers } from './time.ts';

export interface SimNodeOptions {
  readonly home: SimHome;
  readonly network: SimNetwork;
  readonly dice: Dice;
  /** What others dial; a clone has another than its original. */
  readonly address: string;
  /** Its clock is wrong by this at first. */
  readonly clockOffsetMs: number;
  readonly say: (line: string) => void;
}

interface Process {
  readonly timers: ProcessTimers;
  readonly stores: Record<'logs' | 'views' | 'blockStore', SimStore>;
  readonly host: SimHost;
  readonly mesh: MeshNode;
}

export class SimNode {
  readonly home: SimHome;
  /** Of the key that it began with last. */
  peerId: string;
  readonly address: string;
  readonly disks: Record<'logs' | 'views' | 'blockStore', SimDisk>;
  /** Called with each new host before it starts: makes a node hostile. */
  prepare: (host: SimHost) => void = () => {};
  /** Its clock is wrong by this. */
  clockOffsetMs: number;
  /** Most that it keeps for others, from its next start on. */
  carryBytes: number | undefined;
  readonly #o: SimNodeOptions;
  #process: Process | undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: SimNodeOptions) {
    const { dice, home } = options;
    this.#o = options;
    this.clockOffsetMs = options.clockOffsetMs;
    this.home = home;
    this.address = options.address;
    this.peerId = peerIdOfPublicKey(ed25519Raw(home.key));
    const disk = () => new SimDisk(dice.fork());
    this.disks = { logs: disk(), views: disk(), blockStore: disk() };
  }

  get name(): string {
    return this.home.config.name;
  }

  /** The name on the network: a clone has the name of its original, and is another machine. */
  get line(): string {
    return `${this.name}@${this.address}`;
  }

  get isRunning(): boolean {
    return this.#process !== undefined;
  }

  /** The running node. */
  get mesh(): MeshNode {
    return this.process.mesh;
  }

  get process(): Process {
    if (this.#process) return this.#process;
    throw new Error(`${this.name} does not run`);
  }

  get desk(): SimDesk {
    return this.mesh.odcm as SimDesk;
  }

  openStores(timers: ProcessTimers): Process['stores'] {
    const { logs, views, blockStore } = this.disks;
    return {
      logs: logs.open(timers),
      views: views.open(timers),
      blockStore: blockStore.open(timers),
    };
  }

  /** The directory on the disk, opened without a node, for making a mesh. */
  async withDirectory(
    work: (directory: Directory, stores: Process['stores']) => Promise<void>,
  ): Promise<void> {
    const stores = this.openStores(new ProcessTimers(this.#o.network.time));
    const { root, config } = this.home;
    const directory = await OpenDirectory.open({
      ...{ store: stores.logs, root: root.root, mesh: config.mesh },
      ...{ clock: this.#o.network.time, log: this.#log() },
    });
    await work(directory, stores);
    for (const store of Object.values(stores)) await store.close();
  }

  #log(): Log {
    const { network, say } = this.#o;
    const write = (level: string) => (detail: object, message: string) =>
      say(
        `${network.time.nowMs() % 1e8} ${level} ${this.name}: ${message} ${JSON.stringify(detail)}`,
      );
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    };
  }

  /** Resolves when the node is ready; never, when its process dies before that. */
  start(): Promise<void> {
    if (this.#starting === undefined && this.isRunning) return Promise.resolve();
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #start(): Promise<void> {
    await this.#stopping;
    const { network, dice, address, home } = this.#o;
    const timers = new ProcessTimers(network.time);
    const clock = {
      nowMs: () => network.time.nowMs() + this.clockOffsetMs,
      monotonicMs: () => network.time.nowMs(),
    };
    const random = dice.fork();
    const stores = this.openStores(timers);
    let host: SimHost | undefined;
    try {
      const mesh = await MeshNode.compose(
        {
          ...{ home, clock, timers, random, log: this.#log() },
          ...(this.carryBytes === undefined ? {} : { carryBytes: this.carryBytes }),
        },
        { ...stores, views: new WriteBehind(stores.views, timers) },
        async ({ membership, privateKeyPem }) => {
          this.peerId = peerIdOfPublicKey(ed25519Raw(createPrivateKey(privateKeyPem)));
          host = new SimHost({
            network,
            name: this.line,
            peerId: this.peerId,
            address,
            membership,
          });
          this.prepare(host);
          return host;
        },
      );
      this.#process = { timers, stores, host: host!, mesh };
      if (home.isOdcm) mesh.odcm = await SimDesk.open(mesh, timers);
      await mesh.start();
      await mesh.odcm?.start();
    } catch (error) {
      // As node/run.ts does: a node that cannot start is no node.
      if (this.#process?.timers === timers) await this.crash('killed');
      timers.kill();
      throw error;
    }
  }

  /** As an operator does. */
  async stop(): Promise<void> {
    await this.#starting;
    const { mesh, timers } = this.process;
    this.#process = undefined;
    this.#stopping = mesh.stop().then(() => timers.kill());
    await this.#stopping;
  }

  /** At this instant nothing of the process is there any more; `power` takes with it what was not synced. */
  async crash(how: 'killed' | 'power'): Promise<void> {
    const { timers, stores, host } = this.process;
    this.#process = undefined;
    this.#starting = undefined;
    timers.kill();
    for (const store of Object.values(stores)) store.kill();
    host.die();
    if (how === 'killed') host.endLinks();
    else {
      // Nobody says goodbye: the others find out.
      this.#o.network.time.setTimeout(() => host.endLinks(), this.#o.dice.between([500, 15_000]));
      for (const disk of Object.values(this.disks)) await disk.loseUnsynced();
    }
  }

  /** The process stands still: timers and gossip wait; its connections stay, and streams are not looked at here. */
  stall(forMs: number): void {
    const untilMs = this.#o.network.time.nowMs() + forMs;
    this.process.timers.stall(untilMs);
    this.process.host.stalledUntilMs = untilMs;
  }

  get isStalled(): boolean {
    return this.process.host.stalledUntilMs > this.#o.network.time.nowMs();
  }

  /** As a machine that was made from the image of another. */
  async copyDisksOf(other: SimNode): Promise<void> {
    for (const name of ['logs', 'views', 'blockStore'] as const)
      for await (const { key, value } of other.disks[name].rows.range({}))
        await this.disks[name].rows.write([{ type: 'put', key, value }]);
  }

  fill(isFull: boolean): void {
    for (const disk of Object.values(this.disks)) disk.isFull = isFull;
  }

  /** Disks with room that read and write, and a clock that is right again. */
  mend(): void {
    this.clockOffsetMs = this.#o.clockOffsetMs;
    for (const disk of Object.values(this.disks)) {
      disk.isFull = false;
      disk.rotten = 0;
      disk.failing = 0;
    }
  }
}

/** ODCM's desk without its enrolment endpoint, which needs sockets: the pen, and the word that the directory is the newest. */
export class SimDesk implements Desk {
  readonly trust: Trust;
  readonly writer: DirectoryWriter;
  readonly endpoint = '';
  readonly #node: MeshNode;
  readonly #timers: ProcessTimers;

  private constructor(node: MeshNode, timers: ProcessTimers, writer: DirectoryWriter) {
    this.#node = node;
    this.#timers = timers;
    this.writer = writer;
    const { directory, clock, random, home } = node;
    const { mesh } = home.config;
    const noCertificates = () => Promise.reject(new MeshError('BUSY', 'nobody is certified here'));
    const office = new KeyOffice({
      ...{ mesh, directory, writer, clock, issuing: noCertificates },
      rootCertificatePem: noCertificates,
      exchangeKey: () => home.exchangeKey(),
    });
    this.trust = new Trust({ mesh, directory, writer, office, clock: node.trustClock, random });
  }

  static async open(node: MeshNode, timers: ProcessTimers): Promise<SimDesk> {
    const { home, directory, views, blocks, clock, random } = node;
    const writer = await DirectoryWriter.open({
      ...{ directory, views, blocks, clock, random },
      isClockRegressed: () => node.trustClock.isRegressed,
      mayWrite: () => node.directoryGate.mayWrite(),
      directoryKey: await home.directoryKey(),
      timestampKey: await home.timestampKey(),
      space: home.config.name,
      onAppended: ({ note, before }) => node.announceDirectory(note, before.size),
    });
    return new SimDesk(node, timers, writer);
  }

  async start(): Promise<void> {
    const { directoryGate: gate, log } = this.#node;
    const begin = () => this.#vouch().catch((error: unknown) => log.warn({}, String(error)));
    if (gate.isOpen) await begin();
    else gate.onOpened(() => void begin());
    this.#schedule();
  }

  #schedule(): void {
    this.#timers.setTimeout(() => {
      void this.#vouch()
        .catch((error: unknown) => this.#node.log.warn({}, String(error)))
        .then(() => this.#schedule());
    }, LIMITS.timestampMs);
  }

  async #vouch(): Promise<void> {
    await this.#node.roots.complete();
    const note = await this.writer.renew();
    this.#node.announceDirectory(note, this.#node.directory.log.size);
  }

  async stop(): Promise<void> {
    await this.writer.idle();
  }

  /** As ODCM takes a new root; its keys are those of the simulation, whatever the root says. */
  async installRoot(envelope: Uint8Array): Promise<VerifiedRoot> {
    const { home, roots, directory } = this.#node;
    const next = extendRootChain(home.root, envelope);
    if (next.root.directory?.epoch !== directory.epoch?.epoch)
      await requirePoint(directory.log, next.root);
    await roots.adopt([envelope]);
    return home.root;
  }

  async beginEpoch(drafts: readonly Draft[]): Promise<void> {
    if (this.#node.directory.isWaiting) await this.writer.begin(drafts);
    else if (drafts.length > 0) await this.writer.appendAll(drafts);
  }

  invite(): never {
    throw new MeshError('BUSY', 'nobody joins by a token here');
  }

  enrolments(): [] {
    return [];
  }
}
