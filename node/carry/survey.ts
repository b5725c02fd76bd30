// Asks connected members now and then how much they have of the feeds that they are to carry, and of this space's own: so that
// everybody can see how many copies of a feed there are. What is exchanged anyway is not asked for again.

import { decodeNote } from '../../protocols/checkpoint.ts';
import type { FeedRow } from '../../protocols/directory.ts';
import {
  type FeedId,
  formatUuid,
  parseFeedId,
  type SpaceId,
  uuidBytes,
} from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { CarriedHead } from '../../protocols/sync.ts';
import { type Clock, monotonicMs } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Feeds } from '../feed/feeds.ts';
import type { Members } from '../members.ts';
import type { SyncClient } from '../net/sync-client.ts';
import type { Carriers } from '../replicate/carriers.ts';
import type { Duty } from './duty.ts';

export interface SurveyOptions {
  readonly directory: Directory;
  readonly members: Members;
  readonly feeds: Pick<Feeds, 'peek' | 'opened'>;
  readonly carriers: Carriers;
  readonly duty: Duty;
  readonly self: SpaceId;
  readonly clock: Clock;
  /** The time that trust goes by. */
  readonly trusted: Clock;
  /** Whether the note is signed by the publisher of the feed. */
  readonly isGenuine: (row: FeedRow, note: Buffer) => boolean;
}

interface Asked {
  readonly atMs: number;
  /** In a row, while an answer was waited for. */
  readonly times: number;
}

export class Survey {
  readonly #o: SurveyOptions;
  readonly #asked = new Map<string, Asked>();

  constructor(options: SurveyOptions) {
    this.#o = options;
  }

  /** Not more often than now and then, however often it is called. */
  async ask(client: SyncClient, peerId: string, known: ReadonlySet<FeedId>): Promise<void> {
    const isAwaited = this.#awaited().has(peerId);
    if (!this.#isTime(peerId, isAwaited)) return;
    const times = isAwaited ? (this.#asked.get(peerId)?.times ?? 0) + 1 : 0;
    this.#asked.set(peerId, { atMs: monotonicMs(this.#o.clock), times });
    const ids = this.#questions(peerId, known);
    if (ids.length === 0) return;
    const heads = new Map<FeedId, CarriedHead>();
    for (const head of await client.heads(ids.map(uuidBytes)))
      heads.set(parseFeedId(formatUuid(head.log)), head);
    for (const id of ids) this.note(id, peerId, heads.get(id));
  }

  /** Peers that are to be asked now, for whether a copy is complete: whoever published waits for that. */
  due(): string[] {
    return [...this.#awaited()].filter((peerId) => this.#isTime(peerId, true));
  }

  /** Connected peers chosen for a feed of this space's, that did not say yet that they have all of it. */
  #awaited(): Set<string> {
    const { directory, members, feeds, carriers, duty } = this.#o;
    const awaited = new Set<string>();
    for (const { publisher, row } of feeds.opened) {
      if (!publisher) continue;
      for (const space of duty.choice(row.id).chosen) {
        const chosen = directory.state.spaces.get(space);
        const peerId = chosen && members.peerIdOf(chosen);
        if (peerId === undefined || !members.isConnected(peerId)) continue;
        if (!carriers.newest(row.id, peerId)?.isComplete) awaited.add(peerId);
      }
    }
    return awaited;
  }

  /** Who cannot have it, for want of room perhaps, is asked less and less. */
  #isTime(peerId: string, isAwaited: boolean): boolean {
    const asked = this.#asked.get(peerId);
    if (!asked) return true;
    const usualMs = LIMITS.antiEntropyMs / 2;
    const soonMs = LIMITS.replicateMs * 2 ** asked.times;
    const pauseMs = isAwaited ? Math.min(soonMs, usualMs) : usualMs;
    return monotonicMs(this.#o.clock) - asked.atMs >= pauseMs;
  }

  /** A peer gave this head of a feed, or none. */
  note(id: FeedId, peerId: string, head: CarriedHead | undefined): void {
    const { directory, feeds, carriers } = this.#o;
    const row = directory.state.feeds.get(id);
    if (!row) return;
    const open = feeds.peek(id);
    const here = open?.publisher ? open.log.size : (open?.head?.size ?? 0);
    const isGenuine = head !== undefined && this.#o.isGenuine(row, head.note);
    const size = isGenuine ? decodeNote(head.note).checkpoint.size : 0;
    const said = isGenuine ? { held: head.held, whole: head.whole } : { held: 0, whole: 0 };
    carriers.note(id, peerId, { ...said, size: Math.max(here, size) });
  }

  #questions(peerId: string, known: ReadonlySet<FeedId>): FeedId[] {
    const { directory, members, duty, self } = this.#o;
    const space = members.spaceOf(peerId);
    const ids = new Set(space ? duty.of(space.id) : []);
    for (const row of directory.state.feeds.values()) {
      if (row.space === self) ids.add(row.id);
      else if (ids.has(row.id) && !this.mayAsk(row)) ids.delete(row.id);
    }
    // What somebody has of its own feed says nothing of copies.
    return [...ids].filter(
      (id) => !known.has(id) && directory.state.feeds.get(id)?.space !== space?.id,
    );
  }

  /** Whether others would say what they have of it: who may not have a feed is told nothing. */
  mayAsk(row: FeedRow): boolean {
    const { directory, self, trusted } = this.#o;
    if (row.isSealed) return true;
    return directory.state.grantFor(self, row, trusted.nowMs()) !== undefined;
  }
}
