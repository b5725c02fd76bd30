// What this node carries for others: one row a feed, on disk, so that a stop in the middle of anything is gone on with.

import { Reader, Writer } from '../../protocols/codec.ts';
import { type FeedId, parseFeedId } from '../../protocols/ids.ts';
import { markKey } from '../store/keys.ts';
import type { Store } from '../store/store.ts';

const STATES = ['kept', 'dropping', 'crowded out'] as const;

export interface CarryRow {
  readonly feed: FeedId;
  /** `crowded out`: dropped for want of room, to be carried again when there is room for all of it. */
  readonly state: (typeof STATES)[number];
  /** Entries from the beginning of which every block is here. */
  readonly whole: number;
  /** On the disk; of a feed that was crowded out, what it took when it was dropped. */
  readonly bytes: number;
}

const NAME = 'carry/';

export class CarryRows {
  readonly #store: Store;
  readonly #rows = new Map<FeedId, CarryRow>();

  private constructor(store: Store) {
    this.#store = store;
  }

  /** @param store the one that the logs are in: a row is never newer than the entries that it counts */
  static async open(store: Store): Promise<CarryRows> {
    const rows = new CarryRows(store);
    const gte = markKey(NAME);
    const lt = markKey(`${NAME}~`);
    for await (const { key, value } of store.range({ gte, lt })) {
      const row = decode(parseFeedId(key.toString('utf8', gte.length)), value);
      rows.#rows.set(row.feed, row);
    }
    return rows;
  }

  all(): CarryRow[] {
    return [...this.#rows.values()];
  }

  get(feed: FeedId): CarryRow | undefined {
    return this.#rows.get(feed);
  }

  /** @param sync what must be known after a power cut: that something is begun, or being dropped */
  async put(row: CarryRow, sync: boolean): Promise<void> {
    this.#rows.set(row.feed, row);
    const w = new Writer().array(3).uint(STATES.indexOf(row.state)).uint(row.whole).uint(row.bytes);
    await this.#store.write([{ type: 'put', key: keyOf(row.feed), value: w.take() }], { sync });
  }

  async remove(feed: FeedId): Promise<void> {
    await this.#store.write([{ type: 'del', key: keyOf(feed) }], { sync: true });
    this.#rows.delete(feed);
  }
}

const keyOf = (feed: FeedId): Buffer => markKey(`${NAME}${feed}`);

function decode(feed: FeedId, value: Buffer): CarryRow {
  const r = new Reader(value);
  r.tuple(3);
  const state = STATES[r.uint(STATES.length - 1)]!;
  return { feed, state, whole: r.uint(), bytes: r.uint() };
}
