// For each feed whose newest known head is ahead of its entries: the head before, whose entries are all here. With it
// this node serves what it holds, also when the publisher went away before the rest could be fetched.

import { sizeOfNote } from '../../protocols/checkpoint.ts';
import type { FeedLog } from '../feed/log.ts';
import { markKey } from '../store/keys.ts';
import type { Store } from '../store/store.ts';

export class HeldNotes {
  readonly #store: Store;

  /** @param store the one that the logs are in */
  constructor(store: Store) {
    this.#store = store;
  }

  /** To be called before a log remembers a head of `nextSize` entries: keeps the one that it takes the place of. */
  async keep(log: FeedLog, nextSize: number): Promise<void> {
    const { note, size } = log;
    if (!note || nextSize <= size || sizeOfNote(note) > size) return;
    await this.#store.write([{ type: 'put', key: keyOf(log), value: note }]);
  }

  /** Heads for others, oldest first: each is one that this node has entries for, or the newest it knows of. */
  async of(log: FeedLog): Promise<Buffer[]> {
    const { note, size } = log;
    if (!note) return [];
    if (sizeOfNote(note) <= size) return [note];
    const held = await this.#store.get(keyOf(log));
    return held && sizeOfNote(held) <= size ? [held, note] : [note];
  }
}

const NAME = 'held/';
const keyOf = (log: FeedLog): Buffer => markKey(`${NAME}${log.prefix.toString('hex')}`);

/** The rows of a feed, in all its epochs. */
export function heldRange(feed: Uint8Array): { gte: Buffer; lt: Buffer } {
  const name = `${NAME}${Buffer.from(feed).toString('hex')}`;
  return { gte: markKey(name), lt: markKey(`${name}~`) };
}
