// The health of the mesh as this node sees it: one look every half second at its own timers and lines, at the silence of
// the others, and at what it lacks of the feeds that it takes. Decides nothing for others; whoever wants to know asks.

import type { FeedId, SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Clock, TimerHandle, Timers } from '../clock.ts';
import { FeedLag } from './feed-lag.ts';
import { HealthBoard } from './health-board.ts';
import type { InventoryFacts } from './inventory-facts.ts';
import { ListeningTime } from './lag.ts';
import { type Lines, LocalHealth } from './local-health.ts';

/** Of a feed that this node takes. */
export interface TakenFeed {
  readonly id: FeedId;
  readonly space: SpaceId;
  /** Entries below the newest head that is known; null when none is. */
  readonly size: number | null;
  readonly held: number;
}

export interface NodeHealthOptions {
  readonly self: SpaceId;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly isMember: (space: SpaceId) => boolean;
  /** Spaces whose nodes are connected now. */
  readonly connected: () => ReadonlySet<SpaceId>;
  readonly taken: () => Iterable<TakenFeed>;
}

export interface SpaceLag {
  readonly behind: number;
  /** Age of the oldest thing missing, 0 when level, null when nothing is known of what is taken. */
  readonly lagMs: number | null;
}

export class NodeHealth {
  readonly board: HealthBoard;
  readonly local = new LocalHealth();
  readonly time: ListeningTime;
  /** Set by whoever keeps the inventory entries. */
  inventory: InventoryFacts | undefined;
  readonly #o: NodeHealthOptions;
  readonly #lag = new FeedLag();
  /** Spaces that this node was connected to since they were last offline, and since when it is not, or Infinity. */
  readonly #lostMs = new Map<SpaceId, number>();
  #timer: TimerHandle | undefined;
  #isStopped = false;

  constructor(options: NodeHealthOptions) {
    this.#o = options;
    this.board = new HealthBoard(options.self);
    this.time = new ListeningTime(options.clock);
    this.board.onChange((space, state) => {
      if (state === 'offline') this.#lostMs.delete(space);
    });
  }

  start(): void {
    this.time.look();
    this.#schedule();
  }

  stop(): void {
    this.#isStopped = true;
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#isStopped) return;
    this.#timer = this.#o.timers.setTimeout(() => {
      this.#look();
      this.#schedule();
    }, LIMITS.healthMs);
  }

  #look(): void {
    const lateMs = this.time.look();
    this.board.keep(this.#o.isMember);
    this.local.look(lateMs, this.#lines());
    this.board.look({ nowMs: this.time.nowMs, multiplier: this.local.multiplier });
    this.#lookAtFeeds();
  }

  #lines(): Lines {
    const connected = this.#o.connected();
    const { nowMs } = this.time;
    let [others, formerly, broken] = [0, 0, 0];
    for (const { space, isOnline, heardMs } of this.board.present()) {
      others += 1;
      if (connected.has(space)) this.#lostMs.set(space, Number.POSITIVE_INFINITY);
      let lostMs = this.#lostMs.get(space);
      if (lostMs === undefined || !isOnline) continue;
      if (!connected.has(space) && lostMs > nowMs) {
        lostMs = nowMs;
        this.#lostMs.set(space, nowMs);
      }
      formerly += 1;
      // Heard after its line was gone: then it lives, and it is this node that does not reach it.
      if (heardMs > lostMs + LIMITS.healthMs) broken += 1;
    }
    const silenceMs = nowMs - this.board.lastHeardMs;
    return { others, connected: connected.size, formerly, broken, silenceMs };
  }

  #lookAtFeeds(): void {
    const nowMs = this.#o.clock.nowMs();
    const ids = new Set<FeedId>();
    for (const { id, size, held } of this.#o.taken()) {
      ids.add(id);
      this.#lag.note(id, size ?? held, held, nowMs);
    }
    this.#lag.forget((feed) => ids.has(feed));
  }

  /** Age of the oldest entry that is missing of a feed that this node takes; 0 when level. */
  lagOf(feed: FeedId): number {
    return this.#lag.ageMs(feed, this.#o.clock.nowMs());
  }

  /** Of each space of which something is taken. */
  lags(): Map<SpaceId, SpaceLag> {
    const nowMs = this.#o.clock.nowMs();
    const lags = new Map<SpaceId, SpaceLag>();
    for (const { id, space, size, held } of this.#o.taken()) {
      const { behind, lagMs } = lags.get(space) ?? { behind: 0, lagMs: null };
      lags.set(space, {
        behind: behind + Math.max(0, (size ?? held) - held),
        lagMs: size === null ? lagMs : Math.max(lagMs ?? 0, this.#lag.ageMs(id, nowMs)),
      });
    }
    return lags;
  }
}
