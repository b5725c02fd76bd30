// The rows of a view in the database: items, dead letters, blocks that its entries name, pages of share keys, and the
// cursor that says how far they go. Tells when it meets one that is damaged; what follows from that is the view's.

import { Reader, Writer } from '../../protocols/codec.ts';
import type { Code, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { appliedKey, deadLetterKey, indexOfKey, ownedKey, tableRange } from '../store/keys.ts';
import {
  isRot,
  type RangeOptions,
  type Row,
  type Store,
  type Write,
  type WriteOptions,
} from '../store/store.ts';
import type { DeadLetter } from './apply.ts';
import { type Item, type ListOptions, listItems, putItem, readItem, readItems } from './items.ts';
import { NameFilter } from './name-filter.ts';

/** How far the rows go, and how many entries broke their contract on the way. */
export interface Cursor {
  readonly applied: number;
  readonly deadLetters: number;
}

/** What a run of entries changes. */
export interface Change {
  readonly items: readonly Item[];
  readonly deadLetters: readonly DeadLetter[];
  /** Written before them, in the same batch. */
  readonly before: readonly Write[];
}

export class ViewRows {
  readonly #store: Store;
  readonly #prefix: Buffer;
  readonly #onRot: (damage: MeshError) => void;
  /** Of all rows; absent when there were rows before this process. */
  #names: NameFilter | undefined;

  constructor(store: Store, prefix: Buffer, onRot: (damage: MeshError) => void) {
    this.#store = store;
    this.#prefix = prefix;
    this.#onRot = onRot;
  }

  async #sound<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      if (isRot(error)) this.#onRot(error as MeshError);
      throw error;
    }
  }

  async *#range(options: RangeOptions): AsyncGenerator<Row> {
    try {
      yield* this.#store.range(options);
    } catch (error) {
      if (isRot(error)) this.#onRot(error as MeshError);
      throw error;
    }
  }

  async cursor(): Promise<Cursor> {
    const cursor = await this.#sound(async () => {
      const bytes = await this.#store.get(appliedKey(this.#prefix));
      if (!bytes) return { applied: 0, deadLetters: 0 };
      const r = new Reader(bytes);
      r.tuple(2);
      return { applied: r.uint(), deadLetters: r.uint() };
    });
    // Rows and cursor change together: without a cursor there are no rows.
    this.#names = cursor.applied === 0 ? new NameFilter() : undefined;
    return cursor;
  }

  /** Rows and the cursor over them in one batch. */
  async write(
    { items, deadLetters, before }: Change,
    cursor: Cursor,
    options: WriteOptions = { isDerived: true },
  ): Promise<void> {
    if (this.#names) for (const { name } of items) this.#names.add(name);
    const writes = [...before];
    for (const item of items) writes.push(putItem(this.#prefix, item));
    for (const d of deadLetters) {
      const value = new Writer().array(2).text(d.code).text(d.message.slice(0, 300)).take();
      writes.push({ type: 'put', key: deadLetterKey(this.#prefix, d.index), value });
    }
    const value = new Writer().array(2).uint(cursor.applied).uint(cursor.deadLetters).take();
    writes.push({ type: 'put', key: appliedKey(this.#prefix), value });
    await this.#store.write(writes, options);
  }

  /**
   * In one batch with the cursor: a cursor of 0 over old rows would make dead letters of good entries. Synced: after a power cut
   * the rows of a batch that the log did not take would be there again, under a log that has grown past them.
   */
  async clear(): Promise<void> {
    const before: Write[] = [];
    for (const table of ['i', 'd', 'o', 'p']) {
      const onDamaged = (key: Buffer) => before.push({ type: 'del', key });
      for await (const { key } of this.#store.range({
        ...tableRange(table, this.#prefix),
        onDamaged,
      }))
        before.push({ type: 'del', key });
    }
    this.#names = new NameFilter();
    const cursor = { applied: 0, deadLetters: 0 };
    await this.write({ items: [], deadLetters: [], before }, cursor, { sync: true });
  }

  /** Says that an entry names this block. */
  owned(hash: Uint8Array): Write {
    return { type: 'put', key: ownedKey(this.#prefix, hash), value: NO_BYTES };
  }

  owns(hash: Uint8Array): Promise<boolean> {
    return this.#store.has(ownedKey(this.#prefix, hash));
  }

  /** Newest versions of those items that there are. Names that are new for sure are not looked up, others once each. */
  async items(names: readonly string[]): Promise<Item[]> {
    const filter = this.#names;
    const asked = new Set<string>();
    for (const name of names) if (!filter || filter.mayHave(name)) asked.add(name);
    if (asked.size === 0) return [];
    const found = await this.#sound(() => readItems(this.#store, this.#prefix, [...asked]));
    return found.filter((item) => item !== undefined);
  }

  item(name: string): Promise<Item | undefined> {
    return this.#sound(() => readItem(this.#store, this.#prefix, name));
  }

  list(options: ListOptions): AsyncGenerator<Item> {
    return listItems((range) => this.#range(range), this.#prefix, options);
  }

  async deadLetters(limit: number): Promise<DeadLetter[]> {
    const out: DeadLetter[] = [];
    for await (const { key, value } of this.#range({ ...tableRange('d', this.#prefix), limit })) {
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
}

const NO_BYTES = Buffer.alloc(0);
