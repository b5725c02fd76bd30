// The largest head of each feed whose signature was verified here, also of feeds this node does not take: what is not
// larger is old, and is passed over before it costs a verification or the time of the next node.

import type { Checkpoint } from '../../protocols/checkpoint.ts';
import type { FeedId } from '../../protocols/ids.ts';

interface Seen {
  readonly size: number;
  readonly root: Buffer;
  /** As it was signed. */
  readonly signed: Buffer | undefined;
  /** A second root was seen at this size: two histories are told on once, not as often as somebody likes. */
  readonly isForked: boolean;
}

export class SeenHeads {
  /** Only feeds of the directory get here: it bounds the table. */
  readonly #seen = new Map<FeedId, Seen>();

  /** True when the head says nothing new. Another root at the largest size does: it is the proof of a fork. */
  isOld(feed: FeedId, { size, root }: Checkpoint): boolean {
    const seen = this.#seen.get(feed);
    if (!seen || size > seen.size) return false;
    return size < seen.size || seen.isForked || seen.root.equals(root);
  }

  newest(feed: FeedId): Omit<Seen, 'isForked'> | undefined {
    return this.#seen.get(feed);
  }

  /** To be told of every head that was verified. */
  note(feed: FeedId, { size, root }: Checkpoint, signed?: Uint8Array): void {
    const seen = this.#seen.get(feed);
    if (seen && size < seen.size) return;
    const isForked = seen?.size === size && (seen.isForked || !seen.root.equals(root));
    // A copy: the root is a part of the message, which would stay in memory with it.
    this.#seen.set(feed, {
      size,
      root: Buffer.from(root),
      signed: signed && Buffer.from(signed),
      isForked,
    });
  }
}
