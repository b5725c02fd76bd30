// The view of a feed: its entries turned into items (apply.ts), as rows. It is derived: a cursor says how far it is, and
// what is missing is made again from the log.

import type { Cid } from '../../protocols/codec.ts';
import { Reader, Writer } from '../../protocols/codec.ts';
import { decodeEntry } from '../../protocols/entry.ts';
import type { Code, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Verified } from '../../protocols/run-verifier.ts';
import { appliedKey, deadLetterKey, indexOfKey, ownedKey, tableRange } from '../store/keys.ts';
import { isRot, type RangeOptions, type Row, type Store, type Write } from '../store/store.ts';
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
import type { Opener } from './opener.ts';

/** Entries applied and written together: bounds memory while a long log is applied. */
const GROUP = 1000;

export class FeedView {
  readonly #store: Store;
  readonly #log: FeedLog;
  readonly #applier: Applier;
  readonly #opener: Opener | undefined;
  readonly #onApplied: (applied: Applied) => void;
  #applied = 0;
  #deadLetters = 0;
  #end = Number.POSITIVE_INFINITY;
  #isStale = true;
  /** A row of it is damaged: it is made anew before anything is applied. */
  #damage: MeshError | undefined;
  /** Told of a damaged row when it is found. */
  onDamaged: ((damage: MeshError) => void) | undefined;
  /** Of all rows; absent when there were rows before this process. */
  #names: NameFilter | undefined;
  #running: Promise<readonly Cid[]> | undefined;
  /** Size of the log in which the key of the next entry was not found; it can only come with more entries. */
  #keylessAt = -1;

  private constructor(
    store: Store,
    log: FeedLog,
    blocks: Blocks,
    identity: FeedIdentity,
    onApplied: (applied: Applied) => void,
    opener: Opener | undefined,
  ) {
    this.#store = store;
    this.#log = log;
    const itemsOf = (names: readonly string[]) => this.items(names);
    this.#applier = new Applier({ identity, blocks, itemsOf, opener });
    this.#opener = opener;
    this.#onApplied = onApplied;
  }

  static async open(
    store: Store,
    log: FeedLog,
    blocks: Blocks,
    identity: FeedIdentity,
    onApplied: (applied: Applied) => void = () => {},
    opener?: Opener,
  ): Promise<FeedView> {
    const view = new FeedView(store, log, blocks, identity, onApplied, opener);
    // The rows of a feed whose log is damaged are shown as they are.
    if (log.damage) await view.#sound(() => view.#load()).catch(passRot);
    else await view.reconcile();
    return view;
  }

  /** The view is not synced with the log: after a power cut it may be ahead of it. Then it is made anew. */
  async #level(): Promise<void> {
    // How long a damaged log is, is not known before it is mended.
    if (this.#log.damage) throw this.#log.damage;
    if (this.#isStale && !this.#damage) await this.#sound(() => this.#load()).catch(passRot);
    if (!this.#damage && this.#applied <= this.#size) return;
    await this.#clear();
    this.#damage = undefined;
    this.#isStale = false;
  }

  get damage(): MeshError | undefined {
    return this.#damage;
  }

  /** A row of it, or of what is counted from it, was found damaged. */
  markDamaged(damage: MeshError): void {
    this.#isStale = true;
    if (this.#damage) return;
    this.#damage = damage;
    this.onDamaged?.(damage);
  }

  async #sound<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (isRot(error)) this.markDamaged(error as MeshError);
      throw error;
    }
  }

  async *#range(options: RangeOptions): AsyncGenerator<Row> {
    try {
      yield* this.#store.range(options);
    } catch (error) {
      if (isRot(error)) this.markDamaged(error as MeshError);
      throw error;
    }
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

  /** Entries of the log that may be items. */
  get #size(): number {
    return Math.min(this.#end, this.#log.size);
  }

  /** From this index on no entry counts: its space was shut out, and what it signed from there on is not good. */
  async endAt(index: number): Promise<void> {
    if (index === this.#end) return;
    this.#end = index;
    await this.reconcile();
    await this.catchUp();
  }

  /** Entries of the log that are items now. */
  get applied(): number {
    return this.#applied;
  }

  /** False while entries wait to be applied, or a write failed and the rows are in doubt. */
  get isLevel(): boolean {
    return !this.#isStale && this.#applied === this.#size;
  }

  /** Entries that break their contract; those that were sealed before this space had a grant are not counted. */
  get deadLetterCount(): number {
    return this.#deadLetters;
  }

  /** True while the next entry is sealed with a key that this space has not been given. */
  get waitsForKey(): boolean {
    return this.#keylessAt === this.#log.size && !this.isLevel;
  }

  async #clear(): Promise<void> {
    const writes: Write[] = [];
    this.#keylessAt = -1;
    for (const table of ['i', 'd', 'o', 'p']) {
      const onDamaged = (key: Buffer) => writes.push({ type: 'del', key });
      for await (const { key } of this.#store.range({
        ...tableRange(table, this.#log.prefix),
        onDamaged,
      }))
        writes.push({ type: 'del', key });
    }
    this.#deadLetters = 0;
    this.#names = new NameFilter();
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
    const counted = deadLetters.filter(({ code }) => code !== 'KEY_UNKNOWN').length;
    const count = this.#deadLetters + counted;
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
    pages: readonly Write[] = [],
  ): Promise<void> {
    // A reader may be applying the same entries just now: older rows must not come after newer ones.
    while (this.#running) await this.#running;
    if (this.#applied >= size) return;
    const rows = [...pages, ...hashes.map((hash) => this.#ownedRow(hash))];
    await this.#alone(() => this.#write(items, [], size, rows).then(() => []));
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
    const found = await this.#sound(() => readItems(this.#store, this.#log.prefix, asked));
    if (asked.length === names.length) return found;
    const byName = new Map(found.map((item, i) => [asked[i]!, item]));
    return names.map((name) => byName.get(name));
  }

  item(name: string): Promise<Item | undefined> {
    return this.#sound(() => readItem(this.#store, this.#log.prefix, name));
  }

  list(options: ListOptions): AsyncGenerator<Item> {
    return listItems((range) => this.#range(range), this.#log.prefix, options);
  }

  async deadLetters(limit: number): Promise<DeadLetter[]> {
    const out: DeadLetter[] = [];
    for await (const { key, value } of this.#range({
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
    while (this.#isStale || this.#applied < Math.min(upTo, this.#size)) {
      if (this.waitsForKey && !this.#isStale) return [];
      const missing = await (this.#running ??
        this.#alone(() => this.#catchUp(Math.min(upTo, this.#size))));
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
    const isNext = !this.#isStale && this.#applied === run[0]?.segment.from;
    if (!isNext || this.#end < Number.POSITIVE_INFINITY) {
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
      // Entries that are being stored just now are not looked through for keys.
      const { size } = this.#log;
      const outcome = await this.#applier.apply(run.slice(at, at + GROUP));
      const { count, items, deadLetters, owned, applied, missing, waitsForKey } = outcome;
      at += count;
      if (count > 0) {
        const rows = [...outcome.rows, ...owned.map((hash) => this.#ownedRow(hash))];
        await this.#write([...items.values()], deadLetters, this.#applied + count, rows);
      }
      await stored?.catch((error: unknown) => {
        this.#isStale = true;
        throw error;
      });
      for (const one of applied) this.#onApplied(one);
      if (missing.length > 0) return missing;
      if (waitsForKey) {
        this.#keylessAt = size;
        return [];
      }
      if (outcome.rows.length > 0 && (await this.#isHistoryOpen())) {
        await this.#clear();
        return [];
      }
    }
    return [];
  }

  /** A page gave a key for what was passed over before: then the view is made anew, in the order of the log. */
  async #isHistoryOpen(): Promise<boolean> {
    for (const { index, code } of await this.deadLetters(LIMITS.pageRows)) {
      if (code !== 'KEY_UNKNOWN') continue;
      const { keyEpoch } = decodeEntry((await this.#log.entry(index)).leaf);
      return keyEpoch !== null && this.#opener?.ring.key(keyEpoch) !== undefined;
    }
    return false;
  }
}

const NO_BYTES = Buffer.alloc(0);

function passRot(error: unknown): void {
  if (!isRot(error)) throw error;
}
