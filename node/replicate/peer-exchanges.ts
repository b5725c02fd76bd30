// One exchange with one peer, from the stream to the last answer: the directory first, then what is allowed of the feeds,
// then what the peer carries. Whom to ask and when is the replicator's.

import { asMeshError, type Code } from '../../protocols/errors.ts';
import type { FeedId, MeshId } from '../../protocols/ids.ts';
import { syncProtocol } from '../../protocols/sync.ts';
import type { Carry } from '../carry/carry.ts';
import type { Survey } from '../carry/survey.ts';
import type { Clock, Timers } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';
import type { ForkBook } from '../fork/fork-book.ts';
import type { Log } from '../log.ts';
import type { Network } from '../net/network.ts';
import { SyncClient } from '../net/sync-client.ts';
import type { Roots } from '../rotate/roots.ts';
import type { Carriers } from './carriers.ts';
import type { DirectoryFirst } from './directory-first.ts';
import { type ExchangeOptions, exchangeDirectory, exchangeFeeds, type Take } from './exchange.ts';
import type { HeldNotes } from './held-notes.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface PeerExchangesOptions {
  readonly host: Network;
  readonly mesh: MeshId;
  readonly directory: Directory;
  readonly forks: ForkBook;
  readonly feeds: Feeds;
  readonly blocks: Blocks;
  readonly subscriptions: Subscriptions;
  readonly heldNotes: HeldNotes;
  readonly carriers: Carriers;
  readonly carry: Carry;
  readonly survey: Survey;
  readonly clock: Clock;
  readonly directoryFirst: DirectoryFirst;
  readonly timers: Timers;
  readonly log: Log;
  readonly roots: Pick<Roots, 'askWhenDue'>;
  readonly onRefused: (code: Code) => void;
  /** The directory grants the feed to this space. */
  readonly mayTake: (feed: FeedId) => boolean;
  /** Feeds that every peer is asked for. */
  readonly wanted: () => readonly FeedId[];
  readonly signal: AbortSignal;
}

export class PeerExchanges {
  readonly #o: PeerExchangesOptions;

  constructor(options: PeerExchangesOptions) {
    this.#o = options;
  }

  /** @param only these feeds; null for all that are wanted */
  run(
    peerId: string,
    only: readonly FeedId[] | null,
    takeOf: (feed: OpenFeed) => Take,
  ): Promise<void> {
    const { directoryFirst, survey, mayTake, wanted, carriers } = this.#o;
    const options = this.#options(peerId);
    const exchange = async (client: SyncClient) => {
      await exchangeDirectory(client, options);
      directoryFirst.exchanged(peerId);
      // The directory may have brought the grant or the feed just now.
      const allowed = only ? only.filter(mayTake) : wanted();
      if (allowed.length > 0) await directoryFirst.settled(peerId);
      if (allowed.length > 0) await exchangeFeeds(client, allowed, takeOf, options);
      if (!only) await survey.ask(client, peerId, new Set(allowed));
    };
    // Too slow to fetch from: its feeds are sought at others, until it says again what it holds.
    return this.#onStream(peerId, exchange, () => carriers.forget(peerId));
  }

  /** One stream to a member for questions of the caller's own. */
  ask<T>(peerId: string, work: (client: SyncClient) => Promise<T>): Promise<T> {
    return this.#onStream(peerId, work, () => {});
  }

  async #onStream<T>(
    peerId: string,
    work: (client: SyncClient) => Promise<T>,
    onTimeout: () => void,
  ): Promise<T> {
    const { host, mesh, timers, signal } = this.#o;
    const channel = await host.open(peerId, syncProtocol(mesh), { signal });
    const client = new SyncClient(channel, signal, timers);
    try {
      const result = await work(client);
      await client.close();
      return result;
    } catch (error) {
      const fault = asMeshError(error);
      client.abort(fault);
      if (fault.code === 'TIMEOUT') onTimeout();
      throw error;
    }
  }

  #options(peerId: string): ExchangeOptions {
    const { directory, feeds, blocks, survey, subscriptions, clock, log, onRefused } = this.#o;
    return {
      ...{ directory, feeds, blocks, heldNotes: this.#o.heldNotes, forks: this.#o.forks },
      copies: this.#o.carry.copies,
      askRoots: (client) => this.#o.roots.askWhenDue(peerId, client),
      onCarried: (feed, head) => survey.note(feed.row.id, peerId, head),
      onProgress: (feed) => {
        const progress = subscriptions.progress(feed.row.id);
        progress.lastChangeMs = clock.nowMs();
        progress.lastError = null;
      },
      onRefused: (feed, error) => {
        onRefused(error.code);
        if (feed) subscriptions.progress(feed.row.id).lastError = error;
        log.warn({ peerId, feed: feed?.path, code: error.code }, error.message);
      },
    };
  }
}
