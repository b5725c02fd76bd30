// The share keys of one sealed feed: which epochs there are, for whom each was wrapped, and the keys that this space can
// open. All of it comes out of pages in the log; what is opened also rests under the local key.

import type { KeyObject } from 'node:crypto';
import { Reader, Writer } from '../../protocols/codec.ts';
import { type Entry, KIND } from '../../protocols/entry.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  commitOf,
  decodeShareKeyPage,
  KEY_ID_BYTES,
  openShareKey,
  type ShareKeyPage,
} from '../../protocols/share-key.ts';
import type { SealScope } from '../../protocols/signable.ts';
import type { Random } from '../clock.ts';
import { indexOfKey, sharePageKey, tableRange } from '../store/keys.ts';
import type { Store, Write } from '../store/store.ts';
import type { Blocks } from './blocks.ts';
import { KeysAtRest } from './keys-at-rest.ts';
import type { FeedLog } from './log.ts';

/** The secrets of this space that sealed feeds need. */
export interface SealSecrets {
  /** X25519: for these keys pages are wrapped; the newest, and one that was replaced lately. */
  readonly exchangeKeys: () => Promise<readonly KeyObject[]>;
  readonly localKey: () => Promise<KeyObject>;
  /** What opened keys rested under before. */
  readonly formerLocalKey?: () => Promise<KeyObject | undefined>;
}

/** What the pages of one epoch say. */
export interface Epoch {
  readonly commit: Buffer;
  /** Of its first page: when it began, and where. */
  readonly startedMs: number;
  readonly index: number;
  pages: number;
  /** Key ids of its recipients, in hexadecimal. */
  readonly recipients: Set<string>;
}

export interface KeyRingOptions {
  readonly logs: Store;
  readonly views: Store;
  readonly blocks: Blocks;
  readonly log: FeedLog;
  readonly scope: SealScope;
  readonly secrets: SealSecrets;
  readonly random: Random;
}

export class KeyRing {
  readonly scope: SealScope;
  readonly #o: KeyRingOptions;
  readonly #rest: KeysAtRest;
  readonly #epochs = new Map<number, Epoch>();
  /** Indices of pages that are in `#epochs` already. */
  readonly #pages = new Set<number>();
  #keys = new Map<number, Buffer>();
  #newest = 0;
  /** Epochs whose page for this space is not what its publisher promised. */
  readonly #spoilt = new Set<number>();

  private constructor(options: KeyRingOptions) {
    const { logs, scope, secrets, random } = options;
    this.#o = options;
    this.scope = scope;
    this.#rest = new KeysAtRest({ logs, scope, random, ...secrets });
  }

  static async open(options: KeyRingOptions): Promise<KeyRing> {
    const ring = new KeyRing(options);
    ring.#keys = await ring.#rest.all();
    await ring.#readPages();
    return ring;
  }

  /** Pages that were applied before; a key that is not at rest any more is opened again from its page. */
  async #readPages(): Promise<void> {
    const { views, log, blocks } = this.#o;
    const range = tableRange('p', log.prefix);
    for await (const { key, value } of views.range({ ...range, onDamaged: () => {} })) {
      const index = indexOfKey(key);
      const page = decodeRow(value);
      this.#note(index, page);
      if (this.#has(page) || index >= log.size) continue;
      const { leaf: _, record } = await log.entry(index);
      const bytes = record ?? (await blocks.get({ codec: 0x71, hash: page.hash }));
      if (bytes) await this.#openPage(decodeShareKeyPage(bytes)).catch(passMismatch);
    }
  }

  /** The newest epoch that began; 0 before the first. */
  get newest(): number {
    return this.#newest;
  }

  epoch(number: number): Epoch | undefined {
    return this.#epochs.get(number);
  }

  get epochs(): ReadonlyMap<number, Epoch> {
    return this.#epochs;
  }

  key(epoch: number): Buffer | undefined {
    return this.#keys.get(epoch);
  }

  /** True when no page that may still come is meant to give this space the key: it has a later one, or was given a bad one. */
  isClosed(epoch: number): boolean {
    if (this.#spoilt.has(epoch)) return true;
    for (const known of this.#keys.keys()) if (known > epoch) return true;
    return false;
  }

  /**
   * A page that stands in the log, in the order of the log or ahead of it. Gives the row that remembers it.
   * @throws MALFORMED, SEAL_BROKEN, KEY_MISMATCH
   */
  async take(index: number, entry: Entry, bytes: Buffer): Promise<Write> {
    const page = decodeShareKeyPage(bytes);
    if (!page.feed.equals(this.scope.feed) || page.epoch !== entry.keyEpoch)
      throw new MeshError('SEAL_BROKEN', 'a share key stands under another feed or epoch');
    const known = this.#epochs.get(page.epoch);
    if (known && !known.commit.equals(page.commit)) {
      this.#spoilt.add(page.epoch);
      throw new MeshError('KEY_MISMATCH', `epoch ${page.epoch} has pages with different keys`);
    }
    await this.#openPage(page);
    const { epoch, commit, wraps } = page;
    const row = {
      ...{ epoch, commit, startedMs: entry.timeMs, hash: entry.record!.hash },
      recipients: wraps.map(({ keyId }) => keyId),
    };
    this.#note(index, row);
    const key = sharePageKey(this.#o.log.prefix, index);
    return { type: 'put', key, value: encodeRow(row) };
  }

  async #openPage(page: ShareKeyPage): Promise<void> {
    const { epoch } = page;
    if (this.#has(page)) return;
    this.#keys.delete(epoch);
    const secrets = await this.#o.secrets.exchangeKeys();
    try {
      const key = openShareKey(this.scope, page, secrets);
      if (key) await this.#keep(epoch, key);
    } catch (error) {
      if (isMeshError(error, 'KEY_MISMATCH')) this.#spoilt.add(epoch);
      throw error;
    }
  }

  /** A key of the same number may be of a history that the log no longer has: what rests is held against the page. */
  #has({ epoch, commit }: Pick<ShareKeyPage, 'epoch' | 'commit'>): boolean {
    const key = this.#keys.get(epoch);
    return key !== undefined && commitOf(this.scope.feed, epoch, key).equals(commit);
  }

  async #keep(epoch: number, key: Buffer): Promise<void> {
    this.#keys.set(epoch, key);
    await this.#rest.put(epoch, key);
  }

  /** The publisher's own new key, once its pages are in the log; they are taken like everybody's. */
  async adopt(epoch: number, key: Buffer): Promise<void> {
    if (!this.#keys.get(epoch)?.equals(key)) await this.#keep(epoch, key);
  }

  #note(index: number, { epoch, commit, startedMs, recipients }: PageRow): void {
    if (this.#pages.has(index)) return;
    this.#pages.add(index);
    const known = this.#epochs.get(epoch);
    const one = known ?? { commit, startedMs, index, pages: 0, recipients: new Set<string>() };
    one.pages++;
    for (const id of recipients) one.recipients.add(id.toString('hex'));
    this.#epochs.set(epoch, one);
    this.#newest = Math.max(this.#newest, epoch);
  }
}

interface PageRow {
  readonly epoch: number;
  readonly startedMs: number;
  readonly commit: Buffer;
  /** Of the page: it may rest as a block. */
  readonly hash: Uint8Array;
  readonly recipients: readonly Buffer[];
}

function encodeRow({ epoch, startedMs, commit, hash, recipients }: PageRow): Buffer {
  const w = new Writer(128 + recipients.length * KEY_ID_BYTES).array(5).uint(epoch).uint(startedMs);
  return w.bytes(commit).bytes(hash).bytes(Buffer.concat(recipients)).take();
}

function decodeRow(value: Buffer): PageRow {
  const r = new Reader(value);
  r.tuple(5);
  const [epoch, startedMs, commit, hash] = [r.uint(), r.uint(), r.bytesOf(32), r.bytesOf(32)];
  const ids = r.bytes(LIMITS.shareKeyRecipients * KEY_ID_BYTES);
  r.end();
  const recipients: Buffer[] = [];
  for (let at = 0; at < ids.length; at += KEY_ID_BYTES)
    recipients.push(ids.subarray(at, at + KEY_ID_BYTES));
  return { epoch, startedMs, commit, hash, recipients };
}

function passMismatch(error: unknown): void {
  if (!isMeshError(error)) throw error;
}

/** True for entries that hold a page of a share key. */
export const isSharePage = (entry: Entry): boolean => entry.kind === KIND.shareKeyEpoch;
