// A batch on its way: drafts become entries, records and item rows in memory. Nothing is written here; a refused request
// leaves the batch as it was. What is the same for all drafts of a batch is computed once: batches have a thousand.

import type { Cid } from '../../protocols/codec.ts';
import { type Context, publishedEvent, withdrawnEvent } from '../../protocols/contexts.ts';
import { encodeEntry, KIND, type Kind } from '../../protocols/entry.ts';
import { checkFields, checkNesting, type Json, SPEC_VERSION } from '../../protocols/envelope.ts';
import { MeshError } from '../../protocols/errors.ts';
import {
  type FeedName,
  parseItemName,
  type SpaceName,
  uuidFromBytes,
} from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { type Content, encodeAttachment, rawCid, structCid } from '../../protocols/record.ts';
import type { Packed } from '../../protocols/segment.ts';
import type { Item } from './items.ts';

/** Content that lies in the block store already, or fits into the record. */
export interface StoredContent {
  readonly sizeBytes: number;
  readonly sha256: Buffer;
  readonly content: Content;
  readonly mediaType: string;
}

export interface Draft {
  readonly item: string;
  /** An event's payload, stored content, or null to withdraw the item. */
  readonly body: { readonly payload: Json } | StoredContent | null;
  /** Event type, when it is not the context's ordinary one. */
  readonly type?: string;
  readonly occurredTimeUtc?: string;
  readonly activityId?: string;
}

export interface Published {
  readonly item: string;
  readonly status: 'published' | 'unchanged' | 'withdrawn';
  readonly version: number;
  readonly index: number;
}

export interface BatchOptions {
  readonly space: SpaceName;
  readonly feed: FeedName;
  readonly context: Context;
  /** 16-byte feed id; null for the directory. */
  readonly feedId: Uint8Array | null;
  readonly nowMs: number;
  /** Index of the first entry of the batch. */
  readonly from: number;
  /** Newest rows of the items that the drafts name, as far as there are any. */
  readonly rows: Iterable<Item>;
  /** Random bytes for {@link randomBytesFor} drafts and requests. */
  readonly randomness: Uint8Array;
}

/** Each draft needs an event id and perhaps an item id, each request an activity id. */
export const randomBytesFor = (drafts: number, requests: number): number =>
  16 * (2 * drafts + requests);

/** A record about to be named by an entry. */
interface NewRecord {
  readonly kind: Kind;
  readonly type: string;
  readonly cid: Cid;
  readonly bytes: Buffer;
  readonly sha256: Buffer;
  readonly sizeBytes: number;
}

export class Batch {
  readonly packed: Packed[] = [];
  /** Rows that change, newest version of each item. */
  readonly items = new Map<string, Item>();
  /** Records too large to lie beside their entries. */
  readonly blocks: { hash: Uint8Array; bytes: Buffer }[] = [];
  /** Records that name further blocks, which lie in the block store already. */
  readonly chunked: Buffer[] = [];
  readonly #o: BatchOptions;
  readonly #known = new Map<string, Item>();
  readonly #published: string;
  readonly #withdrawn: string;
  readonly #source: string;
  readonly #time: string;
  #activityId = '';
  #used = 0;

  constructor(options: BatchOptions) {
    const { space, feed, context, nowMs, rows } = options;
    this.#o = options;
    for (const row of rows) this.#known.set(row.name, row);
    this.#published = publishedEvent(context);
    this.#withdrawn = withdrawnEvent(context);
    this.#source = `odcm://${space}/${feed}#`;
    this.#time = new Date(nowMs).toISOString();
  }

  /** Adds one request, all or nothing. @throws the refusal of its first bad draft */
  add(drafts: readonly Draft[]): Published[] {
    const length = this.packed.length;
    const blocks = this.blocks.length;
    const chunked = this.chunked.length;
    const before = new Map<string, Item | undefined>();
    this.#activityId = uuidFromBytes(this.#random16());
    try {
      return drafts.map((draft) => {
        const item = parseItemName(draft.item);
        if (!before.has(item)) before.set(item, this.#known.get(item));
        return this.#addDraft(draft);
      });
    } catch (error) {
      this.packed.length = length;
      this.blocks.length = blocks;
      this.chunked.length = chunked;
      for (const [name, row] of before) this.#restore(name, row);
      throw error;
    }
  }

  #restore(name: string, row: Item | undefined): void {
    if (row) this.#known.set(name, row);
    else this.#known.delete(name);
    if (row && row.index >= this.#o.from) this.items.set(name, row);
    else this.items.delete(name);
  }

  #addDraft(draft: Draft): Published {
    const { item, body } = draft;
    const old = this.#known.get(item);
    if (body === null) {
      if (!old || old.isWithdrawn) {
        throw new MeshError(
          'ITEM_UNKNOWN',
          `${JSON.stringify(item)} is not published in ${this.#o.feed}`,
        );
      }
      return this.#addEntry(draft, this.#withdrawal(draft));
    }
    const payload = 'payload' in body ? payloadText(draft, body.payload) : undefined;
    const hash =
      payload === undefined ? (body as StoredContent).sha256 : sha256(Buffer.from(payload));
    if (old && !old.isWithdrawn && old.sha256.equals(hash)) {
      return { item, status: 'unchanged', version: old.version, index: old.index };
    }
    const kind = old ? KIND.supersede : KIND.publish;
    const record =
      payload === undefined
        ? this.#attachment(draft, kind, body as StoredContent)
        : this.#event(draft, kind, payload, hash);
    return this.#addEntry(draft, record);
  }

  #withdrawal(draft: Draft): NewRecord {
    const type = draft.type ?? this.#withdrawn;
    const bytes = this.#envelope(draft, type, '{}');
    return { kind: KIND.withdraw, type, cid: rawCid(bytes), bytes, sha256: NO_HASH, sizeBytes: 0 };
  }

  #event(draft: Draft, kind: Kind, payload: string, hash: Buffer): NewRecord {
    const type = draft.type ?? this.#published;
    const bytes = this.#envelope(draft, type, payload);
    return {
      kind,
      type,
      cid: rawCid(bytes),
      bytes,
      sha256: hash,
      sizeBytes: Buffer.byteLength(payload),
    };
  }

  #attachment(draft: Draft, kind: Kind, stored: StoredContent): NewRecord {
    const { sizeBytes, mediaType } = stored;
    if (sizeBytes === 0)
      throw new MeshError('FILE_EMPTY', `${JSON.stringify(draft.item)} is empty`);
    if (mediaType.length > LIMITS.mediaTypeChars) {
      throw new MeshError('EVENT_INVALID', 'a media type is too long');
    }
    const type = draft.type ?? this.#published;
    const envelope = this.#envelope(draft, type, JSON.stringify({ mediaType }));
    const bytes = encodeAttachment({ ...stored, envelope });
    if (!('inline' in stored.content)) this.chunked.push(bytes);
    return { kind, type, cid: structCid(bytes), bytes, sha256: stored.sha256, sizeBytes };
  }

  /** The payload was serialised once for its hash; it is the last field of the envelope. */
  #envelope(draft: Draft, type: string, payload: string): Buffer {
    const id = uuidFromBytes(this.#random16());
    const occurredTimeUtc = draft.occurredTimeUtc ?? this.#time;
    const activityId = draft.activityId ?? this.#activityId;
    if (draft.occurredTimeUtc !== undefined || draft.activityId !== undefined) {
      checkFields({ id, activityId, occurredTimeUtc });
    }
    // Every text but the type, which is checked with its entry, is made here or was just checked: none needs escaping.
    const bytes = Buffer.from(
      `{"id":"${id}","source":"${this.#source}${encodeURIComponent(draft.item)}","type":${JSON.stringify(type)},` +
        `"occurredTimeUtc":"${occurredTimeUtc}","activityId":"${activityId}","specVersion":"${SPEC_VERSION}",` +
        `"payload":${payload}}`,
    );
    checkNesting(bytes);
    if (bytes.length < LIMITS.envelopeBytes) return bytes;
    throw new MeshError(
      'TOO_LARGE',
      `the event of ${JSON.stringify(draft.item)} is not below 64 KB`,
      {
        next: 'Publish large content as a file: odcm publish FEED ITEM FILE',
      },
    );
  }

  #random16(): Uint8Array {
    this.#used += 16;
    return this.#o.randomness.subarray(this.#used - 16, this.#used);
  }

  #addEntry(draft: Draft, record: NewRecord): Published {
    const { kind, type, cid, bytes, sizeBytes, sha256: hash } = record;
    const { nowMs, feedId, from } = this.#o;
    const old = this.#known.get(draft.item);
    const index = from + this.packed.length;
    const version = (old?.version ?? 0) + 1;
    const id = old?.id ?? Buffer.from(this.#random16());
    const leaf = encodeEntry({
      kind,
      event: type,
      item: id,
      version,
      timeMs: nowMs,
      feed: feedId,
      keyEpoch: null,
      record: cid,
      sizeBytes,
      prev: old?.index ?? null,
      expiresS: null,
    });
    const isInline = bytes.length <= LIMITS.inlineRecordBytes;
    if (!isInline) this.blocks.push({ hash: cid.hash, bytes });
    this.packed.push({ leaf, record: isInline ? bytes : null });
    const isWithdrawn = kind === KIND.withdraw;
    const row: Item = {
      name: draft.item,
      id,
      version,
      index,
      isWithdrawn,
      sizeBytes,
      timeMs: nowMs,
      sha256: hash,
    };
    this.#known.set(draft.item, row);
    this.items.set(draft.item, row);
    return { item: draft.item, status: isWithdrawn ? 'withdrawn' : 'published', version, index };
  }
}

function payloadText(draft: Draft, payload: Json): string {
  try {
    const text: string | undefined = JSON.stringify(payload);
    if (text !== undefined) return text;
  } catch {
    // Nested so deeply that the stack was used up.
  }
  throw new MeshError('EVENT_INVALID', `the payload of ${JSON.stringify(draft.item)} is not JSON`);
}

const NO_HASH = Buffer.alloc(32);
