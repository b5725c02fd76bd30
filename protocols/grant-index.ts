// Grants by what they are about. Every question for entries, blocks or heads asks for a grant: looking through all grants of a
// large mesh each time would be a way to keep a node busy. Pure, and no more than a second look at the same rows.

import type { GrantRow } from './directory-rows.ts';
import type { FeedId, SpaceId } from './ids.ts';

interface About {
  readonly publisher: SpaceId;
  readonly subscriber: SpaceId | '*';
  readonly feed: FeedId | '*';
}

const keyOf = ({ publisher, subscriber, feed }: About): string =>
  `${publisher} ${subscriber} ${feed}`;

export class GrantIndex {
  readonly #byKey = new Map<string, Set<GrantRow>>();

  add(grant: GrantRow): void {
    const rows = this.#byKey.get(keyOf(grant));
    if (rows) rows.add(grant);
    else this.#byKey.set(keyOf(grant), new Set([grant]));
  }

  delete(grant: GrantRow): void {
    const rows = this.#byKey.get(keyOf(grant));
    rows?.delete(grant);
    if (rows?.size === 0) this.#byKey.delete(keyOf(grant));
  }

  /** The oldest of the grants for this feed to this reader, or to everybody, that `isGood` takes. */
  find(
    publisher: SpaceId,
    feed: FeedId,
    readers: readonly (SpaceId | '*')[],
    isGood: (grant: GrantRow) => boolean,
  ): GrantRow | undefined {
    let found: GrantRow | undefined;
    for (const subscriber of readers) {
      for (const about of [feed, '*'] as const) {
        for (const grant of this.#byKey.get(keyOf({ publisher, subscriber, feed: about })) ?? []) {
          // In the order of their entries: those that follow are younger still.
          if (found && grant.entry > found.entry) break;
          if (!isGood(grant)) continue;
          found = grant;
          break;
        }
      }
    }
    return found;
  }
}
