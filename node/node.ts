// The composition of a node: opens the stores, wires the parts together, owns the order of start and stop.

import type { KeyObject } from 'node:crypto';
import type { RouteName } from '../protocols/control-api.ts';
import type { SpaceRow } from '../protocols/directory.ts';
import { type Code, MeshError } from '../protocols/errors.ts';
import { contextTopic, directoryTopic, presenceTopic } from '../protocols/gossip.ts';
import type { SpaceId } from '../protocols/ids.ts';
import { syncProtocol } from '../protocols/sync.ts';
import type { AlertWatch } from './alerts/watch.ts';
import { Background } from './background.ts';
import type { Clock, Random, Timers } from './clock.ts';
import { Directory } from './directory/directory.ts';
import type { Trust } from './directory/trust.ts';
import type { Applied } from './feed/apply.ts';
import { Blocks } from './feed/blocks.ts';
import { Feeds, type OpenFeed } from './feed/feeds.ts';
import { readEntries } from './feed/read-entries.ts';
import { NodeHealth, type TakenFeed } from './health/node-health.ts';
import type { Home } from './home/home.ts';
import { Intent } from './intent.ts';
import type { Log } from './log.ts';
import { Members } from './members.ts';
import { Neighbours } from './neighbours.ts';
import { createHost, type HostOptions } from './net/host.ts';
import type { Network } from './net/network.ts';
import { createSupervisor, type Supervisor } from './net/supervisor.ts';
import { serveSync } from './net/sync-server.ts';
import type { Desk } from './odcm.ts';
import { Petitioner } from './petitioner.ts';
import { createCarrier } from './replicate/carrier.ts';
import { Carriers } from './replicate/carriers.ts';
import { GossipFeeds } from './replicate/gossip-feeds.ts';
import { HeldNotes } from './replicate/held-notes.ts';
import { PresenceBoard } from './replicate/presence.ts';
import { Replicator } from './replicate/replicator.ts';
import { Subscriptions } from './replicate/subscriptions.ts';
import { Reports } from './reports/reports.ts';
import { openLevelStore } from './store/level.ts';
import type { Store } from './store/store.ts';

export interface NodeOptions {
  readonly home: Home;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
  /** Addresses to listen on instead of those of the folder's configuration. */
  readonly listen?: readonly string[];
  /** Addresses of members to try besides those in the directory, each with `/p2p/` and its peer id. */
  readonly peers?: readonly string[];
}

/** What happened in a feed, for those who watch. */
export type FeedListener = (feed: OpenFeed, applied: Applied) => void;

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
  readonly #listeners = new Set<FeedListener>();
  readonly #stopped = new AbortController();
  readonly #background: Background;

  private constructor(o: NodeOptions, parts: Parts) {
    const { home, clock, timers, random, log } = o;
    const { directory, subscriptions, host, logs, views, blocks, nodeKey } = parts;
    this.views = views;
    this.#o = o;
    this.#stores = [logs, views, parts.blockStore];
    this.home = home;
    this.clock = clock;
    this.log = log;
    this.random = random;
    this.startedMs = clock.nowMs();
    this.directory = directory;
    this.members = parts.members;
    this.blocks = blocks;
    this.subscriptions = subscriptions;
    this.host = host;
    this.#background = new Background(log);
    this.carriers = new Carriers(host, timers, log);
    this.neighbours = new Neighbours({
      ...{ directory, subscriptions, host, members: parts.members, carriers: this.carriers },
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
      onCommitted: (feed, commit) => {
        this.#gossip.announce(feed, commit);
        this.reports.onGrown(feed);
        const { size } = feed.head!;
        if (this.#listeners.size > 0)
          this.#background.run(this.#tellOwn(feed, commit.before.size, size));
      },
      onApplied: (feed, applied) => {
        this.#tell(feed, applied);
        this.reports.onGrown(feed);
      },
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
      connected: () => this.#connectedSpaces(),
      taken: () => this.#takenFeeds(),
    });
    this.health.inventory = this.reports;
    this.presence = new PresenceBoard({
      ...{ host, mesh, self, nodeKey, directory, feeds: this.feeds, health: this.health },
      ...{ clock, timers, random, log, onRefused },
      addresses: () => this.addresses(),
      onChanged: (space, via) => this.#onHeadsChanged(space, via),
    });
    this.supervisor = createSupervisor({
      ...{ reach: host, clock, timers, random, log },
      neighbours: () => this.neighbours.list(),
    });
  }

  /** Opens the folder's stores and wires the node; nothing listens before {@link start}. */
  static async create(o: NodeOptions): Promise<MeshNode> {
    const { paths } = o.home;
    const stores = {
      logs: await openLevelStore(paths.log),
      blockStore: await openLevelStore(paths.blocks),
      views: await openLevelStore(paths.views),
    };
    return MeshNode.compose(o, stores, (options) =>
      createHost({ ...options, datastorePath: paths.peers }),
    );
  }

  /** Wires a node on stores that are open already and a network of the caller's choice. */
  static async compose(
    o: NodeOptions,
    { logs, blockStore, views }: Pick<Parts, 'logs' | 'blockStore' | 'views'>,
    openNetwork: (options: HostOptions) => Promise<Network>,
  ): Promise<MeshNode> {
    const { home, clock, log } = o;
    const { mesh } = home.config;
    const directory = await Directory.open({ store: logs, root: home.root.root, mesh, clock, log });
    const members = new Members();
    members.update(directory.state);
    const nodeKey = await home.nodeKey();
    const contexts = [...directory.state.contexts.keys()].map((context) =>
      contextTopic(mesh, context),
    );
    const host = await openNetwork({
      ...{ meshId: mesh, membership: members, clock, log },
      privateKeyPem: nodeKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
      topics: [...contexts, directoryTopic(mesh), presenceTopic(mesh)].map((name) => ({ name })),
      listen: o.listen ?? home.config.listen,
      ...(home.config.announce ? { announce: home.config.announce } : {}),
    });
    const subscriptions = await Subscriptions.open(logs);
    const blocks = new Blocks(blockStore);
    return new MeshNode(o, {
      directory,
      members,
      subscriptions,
      host,
      logs,
      views,
      blockStore,
      blocks,
      nodeKey,
    });
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
    directory.onChange(() => this.#onDirectoryChange());
    host.onPeer({
      connected: (peerId) => this.#onConnect(peerId),
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
    this.#onDirectoryChange();
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
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(feed: OpenFeed, applied: Applied): void {
    for (const listener of this.#listeners) listener(feed, applied);
  }

  /** Own publishes are not applied from the log: their events are read back for those who watch. */
  async #tellOwn(feed: OpenFeed, from: number, to: number): Promise<void> {
    for await (const { index, entry, body, item } of readEntries(feed.log, this.blocks, from, to)) {
      if (body && item !== undefined)
        this.#tell(feed, { index, entry, envelope: body.envelope, item });
    }
  }

  /** Refusals of this node and of its connection gate, since the start, by code. */
  allRefusals(): Record<string, number> {
    const all: Record<string, number> = Object.fromEntries(this.refusals);
    for (const [code, count] of Object.entries(this.host.refusals()))
      all[code] = (all[code] ?? 0) + count;
    return all;
  }

  #onConnect(peerId: string): void {
    this.replicator.syncSoon(peerId);
    if (peerId === this.neighbours.odcmPeer)
      this.#background.run(this.petitioner.registerAddresses());
  }

  #connectedSpaces(): Set<SpaceId> {
    const spaces = new Set<SpaceId>();
    for (const peerId of this.host.connectedPeers()) {
      const space = this.members.spaceOf(peerId);
      if (space) spaces.add(space.id);
    }
    return spaces;
  }

  *#takenFeeds(): Generator<TakenFeed> {
    for (const { feed: id } of this.subscriptions.all()) {
      const open = this.feeds.peek(id);
      const row = open?.row ?? this.directory.state.feeds.get(id);
      if (!row) continue;
      yield { id, space: row.space, size: open?.head?.size ?? null, held: open?.log.size ?? 0 };
    }
  }

  #onHeadsChanged(space: SpaceId, via: string): void {
    const takes = [...this.subscriptions.all()].some(
      (row) => this.directory.state.feeds.get(row.feed)?.space === space,
    );
    const said = this.presence.heard(space)?.presence.headsHash;
    if (!takes || (said && this.#gossip.knows(space, said))) return;
    const publisher = this.neighbours.peerOf(space);
    this.replicator.syncSoon(publisher && this.host.isConnected(publisher) ? publisher : via);
  }

  #onDirectoryChange(): void {
    this.members.update(this.directory.state);
    for (const peerId of this.host.connectedPeers()) {
      if (this.members.isRevoked(peerId)) this.#background.run(this.host.expel(peerId));
    }
    if (this.home.config.acceptForced) this.#background.run(this.intent.acceptForced());
    this.intent.catchUpWithGrants();
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

interface Parts {
  readonly directory: Directory;
  readonly members: Members;
  readonly subscriptions: Subscriptions;
  readonly host: Network;
  readonly logs: Store;
  readonly views: Store;
  readonly blockStore: Store;
  readonly blocks: Blocks;
  readonly nodeKey: KeyObject;
}
