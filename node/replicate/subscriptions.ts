// What this space takes: one row a subscription, on disk, together with how it is going.

import { Reader, Writer } from '../../protocols/codec.ts';
import { MeshError } from '../../protocols/errors.ts';
import { type FeedId, formatUuid, parseFeedId, uuidBytes } from '../../protocols/ids.ts';
import { subscriptionKey, tableRange } from '../store/keys.ts';
import type { Store } from '../store/store.ts';

const MODES = ['auto', 'on-demand'] as const;
const WAYS = ['gossip', 'poll', 'manual'] as const;

export interface Subscription {
  readonly feed: FeedId;
  /** `auto` applies what comes; `on-demand` knows what there is and fetches it when asked. */
  readonly mode: (typeof MODES)[number];
  readonly via: (typeof WAYS)[number];
  /** Interval of polling; null otherwise. */
  readonly everyMs: number | null;
}

/** What is remembered only while the node runs. */
export interface Progress {
  lastChangeMs: number | null;
  lastError: MeshError | null;
  nextPollMs: number;
}

export class Subscriptions {
  readonly #store: Store;
  readonly #rows = new Map<FeedId, Subscription>();
  readonly #progress = new Map<FeedId, Progress>();

  private constructor(store: Store) {
    this.#store = store;
  }

  static async open(store: Store): Promise<Subscriptions> {
    const subscriptions = new Subscriptions(store);
    for await (const { key, value } of store.range(tableRange('u'))) {
      const feed = parseFeedId(formatUuid(key.subarray(1)));
      subscriptions.#rows.set(feed, decode(feed, value));
    }
    return subscriptions;
  }

  all(): IterableIterator<Subscription> {
    return this.#rows.values();
  }

  get(feed: FeedId): Subscription | undefined {
    return this.#rows.get(feed);
  }

  progress(feed: FeedId): Progress {
    let progress = this.#progress.get(feed);
    if (!progress) {
      progress = { lastChangeMs: null, lastError: null, nextPollMs: 0 };
      this.#progress.set(feed, progress);
    }
    return progress;
  }

  async put(row: Subscription): Promise<void> {
    const w = new Writer()
      .array(3)
      .uint(MODES.indexOf(row.mode))
      .uint(WAYS.indexOf(row.via))
      .uint(row.everyMs ?? 0);
    const key = subscriptionKey(uuidBytes(row.feed));
    await this.#store.write([{ type: 'put', key, value: w.take() }], { sync: true });
    this.#rows.set(row.feed, row);
    // A new interval counts from now, not from a poll of the old one.
    this.progress(row.feed).nextPollMs = 0;
  }

  async remove(feed: FeedId): Promise<void> {
    if (!this.#rows.has(feed))
      throw new MeshError('SUBSCRIPTION_UNKNOWN', `there is no subscription to feed ${feed}`);
    await this.#store.write([{ type: 'del', key: subscriptionKey(uuidBytes(feed)) }], {
      sync: true,
    });
    this.#rows.delete(feed);
    this.#progress.delete(feed);
  }
}

function decode(feed: FeedId, value: Buffer): Subscription {
  const r = new Reader(value);
  r.tuple(3);
  const mode = MODES[r.uint(MODES.length - 1)]!;
  const via = WAYS[r.uint(WAYS.length - 1)]!;
  return { feed, mode, via, everyMs: r.uint() || null };
}
