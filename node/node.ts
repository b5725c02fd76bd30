// A node: wires its parts together and owns the order of start and stop. What it is opened from is parts.ts, what it does
// when something happens is reactions.ts.

import type { RouteName } from '../protocols/control-api.ts';
import type { SpaceRow } from '../protocols/directory.ts';
import { type Code, MeshError } from '../protocols/errors.ts';
import { syncProtocol } from '../protocols/sync.ts';
import type { AlertWatch } from './alerts/watch.ts';
import { Background } from './background.ts';
import type { Clock, Random } from './clock.ts';
import type { Directory } from './directory/directory.ts';
import type { Trust } from './directory/trust.ts';
import { Blocks } from './feed/blocks.ts';
import { Feeds, type OpenFeed } from './feed/feeds.ts';
import { NodeHealth } from './health/node-health.ts';
import type { Home } from './home/home.ts';
import { Intent } from './intent.ts';
import type { Log } from './log.ts';
import type { Members } from './members.ts';
import { Neighbours } from './neighbours.ts';
import type { HostOptions } from './net/host.ts';
import type { Network } from './net/network.ts';
import { createSupervisor, type Supervisor } from './net/supervisor.ts';
import { serveSync } from './net/sync-server.ts';
import type { Desk } from './odcm.ts';
import { gatherParts, type NodeOptions, openParts, type Parts, type Stores } from './parts.ts';
import { Petitioner } from './petitioner.ts';
import { type FeedListener, Reactions } from './reactions.ts';
import { createCarrier } from './replicate/carrier.ts';
import { Carriers } from './replicate/carriers.ts';
import { GossipFeeds } from './replicate/gossip-feeds.ts';
import { HeldNotes } from './replicate/held-notes.ts';
import { PresenceBoard } from './replicate/presence.ts';
import { Replicator } from './replicate/replicator.ts';
import type { Subscriptions } from './replicate/subscriptions.ts';
import { Reports } from './reports/reports.ts';
import type { Store } from './store/store.ts';

export class MeshNode {
  readonly home: Home;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: Random;
  readonly startedMs: number;
  readonly directory: Directory;
  readonly members: Members;
  readonly blocks: Blocks;
  readonly views: Store;
  readonly feeds: Feeds;
  readonly subscriptions: Subscriptions;
  readonly carriers: Carriers;
  readonly host: Network;
  readonly supervisor: Supervisor;
  readonly replicator: Replicator;
  readonly health: NodeHealth;
  readonly presence: PresenceBoard;
  readonly neighbours: Neighbours;
  readonly petitioner: Petitioner;
  readonly intent: Intent;
  readonly reports: Reports;
  readonly refusals = new Map<Code, number>();
  /** Present at the ODCM node only. */
  odcm: Desk | undefined;
  /** Present once the process watches over this node. */
  alerts: AlertWatch | undefined;
  /** Set by whoever measures this node: a question to the control API was answered, or refused with a code. */
  onAnswered: ((route: RouteName, tookMs: number, code: Code | null) => void) | undefined;
  readonly #o: NodeOptions;
  readonly #stores: readonly Store[];
  readonly #gossip: GossipFeeds;
  readonly #heldNotes: HeldNotes;
  readonly #reactions: Reactions;
  readonly #stopped = new AbortController();
  readonly #background: Background;

  private constructor(o: NodeOptions, parts: Parts) {
    const { home, clock, timers, random, log } = o;
    const { directory, members, subscriptions, host, logs, views, nodeKey } = parts;
    const blocks = new Blocks(parts.blockStore);
    this.views = views;
    this.#o = o;
    this.#stores = [logs, views, parts.blockStore];
    this.home = home;
    this.clock = clock;
    this.log = log;
    this.random = random;
    this.startedMs = clock.nowMs();
    this.directory = directory;
    this.members = members;
    this.blocks = blocks;
    this.subscriptions = subscriptions;
    this.host = host;
    this.#background = new Background(log);
    this.carriers = new Carriers(host, timers, log);
    this.neighbours = new Neighbours({
      ...{ directory, subscriptions, host, members, carriers: this.carriers },
      presence: () => this.presence,
      self: home.config.space,
      odcm: home.root.root.odcm,
      hints: o.peers ?? [],
    });
    this.petitioner = new Petitioner({
      node: this,
      nodeKey,
      timers,
      stopped: this.#stopped.signal,
    });
    this.intent = new Intent(this);
    const stopped = this.#stopped.signal;
    this.reports = new Reports({ node: this, background: this.#background, stopped });
    this.#heldNotes = new HeldNotes(logs);
    const heldNotes = this.#heldNotes;
    const mesh = home.config.mesh;
    const self = home.config.space;
    const onRefused = (code: Code) => this.countRefusal(code);
    this.feeds = new Feeds({
      ...{ logs, views, blocks, directory, mesh, self, nodeKey, clock, random },
      onCommitted: (feed, commit) => this.#reactions.committed(feed, commit),
      onApplied: (feed, applied) => this.#reactions.applied(feed, applied),
    });
    this.replicator = new Replicator({
      host,
      mesh,
      self,
      directory,
      feeds: this.feeds,
      blocks,
      subscriptions,
      heldNotes,
      carriers: this.carriers,
      ...{ clock, timers, random, log, onRefused },
      onHint: (peerId) => this.supervisor.kick(peerId),
      peerOf: (space) => this.neighbours.peerOf(space),
    });
    this.#gossip = new GossipFeeds({
      ...{ host, mesh, directory, feeds: this.feeds, subscriptions, clock, timers, log, onRefused },
      heldNotes,
      mayTake: (feed) => this.replicator.mayTake(feed),
      onBehind: (peerId, feed) =>
        this.replicator.syncSoon(this.neighbours.holderOf(feed?.row, peerId)),
      onApplied: (feed) => {
        this.subscriptions.progress(feed.row.id).lastChangeMs = clock.nowMs();
      },
    });
    this.health = new NodeHealth({
      ...{ self, clock, timers },
      isMember: (space) => directory.state.spaces.get(space)?.revoked === null,
      connected: () => members.spacesOf(host.connectedPeers()),
      taken: () => this.intent.taken(),
    });
    this.health.inventory = this.reports;
    this.presence = new PresenceBoard({
      ...{ host, mesh, self, nodeKey, directory, feeds: this.feeds, health: this.health },
      ...{ clock, timers, random, log, onRefused },
      addresses: () => this.addresses(),
      onChanged: (space, via) => this.#reactions.headsChanged(space, via),
    });
    this.supervisor = createSupervisor({
      ...{ reach: host, clock, timers, random, log },
      neighbours: () => this.neighbours.list(),
    });
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
    const { directory, members, feeds, blocks, clock, host, subscriptions } = this;
    const trust: Trust | undefined = this.odcm?.trust;
    const onRefused = (code: Code) => this.countRefusal(code);
    const heldNotes = this.#heldNotes;
    const carrier = createCarrier({
      ...{ directory, members, feeds, blocks, heldNotes, clock, trust, onRefused },
      ...{ subscriptions, self: this.home.config.space },
    });
    await host.serve(syncProtocol(this.home.config.mesh), (channel, peerId) =>
      serveSync(channel, peerId, carrier, this.#o.timers),
    );
    directory.onChange(() => this.#reactions.directoryChanged());
    host.onPeer({
      connected: (peerId) => this.#reactions.connected(peerId),
      disconnected: (peerId) => this.carriers.forget(peerId),
    });
    await host.start();
    for (const feed of directory.state.feeds.values()) {
      if (feed.space === this.home.config.space) await feeds.open(feed.id);
    }
    for (const row of this.subscriptions.all())
      await feeds.open(row.feed).catch((error) => this.#background.shrug(error));
    this.#gossip.start();
    this.health.start();
    this.presence.start();
    this.supervisor.start();
    this.replicator.start();
    this.#reactions.directoryChanged();
    this.#background.run(this.#provide());
    this.#background.run(this.#applyHeld());
    this.reports.start();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new MeshError('TIMEOUT', 'the node stops'));
    this.presence.stop();
    this.health.stop();
    await this.odcm?.stop();
    await this.replicator.stop();
    await this.#gossip.stop();
    await this.supervisor.stop();
    for (const feed of this.feeds.opened) await feed.publisher?.idle();
    await this.host.stop();
    await this.#background.settle();
    for (const store of this.#stores) await store.close();
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
      if (!feed.publisher && !this.replicator.mayTake(feed.row.id)) continue;
      await feed.view.catchUp().catch((error) => this.#background.shrug(error));
    }
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
