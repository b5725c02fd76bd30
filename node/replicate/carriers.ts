// Which peers hold how much of which feed, as far as they said so: hints for choosing whom to ask and figures for people,
// never a reason to trust.
// The DHT adds peers that nobody here is connected to; what it names is dialled only when the directory knows it.

import { createHash } from 'node:crypto';
import { CID } from 'multiformats/cid';
import { create } from 'multiformats/hashes/digest';
import type { FeedId, Origin } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Clock, monotonicMs, type Timers, withDeadline } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Network } from '../net/network.ts';

/** What a peer says that it has of a feed. */
export interface Said {
  readonly held: number;
  /** Entries from the beginning with all their blocks. */
  readonly whole: number;
  /** Size of the newest head of the feed that was verified here by then. */
  readonly size: number;
}

export interface Statement extends Said {
  /** By this node's clock for intervals. */
  readonly atMs: number;
  /** It has everything but what is very new. */
  readonly isComplete: boolean;
  /** It went away since, or was too slow to be fetched from. */
  readonly isGone: boolean;
}

/** Sizes of a feed as they became known: what is new just now, nobody has to have yet. */
interface Growth {
  settled: number;
  newest: number;
  newestMs: number;
}

export class Carriers {
  readonly #said = new Map<FeedId, Map<string, Statement>>();
  readonly #growth = new Map<FeedId, Growth>();
  readonly #provided = new Set<Origin>();
  readonly #host: Network;
  readonly #timers: Timers;
  readonly #log: Log;
  readonly #clock: Clock;

  constructor(host: Network, clock: Clock, timers: Timers, log: Log) {
    this.#clock = clock;
    this.#host = host;
    this.#timers = timers;
    this.#log = log;
  }

  note(feed: FeedId, peerId: string, { held, whole, size }: Said): void {
    let peers = this.#said.get(feed);
    if (!peers) {
      peers = new Map();
      this.#said.set(feed, peers);
    }
    const atMs = monotonicMs(this.#clock);
    const isComplete = whole >= this.#settledSize(feed, size, atMs);
    peers.set(peerId, { held, whole, size, atMs, isComplete, isGone: false });
  }

  /** The size that the feed had some moments ago. */
  #settledSize(feed: FeedId, size: number, nowMs: number): number {
    const growth = this.#growth.get(feed);
    if (!growth) {
      this.#growth.set(feed, { settled: size, newest: size, newestMs: nowMs });
      return size;
    }
    if (nowMs - growth.newestMs >= LIMITS.carrierGraceMs) {
      growth.settled = Math.max(growth.settled, growth.newest);
      growth.newest = Math.max(growth.newest, size);
      growth.newestMs = nowMs;
    }
    return growth.settled;
  }

  /** Who went away is asked for nothing any more; what it had it may still have. */
  forget(peerId: string): void {
    for (const peers of this.#said.values()) {
      const said = peers.get(peerId);
      if (said) peers.set(peerId, { ...said, isGone: true });
    }
  }

  /** What a peer said last. */
  said(feed: FeedId, peerId: string): Statement | undefined {
    return this.#said.get(feed)?.get(peerId);
  }

  /** The same from who is connected and said it not long ago. */
  newest(feed: FeedId, peerId: string): Statement | undefined {
    const said = this.said(feed, peerId);
    if (!said || said.isGone || !this.#host.isConnected(peerId)) return undefined;
    const isOld = monotonicMs(this.#clock) - said.atMs > 3 * LIMITS.antiEntropyMs;
    return isOld ? undefined : said;
  }

  /** Peers that ever said something of the feed. */
  known(feed: FeedId): string[] {
    return [...(this.#said.get(feed)?.keys() ?? [])];
  }

  /** Connected peers that said they hold the feed, or more than so many of its entries, the fullest first. */
  of(feed: FeedId, above = 0): string[] {
    // An exchange may note a peer after it went away: asking it again and again would keep others from being asked.
    const peers = [...(this.#said.get(feed) ?? [])].filter(
      ([peerId, { held, isGone }]) => held > above && !isGone && this.#host.isConnected(peerId),
    );
    return peers.sort(([, a], [, b]) => b.held - a.held).map(([peerId]) => peerId);
  }

  /** Tells the DHT once per start that this node holds the log. */
  async provide(origin: Origin, signal: AbortSignal): Promise<void> {
    if (this.#provided.has(origin)) return;
    this.#provided.add(origin);
    try {
      for await (const _ of this.#host.dht.provide(cidOf(origin), { signal }))
        signal.throwIfAborted();
    } catch (error) {
      this.#provided.delete(origin);
      this.#log.debug(
        { origin, reason: String(error) },
        'the DHT did not take an announcement; it is made again later',
      );
    }
  }

  /** Peers that the DHT names as holders of the log; bounded in number and time. */
  async find(origin: Origin, signal: AbortSignal): Promise<string[]> {
    const found = new Set<string>();
    try {
      await withDeadline(this.#timers, LIMITS.requestTimeoutMs, signal, (bounded) =>
        this.#collect(origin, bounded, found),
      );
    } catch (error) {
      this.#log.debug({ origin, reason: String(error) }, 'a look-up in the DHT ended early');
    }
    found.delete(this.#host.peerId);
    return [...found];
  }

  async #collect(origin: Origin, signal: AbortSignal, found: Set<string>): Promise<void> {
    for await (const event of this.#host.dht.findProviders(cidOf(origin), { signal })) {
      if (event.name !== 'PROVIDER' && event.name !== 'PEER_RESPONSE') continue;
      if ('providers' in event)
        for (const provider of event.providers) found.add(provider.id.toString());
      if (found.size >= LIMITS.dhtProviders) return;
    }
  }
}

/** The DHT names content by SHA-256 multihash; ours is the hash of the log's origin line. */
function cidOf(origin: Origin): CID {
  const sha256 = 0x12;
  const raw = 0x55;
  return CID.createV1(raw, create(sha256, createHash('sha256').update(origin).digest()));
}
