// The view of a feed: its entries turned into items (apply.ts), as rows. It is derived: a cursor says how far it is, and
// what is missing is made again from the log.

import type { Cid } from '../../protocols/codec.ts';
import { decodeEntry } from '../../protocols/entry.ts';
import type { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Verified } from '../../protocols/run-verifier.ts';
import { isRot, type Store, type Write, type WriteOptions } from '../store/store.ts';
import { type Applied, Applier, type DeadLetter, type FeedIdentity } from './apply.ts';
import type { Blocks } from './blocks.ts';
import type { Item, ListOptions } from './items.ts';
import type { FeedLog } from './log.ts';
import type { Opener } from './opener.ts';
import { type StoredEntry, storedEntries, verifiedEntries } from './stored-entries.ts';
import { type Cursor, ViewRows } from './view-rows.ts';

/** Entries applied and written together: bounds memory while a long log is applied, and how far rows are ahead of it. */
const GROUP = LIMITS.batchEntries;

export class FeedView {
  readonly #rows: ViewRows;
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
    this.#rows = new ViewRows(store, log.prefix, (damage) => this.markDamaged(damage));
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
    if (log.damage) await view.#load().catch(passRot);
    else await view.reconcile();
    return view;
  }

  /** The view is not synced with the log: after a power cut it may be ahead of it. Then it is made anew. */
  async #level(): Promise<void> {
    // How long a damaged log is, is not known before it is mended.
    if (this.#log.damage) throw this.#log.damage;
    if (this.#isStale && !this.#damage) await this.#load().catch(passRot);
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

  async #load(): Promise<void> {
    const { applied, deadLetters } = await this.#rows.cursor();
    this.#applied = applied;
    this.#deadLetters = deadLetters;
    this.#isStale = false;
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
    this.#keylessAt = -1;
    await this.#written({ applied: 0, deadLetters: 0 }, () => this.#rows.clear());
  }

  async #write(
    items: readonly Item[],
    deadLetters: readonly DeadLetter[],
    applied: number,
    before: readonly Write[] = [],
    options?: WriteOptions,
  ): Promise<void> {
    const counted = deadLetters.filter(({ code }) => code !== 'KEY_UNKNOWN').length;
    const cursor = { applied, deadLetters: this.#deadLetters + counted };
    const change = { items, deadLetters, before };
    await this.#written(cursor, () => this.#rows.write(change, cursor, options));
  }

  async #written(cursor: Cursor, write: () => Promise<void>): Promise<void> {
    try {
      await write();
    } catch (error) {
      // The disk may hold the rows or not: its cursor is read before anything is applied again.
      this.#isStale = true;
      throw error;
    }
    this.#applied = cursor.applied;
    this.#deadLetters = cursor.deadLetters;
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
    const rows = [...pages, ...hashes.map((hash) => this.#rows.owned(hash))];
    // At once: how far the view of an own feed is bears witness to what was published.
    await this.#alone(() => this.#write(items, [], size, rows, {}).then(() => []));
  }

  /** Whether an applied entry names the block, as its record or as a part of it. Small records are no blocks. */
  owns(hash: Uint8Array): Promise<boolean> {
    return this.#rows.owns(hash);
  }

  /** Newest versions of those items that there are. Names that are new for sure are not looked up. */
  items(names: readonly string[]): Promise<Item[]> {
    return this.#rows.items(names);
  }

  item(name: string): Promise<Item | undefined> {
    return this.#rows.item(name);
  }

  list(options: ListOptions): AsyncGenerator<Item> {
    return this.#rows.list(options);
  }

  deadLetters(limit: number): Promise<DeadLetter[]> {
    return this.#rows.deadLetters(limit);
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
        const rows = [...outcome.rows, ...owned.map((hash) => this.#rows.owned(hash))];
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

function passRot(error: unknown): void {
  if (!isRot(error)) throw error;
}
