// What this space wants to take and may take: grants of the directory joined with its own subscriptions.

import type { FeedRow, GrantRow } from '../protocols/directory.ts';
import { MeshError } from '../protocols/errors.ts';
import type { FeedId } from '../protocols/ids.ts';
import type { OpenFeed } from './feed/feeds.ts';
import type { TakenFeed } from './health/node-health.ts';
import type { MeshNode } from './node.ts';
import type { Subscription } from './replicate/subscriptions.ts';

export class Intent {
  readonly #node: MeshNode;
  /** Subscribed feeds that the directory lets this space have. */
  #allowed: ReadonlySet<FeedId> = new Set();

  constructor(node: MeshNode) {
    this.#node = node;
  }

  grantOf(row: FeedRow): GrantRow | 'own' | undefined {
    const { directory, home, trustClock } = this.#node;
    return directory.state.grantFor(home.config.space, row, trustClock.nowMs());
  }

  noGrant(row: FeedRow): MeshError {
    const { directory, home } = this.#node;
    const path = directory.state.feedPath(row);
    return new MeshError('NO_GRANT', `${home.config.name} has no grant for ${path}`);
  }

  /** Takes a feed. @throws NO_GRANT, FEED_UNKNOWN, USAGE for an own feed */
  async subscribe(row: Subscription): Promise<OpenFeed> {
    const { directory, home, feeds, subscriptions, host, replicator, reports } = this.#node;
    const feed = directory.state.feeds.get(row.feed);
    if (!feed) throw new MeshError('FEED_UNKNOWN', `feed ${row.feed} is not in the directory`);
    if (feed.space === home.config.space) {
      throw new MeshError('USAGE', `${directory.state.feedPath(feed)} is this space's own feed`);
    }
    if (!this.grantOf(feed)) throw this.noGrant(feed);
    const open = await feeds.open(row.feed);
    await subscriptions.put(row);
    await this.#node.carrying.carry.release(row.feed);
    this.#node.applySoon(open);
    for (const peerId of host.connectedPeers()) replicator.syncSoon(peerId);
    reports.onGrown(open);
    this.#node.provide(open);
    return open;
  }

  /** What of each feed that this space takes is known and held. */
  *taken(): Generator<TakenFeed> {
    const { subscriptions, feeds, directory } = this.#node;
    for (const { feed: id } of subscriptions.all()) {
      const open = feeds.peek(id);
      const row = open?.row ?? directory.state.feeds.get(id);
      if (!row) continue;
      yield { id, space: row.space, size: open?.head?.size ?? null, held: open?.log.size ?? 0 };
    }
  }

  /** Feeds that their publisher wants everybody to take, when this space has agreed to that once for all. */
  async acceptForced(): Promise<void> {
    const { directory, home, subscriptions } = this.#node;
    for (const row of directory.state.feeds.values()) {
      const isOffered = row.sync === 'forced' && row.space !== home.config.space;
      if (!isOffered || subscriptions.get(row.id) || !this.grantOf(row)) continue;
      await this.subscribe({ feed: row.id, mode: 'auto', via: 'gossip', everyMs: null });
    }
  }

  /** A grant that is new brings what was missed without it, and makes what is held count again. */
  catchUpWithGrants(): void {
    const { subscriptions, replicator, host, feeds, reports } = this.#node;
    const taken = [...subscriptions.all()].map((row) => row.feed);
    const allowed = new Set(taken.filter((id) => replicator.mayTake(id)));
    const added = [...allowed].filter((id) => !this.#allowed.has(id));
    this.#allowed = allowed;
    if (added.length === 0) return;
    for (const peerId of host.connectedPeers()) replicator.syncSoon(peerId);
    for (const id of added) {
      const feed = feeds.peek(id);
      if (feed) reports.onGrown(feed);
    }
  }
}
