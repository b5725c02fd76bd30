// Opening sealed entries: what an entry and its record would be in an open feed. Looks ahead in the log for keys, since the
// page that gives a new reader its key comes after what it opens. Applies nothing.

import type { Cid } from '../../protocols/codec.ts';
import { decodeEntry, type Entry, KIND } from '../../protocols/entry.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import type { Body } from '../../protocols/record.ts';
import { bodyOfInner, type Inner, openInner, SEALED_EVENT } from '../../protocols/sealed-record.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import type { Write } from '../store/store.ts';
import type { Blocks } from './blocks.ts';
import { isSharePage, type KeyRing } from './key-ring.ts';
import type { FeedLog } from './log.ts';

/** An entry as it would be in an open feed, its record taken apart. */
export interface OpenedEntry {
  readonly entry: Entry;
  readonly body: Body;
  readonly inner: Inner;
}

export interface OpenerOptions {
  readonly ring: KeyRing;
  readonly log: FeedLog;
  readonly blocks: Blocks;
}

/** What can be done about an entry that is sealed with a key that is not here. */
export type KeyVerdict = 'there' | 'closed' | readonly Cid[];

export class Opener {
  readonly ring: KeyRing;
  readonly #log: FeedLog;
  readonly #blocks: Blocks;
  /** Entries of the log that were looked through for keys ahead of the view. */
  #seen = 0;

  constructor({ ring, log, blocks }: OpenerOptions) {
    this.ring = ring;
    this.#log = log;
    this.#blocks = blocks;
  }

  /**
   * Opens the record of an entry; undefined when its key is not here.
   * @throws EVENT_INVALID for what is not sealed, SEAL_BROKEN, MALFORMED
   */
  open(entry: Entry, record: Buffer): OpenedEntry | undefined {
    const { keyEpoch: epoch, record: cid } = entry;
    if (epoch === null || cid === null || entry.event !== SEALED_EVENT)
      throw new MeshError('EVENT_INVALID', 'an entry of a sealed feed is not sealed');
    const key = this.ring.key(epoch);
    if (!key) return undefined;
    const { scope } = this.ring;
    const inner = openInner({ scope, epoch, key }, cid, record);
    const body = bodyOfInner(scope, inner);
    return {
      entry: { ...entry, event: body.envelope.type, sizeBytes: sizeOf(entry, body) },
      body,
      inner,
    };
  }

  /** A page of a share key; gives the row that remembers it. */
  page(index: number, entry: Entry, record: Buffer): Promise<Write> {
    return this.ring.take(index, entry, record);
  }

  /**
   * Whether the key of an epoch is here, will not come, or may still come: then with the blocks that may bring it, where
   * there are any. Pages that stand in the log behind `index` are read first.
   */
  async verdict(epoch: number, index: number): Promise<KeyVerdict> {
    const missing = await this.#lookAhead(index);
    if (this.ring.key(epoch)) return 'there';
    return missing.length === 0 && this.ring.isClosed(epoch) ? 'closed' : missing;
  }

  /** Resolves with pages that are not here. */
  async #lookAhead(from: number): Promise<Cid[]> {
    const end = this.#log.size;
    const missing: Cid[] = [];
    let index = Math.max(from, this.#seen);
    for await (const bytes of this.#log.segments(index, end)) {
      for (const { leaf, record } of decodeSegment(bytes).entries) {
        const at = index++;
        const entry = decodeEntry(leaf);
        if (!isSharePage(entry) || !entry.record) continue;
        const page = record ?? (await this.#blocks.get(entry.record));
        // What is wrong with it is said when its turn comes.
        if (page) await this.ring.take(at, entry, page).catch(passRefusal);
        else missing.push(entry.record);
      }
    }
    if (missing.length === 0) this.#seen = end;
    return missing;
  }
}

function sizeOf(entry: Entry, body: Body): number {
  if (entry.kind === KIND.withdraw) return 0;
  return body.kind === 'attachment' ? body.attachment.sizeBytes : body.content.length;
}

function passRefusal(error: unknown): void {
  if (!isMeshError(error) || error.code === 'STORE_DAMAGED' || error.code === 'DISK_FULL')
    throw error;
}
