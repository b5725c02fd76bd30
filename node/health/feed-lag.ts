// How long the oldest entry that is missing here has been known to exist: for each feed, the sizes of its head in the order
// in which they became known, as far as they lie ahead of what is held.

import type { FeedId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';

interface Mark {
  size: number;
  readonly knownMs: number;
}

export class FeedLag {
  readonly #marks = new Map<FeedId, Mark[]>();

  /** To be told from time to time; the finer, the more exact. */
  note(feed: FeedId, known: number, held: number, nowMs: number): void {
    const marks = this.#marks.get(feed) ?? [];
    while (marks[0] && marks[0].size <= held) marks.shift();
    const newest = marks.at(-1);
    if (known > Math.max(held, newest?.size ?? 0)) {
      // When there are too many the newest are told as older than they are, never as younger.
      if (newest && marks.length >= LIMITS.lagMarks) newest.size = known;
      else marks.push({ size: known, knownMs: nowMs });
    }
    if (marks.length === 0) this.#marks.delete(feed);
    else this.#marks.set(feed, marks);
  }

  forget(isTaken: (feed: FeedId) => boolean): void {
    for (const feed of this.#marks.keys()) if (!isTaken(feed)) this.#marks.delete(feed);
  }

  /** 0 when level. */
  ageMs(feed: FeedId, nowMs: number): number {
    const oldest = this.#marks.get(feed)?.[0];
    return oldest ? Math.max(0, nowMs - oldest.knownMs) : 0;
  }
}
