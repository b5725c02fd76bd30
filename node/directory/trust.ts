// Changes of trust at the ODCM node: what spaces ask for and what the administrator orders becomes directory entries.
// Every other node has no such thing. The rules: a space speaks for its own feeds and addresses only.

import type { GrantRow, SpaceRow } from '../../protocols/directory.ts';
import type { DirectoryPayload } from '../../protocols/directory-events.ts';
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
import { decodePetition, type Petition, type Wish } from '../../protocols/petition.ts';
import type { Clock, Random } from '../clock.ts';
import type { KeyOffice } from '../rotate/key-office.ts';
import { Turn } from '../turn.ts';
import type { Directory } from './directory.ts';
import { PetitionQuota } from './petition-quota.ts';
import { verifyWish } from './verify-wish.ts';
import { type DirectoryWriter, directoryDraft } from './writer.ts';

export interface TrustOptions {
  readonly mesh: MeshId;
  readonly directory: Directory;
  readonly writer: DirectoryWriter;
  /** Certificates and new keys of spaces; nothing of the kind is carried out without one. */
  readonly office?: Pick<KeyOffice, 'carryOut'> | undefined;
  readonly clock: Clock;
  readonly random: Random;
}

export interface GrantOrder {
  readonly subscriber: string;
  readonly publisher: string;
  readonly feed?: string | undefined;
  readonly until?: string | undefined;
  /** Of sealed feeds also what was published before. */
  readonly history?: boolean | undefined;
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
    const wish = this.#wishOf(speaker, petition);
    return this.#quota.once(petition, () => this.carryOut(speaker.id, wish));
  }

  /** The same of a petition that came as a file: for new keys, or for a certificate, which lasts until the next visit. */
  async byFile(
    speaker: SpaceRow,
    bytes: Uint8Array,
    kind: 'certificate' | 'rotate-keys',
  ): Promise<string> {
    const petition = decodePetition(bytes);
    if (petition.space !== speaker.id) {
      throw new MeshError('BAD_SIGNATURE', `the petition is not one of ${speaker.name}`);
    }
    const wish = this.#wishOf(speaker, petition);
    if (wish.wish !== kind) {
      throw new MeshError('MALFORMED', 'a file asks for a certificate and new keys, nothing else');
    }
    const days = LIMITS.offlineCertificateDays;
    return this.#quota.once(petition, () => this.carryOut(speaker.id, wish, days));
  }

  #wishOf(speaker: SpaceRow, petition: Petition): Wish {
    return verifyWish(petition, speaker, this.#o.mesh, this.#o.clock.nowMs());
  }

  #office(): Pick<KeyOffice, 'carryOut'> {
    if (this.#o.office) return this.#o.office;
    throw new MeshError('NOT_ODCM', 'this node gives out no certificates');
  }

  /** @param days how long a certificate lasts, when not as usual */
  carryOut(space: SpaceId, wish: Wish, days?: number): Promise<string> {
    return this.#turn.take(() =>
      wish.wish === 'certificate' || wish.wish === 'rotate-keys'
        ? this.#office().carryOut(space, wish, days)
        : wish.wish === 'feed'
          ? this.#createFeed(space, wish)
          : wish.wish === 'policy'
            ? this.#setPolicy(space, wish)
            : this.#setAddresses(space, wish.addresses),
    );
  }

  async #setAddresses(space: SpaceId, addresses: readonly string[]): Promise<string> {
    const payload = { space, addresses: [...addresses] };
    await this.#o.writer.append('SpaceAddressesV1Event', payload, `addresses/${space}`);
    return '{}';
  }

  async #setPolicy(space: SpaceId, { feed, carriers }: Wish & { wish: 'policy' }): Promise<string> {
    const { directory, writer } = this.#o;
    const row = directory.state.feeds.get(feed);
    if (!row) throw new MeshError('FEED_UNKNOWN', `feed ${feed} is not in the directory`);
    if (row.space !== space) {
      const path = directory.state.feedPath(row);
      throw new MeshError('READ_ONLY', `${path} does not belong to the space that asks`);
    }
    await writer.append('FeedPolicyV1Event', { feed, carriers }, `policy/${feed}`);
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
    const isSealed = wish.sealed ?? wish.to !== 'all';
    const created = {
      ...{ feed, space, name, context, sync },
      ...(isSealed ? ({ sealed: true } as const) : {}),
      ...(wish.carriers === undefined ? {} : { carriers: wish.carriers }),
    };
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
      const history = order.history === true;
      const same = this.#matching(resolved).find(
        (g) => g.until === until && (g.history === true) === history,
      );
      if (same) return same.id;
      const asked = history ? ({ history: true } as const) : {};
      const grant = this.#grant({ ...resolved, until, ...asked });
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

  /** By id what people say by name. */
  #lastGood(space: SpaceRow, byName: Readonly<Record<string, number>>): Record<string, number> {
    const { state } = this.#o.directory;
    const ends = Object.entries(byName).map(([name, size]) => {
      const bare = name.startsWith(`${space.name}/`) ? name.slice(space.name.length + 1) : name;
      const feed = state.feedNamed(space.id, bare);
      if (feed) return [feed.id, size] as const;
      throw new MeshError('FEED_UNKNOWN', `${space.name} has no feed ${JSON.stringify(bare)}`);
    });
    return Object.fromEntries(ends);
  }

  /** Lets a feed go on in a new epoch from this point of its last one, which was proven. */
  startEpoch(
    feed: FeedId,
    { size, root }: { readonly size: number; readonly root: Buffer },
  ): Promise<{ epoch: number; entry: number }> {
    return this.#turn.take(async () => {
      const { directory, writer } = this.#o;
      const row = directory.state.feeds.get(feed);
      if (!row) throw new MeshError('FEED_UNKNOWN', `feed ${feed} is not in the directory`);
      const entry = directory.log.size;
      const epoch = row.epoch + 1;
      const continues = { size, root: root.toString('base64') };
      const payload = { feed, epoch, continues };
      await writer.append('FeedEpochStartedV1Event', payload, `epoch/${feed}/${epoch}`);
      return { epoch, entry };
    });
  }

  /** Shuts a space out. Of its feeds, what each node has is kept, or no more than is said to be good; nothing newer is accepted. */
  revoke(
    name: string,
    reason: string,
    ownSpace: SpaceId,
    lastGoodByName: Readonly<Record<string, number>> = {},
  ): Promise<{ space: SpaceRow; entry: number }> {
    return this.#turn.take(async () => {
      const { directory, writer } = this.#o;
      const space = directory.state.resolveSpace(name);
      if (space.id === ownSpace) throw new MeshError('USAGE', 'ODCM cannot revoke itself');
      if (space.revoked) throw new MeshError('REVOKED', `${space.name} is revoked already`);
      const lastGood = this.#lastGood(space, lastGoodByName);
      const entry = directory.log.size;
      await writer.append(
        'SpaceRevokedV1Event',
        { space: space.id, reason, lastGood },
        `revoke/${space.id}`,
      );
      return { space, entry };
    });
  }
}

const grantDraft = (grant: DirectoryPayload<'GrantIssuedV1Event'>) =>
  directoryDraft('GrantIssuedV1Event', grant, `grant/${grant.grant}`);
