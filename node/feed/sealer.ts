// The publisher's side of a sealed feed: under which key the next record is sealed, and which pages must stand in the log before
// it. A key whose readers are no longer all allowed, that is old or much used is followed by a new one. Writes nothing.

import { decodeEntry, encodeEntry, KIND } from '../../protocols/entry.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { structCid } from '../../protocols/record.ts';
import { type Inner, type SealedRecord, sealRecord } from '../../protocols/sealed-record.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import {
  decodeShareKeyPage,
  SHARE_KEY_BYTES,
  SHARE_KEY_EVENT,
  wrapShareKey,
} from '../../protocols/share-key.ts';
import type { Clock, Random } from '../clock.ts';
import type { KeyRing } from './key-ring.ts';
import type { FeedLog } from './log.ts';
import type { Reader, Readers } from './readers.ts';

export interface SealerOptions {
  readonly ring: KeyRing;
  readonly log: FeedLog;
  /** Who may read the feed at this time. */
  readonly readers: (nowMs: number) => Readers;
  /** The time that trust goes by. */
  readonly trusted: Clock;
  readonly random: Random;
}

/** A page of a share key that the log still lacks. */
export interface NewPage {
  readonly leaf: Buffer;
  readonly bytes: Buffer;
}

/** How the records of one batch are sealed. */
export interface SealPlan {
  readonly epoch: number;
  readonly key: Buffer;
  /** They come first in the batch: history before the newest, so that nobody takes an older key for one that never comes. */
  readonly pages: readonly NewPage[];
  readonly seal: (inner: Inner) => SealedRecord;
}

interface Count {
  readonly epoch: number;
  next: number;
  /** Records published under the epoch, and those of older ones that were sealed anew. */
  records: number;
  anew: number;
}

export class Sealer {
  readonly #o: SealerOptions;
  /** Key ids for which nothing can be wrapped: they would be tried with every batch. */
  readonly #weak = new Set<string>();
  #count: Count | undefined;

  constructor(options: SealerOptions) {
    this.#o = options;
  }

  get ring(): KeyRing {
    return this.#o.ring;
  }

  /** When the readers or the key may be others without a change of the directory. */
  dueMs(): number {
    const { ring, readers, trusted } = this.#o;
    const started = ring.epoch(ring.newest)?.startedMs;
    const age = started === undefined ? Infinity : started + LIMITS.shareKeyAgeMs;
    return Math.min(readers(trusted.nowMs()).untilMs, age);
  }

  async plan(): Promise<SealPlan> {
    const { ring, random, trusted } = this.#o;
    const nowMs = trusted.nowMs();
    const readers = this.#o.readers(nowMs);
    const all = readers.all.filter(({ keyId }) => !this.#weak.has(keyId));
    const isNew = await this.#mustBegin(readers, nowMs);
    const epoch = isNew ? ring.newest + 1 : ring.newest;
    const key = isNew ? Buffer.from(random.bytes(SHARE_KEY_BYTES)) : ring.key(epoch)!;
    const pages = this.#history(all, epoch, nowMs);
    const wrapped = isNew ? undefined : ring.epoch(epoch)?.recipients;
    const lacking = all.filter(({ keyId }) => !wrapped?.has(keyId));
    pages.push(...this.#pages(epoch, key, lacking, nowMs));
    const { scope } = ring;
    const seal = (inner: Inner) => sealRecord({ scope, epoch, key }, inner, random.bytes(16));
    return { epoch, key, pages, seal };
  }

  async #mustBegin(readers: Readers, nowMs: number): Promise<boolean> {
    const { ring } = this.#o;
    const epoch = ring.epoch(ring.newest);
    if (!epoch || !ring.key(ring.newest)) return true;
    const allowed = new Set(readers.all.map(({ space }) => space));
    for (const keyId of epoch.recipients) {
      const owner = readers.ownerOf(keyId);
      if (!owner || !allowed.has(owner)) return true;
    }
    if (nowMs - epoch.startedMs >= LIMITS.shareKeyAgeMs) return true;
    const { records, anew } = await this.#countNewest(epoch.index);
    return records >= Math.max(LIMITS.shareKeyRecords, anew);
  }

  /** From the log; what was counted before is not read again. */
  async #countNewest(from: number): Promise<Count> {
    const { ring, log } = this.#o;
    const epoch = ring.newest;
    if (this.#count?.epoch !== epoch) this.#count = { epoch, next: from, records: 0, anew: 0 };
    const count = this.#count;
    for await (const bytes of log.segments(count.next, log.size)) {
      for (const { leaf } of decodeSegment(bytes).entries) {
        const { kind, keyEpoch, prev } = decodeEntry(leaf);
        count.next++;
        if (keyEpoch !== epoch || kind === KIND.shareKeyEpoch) continue;
        if (kind === KIND.publish && prev !== null) count.anew++;
        else count.records++;
      }
    }
    return count;
  }

  /** Keys of former epochs for those who may have what was before. */
  #history(all: readonly Reader[], newest: number, nowMs: number): NewPage[] {
    const { ring } = this.#o;
    const entitled = all.filter(({ withHistory }) => withHistory);
    const pages: NewPage[] = [];
    for (const [number, { recipients }] of ring.epochs) {
      const key = ring.key(number);
      if (number >= newest || !key) continue;
      const lacking = entitled.filter(({ keyId }) => !recipients.has(keyId));
      pages.push(...this.#pages(number, key, lacking, nowMs));
    }
    return pages;
  }

  #pages(epoch: number, key: Buffer, lacking: readonly Reader[], nowMs: number): NewPage[] {
    if (lacking.length === 0) return [];
    const { ring, random } = this.#o;
    const pages = wrapShareKey({
      ...{ scope: ring.scope, epoch, key },
      recipients: lacking.map(({ exchangeKey }) => exchangeKey),
      random: (count) => random.bytes(count),
    });
    const missed = new Set(lacking.map(({ keyId }) => keyId));
    const written = ring.epoch(epoch)?.pages ?? 0;
    const made = pages.map((bytes, i) => {
      const { commit, wraps } = decodeShareKeyPage(bytes);
      for (const { keyId } of wraps) missed.delete(keyId.toString('hex'));
      const leaf = encodeEntry({
        ...{ kind: KIND.shareKeyEpoch, event: SHARE_KEY_EVENT, timeMs: nowMs, keyEpoch: epoch },
        ...{ item: commit.subarray(0, 16), version: written + i + 1, feed: ring.scope.feed },
        ...{ record: structCid(bytes), sizeBytes: bytes.length, prev: null, expiresS: null },
      });
      return { leaf, bytes };
    });
    for (const keyId of missed) this.#weak.add(keyId);
    return made;
  }
}
