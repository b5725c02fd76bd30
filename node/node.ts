// A node: what its parts are, for whoever works with it. Groups of them are wired in wiring/, which also owns the order of
// start and stop. What a node is opened from is parts.ts, what it does when something happens is reactions.ts.

import type { RouteName } from '../protocols/control-api.ts';
import type { SpaceRow } from '../protocols/directory.ts';
import { type Code, MeshError } from '../protocols/errors.ts';
import type { AlertWatch } from './alerts/watch.ts';
import { Background } from './background.ts';
import { type Carrying, createCarrying } from './carry/carrying.ts';
import { type Clock, intervalClock, type Random, type Timers } from './clock.ts';
import type { Directory } from './directory/directory.ts';
import type { Blocks } from './feed/blocks.ts';
import type { Feeds, OpenFeed } from './feed/feeds.ts';
import type { Rekeying } from './feed/rekeying.ts';
import type { DirectoryGate } from './fork/directory-gate.ts';
import type { ForkBook } from './fork/fork-book.ts';
import type { ForkGossip } from './fork/fork-gossip.ts';
import type { KeyUse } from './fork/key-use.ts';
import type { ReleaseGate } from './fork/release-gate.ts';
import { Gap } from './gap/gap.ts';
import { NodeHealth } from './health/node-health.ts';
import type { Home } from './home/home.ts';
import { Intent } from './intent.ts';
import type { Log } from './log.ts';
import type { Members } from './members.ts';
import { Neighbours } from './neighbours.ts';
import type { HostOptions } from './net/host.ts';
import type { Network } from './net/network.ts';
import { createSupervisor, type Supervisor } from './net/supervisor.ts';
import type { Desk } from './odcm.ts';
import { gatherParts, type NodeOptions, openParts, type Parts, type Stores } from './parts.ts';
import { Petitioner } from './petitioner.ts';
import { type FeedListener, Reactions } from './reactions.ts';
import { Carriers } from './replicate/carriers.ts';
import { DirectoryFirst } from './replicate/directory-first.ts';
import type { PresenceBoard } from './replicate/presence.ts';
import type { Receipts } from './replicate/receipts.ts';
import type { Replicator } from './replicate/replicator.ts';
import type { Subscriptions } from './replicate/subscriptions.ts';
import { Reports } from './reports/reports.ts';
import { KeyRotation } from './rotate/key-rotation.ts';
import type { OwnKeys } from './rotate/own-keys.ts';
import { Roots } from './rotate/roots.ts';
import { StoreCare } from './scrub/store-care.ts';
import { DiskGuard } from './store/disk-guard.ts';
import type { Store } from './store/store.ts';
import type { TrustClock } from './trust-time/trust-clock.ts';
import { createExchangeParts } from './wiring/exchange-parts.ts';
import { createFeedParts } from './wiring/feed-parts.ts';
import { createForkParts } from './wiring/fork-parts.ts';
import { Inner } from './wiring/inner.ts';
import { startParts, stopParts } from './wiring/start-stop.ts';

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
  readonly logs: Store;
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
  /** In use at the ODCM node only. */
  readonly directoryGate: DirectoryGate;
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
  readonly #inner: Inner;
  readonly #stop = new AbortController();

  private constructor(o: NodeOptions, parts: Parts) {
    const { home, clock, timers, random, log } = o;
    const { directory, members, subscriptions, host, keys, forks } = parts;
    this.home = home;
    this.clock = clock;
    this.timers = timers;
    this.trustClock = parts.trustClock;
    this.receipts = parts.receipts;
    this.log = log;
    this.random = random;
    this.startedMs = clock.nowMs();
    this.directory = directory;
    this.members = members;
    this.logs = parts.logs;
    this.views = parts.views;
    this.subscriptions = subscriptions;
    this.host = host;
    this.keys = keys;
    this.forks = forks;
    members.isConnected = (peerId) => host.isConnected(peerId);
    directory.isFrozen = forks.of(directory.origin) !== undefined;
    directory.onOtherSigners = () => this.seekRoot();
    const background = new Background(log);
    const stopped = this.#stop.signal;
    const { space: self } = home.config;
    const inner = new Inner({ node: this, o, parts, background, stopped });
    this.#inner = inner;
    this.carriers = new Carriers(host, clock, timers, log);
    this.neighbours = new Neighbours({
      ...{ directory, subscriptions, host, members, carriers: this.carriers },
      presence: () => this.presence,
      copied: () => this.carrying.carry.copied(),
      self,
      odcm: home.root.root.odcm,
      hints: o.peers ?? [],
    });
    this.petitioner = new Petitioner({ node: this, keys, timers, stopped });
    this.roots = new Roots({ home, directory, clock, log });
    this.rotation = new KeyRotation({ node: this, keys });
    this.intent = new Intent(this);
    this.reports = new Reports({ node: this, background, stopped });
    this.directoryFirst = new DirectoryFirst({
      isFresh: () => directory.age === 'fresh',
      ...{ clock: intervalClock(clock), timers, isOdcm: home.isOdcm },
      odcmPeer: () => this.neighbours.odcmPeer,
      others: () => members.countOf(directory.state) - 1,
      onExchanged: (peerId) => this.directoryGate.exchanged(peerId),
    });
    ({ blocks: this.blocks, feeds: this.feeds, rekeying: this.rekeying } = createFeedParts(inner));
    this.carrying = createCarrying(this, parts, o);
    const releases = createForkParts(inner);
    this.keyUse = releases.keyUse;
    this.gate = releases.gate;
    this.directoryGate = releases.directoryGate;
    this.forkGossip = releases.forkGossip;
    this.health = new NodeHealth({
      ...{ self, clock: intervalClock(clock), timers },
      isMember: (space) => directory.state.spaces.get(space)?.revoked === null,
      connected: () => members.spacesOf(host.connectedPeers()),
      taken: () => this.intent.taken(),
    });
    this.health.inventory = this.reports;
    inner.exchange = createExchangeParts(inner);
    const { gossip, heldNotes } = inner.exchange;
    this.replicator = inner.exchange.replicator;
    this.presence = inner.exchange.presence;
    this.keyUse.began(this.presence.incarnation);
    this.supervisor = createSupervisor({
      ...{ reach: host, clock: intervalClock(clock), timers, random, log },
      neighbours: () => this.neighbours.list(),
    });
    this.care = new StoreCare({
      ...{ node: this, stores: parts, timers },
      disk: parts.disk ?? new DiskGuard(),
    });
    this.gap = new Gap({ node: this, logs: parts.logs, heldNotes });
    inner.reactions = new Reactions({ node: this, gossip, background });
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

  start(): Promise<void> {
    return startParts(this.#inner);
  }

  stop(): Promise<void> {
    return stopParts(this.#inner, this.#stop);
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
    return this.#inner.reactions.onApplied(listener);
  }

  /** Refusals of this node and of its connection gate, since the start, by code. */
  allRefusals(): Record<string, number> {
    const all: Record<string, number> = Object.fromEntries(this.refusals);
    for (const [code, count] of Object.entries(this.host.refusals()))
      all[code] = (all[code] ?? 0) + count;
    return all;
  }

  /** What is here already becomes items without a peer. */
  applySoon(feed: OpenFeed): void {
    this.#inner.background.run(feed.view.catchUp().then(() => {}));
  }

  /** Whoever signs the directory goes by another root: ODCM is asked for it at once. */
  seekRoot(): void {
    if (!this.roots.hint()) return;
    const peerId = this.neighbours.odcmPeer;
    if (peerId && this.host.isConnected(peerId)) this.replicator.syncSoon(peerId);
  }

  provide(feed: OpenFeed): void {
    this.#inner.background.run(this.carriers.provide(feed.origin, this.#stop.signal));
  }

  /** A new directory of this node's own making, to be told to everybody. */
  announceDirectory(note: Buffer, from: number): void {
    this.#inner.background.run(this.#inner.exchange.gossip.announceDirectory(note, from));
  }
}
