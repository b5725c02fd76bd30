// The view of a feed: its entries turned into items. It is derived: a cursor says how far it is, and what is missing is
// made again from the log. Entries that break their contract become dead letters and never stop the others.

import type { Cid } from '../../protocols/codec.ts';
import { Reader, Writer } from '../../protocols/codec.ts';
import { type Context, checkContent } from '../../protocols/contexts.ts';
import { decodeEntry, type Entry, KIND } from '../../protocols/entry.ts';
import { type Envelope, parseSource } from '../../protocols/envelope.ts';
import { asMeshError, type Code, MeshError } from '../../protocols/errors.ts';
import type { FeedName, SpaceName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { type Body, decodeRecord } from '../../protocols/record.ts';
import { decodeSegment, type Packed } from '../../protocols/segment.ts';
import { appliedKey, deadLetterKey, indexOfKey, ownedKey, tableRange } from '../store/keys.ts';
import type { Store, Write } from '../store/store.ts';
import type { Blocks } from './blocks.ts';
import {
  type Item,
  itemOf,
  type ListOptions,
  listItems,
  putItem,
  readItem,
  readItems,
} from './items.ts';
import type { FeedLog } from './log.ts';

/** Who and what a feed is: what its events must say. */
export interface FeedIdentity {
  readonly space: SpaceName;
  readonly feed: FeedName;
  readonly context: Context;
}

/** An entry that was applied, as subscribers of events see it. */
export interface Applied {
  readonly index: number;
  readonly entry: Entry;
  readonly envelope: Envelope;
  readonly item: string;
}

export interface DeadLetter {
  readonly index: number;
  readonly code: Code;
  readonly message: string;
}

/** Rows written together: bounds memory while a long log is applied. */
const GROUP = 1000;

/** Rows of entries that were applied and are not written yet. */
class Pending {
  readonly items = new Map<string, Item>();
  readonly dead: DeadLetter[] = [];
  readonly events: Applied[] = [];
  readonly owned: Write[] = [];
}

export class FeedView {
  readonly #store: Store;
  readonly #log: FeedLog;
  readonly #blocks: Blocks;
  readonly #identity: FeedIdentity;
  readonly #onApplied: (applied: Applied) => void;
  #applied = 0;
  #deadLetters = 0;
  #isStale = true;
  #running: Promise<Cid[]> | undefined;

  private constructor(
    store: Store,
    log: FeedLog,
    blocks: Blocks,
    identity: FeedIdentity,
    onApplied: (applied: Applied) => void,
  ) {
    this.#store = store;
    this.#log = log;
    this.#blocks = blocks;
    this.#identity = identity;
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
  #alone(change: () => Promise<Cid[]>): Promise<Cid[]> {
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

  items(names: readonly string[]): Promise<(Item | undefined)[]> {
    return readItems(this.#store, this.#log.prefix, names);
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
  async catchUp(upTo = Number.POSITIVE_INFINITY): Promise<Cid[]> {
    // A run that was under way may have begun before the newest entries came.
    while (this.#isStale || this.#applied < Math.min(upTo, this.#log.size)) {
      const missing = await (this.#running ??
        this.#alone(() => this.#catchUp(Math.min(upTo, this.#log.size))));
      if (missing.length > 0) return missing;
    }
    return [];
  }

  async #catchUp(to: number): Promise<Cid[]> {
    let pending = new Pending();
    await this.#level();
    let next = this.#applied;
    const flush = async () => {
      const { items, dead, events, owned } = pending;
      await this.#write([...items.values()], dead, next, owned);
      for (const event of events) this.#onApplied(event);
      pending = new Pending();
    };
    for await (const bytes of this.#log.segments(next, to)) {
      for (const packed of decodeSegment(bytes).entries) {
        const missing = await this.#applyOne(next, packed, pending);
        if (missing.length > 0) {
          await flush();
          return missing;
        }
        next++;
        if (pending.owned.length >= GROUP) await flush();
      }
      if (next - this.#applied >= GROUP) await flush();
    }
    await flush();
    return [];
  }

  async #applyOne(index: number, packed: Packed, pending: Pending): Promise<Cid[]> {
    const { items, dead, events } = pending;
    const entry = decodeEntry(packed.leaf);
    try {
      if (entry.record === null) throw new MeshError('EVENT_INVALID', 'the entry has no record');
      const bytes = packed.record ?? (await this.#blocks.get(entry.record));
      if (!bytes) return [entry.record];
      const body = decodeRecord(entry.record, bytes);
      if (body.kind === 'attachment') {
        const missing = await this.#blocks.missing(bytes, LIMITS.missingBlocks);
        if (missing.length > 0) return missing;
      }
      const name = await this.#checkContract(entry, body, items);
      items.set(name, itemOf(entry, index, name, contentHash(entry, body)));
      events.push({ index, entry, envelope: body.envelope, item: name });
    } catch (error) {
      const { code, message } = asMeshError(error);
      // A damaged store is this node's fault, not the entry's: it must not be passed over.
      if (code === 'STORE_DAMAGED' || code === 'DISK_FULL' || code === 'INTERNAL') throw error;
      dead.push({ index, code, message });
    }
    // Of a dead letter too: without its blocks others could not tell that it is one, and would wait for them for ever.
    if (entry.record) {
      for await (const hash of this.#blocks.named(entry.record, packed.record))
        pending.owned.push(this.#ownedRow(hash));
    }
    return [];
  }

  /** The event must speak for this feed, and its item, name and content must fit what came before. */
  async #checkContract(
    entry: Entry,
    body: Body,
    pending: ReadonlyMap<string, Item>,
  ): Promise<string> {
    const { space, feed, context } = this.#identity;
    const source = parseSource(body.envelope.source);
    if (source.space !== space || source.feed !== feed) {
      throw new MeshError(
        'EVENT_INVALID',
        `an event of ${space}/${feed} names ${source.space}/${source.feed} as its source`,
      );
    }
    if (body.envelope.type !== entry.event)
      throw new MeshError('EVENT_INVALID', 'an event has another type than its entry');
    const old = pending.get(source.item) ?? (await this.item(source.item));
    if (old && !old.id.equals(entry.item)) {
      throw new MeshError(
        'EVENT_INVALID',
        `${JSON.stringify(source.item)} is the name of another item`,
      );
    }
    // Numbers may be missing: an earlier version may be a dead letter, and must not make dead letters of all that follow.
    if (entry.version <= (old?.version ?? 0)) {
      throw new MeshError(
        'EVENT_INVALID',
        `version ${entry.version} does not follow version ${old?.version ?? 0}`,
      );
    }
    if (body.kind === 'attachment') {
      if (body.attachment.sizeBytes !== entry.sizeBytes)
        throw new MeshError('EVENT_INVALID', 'an entry has another size than its content');
      if (context.content === 'json') await this.#checkJson(body);
    }
    return source.item;
  }

  async #checkJson(body: Body & { kind: 'attachment' }): Promise<void> {
    const { attachment } = body;
    if (attachment.sizeBytes > LIMITS.jsonBytes)
      throw new MeshError('TOO_LARGE', 'a JSON document is above its limit');
    const parts: Buffer[] = [];
    for await (const part of this.#blocks.content(attachment)) parts.push(part);
    checkContent(this.#identity.context, Buffer.concat(parts), 'the content');
  }
}

function contentHash(entry: Entry, body: Body): Buffer {
  if (entry.kind === KIND.withdraw) return Buffer.alloc(32);
  if (body.kind === 'attachment') return body.attachment.sha256;
  return sha256(body.content);
}

const NO_BYTES = Buffer.alloc(0);
