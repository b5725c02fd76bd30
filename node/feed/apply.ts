// Applying entries: from verified entries to items of a feed, by the contract of its context. Entries that break it
// become dead letters and never stop the others. Knows no database rows; the view writes what comes out.

import type { Cid } from '../../protocols/codec.ts';
import { type Context, checkContent } from '../../protocols/contexts.ts';
import { type Contract, contractOf } from '../../protocols/contracts.ts';
import { type Entry, KIND } from '../../protocols/entry.ts';
import {
  type Envelope,
  formatSourcePrefix,
  parseSource,
  parseSourceItem,
} from '../../protocols/envelope.ts';
import { asMeshError, type Code, isMeshError, MeshError } from '../../protocols/errors.ts';
import type { FeedName, SpaceName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Body, decodeRecord } from '../../protocols/record.ts';
import type { Write } from '../store/store.ts';
import type { Blocks } from './blocks.ts';
import { checkOrder, contentHash } from './entry-order.ts';
import { type Item, itemOf } from './items.ts';
import type { Opener } from './opener.ts';
import { sealedDrafts } from './sealed-drafts.ts';
import type { StoredEntry } from './stored-entries.ts';

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

/** What applying a run of entries changes. */
export class Outcome {
  /** How many entries of the run it covers. */
  count = 0;
  readonly items = new Map<string, Item>();
  readonly deadLetters: DeadLetter[] = [];
  readonly applied: Applied[] = [];
  /** Hashes of the blocks that these entries name. */
  readonly owned: Uint8Array[] = [];
  /** Pages of share keys that were taken. */
  readonly rows: Write[] = [];
  /** Blocks without which the next entry cannot be applied. */
  missing: readonly Cid[] = [];
  /** The next entry is sealed with a key that may still come. */
  waitsForKey = false;
}

/** A record beside its entry is read before anything is looked up, so that rows are asked for once a run. */
export interface Draft {
  /** The entry as it would be in an open feed. */
  readonly stored: StoredEntry;
  /** As it is in the log. */
  readonly kept: StoredEntry;
  readonly body?: Body;
  /** Of a page of a share key: nothing else follows from it. */
  readonly row?: Write;
  readonly item?: string;
  readonly refusal?: unknown;
}

/**
 * Blocks named by one outcome: bounds what is written at once while large objects are applied, and how long their records are
 * held. A thousand of 60 KB outlived two collections, and applying them took half as long again.
 */
const MOST_OWNED = 100;
const RAW = 0x55;

export interface ApplierOptions {
  readonly identity: FeedIdentity;
  readonly blocks: Blocks;
  /** Newest versions of those items that there are, as applied so far. */
  readonly itemsOf: (names: readonly string[]) => Promise<Item[]>;
  /** Present when the feed is sealed. */
  readonly opener?: Opener | undefined;
}

export class Applier {
  readonly #o: ApplierOptions;
  readonly #sourcePrefix: string;
  readonly #contract: Contract | undefined;

  constructor(options: ApplierOptions) {
    this.#o = options;
    this.#sourcePrefix = formatSourcePrefix(options.identity);
    this.#contract = contractOf(options.identity.context.name);
  }

  /** Applies entries in order; ends early at blocks that are missing, or when it has become large. */
  async apply(run: readonly StoredEntry[]): Promise<Outcome> {
    const outcome = new Outcome();
    const { opener, blocks } = this.#o;
    const sealed = opener && (await sealedDrafts(run, opener, blocks));
    const drafts = sealed
      ? sealed.drafts.map((draft) => this.#named(draft))
      : run.map((stored) => this.#draft(stored));
    const known = await this.#known(drafts);
    for (const draft of drafts) {
      const { stored, body, item, refusal, row } = draft;
      try {
        if (refusal) throw refusal;
        if (row) outcome.rows.push(row);
        else if (body?.kind === 'event' && item !== undefined) {
          this.#take(stored, body, item, outcome.items.get(item) ?? known.get(item), outcome);
        } else {
          outcome.missing = await this.#applyBlocks(draft, outcome);
          if (outcome.missing.length > 0) return outcome;
        }
      } catch (error) {
        outcome.deadLetters.push(deadLetter(stored.index, error));
      }
      if (mayNameBlocks(draft.kept)) await this.#own(draft.kept, outcome.owned);
      outcome.count++;
      if (outcome.owned.length >= MOST_OWNED) return outcome;
    }
    if (sealed) {
      outcome.missing = sealed.missing;
      outcome.waitsForKey = sealed.waitsForKey;
    }
    return outcome;
  }

  #named(draft: Draft): Draft {
    if (!draft.body) return draft;
    try {
      return { ...draft, item: this.#itemName(draft.body.envelope) };
    } catch (refusal) {
      return { ...draft, refusal };
    }
  }

  /** Most entries are events with their record beside them: those need no waiting. */
  #draft(stored: StoredEntry): Draft {
    const { entry, record } = stored;
    const kept = stored;
    if (entry.record?.codec !== RAW || !record) return { stored, kept };
    try {
      const body = decodeRecord(entry.record, record);
      return { stored, kept, body, item: this.#itemName(body.envelope) };
    } catch (refusal) {
      return { stored, kept, refusal };
    }
  }

  async #known(drafts: readonly Draft[]): Promise<Map<string, Item>> {
    const names: string[] = [];
    for (const { item } of drafts) if (item !== undefined) names.push(item);
    const known = new Map<string, Item>();
    for (const item of await this.#o.itemsOf(names)) known.set(item.name, item);
    return known;
  }

  /** Resolves with the blocks that must come first. */
  async #applyBlocks(draft: Draft, outcome: Outcome): Promise<readonly Cid[]> {
    const { stored, kept } = draft;
    const { entry } = stored;
    const { blocks, itemsOf, identity } = this.#o;
    if (entry.record === null) throw new MeshError('EVENT_INVALID', 'the entry has no record');
    const bytes = kept.record ?? (await blocks.get(entry.record));
    if (!bytes) return [entry.record];
    const body = draft.body ?? decodeRecord(entry.record, bytes);
    if (body.kind === 'attachment') {
      const missing = await blocks.missing(bytes, LIMITS.missingBlocks);
      if (missing.length > 0) return missing;
    }
    const item = this.#itemName(body.envelope);
    const [old] = outcome.items.has(item) ? [outcome.items.get(item)] : await itemsOf([item]);
    this.#check(entry, body, item, old);
    if (body.kind === 'attachment' && identity.context.content === 'json') {
      const rotten = await this.#checkJson(body, bytes);
      if (rotten.length > 0) return rotten;
    }
    this.#put(stored, body, item, old, outcome);
    return [];
  }

  #take(
    stored: StoredEntry,
    body: Body,
    item: string,
    old: Item | undefined,
    outcome: Outcome,
  ): void {
    this.#check(stored.entry, body, item, old);
    this.#put(stored, body, item, old, outcome);
  }

  #check(entry: Entry, body: Body, item: string, old: Item | undefined): void {
    checkOrder(entry, body, item, old);
    if (entry.kind === KIND.withdraw) return;
    this.#contract?.(item, body.kind === 'event' ? body.envelope : null, entry.timeMs);
  }

  #put(
    { index, entry }: StoredEntry,
    body: Body,
    item: string,
    old: Item | undefined,
    outcome: Outcome,
  ): void {
    outcome.items.set(item, itemOf(entry, index, item, contentHash(entry, body)));
    // Sealed anew under a later key: nothing new for those who had it.
    if (old?.version === entry.version) return;
    outcome.applied.push({ index, entry, envelope: body.envelope, item });
  }

  /** The event must speak for this feed. */
  #itemName({ source: text }: Envelope): string {
    if (text.startsWith(this.#sourcePrefix))
      return parseSourceItem(text.slice(this.#sourcePrefix.length));
    const source = parseSource(text);
    const { space, feed } = this.#o.identity;
    throw new MeshError(
      'EVENT_INVALID',
      `an event of ${space}/${feed} names ${source.space}/${source.feed} as its source`,
    );
  }

  /** Of a dead letter too: without its blocks others could not tell that it is one, and would wait for them for ever. */
  async #own({ entry, record }: StoredEntry, owned: Uint8Array[]): Promise<void> {
    for await (const hash of this.#o.blocks.named(entry.record!, record)) owned.push(hash);
  }

  /** Resolves with blocks that were there and turned out to be damaged when they were read: they have to come anew. */
  async #checkJson(body: Body & { kind: 'attachment' }, record: Buffer): Promise<readonly Cid[]> {
    const { attachment } = body;
    const { blocks } = this.#o;
    if (attachment.sizeBytes > LIMITS.jsonBytes)
      throw new MeshError('TOO_LARGE', 'a JSON document is above its limit');
    const parts: Buffer[] = [];
    try {
      for await (const part of blocks.content(attachment)) parts.push(part);
    } catch (error) {
      const isGone = isMeshError(error, 'RECORD_MISSING');
      const rotten = isGone ? await blocks.missing(record, LIMITS.missingBlocks) : [];
      if (rotten.length > 0) return rotten;
      // It was there before and is there again: this is no fault of the entry.
      if (isGone)
        throw new MeshError('STORE_DAMAGED', 'a block was read wrongly', { cause: error });
      throw error;
    }
    checkContent(this.#o.identity.context, Buffer.concat(parts), 'the content');
    return [];
  }
}

/** An event beside its entry names none, and most are: nothing is waited for. */
const mayNameBlocks = ({ entry, record }: StoredEntry): boolean =>
  entry.record !== null && !(record && entry.record.codec === RAW);

function deadLetter(index: number, error: unknown): DeadLetter {
  const { code, message } = asMeshError(error);
  // A damaged store is this node's fault, not the entry's: it must not be passed over.
  if (code === 'STORE_DAMAGED' || code === 'DISK_FULL' || code === 'INTERNAL') throw error;
  return { index, code, message };
}
