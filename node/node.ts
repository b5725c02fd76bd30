// A node: wires its parts together and owns the order of start and stop. What it is opened from is parts.ts, what it does
// when something happens is reactions.ts.

import type { RouteName } from '../protocols/control-api.ts';
import type { SpaceRow } from '../protocols/directory.ts';
import { type Code, MeshError } from '../protocols/errors.ts';
import { syncProtocol } from '../protocols/sync.ts';
import type { AlertWatch } from './alerts/watch.ts';
import { Background } from './background.ts';
import { type Carrying, createCarrying } from './carry/carrying.ts';
import { type Clock, intervalClock, type Random, type Timers } from './clock.ts';
import type { Directory } from './directory/directory.ts';
import type { Trust } from './directory/trust.ts';
import { Blocks } from './feed/blocks.ts';
import { Feeds, type OpenFeed } from './feed/feeds.ts';
import { Rekeying } from './feed/rekeying.ts';
import type { ForkBook } from './fork/fork-book.ts';
import { ForkGossip } from './fork/fork-gossip.ts';
import { KeyUse } from './fork/key-use.ts';
import { isFirstStart, ReleaseGate } from './fork/release-gate.ts';
import { Gap } from './gap/gap.ts';
import { NodeHealth } from './health/node-health.ts';
import type { Home } from './home/home.ts';
import { sealSecrets } from './home/seal-secrets.ts';
import { Intent } from './intent.ts';
import type { Log } from './log.ts';
import type { Members } from './members.ts';
import { Neighbours } from './neighbours.ts';
import type { HostOptions } from './net/host.ts';
import type { Network } from './net/network.ts';
import { createSupervisor, type NeighbourState, type Supervisor } from './net/supervisor.ts';
import { serveSync } from './net/sync-server.ts';
import type { Desk } from './odcm.ts';
import { gatherParts, type NodeOptions, openParts, type Parts, type Stores } from './parts.ts';
import { Petitioner } from './petitioner.ts';
import { type FeedListener, Reactions } from './reactions.ts';
import { createCarrier } from './replicate/carrier.ts';
import { Carriers } from './replicate/carriers.ts';
import { DirectoryFirst } from './replicate/directory-first.ts';
import { GossipFeeds } from './replicate/gossip-feeds.ts';
import { HeldNotes } from './replicate/held-notes.ts';
import { PresenceBoard } from './replicate/presence.ts';
import type { Receipts } from './replicate/receipts.ts';
import { Replicator } from './replicate/replicator.ts';
import type { Subscriptions } from './replicate/subscriptions.ts';
import { Reports } from './reports/reports.ts';
import { KeyRotation } from './rotate/key-rotation.ts';
import type { OwnKeys } from './rotate/own-keys.ts';
import { Roots } from './rotate/roots.ts';
import { StoreCare } from './scrub/store-care.ts';
import { DiskGuard } from './store/disk-guard.ts';
import type { Store } from './store/store.ts';
import type { TrustClock } from './trust-time/trust-clock.ts';

export class MeshNode {
  readonly home: Home;
  readonly clock: Clock;
  readonly timers: Timers;
  /** The time that trust goes by: ends of grants, ages of what ODCM said. */
  readonly trustClock: TrustClock;
  readonly log: Log;
  readonly random: Random;
  readonly startedMs: number;
  readonly directory: Directory;
  readonly members: Members;
  readonly blocks: Blocks;
  readonly views: Store;
  readonly feeds: Feeds;
  readonly rekeying: Rekeying;
  readonly subscriptions: Subscriptions;
  readonly carriers: Carriers;
  readonly carrying: Carrying;
  readonly host: Network;
  readonly supervisor: Supervisor;
  readonly replicator: Replicator;
  readonly health: NodeHealth;
  readonly presence: PresenceBoard;
  /** What others have signed last, also before this start. */
  readonly receipts: Receipts;
  readonly directoryFirst: DirectoryFirst;
  readonly forks: ForkBook;
  readonly forkGossip: ForkGossip;
  readonly keyUse: KeyUse;
  readonly gate: ReleaseGate;
  readonly neighbours: Neighbours;
  readonly petitioner: Petitioner;
  readonly roots: Roots;
  readonly keys: OwnKeys;
  readonly rotation: KeyRotation;
  readonly intent: Intent;
  readonly reports: Reports;
  readonly care: StoreCare;
  readonly gap: Gap;
  readonly refusals = new Map<Code, number>();
  /** Present at the ODCM node only. */
  odcm: Desk | undefined;
  /** Present once the process watches over this node. */
  alerts: AlertWatch | undefined;
  /** Set by whoever measures this node: a question to the control API was answered, or refused with a code. */
  onAnswered: ((route: RouteName, tookMs: number, code: Code | null) => void) | undefined;
  readonly #o: NodeOptions;
  readonly #onClosed: (() => Promise<void>) | undefined;
  readonly #stores: readonly Store[];
  readonly #gossip: GossipFeeds;
  readonly #heldNotes: HeldNotes;
  readonly #reactions: Reactions;
  readonly #stopped = new AbortController();
  readonly #background: Background;

  private constructor(o: NodeOptions, parts: Parts) {
    const { home, clock, timers, random, log } = o;
    const { directory, members, subscriptions, host, logs, views, keys, trustClock } = parts;
    const trusted = trustClock;
    const blocks = new Blocks(parts.blockStore);
    this.views = views;
    this.#o = o;
    this.#onClosed = parts.onClosed;
    this.#stores = [logs, views, parts.blockStore];
    this.home = home;
    this.clock = clock;
    this.timers = timers;
    this.trustClock = trustClock;
    this.receipts = parts.receipts;
    this.log = log;
    this.random = random;
    this.startedMs = clock.nowMs();
    this.directory = directory;
    this.members = members;
    this.blocks = blocks;
    this.subscriptions = subscriptions;
    this.host = host;
    members.isConnected = (peerId) => host.isConnected(peerId);
    this.#background = new Background(log);
    this.carriers = new Carriers(host, clock, timers, log);
    this.neighbours = new Neighbours({
      ...{ directory, subscriptions, host, members, carriers: this.carriers },
      presence: () => this.presence,
      copied: () => this.carrying.carry.copied(),
      self: home.config.space,
      odcm: home.root.root.odcm,
      hints: o.peers ?? [],
    });
    this.petitioner = new Petitioner({
      node: this,
      keys,
      timers,
      stopped: this.#stopped.signal,
    });
    this.roots = new Roots({ home, directory, clock, log });
    directory.onOtherSigners = () => this.#seekRoot();
    this.keys = keys;
    this.rotation = new KeyRotation({ node: this, keys });
    this.intent = new Intent(this);
    const stopped = this.#stopped.signal;
    this.reports = new Reports({ node: this, background: this.#background, stopped });
    this.#heldNotes = new HeldNotes(logs);
    const heldNotes = this.#heldNotes;
    const mesh = home.config.mesh;
    const self = home.config.space;
    const onRefused = (code: Code) => this.countRefusal(code);
    this.directoryFirst = new DirectoryFirst({
      ...{ clock: intervalClock(clock), timers, isOdcm: home.isOdcm },
      odcmPeer: () => this.neighbours.odcmPeer,
      others: () => members.countOf(directory.state) - 1,
    });
    const { forks } = parts;
    this.forks = forks;
    directory.isFrozen = forks.of(directory.origin) !== undefined;
    this.feeds = new Feeds({
      forks,
      ...{ logs, views, blocks, directory, mesh, self, keys, clock, random },
      sealing: { secrets: sealSecrets(home), trusted },
      onCommitted: (feed, commit) => this.#reactions.committed(feed, commit),
      onApplied: (feed, applied) => this.#reactions.applied(feed, applied),
      onDamaged: (feed, damage) => this.care.feedDamaged(feed, damage),
      requireRoom: () => this.care.requireRoom(),
    });
    this.rekeying = new Rekeying({
      ...{ opened: () => this.feeds.opened, timers, trusted },
      onFault: (_, error) => this.#background.shrug(error),
    });
    this.carrying = createCarrying(this, parts, o);
    const { carry, survey } = this.carrying;
    this.feeds.mayPublish = (feed) => this.gate.mayPublish(feed);
    this.keyUse = new KeyUse({ self, clock, log });
    this.gate = new ReleaseGate({
      ...{ host, mesh, directory, feeds: this.feeds, blocks, clock: intervalClock(clock), timers },
      ...{ log, odcmPeer: () => this.neighbours.odcmPeer },
      untried: () => this.supervisor.states().filter(isUntried).length,
      isAlone: () => members.countOf(directory.state) <= 1,
      isTwice: () => this.keyUse.isTwice,
      onReleased: (feed) => this.#gossip.announceHeld(feed),
    });
    this.forkGossip = new ForkGossip({
      ...{ host, mesh, directory, forks, timers, random, log, onRefused },
    });
    this.replicator = new Replicator({
      forks,
      ...{ carry, survey },
      host,
      mesh,
      self,
      directory,
      feeds: this.feeds,
      blocks,
      subscriptions,
      heldNotes,
      carriers: this.carriers,
      ...{ clock, trusted, timers, random, log, onRefused },
      directoryFirst: this.directoryFirst,
      roots: this.roots,
      onHint: (peerId) => this.supervisor.kick(peerId),
      hasRoom: () => this.care.disk.mayTake,
      peerOf: (space) => this.neighbours.peerOf(space),
    });
    this.#gossip = new GossipFeeds({
      forks: this.forkGossip,
      ...{ host, mesh, directory, feeds: this.feeds, subscriptions, clock, timers, log, onRefused },
      ...{ trusted, directoryFirst: this.directoryFirst },
      heldNotes,
      mayTake: (feed) => this.care.disk.mayTake && this.replicator.mayTake(feed),
      carry,
      onBehind: (peerId, feed) =>
        this.replicator.syncSoon(this.neighbours.holderOf(feed?.row, peerId)),
      onApplied: (feed) => {
        this.subscriptions.progress(feed.row.id).lastChangeMs = clock.nowMs();
      },
    });
    this.health = new NodeHealth({
      ...{ self, clock: intervalClock(clock), timers },
      isMember: (space) => directory.state.spaces.get(space)?.revoked === null,
      connected: () => members.spacesOf(host.connectedPeers()),
      taken: () => this.intent.taken(),
    });
    this.health.inventory = this.reports;
    this.presence = new PresenceBoard({
      ...{ host, mesh, self, directory, feeds: this.feeds, health: this.health },
      nodeKey: keys.identity,
      ...{ clock, trusted, timers, random, log, onRefused, receipts: parts.receipts },
      peerOf: (space) => this.neighbours.peerOf(space),
      addresses: () => this.addresses(),
      onChanged: (space, via) => this.#reactions.headsChanged(space, via),
      isReleased: (feed) => this.gate.isReleased(feed),
      onHeard: (presence, via) => this.#reactions.heard(presence, via),
    });
    this.keyUse.began(this.presence.incarnation);
    this.supervisor = createSupervisor({
      ...{ reach: host, clock: intervalClock(clock), timers, random, log },
      neighbours: () => this.neighbours.list(),
    });
    this.care = new StoreCare({
      ...{ node: this, stores: parts, timers },
      disk: parts.disk ?? new DiskGuard(),
    });
    this.gap = new Gap({ node: this, logs, heldNotes });
    this.#reactions = new Reactions({
      ...{ node: this, gossip: this.#gossip, background: this.#background },
    });
  }

  /** Opens the folder's stores and wires the node; nothing listens before {@link start}. */
  static async create(o: NodeOptions): Promise<MeshNode> {
    return new MeshNode(o, await openParts(o));
  }

  /** Wires a node on stores that are open already and a network of the caller's choice. */
  static async compose(
    o: NodeOptions,
    stores: Stores,
    openNetwork: (options: HostOptions) => Promise<Network>,
  ): Promise<MeshNode> {
    return new MeshNode(o, await gatherParts(o, stores, openNetwork));
  }

  async start(): Promise<void> {
    const { directory, members, feeds, blocks, host, subscriptions } = this;
    const trust: Trust | undefined = this.odcm?.trust;
    const onRefused = (code: Code) => this.countRefusal(code);
    const heldNotes = this.#heldNotes;
    const carrier = createCarrier({
      ...{ directory, members, feeds, blocks, heldNotes, trust, onRefused },
      ...{ clock: this.trustClock, directoryFirst: this.directoryFirst },
      ...{ subscriptions, self: this.home.config.space, carry: this.carrying.carry },
      roots: this.roots,
      ...{ forks: this.forks, odcm: this.home.root.root.odcm },
      isReleased: (feed) => this.gate.isReleased(feed),
      heardNote: (feed) => this.#gossip.heardNote(feed),
    });
    await host.serve(syncProtocol(this.home.config.mesh), (channel, peerId) =>
      serveSync(channel, peerId, carrier, this.#o.timers),
    );
    directory.onChange(() => this.#reactions.directoryChanged());
    this.forks.onAdded((fork) => this.#reactions.forked(fork));
    this.gate.begin(await isFirstStart(this.#stores[0]!));
    host.onPeer({
      connected: (peerId) => this.#reactions.connected(peerId),
      disconnected: (peerId) => this.#reactions.disconnected(peerId),
    });
    await this.carrying.carry.start();
    await this.gap.begin();
    await host.start();
    for (const feed of directory.state.feeds.values()) {
      if (feed.space === this.home.config.space)
        await feeds.open(feed.id).catch((error) => this.#background.shrug(error));
    }
    for (const row of this.subscriptions.all())
      await feeds.open(row.feed).catch((error) => this.#background.shrug(error));
    this.#gossip.start();
    this.forkGossip.start();
    this.health.start();
    this.presence.start();
    this.trustClock.start(
      this.#o.timers,
      // What expires is written down when it does, also where nobody asks.
      () => void directory.age,
      (error) => this.#background.shrug(error),
    );
    this.supervisor.start();
    this.replicator.start();
    this.#reactions.directoryChanged();
    this.#background.run(this.#provide());
    this.#background.run(this.#applyHeld());
    for (const feed of this.feeds.opened)
      if (feed.publisher) this.#background.run(this.gap.deployed(feed));
    this.reports.start();
    await this.care.start();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new MeshError('TIMEOUT', 'the node stops'));
    await this.care.stop();
    this.presence.stop();
    this.health.stop();
    this.directoryFirst.stop();
    this.forkGossip.stop();
    await this.gate.stop();
    await this.rekeying.stop();
    await this.odcm?.stop();
    await this.carrying.carry.stop();
    await this.replicator.stop();
    await this.#gossip.stop();
    await this.supervisor.stop();
    for (const feed of this.feeds.opened) await feed.publisher?.idle();
    await this.host.stop();
    await this.#background.settle();
    await this.trustClock.stop(this.#o.timers);
    await this.receipts.stop();
    for (const store of this.#stores) await store.close();
    await this.#onClosed?.();
  }

  get self(): SpaceRow {
    const row = this.directory.state.spaces.get(this.home.config.space);
    if (row) return row;
    throw new MeshError(
      'SPACE_UNKNOWN',
      `${this.home.config.name} is not in the directory that it holds`,
      {
        next: 'Start the node where it reaches another member; the directory comes by itself.',
      },
    );
  }

  /** Where peers reach this node, as known to itself, without the peer id. */
  addresses(): string[] {
    return this.host.addresses().map((address) => address.split('/p2p/')[0]!);
  }

  countRefusal(code: Code): void {
    this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
  }

  onApplied(listener: FeedListener): () => void {
    return this.#reactions.onApplied(listener);
  }

  /** Refusals of this node and of its connection gate, since the start, by code. */
  allRefusals(): Record<string, number> {
    const all: Record<string, number> = Object.fromEntries(this.refusals);
    for (const [code, count] of Object.entries(this.host.refusals()))
      all[code] = (all[code] ?? 0) + count;
    return all;
  }

  /** Views are not synced with their logs: what a crash or a deleted view left unapplied is applied without a peer. */
  async #applyHeld(): Promise<void> {
    for (const feed of this.feeds.opened) {
      const { id } = feed.row;
      const isTaken = this.subscriptions.get(id) && this.replicator.mayTake(id);
      if (!feed.publisher && !isTaken) continue;
      await feed.view.catchUp().catch((error) => this.#background.shrug(error));
    }
  }

  /** What is here already becomes items without a peer. */
  applySoon(feed: OpenFeed): void {
    this.#background.run(feed.view.catchUp().then(() => {}));
  }

  /** Whoever signs the directory goes by another root: ODCM is asked for it at once. */
  #seekRoot(): void {
    if (!this.roots.hint()) return;
    const peerId = this.neighbours.odcmPeer;
    if (peerId && this.host.isConnected(peerId)) this.replicator.syncSoon(peerId);
  }

  /** Tells the DHT what this node holds. */
  async #provide(): Promise<void> {
    for (const feed of this.feeds.opened)
      await this.carriers.provide(feed.origin, this.#stopped.signal);
  }

  provide(feed: OpenFeed): void {
    this.#background.run(this.carriers.provide(feed.origin, this.#stopped.signal));
  }

  /** A new directory of this node's own making, to be told to everybody. */
  announceDirectory(note: Buffer, from: number): void {
    this.#background.run(this.#gossip.announceDirectory(note, from));
  }
}

/** It may be reached any moment, or not: its first dial has not come to an end. */
const isUntried = ({ connected, dialling, attempts }: NeighbourState): boolean =>
  !connected && (attempts === 0 || (dialling && attempts === 1));
