// Which peers hold which feed, as far as they said so: hints for choosing whom to ask, never a reason to trust.
// The DHT adds peers that nobody here is connected to; what it names is dialled only when the directory knows it.

import { createHash } from 'node:crypto';
import { CID } from 'multiformats/cid';
import { create } from 'multiformats/hashes/digest';
import type { FeedId, Origin } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Timers, withDeadline } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Network } from '../net/network.ts';

export class Carriers {
  readonly #held = new Map<FeedId, Map<string, number>>();
  readonly #provided = new Set<Origin>();
  readonly #host: Network;
  readonly #timers: Timers;
  readonly #log: Log;

  constructor(host: Network, timers: Timers, log: Log) {
    this.#host = host;
    this.#timers = timers;
    this.#log = log;
  }

  note(feed: FeedId, peerId: string, held: number): void {
    let peers = this.#held.get(feed);
    if (!peers) {
      peers = new Map();
      this.#held.set(feed, peers);
    }
    peers.set(peerId, held);
  }

  forget(peerId: string): void {
    for (const peers of this.#held.values()) peers.delete(peerId);
  }

  /** Connected peers that said they hold the feed, or more than so many of its entries, the fullest first. */
  of(feed: FeedId, above = 0): string[] {
    // An exchange may note a peer after it went away: asking it again and again would keep others from being asked.
    const peers = [...(this.#held.get(feed) ?? [])].filter(
      ([peerId, held]) => held > above && this.#host.isConnected(peerId),
    );
    return peers.sort(([, a], [, b]) => b - a).map(([peerId]) => peerId);
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
