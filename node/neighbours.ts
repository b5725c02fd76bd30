// Which peer is which member, where it is reached, and who is likely to have what: directory and presence joined, for
// the supervisor and for choosing whom to ask.

import type { FeedRow } from '../protocols/directory.ts';
import type { FeedId, SpaceId } from '../protocols/ids.ts';
import type { Directory } from './directory/directory.ts';
import type { Members } from './members.ts';
import type { Network } from './net/network.ts';
import type { Neighbour } from './net/supervisor.ts';
import type { Carriers } from './replicate/carriers.ts';
import type { PresenceBoard } from './replicate/presence.ts';
import type { Subscriptions } from './replicate/subscriptions.ts';

export interface NeighboursOptions {
  readonly directory: Directory;
  readonly members: Members;
  readonly subscriptions: Subscriptions;
  readonly carriers: Carriers;
  /** Feeds that are kept for others. */
  readonly copied: () => Iterable<FeedId>;
  readonly host: Network;
  readonly presence: () => PresenceBoard;
  readonly self: SpaceId;
  readonly odcm: SpaceId;
  /** Addresses given by hand, each with `/p2p/` and its peer id. */
  readonly hints: readonly string[];
}

export class Neighbours {
  readonly #o: NeighboursOptions;
  readonly #hints: ReadonlyMap<string, string>;

  constructor(options: NeighboursOptions) {
    this.#o = options;
    this.#hints = new Map(
      options.hints.map((hint) => {
        const [address = '', peerId = ''] = hint.split('/p2p/');
        return [peerId, address];
      }),
    );
  }

  peerOf(space: SpaceId): string | undefined {
    const row = this.#o.directory.state.spaces.get(space);
    return row && this.#o.members.peerIdOf(row);
  }

  get odcmPeer(): string | undefined {
    return this.peerOf(this.#o.odcm);
  }

  /** Who has what was just announced: its publisher, then a known carrier, then whoever passed the word on. */
  holderOf(row: FeedRow | undefined, via: string): string {
    const { host, carriers } = this.#o;
    const publisher = row && this.peerOf(row.space);
    if (publisher && host.isConnected(publisher)) return publisher;
    return (row && carriers.of(row.id)[0]) ?? via;
  }

  /** Members to keep a connection with: ODCM first, then the publishers of what this space takes or carries. */
  list(): Neighbour[] {
    const { directory, members, subscriptions, copied, presence, self, odcm } = this.#o;
    const { spaces, feeds } = directory.state;
    const followed = [...[...subscriptions.all()].map((row) => row.feed), ...copied()];
    const wanted = new Set(followed.map((feed) => feeds.get(feed)?.space));
    return [...spaces.values()]
      .filter((space) => !space.revoked && space.id !== self)
      .flatMap((space) => {
        const peerIds = members.peerIdsOf(space);
        const live = peerIds.find((peerId) => members.isConnected(peerId));
        return (live ? [live] : peerIds).map((peerId) => ({ space, peerId }));
      })
      .map(({ space, peerId }) => {
        const heard = presence().heard(space.id)?.presence.addresses ?? [];
        const hint = this.#hints.get(peerId);
        const addresses = [...new Set([...heard, ...space.addresses, ...(hint ? [hint] : [])])];
        return {
          peerId,
          addresses,
          priority: space.id === odcm ? 2 : wanted.has(space.id) ? 1 : 0,
        };
      });
  }
}
