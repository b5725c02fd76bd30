// What this space takes: one row a subscription, on disk, together with how it is going.

import { Reader, Writer } from '../../protocols/codec.ts';
import { MeshError } from '../../protocols/errors.ts';
import { type FeedId, formatUuid, parseFeedId, uuidBytes } from '../../protocols/ids.ts';
import { copiedSubscriptionKey, subscriptionKey, tableRange } from '../store/keys.ts';
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
  readonly #copies: Store | undefined;
  readonly #rows = new Map<FeedId, Subscription>();
  readonly #progress = new Map<FeedId, Progress>();

  private constructor(store: Store, copies: Store | undefined) {
    this.#store = store;
    this.#copies = copies;
  }

  /** @param copies database that has each row once more: what is damaged or gone in the first is taken from there */
  static async open(store: Store, copies?: Store): Promise<Subscriptions> {
    const subscriptions = new Subscriptions(store, copies);
    const lost = await subscriptions.#read(store, 'u');
    if (!copies) return subscriptions;
    const isEmpty = subscriptions.#rows.size === 0;
    const known = new Map(subscriptions.#rows);
    await subscriptions.#read(copies, 'l');
    for (const [feed, row] of subscriptions.#rows) {
      if (known.has(feed)) continue;
      // Not in the first at all, and others are: it was taken away there.
      if (!isEmpty && !lost.has(feed)) subscriptions.#rows.delete(feed);
      else await subscriptions.put(row);
    }
    for (const feed of lost) {
      // Taken as most feeds are, which the space can change, is better than not at all.
      if (!subscriptions.#rows.has(feed))
        await subscriptions.put({ feed, mode: 'auto', via: 'gossip', everyMs: null });
    }
    for (const row of known.values()) await subscriptions.#copy(row);
    return subscriptions;
  }

  /** Resolves to the feeds whose rows are damaged. */
  async #read(store: Store, table: 'u' | 'l'): Promise<Set<FeedId>> {
    const lost = new Set<FeedId>();
    const feedOf = (key: Buffer) => parseFeedId(formatUuid(key.subarray(1)));
    const onDamaged = (key: Buffer) => lost.add(feedOf(key));
    for await (const { key, value } of store.range({ ...tableRange(table), onDamaged })) {
      const feed = feedOf(key);
      if (!this.#rows.has(feed)) this.#rows.set(feed, decode(feed, value));
    }
    return lost;
  }

  async #copy(row: Subscription): Promise<void> {
    const key = copiedSubscriptionKey(uuidBytes(row.feed));
    await this.#copies?.write([{ type: 'put', key, value: encode(row) }]);
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
    const key = subscriptionKey(uuidBytes(row.feed));
    await this.#store.write([{ type: 'put', key, value: encode(row) }], { sync: true });
    await this.#copy(row);
    this.#rows.set(row.feed, row);
    // A new interval counts from now, not from a poll of the old one.
    this.progress(row.feed).nextPollMs = 0;
  }

  /** Writes the row anew as it is in use. */
  async restore(feed: FeedId): Promise<void> {
    const row = this.#rows.get(feed);
    if (row) await this.put(row);
    else await this.#store.write([{ type: 'del', key: subscriptionKey(uuidBytes(feed)) }]);
  }

  async remove(feed: FeedId): Promise<void> {
    if (!this.#rows.has(feed))
      throw new MeshError('SUBSCRIPTION_UNKNOWN', `there is no subscription to feed ${feed}`);
    await this.#store.write([{ type: 'del', key: subscriptionKey(uuidBytes(feed)) }], {
      sync: true,
    });
    await this.#copies?.write([{ type: 'del', key: copiedSubscriptionKey(uuidBytes(feed)) }]);
    this.#rows.delete(feed);
    this.#progress.delete(feed);
  }
}

function encode({ mode, via, everyMs }: Subscription): Buffer {
  const w = new Writer().array(3).uint(MODES.indexOf(mode)).uint(WAYS.indexOf(via));
  return w.uint(everyMs ?? 0).take();
}

function decode(feed: FeedId, value: Buffer): Subscription {
  const r = new Reader(value);
  r.tuple(3);
  const mode = MODES[r.uint(MODES.length - 1)]!;
  const via = WAYS[r.uint(WAYS.length - 1)]!;
  return { feed, mode, via, everyMs: r.uint() || null };
}
