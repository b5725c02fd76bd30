// Ask before release: after a start this node may be a restored backup of itself. What others have of its feeds is asked of
// them before anything new of these feeds leaves the node: what they have more is taken back, what contradicts stops the
// feed. While nobody answers, publishing goes on and heads are held. The first start ever has nothing to ask for.

import { asMeshError, MeshError } from '../../protocols/errors.ts';
import type { Origin } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Clock, TimerHandle } from '../clock.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';
import { markKey } from '../store/keys.ts';
import type { Store } from '../store/store.ts';
import { askPeer, compareOwn, type OwnHeadsOptions } from './own-heads.ts';

export interface ReleaseGateOptions extends OwnHeadsOptions {
  readonly feeds: Feeds;
  /** For intervals. */
  readonly clock: Clock;
  readonly odcmPeer: () => string | undefined;
  /** Members that may be reached and were not tried yet. */
  readonly untried: () => number;
  /** These are all others of the mesh: there is nobody else who could know anything. */
  readonly isEverybody: (peers: ReadonlySet<string>) => boolean;
  /** The key of this space is in use by another machine as well. */
  readonly isTwice: () => boolean;
  /** Without any network nobody is ever asked. */
  readonly isOffline?: boolean;
  /** Something was held and may go out now. */
  readonly onReleased: (feed: OpenFeed) => void;
}

interface Asked {
  isReleased: boolean;
  sinceMs: number;
  /** Size when the asking began, which a damaged log waits for: what lies above was published since, and nobody has seen it. */
  from: number | undefined;
  readonly answered: Set<string>;
  /** Somebody has just what is here. */
  isKnown: boolean;
  /** Somebody has more, up to this, which did not come yet. */
  wanted: number;
  conflict: MeshError | undefined;
}

const LOOK_MS = 250;

export class ReleaseGate {
  readonly #o: ReleaseGateOptions;
  readonly #asked = new Map<Origin, Asked>();
  readonly #stopped = new AbortController();
  readonly #asking = new Map<string, Promise<void>>();
  /** Peers that did not answer, and when they are asked again. */
  readonly #failed = new Map<string, number>();
  #timer: TimerHandle | undefined;
  #isOpen = false;
  #wasTwice = false;
  #waiting: (() => void)[] = [];

  constructor(options: ReleaseGateOptions) {
    this.#o = options;
  }

  /**
   * Before anything is connected.
   * @param isFirst the folder was never started before: nobody can know more of its feeds than it does
   */
  begin(isFirst: boolean): void {
    this.#isOpen = isFirst;
    this.#look();
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new MeshError('TIMEOUT', 'the node stops'));
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    this.#wake();
    await Promise.allSettled(this.#asking.values());
  }

  #of(feed: OpenFeed): Asked {
    let asked = this.#asked.get(feed.origin);
    if (!asked) {
      asked = {
        ...{ isReleased: this.#isOpen, sinceMs: 0, from: undefined },
        answered: new Set<string>(),
        ...{ isKnown: false, wanted: 0, conflict: undefined },
      };
      this.#asked.set(feed.origin, asked);
    }
    if (asked.from === undefined && !feed.log.damage) {
      asked.sinceMs = this.#o.clock.nowMs();
      asked.from = feed.log.size;
    }
    return asked;
  }

  /** True when what is in the feed may be told and served. */
  isReleased(feed: OpenFeed): boolean {
    return !feed.publisher || (this.#of(feed).isReleased && !this.#o.isTwice());
  }

  /** Entries of an own feed that nobody has been told of, since they are held. */
  held(feed: OpenFeed): number | null {
    if (this.isReleased(feed)) return null;
    const asked = this.#of(feed);
    return feed.log.size - Math.min(feed.log.size, asked.from ?? feed.log.size);
  }

  /** The operator knows that this is the only copy; or the feed was made just now. */
  release(feed: OpenFeed): void {
    const asked = this.#of(feed);
    if (asked.conflict) throw asked.conflict;
    if (!asked.isReleased) this.#release(feed, asked);
  }

  /** @throws CONFLICT, BUSY while nothing of the feed may be carried away in a file */
  mayLeave(feed: OpenFeed): void {
    if (!feed.publisher) return;
    const asked = this.#of(feed);
    if (feed.isFrozen) throw provenTwo(feed);
    if (asked.conflict) throw asked.conflict;
    if (this.#o.isTwice())
      throw new MeshError('CONFLICT', `another machine uses the key of ${feed.path} as well`, {
        next: 'Stop one of the two and export again: odcm status',
      });
    if (asked.isReleased || this.#o.isOffline) return;
    throw new MeshError('BUSY', `what others have of ${feed.path} is still being asked`, {
      next: 'Export again when a member is connected; a node without a network: odcm run --offline',
    });
  }

  /** @throws CONFLICT, BUSY while nothing may be published; waits while those who are reached are being asked */
  async mayPublish(feed: OpenFeed): Promise<void> {
    const asked = this.#of(feed);
    while (
      !asked.isReleased &&
      !asked.conflict &&
      !feed.log.damage &&
      this.#isAskedNow(feed, asked) &&
      !this.#isStopped
    )
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (feed.isFrozen) throw provenTwo(feed);
    if (asked.conflict) throw asked.conflict;
    // Nobody was asked of a log whose size is not known.
    if (feed.log.damage && !asked.isReleased) throw feed.log.damage;
    const begin = Math.max(asked.wanted, feed.row.continues?.size ?? 0);
    if (feed.log.size >= begin) return;
    throw new MeshError(
      'BUSY',
      `${feed.path} has ${begin} entries, of which ${feed.log.size} are here; the rest is being fetched`,
      { next: 'Publish it when a member that has them is connected: odcm feeds' },
    );
  }

  get #isStopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  #isOver({ sinceMs }: Asked): boolean {
    return this.#o.clock.nowMs() - sinceMs >= LIMITS.releaseAskMs;
  }

  #areAllAsked(asked: Asked): boolean {
    const { host, odcmPeer, untried } = this.#o;
    const peers = host.connectedPeers();
    if (!peers.every((peerId) => asked.answered.has(peerId) || this.#failed.has(peerId)))
      return false;
    const odcm = odcmPeer();
    if (odcm !== undefined && asked.answered.has(odcm)) return true;
    return asked.answered.size >= LIMITS.releasePeers || untried() === 0;
  }

  /** Whoever publishes waits for the answers of those that are reached, not for anybody to be reached. */
  #isAskedNow(feed: OpenFeed, asked: Asked): boolean {
    if (this.#isOver(asked)) return false;
    return feed.log.size < asked.wanted || !this.#areAllAsked(asked);
  }

  #isConfirmed(feed: OpenFeed, asked: Asked): boolean {
    if (asked.conflict || feed.log.damage || feed.log.size < asked.wanted) return false;
    if (this.#o.isEverybody(asked.answered)) return true;
    if (asked.answered.size === 0) return false;
    if (this.#isOver(asked)) return true;
    return this.#areAllAsked(asked) && (asked.isKnown || asked.from === 0);
  }

  /** Once a moment, since time passes and feeds are made; for as long as the node runs, a copy of it may appear. */
  #look(): void {
    if (this.#isStopped) return;
    this.#decide();
    for (const peerId of this.#o.host.connectedPeers()) this.#askAgain(peerId);
    const isWaiting = [...this.#asked.values()].some(({ isReleased }) => !isReleased);
    const delayMs = isWaiting ? LOOK_MS : LOOK_MS * 4;
    this.#timer = this.#o.timers.setTimeout(() => this.#look(), delayMs);
  }

  #decide(): void {
    const { feeds, isTwice } = this.#o;
    const isTwiceNow = isTwice();
    for (const feed of feeds.opened) {
      if (!feed.publisher) continue;
      const asked = this.#of(feed);
      if (!asked.isReleased && this.#isConfirmed(feed, asked)) this.#release(feed, asked);
      else if (asked.isReleased && this.#wasTwice && !isTwiceNow) this.#o.onReleased(feed);
    }
    this.#wasTwice = isTwiceNow;
    this.#wake();
  }

  #release(feed: OpenFeed, asked: Asked): void {
    asked.isReleased = true;
    if (feed.log.size > 0) this.#o.onReleased(feed);
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  connected(peerId: string): void {
    this.#failed.delete(peerId);
    this.#askAgain(peerId);
  }

  #askAgain(peerId: string): void {
    const { clock, log } = this.#o;
    if (this.#asking.has(peerId) || this.#isStopped) return;
    if (clock.nowMs() < (this.#failed.get(peerId) ?? 0)) return;
    const open = this.#openTo(peerId);
    if (open.length === 0) return;
    const asking = this.#ask(peerId, open)
      .then(() => void this.#failed.delete(peerId))
      .catch((error: unknown) => {
        this.#failed.set(peerId, clock.nowMs() + LIMITS.replicateMs * 2);
        const { code, message } = asMeshError(error);
        if (!this.#isStopped) log.debug({ peerId, code }, message);
      })
      .finally(() => {
        this.#asking.delete(peerId);
        if (!this.#isStopped) this.#decide();
      });
    this.#asking.set(peerId, asking);
  }

  /** Own feeds about which this peer has still something to say. */
  #openTo(peerId: string): OpenFeed[] {
    return [...this.#o.feeds.opened].filter((feed) => {
      if (!feed.publisher || feed.isFrozen || feed.log.damage) return false;
      const { isReleased, answered, wanted } = this.#of(feed);
      // Of a new epoch, what it continues from may be with others only.
      if (feed.log.size < (feed.row.continues?.size ?? 0)) return true;
      return !isReleased && (!answered.has(peerId) || feed.log.size < wanted);
    });
  }

  async #ask(peerId: string, held: readonly OpenFeed[]): Promise<void> {
    await askPeer(this.#o, peerId, held, this.#stopped.signal, {
      onHead: async (feed, head, client) => {
        const asked = this.#of(feed);
        if (asked.conflict) return;
        const wanted = (size: number) => {
          asked.wanted = Math.max(asked.wanted, size);
        };
        const found = await compareOwn(this.#o, feed, head, client, wanted);
        if (typeof found === 'number') this.#stop(feed, asked, found);
        else if (found !== 'older') asked.isKnown = true;
      },
      onAnswered: (feed) => void this.#of(feed).answered.add(peerId),
    });
  }

  #stop(feed: OpenFeed, asked: Asked, size: number): void {
    asked.conflict = new MeshError(
      'CONFLICT',
      `${feed.path} has other entries here than its subscribers have: a copy of this node published, or this one was restored`,
      {
        next: `Nothing of it was sent. At ODCM: odcm feed continue ${feed.path}`,
        detail: { size },
      },
    );
    this.#o.log.error({ feed: feed.path, size }, asked.conflict.message);
  }
}

const provenTwo = ({ path }: OpenFeed): MeshError =>
  new MeshError('CONFLICT', `two histories of ${path} are proven`, {
    next: `Ask ODCM to let it go on: odcm feed continue ${path}`,
  });

/** It counts by being there, also when it is damaged: without it a node would release what it has and ask nobody. */
export const STARTED = markKey('started');

/** True once in the life of a folder; the answer is durable before anything can be published. */
export async function isFirstStart(logs: Store): Promise<boolean> {
  if (await logs.has(STARTED)) return false;
  await logs.write([{ type: 'put', key: STARTED, value: Buffer.alloc(0) }], { sync: true });
  return true;
}
