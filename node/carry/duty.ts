// Which feeds this node is to carry, and who else: the choice of protocols/rendezvous.ts over the directory as it is,
// made anew when the directory changes, and now and then because grants end by themselves.

import type { FeedRow } from '../../protocols/directory.ts';
import type { FeedId, SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { carrierCandidates, carriersWanted, chooseCarriers } from '../../protocols/rendezvous.ts';
import type { Clock } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';

export interface DutyOptions {
  readonly directory: Directory;
  readonly self: SpaceId;
  readonly odcm: SpaceId;
  readonly clock: Clock;
}

/** Who is to carry one feed. */
export interface Choice {
  readonly wanted: number;
  /** First choice first; fewer than wanted when the mesh has no more candidates. */
  readonly chosen: readonly SpaceId[];
  readonly candidates: readonly SpaceId[];
}

const NOBODY: Choice = { wanted: 0, chosen: [], candidates: [] };

export class Duty {
  readonly #o: DutyOptions;
  #size = -1;
  #madeMs = 0;
  #choices = new Map<FeedId, Choice>();
  #bySpace = new Map<SpaceId, FeedId[]>();

  constructor(options: DutyOptions) {
    this.#o = options;
  }

  choice(feed: FeedId): Choice {
    this.#renew();
    return this.#choices.get(feed) ?? NOBODY;
  }

  /** Feeds that this space is chosen for. */
  of(space: SpaceId): readonly FeedId[] {
    this.#renew();
    return this.#bySpace.get(space) ?? [];
  }

  /** Place of this node among the chosen of a feed; -1 when it is none of them. */
  rank(feed: FeedId): number {
    return this.choice(feed).chosen.indexOf(this.#o.self);
  }

  #renew(): void {
    const { directory, clock } = this.#o;
    const nowMs = clock.nowMs();
    const isOld = Math.abs(nowMs - this.#madeMs) >= LIMITS.antiEntropyMs;
    if (directory.state.size === this.#size && !isOld) return;
    this.#size = directory.state.size;
    this.#madeMs = nowMs;
    this.#choices = new Map();
    this.#bySpace = new Map();
    for (const row of directory.state.feeds.values()) {
      const choice = this.#choose(row, nowMs);
      this.#choices.set(row.id, choice);
      for (const space of choice.chosen) {
        const feeds = this.#bySpace.get(space);
        if (feeds) feeds.push(row.id);
        else this.#bySpace.set(space, [row.id]);
      }
    }
  }

  #choose(row: FeedRow, nowMs: number): Choice {
    const { directory, odcm } = this.#o;
    const wanted = carriersWanted(row);
    const candidates = carrierCandidates(directory.state, row, odcm, nowMs);
    return { wanted, candidates, chosen: chooseCarriers(row.id, candidates, wanted) };
  }
}
