// What a node does when something happens: a connection, a change of the directory, other heads of a space, new entries of
// a feed. Tells those who watch its feeds. Starts and stops nothing.

import type { SpaceId } from '../protocols/ids.ts';
import type { Background } from './background.ts';
import type { Applied } from './feed/apply.ts';
import type { OpenFeed } from './feed/feeds.ts';
import type { Commit } from './feed/publisher.ts';
import { readEntries } from './feed/read-entries.ts';
import type { MeshNode } from './node.ts';
import type { GossipFeeds } from './replicate/gossip-feeds.ts';

/** What happened in a feed, for those who watch. */
export type FeedListener = (feed: OpenFeed, applied: Applied) => void;

export interface ReactionsOptions {
  readonly node: MeshNode;
  readonly gossip: GossipFeeds;
  readonly background: Background;
}

export class Reactions {
  readonly #node: MeshNode;
  readonly #gossip: GossipFeeds;
  readonly #background: Background;
  readonly #listeners = new Set<FeedListener>();

  constructor({ node, gossip, background }: ReactionsOptions) {
    this.#node = node;
    this.#gossip = gossip;
    this.#background = background;
  }

  onApplied(listener: FeedListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A batch of an own feed is durable. */
  committed(feed: OpenFeed, commit: Commit): void {
    this.#gossip.announce(feed, commit);
    this.#node.reports.onGrown(feed);
    const { size } = feed.head!;
    if (this.#listeners.size > 0)
      this.#background.run(this.#tellOwn(feed, commit.before.size, size));
  }

  /** An entry of another space's feed became an item. */
  applied(feed: OpenFeed, applied: Applied): void {
    this.#tell(feed, applied);
    this.#node.reports.onGrown(feed);
  }

  #tell(feed: OpenFeed, applied: Applied): void {
    for (const listener of this.#listeners) listener(feed, applied);
  }

  /** Own publishes are not applied from the log: their events are read back for those who watch. */
  async #tellOwn(feed: OpenFeed, from: number, to: number): Promise<void> {
    const { blocks } = this.#node;
    for await (const { index, entry, body, item } of readEntries(feed.log, blocks, from, to)) {
      if (body && item !== undefined)
        this.#tell(feed, { index, entry, envelope: body.envelope, item });
    }
  }

  connected(peerId: string): void {
    const { replicator, neighbours, petitioner } = this.#node;
    replicator.syncSoon(peerId);
    if (peerId === neighbours.odcmPeer) this.#background.run(petitioner.registerAddresses());
  }

  /** The heads of a space are others than before; `via` is the peer that said so. */
  headsChanged(space: SpaceId, via: string): void {
    const { subscriptions, directory, presence, neighbours, replicator, host } = this.#node;
    const takes = [...subscriptions.all()].some(
      (row) => directory.state.feeds.get(row.feed)?.space === space,
    );
    const said = presence.heard(space)?.presence.headsHash;
    if (!takes || (said && this.#gossip.knows(space, said))) return;
    const publisher = neighbours.peerOf(space);
    replicator.syncSoon(publisher && host.isConnected(publisher) ? publisher : via);
  }

  directoryChanged(): void {
    const { members, directory, host, home, intent } = this.#node;
    members.update(directory.state);
    for (const peerId of host.connectedPeers()) {
      if (members.isRevoked(peerId)) this.#background.run(host.expel(peerId));
    }
    if (home.config.acceptForced) this.#background.run(intent.acceptForced());
    intent.catchUpWithGrants();
  }
}
