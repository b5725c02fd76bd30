// Changes of trust at the ODCM node: what spaces ask for and what the administrator orders becomes directory entries.
// Every other node has no such thing. The rules: a space speaks for its own feeds and addresses only.

import type { GrantRow, SpaceRow } from '../../protocols/directory.ts';
import type { DirectoryPayload } from '../../protocols/directory-events.ts';
import { ed25519FromRaw } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import {
  type FeedId,
  type GrantId,
  type MeshId,
  parseFeedId,
  parseGrantId,
  type SpaceId,
  uuidFromBytes,
} from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { decodePetition, verifyPetition, type Wish } from '../../protocols/petition.ts';
import type { Clock, Random } from '../clock.ts';
import { Turn } from '../turn.ts';
import type { Directory } from './directory.ts';
import { PetitionQuota } from './petition-quota.ts';
import { type DirectoryWriter, directoryDraft } from './writer.ts';

export interface TrustOptions {
  readonly mesh: MeshId;
  readonly directory: Directory;
  readonly writer: DirectoryWriter;
  readonly clock: Clock;
  readonly random: Random;
}

export interface GrantOrder {
  readonly subscriber: string;
  readonly publisher: string;
  readonly feed?: string | undefined;
  readonly until?: string | undefined;
}

/** An order with its names looked up. */
interface Parties {
  readonly subscriber: SpaceId | '*';
  readonly publisher: SpaceId;
  readonly feed: FeedId | '*';
}

export class Trust {
  readonly #o: TrustOptions;
  /** A check and the entry that follows from it belong together. */
  readonly #turn = new Turn();
  readonly #quota: PetitionQuota;

  constructor(options: TrustOptions) {
    this.#o = options;
    this.#quota = new PetitionQuota(options.clock);
  }

  #uuid(): string {
    return uuidFromBytes(this.#o.random.bytes(16));
  }

  /** Carries out what a member asks for. The connection says who speaks, the signature says it to everybody else. */
  async petition(speaker: SpaceRow, bytes: Uint8Array): Promise<string> {
    // The connection proves the speaker: it pays before anything it says costs something here.
    this.#quota.admit(speaker.id);
    const petition = decodePetition(bytes);
    if (petition.space !== speaker.id) {
      throw new MeshError('BAD_SIGNATURE', `${speaker.name} brings a petition of another space`);
    }
    const wish = verifyPetition(this.#o.mesh, petition, ed25519FromRaw(speaker.nodeKey));
    return this.#quota.once(petition, () => this.carryOut(speaker.id, wish));
  }

  carryOut(space: SpaceId, wish: Wish): Promise<string> {
    return this.#turn.take(() =>
      wish.wish === 'feed'
        ? this.#createFeed(space, wish)
        : this.#setAddresses(space, wish.addresses),
    );
  }

  async #setAddresses(space: SpaceId, addresses: readonly string[]): Promise<string> {
    const payload = { space, addresses: [...addresses] };
    await this.#o.writer.append('SpaceAddressesV1Event', payload, `addresses/${space}`);
    return '{}';
  }

  async #createFeed(space: SpaceId, wish: Wish & { wish: 'feed' }): Promise<string> {
    const { directory, writer } = this.#o;
    const { state } = directory;
    if (!state.contexts.has(wish.context)) {
      const known = [...state.contexts.keys()].join(', ');
      throw new MeshError('CONTEXT_UNKNOWN', `there is no context ${wish.context}`, {
        next: `Use one of: ${known}.`,
      });
    }
    if (state.feedNamed(space, wish.name)) {
      throw new MeshError('FEED_EXISTS', `the feed ${wish.name} exists already`);
    }
    this.#checkRoom(space);
    const subscribers =
      wish.to === 'all'
        ? (['*'] as const)
        : [...new Set(wish.to.map((name) => state.resolveSpace(name).id))];
    if (1 + subscribers.length > LIMITS.batchEntries) {
      throw new MeshError(
        'TOO_LARGE',
        `the feed ${wish.name} is for more spaces than fit at once`,
        {
          next: 'Create it for fewer, or for all, and grant it to the others: odcm grant SUBSCRIBER PUBLISHER/FEED',
        },
      );
    }
    const feed = parseFeedId(this.#uuid());
    const { name, context, sync } = wish;
    const created = { feed, space, name, context, sync };
    // Written together: a stop in between must not leave a feed that nobody may have.
    await writer.appendAll([
      directoryDraft('FeedCreatedV1Event', created, `feed/${feed}`),
      ...subscribers.map((subscriber) =>
        grantDraft(this.#grant({ subscriber, publisher: space, feed, until: null })),
      ),
    ]);
    return JSON.stringify({ id: feed, grants: subscribers.length });
  }

  #checkRoom(space: SpaceId): void {
    let count = 0;
    for (const feed of this.#o.directory.state.feeds.values()) if (feed.space === space) count++;
    if (count < LIMITS.feedsPerSpace) return;
    throw new MeshError('TOO_LARGE', `the space has ${count} feeds, which is as many as it may`, {
      next: 'Publish to a feed that is there: odcm feeds',
    });
  }

  #grant(terms: Omit<DirectoryPayload<'GrantIssuedV1Event'>, 'grant'>) {
    return { grant: parseGrantId(this.#uuid()), ...terms };
  }

  #resolve(order: Omit<GrantOrder, 'until'>): Parties {
    const { state } = this.#o.directory;
    const publisher = state.resolveSpace(order.publisher).id;
    const subscriber = order.subscriber === 'all' ? '*' : state.resolveSpace(order.subscriber).id;
    if (order.feed === undefined) return { subscriber, publisher, feed: '*' };
    const feed = state.feedNamed(publisher, order.feed);
    if (!feed) throw new MeshError('FEED_UNKNOWN', `${order.publisher} has no feed ${order.feed}`);
    return { subscriber, publisher, feed: feed.id };
  }

  #matching(order: Parties): GrantRow[] {
    return [...this.#o.directory.state.grants.values()].filter(
      (g) =>
        g.subscriber === order.subscriber &&
        g.publisher === order.publisher &&
        g.feed === order.feed,
    );
  }

  /** Grants; the same grant again is the one that is there. */
  grant(order: GrantOrder): Promise<GrantId> {
    return this.#turn.take(async () => {
      const resolved = this.#resolve(order);
      const until = order.until ?? null;
      const same = this.#matching(resolved).find((g) => g.until === until);
      if (same) return same.id;
      const grant = this.#grant({ ...resolved, until });
      await this.#o.writer.appendAll([grantDraft(grant)]);
      return grant.grant;
    });
  }

  ungrant(order: Omit<GrantOrder, 'until'>): Promise<number> {
    return this.#turn.take(async () => {
      const grants = this.#matching(this.#resolve(order));
      if (grants.length === 0) {
        throw new MeshError(
          'GRANT_UNKNOWN',
          `no grant gives ${order.subscriber} just that of ${order.publisher}`,
        );
      }
      for (const { id } of grants)
        await this.#o.writer.append('GrantRevokedV1Event', { grant: id }, `ungrant/${id}`);
      return grants.length;
    });
  }

  /** Shuts a space out. Of its feeds, what each node has is kept; nothing newer is accepted. */
  revoke(
    name: string,
    reason: string,
    ownSpace: SpaceId,
  ): Promise<{ space: SpaceRow; entry: number }> {
    return this.#turn.take(async () => {
      const { directory, writer } = this.#o;
      const space = directory.state.resolveSpace(name);
      if (space.id === ownSpace) throw new MeshError('USAGE', 'ODCM cannot revoke itself');
      if (space.revoked) throw new MeshError('REVOKED', `${space.name} is revoked already`);
      const entry = directory.log.size;
      await writer.append(
        'SpaceRevokedV1Event',
        { space: space.id, reason, lastGood: {} },
        `revoke/${space.id}`,
      );
      return { space, entry };
    });
  }
}

const grantDraft = (grant: DirectoryPayload<'GrantIssuedV1Event'>) =>
  directoryDraft('GrantIssuedV1Event', grant, `grant/${grant.grant}`);
