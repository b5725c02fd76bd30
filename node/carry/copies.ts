// Copies of feeds that are carried for others: entries and blocks as they come, counted and never applied. Needs no grant and
// reads no record beyond the blocks that it names.

import type { Checkpoint } from '../../protocols/checkpoint.ts';
import type { Cid } from '../../protocols/codec.ts';
import { decodeEntry } from '../../protocols/entry.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import type { FeedId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { verifyBlock } from '../../protocols/record.ts';
import type { Verified } from '../../protocols/run-verifier.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import { type EntrySource, takeIn } from '../feed/intake.ts';
import type { SyncClient } from '../net/sync-client.ts';
import type { CarriedBlocks } from './carried-blocks.ts';
import type { CarryRow, CarryRows } from './carry-rows.ts';

const RAW = 0x55;

export interface CopiesOptions {
  readonly rows: CarryRows;
  readonly carried: CarriedBlocks;
  /** Whether there is room for another step of fetching, besides those that are under way. */
  readonly hasRoom: (feed: FeedId, stepsUnderWay: number) => boolean;
}

export class Copies {
  readonly #o: CopiesOptions;
  /** Feeds whose blocks are being fetched: from one peer at a time. */
  readonly #fetching = new Map<FeedId, Promise<void>>();
  #steps = 0;

  constructor(options: CopiesOptions) {
    this.#o = options;
  }

  /** Entries from the beginning whose blocks are all here. */
  whole({ row, log, view, publisher }: OpenFeed): number {
    if (publisher) return log.size;
    return Math.min(log.size, Math.max(view.applied, this.#o.rows.get(row.id)?.whole ?? 0));
  }

  /** Its log became shorter: of what comes now no block is known to be here. */
  async shortened({ row, log }: OpenFeed): Promise<void> {
    const kept = this.#kept(row.id);
    if (kept && kept.whole > log.size) await this.#o.rows.put({ ...kept, whole: log.size }, false);
  }

  isFull(feed: FeedId): boolean {
    return !this.#o.hasRoom(feed, this.#steps);
  }

  /** Extends the log to a verified checkpoint. Ends early, with an error, when there is no more room. */
  async take(
    { row, path, log, id }: OpenFeed,
    from: { readonly checkpoint: Checkpoint; readonly note: Buffer; readonly source: EntrySource },
  ): Promise<void> {
    const onVerified = async (run: readonly Verified[], stored: Promise<void>) => {
      await stored;
      await this.#count(row.id, run);
      if (this.isFull(row.id)) throw noRoom(path);
    };
    if (this.isFull(row.id)) throw noRoom(path);
    this.#steps++;
    try {
      await takeIn({ log, feedId: id, ...from, onVerified });
    } finally {
      this.#steps--;
    }
  }

  async #count(feed: FeedId, run: readonly Verified[]): Promise<void> {
    const row = this.#kept(feed);
    if (!row) return;
    let { whole, bytes } = row;
    for (const { bytes: segment } of run) bytes += segment.length;
    for (const { segment, entries } of run) {
      const isWhole = entries.every(
        ({ record }, i) => record?.codec === RAW && segment.entries[i]!.record !== null,
      );
      if (!isWhole || segment.from !== whole) break;
      whole += entries.length;
    }
    await this.#o.rows.put({ ...row, whole, bytes }, false);
  }

  #kept(feed: FeedId): CarryRow | undefined {
    const row = this.#o.rows.get(feed);
    return row?.state === 'kept' ? row : undefined;
  }

  /** Fetches the blocks that entries name and that are not here, as far as the peer has them and there is room. */
  async fetchBlocks(client: SyncClient, feed: OpenFeed): Promise<void> {
    const { id } = feed.row;
    if (this.#fetching.has(id)) return;
    const work = this.#fetchBlocks(client, feed);
    const settled = work.catch(() => {});
    this.#fetching.set(id, settled);
    try {
      await work;
    } finally {
      this.#fetching.delete(id);
    }
  }

  /** Resolves when nothing more comes in of a feed that is no longer kept. */
  async settled(feed: FeedId): Promise<void> {
    await this.#fetching.get(feed);
  }

  async #fetchBlocks(client: SyncClient, feed: OpenFeed): Promise<void> {
    for (;;) {
      const missing = await this.#missing(feed);
      for (let at = 0; at < missing.length; at += LIMITS.blocksPerRequest) {
        if (!this.#kept(feed.row.id) || this.isFull(feed.row.id)) return;
        this.#steps++;
        try {
          await this.#fetchSome(client, feed, missing.slice(at, at + LIMITS.blocksPerRequest));
        } finally {
          this.#steps--;
        }
      }
      if (missing.length === 0) return;
    }
  }

  async #fetchSome(client: SyncClient, feed: OpenFeed, cids: readonly Cid[]): Promise<void> {
    // Also what lies here for another feed: its publisher may name what it never had, to be given it by this node.
    const found: { hash: Uint8Array; bytes: Buffer }[] = [];
    (await client.blocks(feed.id, cids)).forEach((bytes, i) => {
      if (!bytes) return;
      verifyBlock(cids[i]!, bytes);
      found.push({ hash: cids[i]!.hash, bytes });
    });
    if (found.length === 0) {
      throw new MeshError('RECORD_MISSING', `the peer does not hold a block of ${feed.path}`, {
        next: 'It will be fetched from another carrier.',
      });
    }
    if (!this.#kept(feed.row.id)) return;
    await this.#o.carried.of(feed.id).put(found, true);
    const row = this.#kept(feed.row.id);
    const came = found.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (row) await this.#o.rows.put({ ...row, bytes: row.bytes + came }, false);
  }

  /** Blocks to be fetched next; none when the copy is whole, which is then written down. */
  async #missing(feed: OpenFeed): Promise<Cid[]> {
    const { log } = feed;
    const missing: Cid[] = [];
    let index = this.whole(feed);
    const before = this.#kept(feed.row.id)?.whole;
    for await (const bytes of log.segments(index, log.size)) {
      for (const { leaf, record } of decodeSegment(bytes).entries) {
        const lacking = await this.#lacking(feed, leaf, record);
        missing.push(...lacking);
        if (missing.length === 0) index++;
      }
      if (missing.length >= LIMITS.blocksPerRequest) break;
    }
    const row = this.#kept(feed.row.id);
    if (row && index > (before ?? 0)) await this.#o.rows.put({ ...row, whole: index }, false);
    return missing;
  }

  async #lacking(feed: OpenFeed, leaf: Buffer, beside: Buffer | null): Promise<readonly Cid[]> {
    const { record: cid } = decodeEntry(leaf);
    if (!cid) return [];
    const blocks = this.#o.carried.of(feed.id);
    const record = beside ?? (await blocks.get(cid));
    if (!record) return [cid];
    if (cid.codec === RAW) return [];
    try {
      return await blocks.missing(record, LIMITS.missingBlocks);
    } catch (error) {
      // A record of no known form names nothing.
      if (!isMeshError(error) || error.code === 'STORE_DAMAGED') throw error;
      return [];
    }
  }
}

const noRoom = (path: string): MeshError =>
  new MeshError('BUSY', `there is no room to carry more of ${path}`);
