// A batch on its way: new records become entries and item rows in memory. Nothing is written here; a refused request
// leaves the batch as it was.

import type { Cid } from '../../protocols/codec.ts';
import { encodeEntry, KIND } from '../../protocols/entry.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { FeedName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { structCid } from '../../protocols/record.ts';
import { type Inner, SEALED_EVENT } from '../../protocols/sealed-record.ts';
import type { Packed } from '../../protocols/segment.ts';
import type { DrawnIds } from './drawn-ids.ts';
import type { Item } from './items.ts';
import type { NewRecord } from './new-records.ts';
import type { SealPlan } from './sealer.ts';

export type { Draft, StoredContent } from './new-records.ts';

export interface Published {
  readonly item: string;
  readonly status: 'published' | 'unchanged' | 'withdrawn';
  readonly version: number;
  readonly index: number;
}

export interface BatchOptions {
  readonly feed: FeedName;
  /** 16-byte feed id; null for the directory. */
  readonly feedId: Uint8Array | null;
  readonly nowMs: number;
  /** Index of the first entry of the batch. */
  readonly from: number;
  /** Newest rows of the items that the drafts name, as far as there are any. */
  readonly rows: Iterable<Item>;
  readonly ids: DrawnIds;
  /** Present when the feed is sealed: its pages come first. */
  readonly plan?: SealPlan | undefined;
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
  /** As they were before the batch. */
  readonly #known = new Map<string, Item>();
  /** What this batch had made of the rows that the request under way has changed, in the order of its changes. */
  readonly #replaced: { readonly name: string; readonly row: Item | undefined }[] = [];

  constructor(options: BatchOptions) {
    this.#o = options;
    for (const row of options.rows) this.#known.set(row.name, row);
    for (const { leaf, bytes } of options.plan?.pages ?? [])
      this.#pack(leaf, structCid(bytes), bytes);
  }

  #pack(leaf: Buffer, cid: Cid, bytes: Buffer): void {
    const isInline = bytes.length <= LIMITS.inlineRecordBytes;
    if (!isInline) this.blocks.push({ hash: cid.hash, bytes });
    this.packed.push({ leaf, record: isInline ? bytes : null });
  }

  /** Adds one request, all or nothing. @throws the refusal of its first bad record */
  add(request: readonly NewRecord[]): Published[] {
    const length = this.packed.length;
    const blocks = this.blocks.length;
    const chunked = this.chunked.length;
    this.#replaced.length = 0;
    try {
      return request.map((record) => this.#add(record));
    } catch (error) {
      this.packed.length = length;
      this.blocks.length = blocks;
      this.chunked.length = chunked;
      for (const { name, row } of this.#replaced.reverse()) this.#restore(name, row);
      throw error;
    }
  }

  #restore(name: string, row: Item | undefined): void {
    if (row) this.items.set(name, row);
    else this.items.delete(name);
  }

  #add(record: NewRecord): Published {
    const { item, isWithdrawal, sha256 } = record;
    const old = this.items.get(item) ?? this.#known.get(item);
    if (isWithdrawal) {
      if (old && !old.isWithdrawn) return this.#addEntry(old, record);
      throw new MeshError(
        'ITEM_UNKNOWN',
        `${JSON.stringify(item)} is not published in ${this.#o.feed}`,
      );
    }
    if (old && !old.isWithdrawn && old.sha256.equals(sha256)) {
      return { item, status: 'unchanged', version: old.version, index: old.index };
    }
    return this.#addEntry(old, record);
  }

  #addEntry(old: Item | undefined, record: NewRecord): Published {
    const { item: name, isWithdrawal, type, sizeBytes, sha256 } = record;
    const { nowMs: timeMs, feedId, from, ids, plan } = this.#o;
    const index = from + this.packed.length;
    const version = (old?.version ?? 0) + 1;
    const id = old?.id ?? ids.bytes();
    // Its chunks would lie in the open, and nobody who carries the feed could find them.
    if (plan && record.isChunked && !record.chunked)
      throw new MeshError('EVENT_INVALID', `the content of ${JSON.stringify(name)} is not sealed`);
    const sealed = plan?.seal(record.chunked ?? { form: formOf(record), record: record.bytes });
    const { cid, bytes } = sealed ?? record;
    const keyEpoch = plan?.epoch ?? null;
    const leaf = encodeEntry({
      kind: isWithdrawal ? KIND.withdraw : old ? KIND.supersede : KIND.publish,
      event: sealed ? SEALED_EVENT : type,
      item: id,
      version,
      timeMs,
      feed: feedId,
      keyEpoch,
      record: cid,
      sizeBytes: sealed?.sizeBytes ?? sizeBytes,
      prev: old?.index ?? null,
      expiresS: null,
    });
    if (record.isChunked) this.chunked.push(bytes);
    this.#pack(leaf, cid, bytes);
    const isWithdrawn = isWithdrawal;
    const row = { name, id, version, index, isWithdrawn, sizeBytes, timeMs, sha256, keyEpoch };
    this.#replaced.push({ name, row: old && old.index >= from ? old : undefined });
    this.items.set(name, row);
    return { item: name, status: isWithdrawal ? 'withdrawn' : 'published', version, index };
  }

  /** The newest version of an item under the key of this batch: nothing else of it changes. */
  addAgain(row: Item, inner: Inner): void {
    const { feedId, from, plan } = this.#o;
    if (!plan) throw new MeshError('INTERNAL', 'only a sealed feed is sealed anew');
    const { cid, bytes, sizeBytes } = plan.seal(inner);
    const index = from + this.packed.length;
    const { id: item, version, timeMs } = row;
    const leaf = encodeEntry({
      ...{ kind: KIND.publish, event: SEALED_EVENT, item, version, timeMs, feed: feedId },
      ...{ keyEpoch: plan.epoch, record: cid, sizeBytes, prev: row.index, expiresS: null },
    });
    if (inner.form === 'chunked') this.chunked.push(bytes);
    this.#pack(leaf, cid, bytes);
    this.items.set(row.name, { ...row, index, keyEpoch: plan.epoch });
  }
}

const formOf = ({ cid }: NewRecord) => (cid.codec === RAW ? 'event' : 'file');
const RAW = 0x55;
