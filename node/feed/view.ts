// The view of a feed: its entries turned into items (apply.ts), as rows. It is derived: a cursor says how far it is, and
// what is missing is made again from the log.

import type { Cid } from '../../protocols/codec.ts';
import { Reader, Writer } from '../../protocols/codec.ts';
import type { Code } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Verified } from '../../protocols/run-verifier.ts';
import { appliedKey, deadLetterKey, indexOfKey, ownedKey, tableRange } from '../store/keys.ts';
import type { Store, Write } from '../store/store.ts';
import {
  type Applied,
  Applier,
  type DeadLetter,
  type FeedIdentity,
  type StoredEntry,
  storedEntries,
  verifiedEntries,
} from './apply.ts';
import type { Blocks } from './blocks.ts';
import { type Item, type ListOptions, listItems, putItem, readItem, readItems } from './items.ts';
import type { FeedLog } from './log.ts';
import { NameFilter } from './name-filter.ts';

/** Entries applied and written together: bounds memory while a long log is applied. */
const GROUP = 1000;

export class FeedView {
  readonly #store: Store;
  readonly #log: FeedLog;
  readonly #applier: Applier;
  readonly #onApplied: (applied: Applied) => void;
  #applied = 0;
  #deadLetters = 0;
  #isStale = true;
  /** Of all rows; absent when there were rows before this process. */
  #names: NameFilter | undefined;
  #running: Promise<readonly Cid[]> | undefined;

  private constructor(
    store: Store,
    log: FeedLog,
    blocks: Blocks,
    identity: FeedIdentity,
    onApplied: (applied: Applied) => void,
  ) {
    this.#store = store;
    this.#log = log;
    this.#applier = new Applier({ identity, blocks, itemsOf: (names) => this.items(names) });
    this.#onApplied = onApplied;
  }

  static async open(
    store: Store,
    log: FeedLog,
    blocks: Blocks,
    identity: FeedIdentity,
    onApplied: (applied: Applied) => void = () => {},
  ): Promise<FeedView> {
    const view = new FeedView(store, log, blocks, identity, onApplied);
    await view.reconcile();
    return view;
  }

  /** The view is not synced with the log: after a power cut it may be ahead of it. Then it is made anew. */
  async #level(): Promise<void> {
    if (this.#isStale) await this.#load();
    if (this.#applied > this.#log.size) await this.#clear();
  }

  async #load(): Promise<void> {
    const cursor = await this.#store.get(appliedKey(this.#log.prefix));
    this.#applied = 0;
    this.#deadLetters = 0;
    if (cursor) {
      const r = new Reader(cursor);
      r.tuple(2);
      this.#applied = r.uint();
      this.#deadLetters = r.uint();
    }
    this.#isStale = false;
    // Rows and cursor change together: without a cursor there are no rows.
    this.#names = this.#applied === 0 ? new NameFilter() : undefined;
  }

  /** Entries of the log that are items now. */
  get applied(): number {
    return this.#applied;
  }

  /** False while entries wait to be applied, or a write failed and the rows are in doubt. */
  get isLevel(): boolean {
    return !this.#isStale && this.#applied === this.#log.size;
  }

  get deadLetterCount(): number {
    return this.#deadLetters;
  }

  async #clear(): Promise<void> {
    const writes: Write[] = [];
    for (const table of ['i', 'd', 'o']) {
      for await (const { key } of this.#store.range(tableRange(table, this.#log.prefix)))
        writes.push({ type: 'del', key });
    }
    this.#deadLetters = 0;
    // Rows and cursor in one batch: a cursor of 0 over old rows would make dead letters of good entries.
    await this.#write([], [], 0, writes);
  }

  async #write(
    items: readonly Item[],
    deadLetters: readonly DeadLetter[],
    applied: number,
    before: readonly Write[] = [],
  ): Promise<void> {
    const { prefix } = this.#log;
    if (this.#names) for (const { name } of items) this.#names.add(name);
    const writes = [...before, ...items.map((item) => putItem(prefix, item))];
    for (const d of deadLetters) {
      const value = new Writer().array(2).text(d.code).text(d.message.slice(0, 300)).take();
      writes.push({ type: 'put', key: deadLetterKey(prefix, d.index), value });
    }
    const count = this.#deadLetters + deadLetters.length;
    const cursor = new Writer().array(2).uint(applied).uint(count).take();
    try {
      await this.#store.write([...writes, { type: 'put', key: appliedKey(prefix), value: cursor }]);
    } catch (error) {
      // The disk may hold the rows or not: its cursor is read before anything is applied again.
      this.#isStale = true;
      throw error;
    }
    this.#applied = applied;
    this.#deadLetters = count;
  }

  /**
   * After a batch that the log did not take, the view may be ahead of it: then it is made anew. For the publisher, which
   * alone writes the two at the same time.
   */
  async reconcile(): Promise<void> {
    while (this.#running) await this.#running.catch(() => []);
    await this.#alone(() => this.#level().then(() => []));
  }

  /** Whoever changes rows does it alone: entries applied twice at the same time would make dead letters of each other. */
  #alone(change: () => Promise<readonly Cid[]>): Promise<readonly Cid[]> {
    this.#running = change().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** The publisher knows its items and blocks without reading its log: it hands them over with the new size. */
  async advance(
    items: readonly Item[],
    size: number,
    hashes: readonly Uint8Array[] = [],
  ): Promise<void> {
    // A reader may be applying the same entries just now: older rows must not come after newer ones.
    while (this.#running) await this.#running;
    if (this.#applied >= size) return;
    const owned = hashes.map((hash) => this.#ownedRow(hash));
    await this.#alone(() => this.#write(items, [], size, owned).then(() => []));
  }

  #ownedRow(hash: Uint8Array): Write {
    return { type: 'put', key: ownedKey(this.#log.prefix, hash), value: NO_BYTES };
  }

  /** Whether an applied entry names the block, as its record or as a part of it. Small records are no blocks. */
  owns(hash: Uint8Array): Promise<boolean> {
    return this.#store.has(ownedKey(this.#log.prefix, hash));
  }

  /** Newest versions of items, in order of the names. Names that are new for sure are not looked up. */
  async items(names: readonly string[]): Promise<(Item | undefined)[]> {
    const filter = this.#names;
    const asked = filter ? names.filter((name) => filter.mayHave(name)) : names;
    const found = await readItems(this.#store, this.#log.prefix, asked);
    if (asked.length === names.length) return found;
    const byName = new Map(found.map((item, i) => [asked[i]!, item]));
    return names.map((name) => byName.get(name));
  }

  item(name: string): Promise<Item | undefined> {
    return readItem(this.#store, this.#log.prefix, name);
  }

  list(options: ListOptions): AsyncGenerator<Item> {
    return listItems(this.#store, this.#log.prefix, options);
  }

  async deadLetters(limit: number): Promise<DeadLetter[]> {
    const out: DeadLetter[] = [];
    for await (const { key, value } of this.#store.range({
      ...tableRange('d', this.#log.prefix),
      limit,
    })) {
      const r = new Reader(value);
      r.tuple(2);
      out.push({
        index: indexOfKey(key),
        code: r.text(64) as Code,
        message: r.text(LIMITS.refusalBytes),
      });
    }
    return out;
  }

  /**
   * Applies what the log has and the view has not. Resolves with the blocks that must be fetched before it can go on;
   * with none when the view is level with the log.
   * @param upTo apply no entry from this index on
   */
  async catchUp(upTo = Number.POSITIVE_INFINITY): Promise<readonly Cid[]> {
    // A run that was under way may have begun before the newest entries came.
    while (this.#isStale || this.#applied < Math.min(upTo, this.#log.size)) {
      const missing = await (this.#running ??
        this.#alone(() => this.#catchUp(Math.min(upTo, this.#log.size))));
      if (missing.length > 0) return missing;
    }
    return [];
  }

  /**
   * The same for verified entries that are being stored: when they are next, nothing is read back, and their rows are
   * written while the log is. Should the log not take them, the view is made anew.
   */
  async take(run: readonly Verified[], stored: Promise<void>): Promise<readonly Cid[]> {
    while (this.#running) await this.#running;
    if (this.#isStale || this.#applied !== run[0]?.segment.from) {
      await stored;
      return this.catchUp();
    }
    return this.#alone(() => this.#apply(verifiedEntries(run), stored));
  }

  async #catchUp(to: number): Promise<readonly Cid[]> {
    await this.#level();
    let group: StoredEntry[] = [];
    for await (const bytes of this.#log.segments(this.#applied, to)) {
      group.push(...storedEntries(bytes));
      if (group.length < GROUP) continue;
      const missing = await this.#apply(group);
      if (missing.length > 0) return missing;
      group = [];
    }
    return this.#apply(group);
  }

  /** Entries are told of when their rows and, if that is under way, they themselves are stored. */
  async #apply(run: readonly StoredEntry[], stored?: Promise<void>): Promise<readonly Cid[]> {
    for (let at = 0; at < run.length; ) {
      const outcome = await this.#applier.apply(run.slice(at, at + GROUP));
      const { count, items, deadLetters, owned, applied, missing } = outcome;
      at += count;
      if (count > 0) {
        const rows = owned.map((hash) => this.#ownedRow(hash));
        await this.#write([...items.values()], deadLetters, this.#applied + count, rows);
      }
      await stored?.catch((error: unknown) => {
        this.#isStale = true;
        throw error;
      });
      for (const one of applied) this.#onApplied(one);
      if (missing.length > 0) return missing;
    }
    return [];
  }
}

const NO_BYTES = Buffer.alloc(0);
