// The directory: what ODCM's log says about spaces, keys, addresses, contexts, feeds, grants and revocations.
// Pure: a fold of events into state. Every row names the entry it comes from, so that it can be opened to its evidence.

import { BUILT_IN_CONTEXTS, type Context, nounOf } from './contexts.ts';
import { DIRECTORY_EVENTS, type DirectoryPayload } from './directory-events.ts';
import type { EndedGrant, Evidence, FeedRow, GrantRow, SpaceRow } from './directory-rows.ts';
import type { Envelope } from './envelope.ts';
import { MeshError } from './errors.ts';
import { GrantIndex } from './grant-index.ts';
import type { ContextName, FeedId, GrantId, SpaceId, SpaceName } from './ids.ts';
import { LIMITS } from './limits.ts';

export type {
  CertificateRow,
  EndedGrant,
  FeedRow,
  GrantRow,
  SpaceKeys,
  SpaceRow,
} from './directory-rows.ts';

/** The folded directory of one mesh. Only {@link DirectoryState.apply} changes it. */
export class DirectoryState {
  readonly spaces = new Map<SpaceId, SpaceRow>();
  readonly feeds = new Map<FeedId, FeedRow>();
  readonly grants = new Map<GrantId, GrantRow>();
  readonly #grantIndex = new GrantIndex();
  /** Grants that were taken back, in that order. */
  readonly endedGrants: EndedGrant[] = [];
  readonly contexts = new Map<ContextName, Context>(BUILT_IN_CONTEXTS.map((c) => [c.name, c]));
  readonly #spaceByName = new Map<SpaceName, SpaceId>();
  readonly #spaceByKey = new Map<string, SpaceId>();
  readonly #feedByName = new Map<string, FeedId>();
  /** Entries folded so far: the size of the directory log this state stands for. */
  size = 0;
  /** Entries that were passed over: of a kind this version does not know, or against the rules. */
  passedOver = 0;

  /** Folds the next entry. Never throws: what breaks a rule is counted and changes nothing. */
  apply(envelope: Envelope): void {
    const entry = this.size++;
    try {
      if (!this.#fold(envelope, { entry, since: envelope.occurredTimeUtc })) this.passedOver++;
    } catch {
      this.passedOver++;
    }
  }

  /** Counts an entry whose record cannot be read at all. */
  passOver(): void {
    this.size++;
    this.passedOver++;
  }

  #fold(envelope: Envelope, at: Evidence): boolean {
    switch (envelope.type) {
      case 'SpaceEnrolledV1Event':
        return this.#enrol(DIRECTORY_EVENTS.SpaceEnrolledV1Event.parse(envelope.payload), at);
      case 'SpaceAddressesV1Event': {
        const p = DIRECTORY_EVENTS.SpaceAddressesV1Event.parse(envelope.payload);
        const row = this.spaces.get(p.space);
        if (row) this.spaces.set(p.space, { ...row, addresses: p.addresses });
        return row !== undefined;
      }
      case 'SpaceCertificateV1Event':
        return this.#certify(DIRECTORY_EVENTS.SpaceCertificateV1Event.parse(envelope.payload));
      case 'SpaceKeyRotatedV1Event':
        return this.#rotate(DIRECTORY_EVENTS.SpaceKeyRotatedV1Event.parse(envelope.payload), at);
      case 'SpaceRevokedV1Event': {
        const p = DIRECTORY_EVENTS.SpaceRevokedV1Event.parse(envelope.payload);
        const row = this.spaces.get(p.space);
        if (row)
          this.spaces.set(p.space, {
            ...row,
            ...at,
            revoked: { reason: p.reason, lastGood: p.lastGood },
          });
        return row !== undefined;
      }
      case 'ContextAddedV1Event': {
        const p = DIRECTORY_EVENTS.ContextAddedV1Event.parse(envelope.payload);
        if (this.contexts.has(p.context)) return false;
        this.contexts.set(p.context, {
          name: p.context,
          noun: nounOf(p.context),
          content: p.content,
        });
        return true;
      }
      case 'FeedCreatedV1Event':
        return this.#createFeed(DIRECTORY_EVENTS.FeedCreatedV1Event.parse(envelope.payload), at);
      case 'FeedPolicyV1Event': {
        const p = DIRECTORY_EVENTS.FeedPolicyV1Event.parse(envelope.payload);
        const row = this.feeds.get(p.feed);
        if (row) this.feeds.set(p.feed, { ...row, ...at, carriersWanted: p.carriers });
        return row !== undefined;
      }
      case 'FeedEpochStartedV1Event':
        return this.#startEpoch(
          DIRECTORY_EVENTS.FeedEpochStartedV1Event.parse(envelope.payload),
          at,
        );
      case 'GrantIssuedV1Event': {
        const p = DIRECTORY_EVENTS.GrantIssuedV1Event.parse(envelope.payload);
        if (this.grants.has(p.grant) || !this.spaces.has(p.publisher)) return false;
        const { grant, ...rest } = p;
        const row: GrantRow = { ...at, id: grant, ...rest };
        this.grants.set(grant, row);
        this.#grantIndex.add(row);
        return true;
      }
      case 'GrantRevokedV1Event':
        return this.#endGrant(
          DIRECTORY_EVENTS.GrantRevokedV1Event.parse(envelope.payload).grant,
          at,
        );
      case 'DirectoryEpochStartedV1Event':
        // What an epoch continues from says the root alone; here is where it begins.
        return DIRECTORY_EVENTS.DirectoryEpochStartedV1Event.safeParse(envelope.payload).success;
      default:
        return false;
    }
  }

  #enrol(p: DirectoryPayload<'SpaceEnrolledV1Event'>, at: Evidence): boolean {
    // A name or key that is taken stays with its first owner, whatever a later entry claims.
    if (
      this.spaces.has(p.space) ||
      this.#spaceByName.has(p.name) ||
      this.#spaceByKey.has(p.nodeKey)
    )
      return false;
    const nodeKey = Buffer.from(p.nodeKey, 'base64');
    const exchangeKey = Buffer.from(p.exchangeKey, 'base64');
    this.spaces.set(p.space, {
      ...at,
      id: p.space,
      name: p.name,
      ...{ nodeKey, exchangeKey, keys: [{ ...at, nodeKey, exchangeKey, from: {} }] },
      certificateSha256: p.certificateSha256,
      certificate: null,
      addresses: p.addresses,
      revoked: null,
    });
    this.#spaceByName.set(p.name, p.space);
    this.#spaceByKey.set(p.nodeKey, p.space);
    return true;
  }

  #certify(p: DirectoryPayload<'SpaceCertificateV1Event'>): boolean {
    const row = this.spaces.get(p.space);
    if (!row || row.revoked || Date.parse(p.notAfter) <= Date.parse(p.notBefore)) return false;
    const { space, sha256: certificateSha256, ...certificate } = p;
    this.spaces.set(space, { ...row, certificateSha256, certificate });
    return true;
  }

  /** The old node key stays with its space: nobody else can ever be enrolled with it. */
  #rotate(p: DirectoryPayload<'SpaceKeyRotatedV1Event'>, at: Evidence): boolean {
    const row = this.spaces.get(p.space);
    const holder = this.#spaceByKey.get(p.nodeKey);
    if (!row || row.revoked) return false;
    if (holder !== undefined) return this.#nameMoreFeeds(row, p, at);
    const nodeKey = Buffer.from(p.nodeKey, 'base64');
    const exchangeKey = Buffer.from(p.exchangeKey, 'base64');
    const keys = [...row.keys, { ...at, nodeKey, exchangeKey, from: p.from }];
    this.spaces.set(p.space, { ...row, nodeKey, exchangeKey, keys });
    this.#spaceByKey.set(p.nodeKey, p.space);
    return true;
  }

  /** The next part of a rotation with more feeds than fit into one entry: it follows at once, and changes no size. */
  #nameMoreFeeds(row: SpaceRow, p: DirectoryPayload<'SpaceKeyRotatedV1Event'>, at: Evidence) {
    const newest = row.keys.at(-1)!;
    const isSame =
      row.keys.length > 1 &&
      newest.nodeKey.toString('base64') === p.nodeKey &&
      newest.exchangeKey.toString('base64') === p.exchangeKey;
    const named = Object.keys(p.from);
    const isNext = at.entry > newest.entry && at.entry - newest.entry < LIMITS.rotationEntries;
    if (!isSame || !isNext || named.length === 0) return false;
    if (named.some((feed) => newest.from[feed] !== undefined)) return false;
    const keys = [...row.keys.slice(0, -1), { ...newest, from: { ...newest.from, ...p.from } }];
    this.spaces.set(p.space, { ...row, keys });
    return true;
  }

  #endGrant(id: GrantId, at: Evidence): boolean {
    const grant = this.grants.get(id);
    if (grant) {
      this.endedGrants.push({ ...grant, ended: at });
      this.#grantIndex.delete(grant);
    }
    return this.grants.delete(id);
  }

  #startEpoch(p: DirectoryPayload<'FeedEpochStartedV1Event'>, at: Evidence): boolean {
    const row = this.feeds.get(p.feed);
    if (!row || p.epoch !== row.epoch + 1) return false;
    const continues = { size: p.continues.size, root: Buffer.from(p.continues.root, 'base64') };
    this.feeds.set(p.feed, { ...row, ...at, epoch: p.epoch, continues });
    return true;
  }

  #createFeed(p: DirectoryPayload<'FeedCreatedV1Event'>, at: Evidence): boolean {
    const key = `${p.space}/${p.name}`;
    if (!this.spaces.has(p.space) || !this.contexts.has(p.context)) return false;
    if (this.feeds.has(p.feed) || this.#feedByName.has(key)) return false;
    const { feed: id, sealed, carriers, ...rest } = p;
    this.feeds.set(id, {
      ...{ ...at, id, ...rest, isSealed: sealed === true, carriersWanted: carriers ?? null },
      ...{ epoch: 1, continues: null },
    });
    this.#feedByName.set(key, id);
    return true;
  }

  spaceNamed(name: string): SpaceRow | undefined {
    const id = this.#spaceByName.get(name as SpaceName);
    return id && this.spaces.get(id);
  }

  /** The space whose node has, or once had, this Ed25519 public key (32 bytes). */
  spaceWithKey(nodeKey: Uint8Array): SpaceRow | undefined {
    const id = this.#spaceByKey.get(Buffer.from(nodeKey).toString('base64'));
    return id && this.spaces.get(id);
  }

  feedNamed(publisher: SpaceId, name: string): FeedRow | undefined {
    const id = this.#feedByName.get(`${publisher}/${name}`);
    return id && this.feeds.get(id);
  }

  /** `SPACE/FEED`, as people write it. */
  feedPath(row: FeedRow): string {
    return `${this.spaces.get(row.space)?.name ?? row.space}/${row.name}`;
  }

  /** `SPACE/FEED`, or a bare feed name of `own`. */
  resolveFeed(text: string, own?: SpaceId): FeedRow {
    const slash = text.indexOf('/');
    const publisher = slash > 0 ? this.spaceNamed(text.slice(0, slash)) : undefined;
    const foreign = publisher && this.feedNamed(publisher.id, text.slice(slash + 1));
    const row = foreign ?? (own && this.feedNamed(own, text));
    if (!row)
      throw new MeshError('FEED_UNKNOWN', `no feed ${JSON.stringify(text)} is in the directory`);
    return row;
  }

  resolveSpace(text: string): SpaceRow {
    const row = this.spaceNamed(text) ?? this.spaces.get(text as SpaceId);
    if (!row)
      throw new MeshError('SPACE_UNKNOWN', `no space ${JSON.stringify(text)} is in the directory`);
    return row;
  }

  /**
   * The grant by which `subscriber` may have `feed` at this instant, or undefined: default deny. A publisher needs none
   * for its own feed; a revoked space has none at all.
   */
  grantFor(subscriber: SpaceId, feed: FeedRow, nowMs: number): GrantRow | 'own' | undefined {
    const row = this.spaces.get(subscriber);
    if (!row || row.revoked) return undefined;
    if (feed.space === subscriber) return 'own';
    return this.#findGrant(feed, [subscriber, '*'], nowMs);
  }

  #findGrant(
    feed: FeedRow,
    readers: readonly (SpaceId | '*')[],
    nowMs: number,
  ): GrantRow | undefined {
    return this.#grantIndex.find(feed.space, feed.id, readers, (grant) => isCurrent(grant, nowMs));
  }

  /** True when every space, also a future one, may have the feed: only then may its records travel in the open. */
  isForAll(feed: FeedRow, nowMs: number): boolean {
    return this.#findGrant(feed, ['*'], nowMs) !== undefined;
  }
}

/** Whether a grant, be it current or not, is about this feed and this reader. */
export function covers(grant: GrantRow, subscriber: SpaceId | '*', feed: FeedRow): boolean {
  return (
    grant.publisher === feed.space &&
    (grant.feed === '*' || grant.feed === feed.id) &&
    (grant.subscriber === '*' || grant.subscriber === subscriber)
  );
}

const isCurrent = (grant: GrantRow, nowMs: number): boolean =>
  grant.until === null || Date.parse(grant.until) > nowMs;
