// Decides whom to ask for what and when: every peer on connecting, a carrier when a feed is behind, the poll that is due,
// everybody within a minute. One exchange per peer at a time; what triggers twice runs once more, not twice at once.

import { asMeshError, MeshError } from '../../protocols/errors.ts';
import type { FeedId, SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  type Clock,
  fraction,
  intervalClock,
  monotonicMs,
  type Random,
  type TimerHandle,
} from '../clock.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import type { SyncClient } from '../net/sync-client.ts';
import { AskAround } from './ask-around.ts';
import type { Take } from './exchange.ts';
import { PeerExchanges, type PeerExchangesOptions } from './peer-exchanges.ts';
import { PeerTasks } from './peer-tasks.ts';
import type { Subscription } from './subscriptions.ts';

export interface ReplicatorOptions
  extends Omit<PeerExchangesOptions, 'mayTake' | 'wanted' | 'signal'> {
  readonly self: SpaceId;
  /** The time that trust goes by. */
  readonly trusted: Clock;
  readonly random: Random;
  readonly peerOf: (space: SpaceId) => string | undefined;
  /** Whether the disk has room for feeds of others. */
  readonly hasRoom?: () => boolean;
  /** Dials a member that may hold a feed. */
  readonly onHint: (peerId: string) => void;
  /** Asks for a newer root, when a sign of one came too soon after the last answer. */
  readonly seekRoot: () => void;
}

export interface Pulled {
  readonly feed: OpenFeed;
  readonly from: number;
  readonly peer: string | null;
  readonly state: string;
}

export class Replicator {
  readonly #o: ReplicatorOptions;
  readonly #tasks: PeerTasks;
  readonly #exchanges: PeerExchanges;
  readonly #stopped = new AbortController();
  #timer: TimerHandle | undefined;
  readonly #round: AskAround;
  #nextDirectoryMs = 0;
  #background = new Set<Promise<unknown>>();

  constructor(options: ReplicatorOptions) {
    this.#o = options;
    this.#round = new AskAround(intervalClock(options.clock), options.random);
    this.#exchanges = new PeerExchanges({
      ...options,
      mayTake: (id) => this.mayTake(id),
      wanted: () => this.#wanted(),
      signal: this.#stopped.signal,
    });
    this.#tasks = new PeerTasks({
      exchange: (peerId) => this.#exchangeAll(peerId),
      isConnected: (peerId) => options.host.isConnected(peerId),
    });
  }

  start(): void {
    this.#schedule();
    for (const peerId of this.#o.host.connectedPeers()) this.syncSoon(peerId);
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new MeshError('TIMEOUT', 'the node stops'));
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    await Promise.allSettled([this.#tasks.stop(), ...this.#background]);
  }

  get #isStopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  #schedule(): void {
    if (this.#isStopped) return;
    const delayMs = LIMITS.replicateMs * (0.8 + 0.4 * fraction(this.#o.random));
    this.#timer = this.#o.timers.setTimeout(() => {
      this.#tick();
      this.#schedule();
    }, delayMs);
  }

  #tick(): void {
    const nowMs = monotonicMs(this.#o.clock);
    for (const feed of this.#o.feeds.opened) {
      // Nobody needs to be asked for what is here already: after a crash, or when a full disk has space again.
      if (feed.publisher && !feed.view.isLevel && !feed.log.damage) this.#run(() => levelOwn(feed));
      if (!feed.log.isTidy) this.#run(() => feed.log.tidy());
    }
    if (!this.#o.directory.log.isTidy) this.#run(() => this.#o.directory.log.tidy());
    for (const peerId of this.#round.due(this.#o.host.connectedPeers())) this.syncSoon(peerId);
    if (this.#o.directory.isBehind && nowMs >= this.#nextDirectoryMs) this.#seekDirectory(nowMs);
    for (const row of this.#o.subscriptions.all()) {
      if (!this.#isDue(row, nowMs)) continue;
      if (row.via === 'poll') this.#run(() => this.#poll(row));
      else this.#seek(row.feed);
    }
    for (const id of this.#o.carry.due(nowMs)) this.#seek(id);
    for (const peerId of this.#o.survey.due()) this.syncSoon(peerId);
    this.#o.seekRoot();
  }

  /** Who announced a directory may not have had it yet; most others soon do. */
  #seekDirectory(nowMs: number): void {
    const { host, random } = this.#o;
    this.#nextDirectoryMs = nowMs + LIMITS.replicateMs * 2;
    const peers = host.connectedPeers();
    const choice = peers[Math.floor(fraction(random) * peers.length)];
    if (choice) this.syncSoon(choice);
  }

  /** A poll whose time has come, or an automatic feed that has not reached its head. */
  #isDue(row: Subscription, nowMs: number): boolean {
    if (row.mode !== 'auto' || row.via === 'manual') return false;
    const progress = this.#o.subscriptions.progress(row.feed);
    if (nowMs < progress.nextPollMs) return false;
    if (row.via === 'poll') return true;
    const feed = this.#o.feeds.peek(row.feed);
    if (!feed?.head) return true;
    // What a space that was shut out signed beyond its end is wanted by nobody.
    return feed.log.size < Math.min(feed.head.size, feed.endsAt) || !feed.view.isLevel;
  }

  /** The jitter spreads subscribers of one feed. */
  #notBefore(id: FeedId, pauseMs: number): void {
    const { subscriptions, clock, random } = this.#o;
    const jitter = 0.9 + 0.2 * fraction(random);
    subscriptions.progress(id).nextPollMs = monotonicMs(clock) + pauseMs * jitter;
  }

  /** One that found nobody who could help is tried again before its interval has passed. */
  async #poll({ feed: id, everyMs }: Subscription): Promise<void> {
    const pauseMs = everyMs ?? LIMITS.antiEntropyMs;
    this.#notBefore(id, pauseMs);
    if (!this.mayTake(id) || this.#o.feeds.peek(id)?.isFrozen) return;
    let isLevel = false;
    try {
      isLevel = (await this.pull(id)).state === 'level';
    } finally {
      if (!isLevel) this.#notBefore(id, Math.min(pauseMs, LIMITS.antiEntropyMs));
    }
  }

  /** Asks a peer that may have the feed; when none is connected, the DHT names some. */
  #seek(id: FeedId): void {
    const { random, carriers, host } = this.#o;
    // A carrier that cannot help must not be asked every second.
    this.#notBefore(id, LIMITS.replicateMs * 2);
    const known = carriers.of(id);
    // One that is as far as this node helps no further; what a peer said on connecting may be long past.
    const ahead = carriers.of(id, this.#o.feeds.peek(id)?.log.size);
    const candidates = ahead.length > 0 ? ahead : host.connectedPeers();
    const choice = candidates[Math.floor(fraction(random) * candidates.length)];
    if (choice) this.syncSoon(choice);
    if (known.length === 0) this.#run(() => this.#ask(id));
  }

  async #ask(id: FeedId): Promise<void> {
    const feed = await this.#o.feeds.open(id);
    for (const peerId of await this.#o.carriers.find(feed.origin, this.#stopped.signal))
      this.#o.onHint(peerId);
  }

  #run(work: () => Promise<unknown>): void {
    const running: Promise<unknown> = work()
      .catch((error: unknown) => {
        const { code, message } = asMeshError(error);
        this.#o.log.debug({ code }, message);
      })
      .finally(() => this.#background.delete(running));
    this.#background.add(running);
  }

  /** Exchanges with a connected peer now, or once more when an exchange with it is under way. */
  syncSoon(peerId: string): void {
    this.#tasks.start(peerId);
  }

  async #exchangeAll(peerId: string): Promise<void> {
    this.#round.asked(peerId);
    try {
      await this.#exchanges.run(peerId, null, (feed) => this.#takeOf(feed));
    } catch (error) {
      const { code, message } = asMeshError(error);
      if (!this.#isStopped) this.#o.log.debug({ peerId, code }, message);
    }
  }

  /** Subscribed feeds that the directory allows, and those that are carried for others. */
  #wanted(): FeedId[] {
    const { subscriptions, carry } = this.#o;
    const taken = [...subscriptions.all()].filter((row) => this.mayTake(row.feed));
    return [...new Set([...taken.map((row) => row.feed), ...carry.copied()])];
  }

  /** True while the directory, which must be dated and not too old, grants the feed to this space. */
  mayTake(id: FeedId): boolean {
    const { directory, self, trusted } = this.#o;
    const row = directory.state.feeds.get(id);
    const { age } = directory;
    // One without a date could be of any age: a carrier may have left it out.
    if (!row || age === 'expired' || age === 'unknown') return false;
    return directory.state.grantFor(self, row, trusted.nowMs()) !== undefined;
  }

  #takeOf(feed: OpenFeed): Take {
    const { carry, subscriptions, hasRoom } = this.#o;
    const { id } = feed.row;
    if (feed.isFrozen || feed.log.damage) return 'head';
    if (carry.isCopied(id)) return carry.isFetched(id) ? 'copy' : 'head';
    const row = subscriptions.get(id);
    if (row?.mode !== 'auto') return 'head';
    // Feeds of others can be fetched when there is room again.
    if (hasRoom && !hasRoom()) return 'head';
    return row.via === 'gossip' ? 'items' : 'head';
  }

  /** One stream to a member for questions of the caller's own. */
  ask<T>(peerId: string, work: (client: SyncClient) => Promise<T>): Promise<T> {
    return this.#exchanges.ask(peerId, work);
  }

  /** Fetches one feed now, from any carrier that can be found, whatever the subscription's mode. */
  async pull(id: FeedId): Promise<Pulled> {
    const { feeds, carriers, host } = this.#o;
    const feed = await feeds.open(id);
    const from = feed.log.size;
    const tried = new Set<string>();
    let last: MeshError | undefined;
    const publisher = this.#o.peerOf(feed.row.space);
    const candidates = () => {
      const connected = host.connectedPeers();
      // Only the publisher knows for sure what is newest.
      const first = connected.filter((peerId) => peerId === publisher);
      return [...new Set([...first, ...carriers.of(id), ...connected])].filter(
        (p) => !tried.has(p),
      );
    };
    let isReached = false;
    for (let next = candidates(); next.length > 0; next = candidates()) {
      const peerId = next[0]!;
      tried.add(peerId);
      const before = carriers.said(id, peerId);
      try {
        await this.#exchanges.run(peerId, [id], () => 'items');
        isReached = true;
      } catch (error) {
        last = asMeshError(error);
        continue;
      }
      // What is announced while this goes on is for the next time: a feed that never rests would never be level.
      const said = carriers.newest(id, peerId);
      // What it said at another time says nothing of now.
      if (!said || said === before || said.held === 0) continue;
      if (Math.min(feed.log.size, feed.view.applied) >= said.size)
        return { feed, from, peer: peerId, state: 'level' };
    }
    if (!isReached)
      throw last ?? new MeshError('PEER_UNREACHABLE', `no carrier of ${feed.path} is connected`);
    return { feed, from, peer: null, state: feed.head ? 'behind' : 'no carrier' };
  }
}

/** Between two batches: a batch that failed may have left the view ahead of the log. */
async function levelOwn({ log, view }: OpenFeed): Promise<void> {
  await log.exclusively(() => view.reconcile());
  await view.catchUp();
}
