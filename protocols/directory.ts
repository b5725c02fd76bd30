// The directory: what ODCM's log says about spaces, keys, addresses, contexts, feeds, grants and revocations.
// Pure: a fold of events into state. Every row names the entry it comes from, so that it can be opened to its evidence.

import { z } from 'zod';
import { BUILT_IN_CONTEXTS, type Context, nounOf } from './contexts.ts';
import type { Envelope, Json } from './envelope.ts';
import { MeshError } from './errors.ts';
import {
  type ContextName,
  type FeedId,
  type FeedName,
  type GrantId,
  parseContextName,
  parseFeedId,
  parseFeedName,
  parseGrantId,
  parseSpaceId,
  parseSpaceName,
  type SpaceId,
  type SpaceName,
} from './ids.ts';
import { LIMITS } from './limits.ts';

/** Canonical base64: two spellings of one key would be two spaces with one key. */
const base64Key = z.string().refine((text) => {
  const raw = Buffer.from(text, 'base64');
  return raw.length === 32 && raw.toString('base64') === text;
}, 'not 32 bytes of base64');
const LONGEST_VERB = 'PublishedV1Event';
const space = z.string().transform(parseSpaceId);
/** Sixteen zero bytes stand for the directory itself. */
const feed = z
  .string()
  .refine((text) => text !== '00000000-0000-0000-0000-000000000000', 'the id of the directory')
  .transform(parseFeedId);
/** Its events must have names that fit an entry. */
const newContext = z
  .string()
  .transform(parseContextName)
  .refine((name) => `${nounOf(name)}${LONGEST_VERB}`.length <= LIMITS.eventTypeChars, 'too long');
const addresses = z.array(z.string().min(1).max(LIMITS.addressChars)).max(LIMITS.addresses);
const instant = z.iso.datetime();

/** APPEND ONLY. Payloads of directory events; an event that is not named here is kept and passed over. */
export const DIRECTORY_EVENTS = {
  SpaceEnrolledV1Event: z.strictObject({
    space,
    name: z.string().transform(parseSpaceName),
    /** Ed25519 public key: signs the space's feeds and is its libp2p identity. */
    nodeKey: base64Key,
    /** X25519 public key: feed keys are sealed for it. */
    exchangeKey: base64Key,
    certificateSha256: z.string().regex(/^[0-9a-f]{64}$/),
    addresses,
  }),
  SpaceAddressesV1Event: z.strictObject({ space, addresses }),
  /** The certificate that a space has now: the one it was enrolled with, or a later one. */
  SpaceCertificateV1Event: z.strictObject({
    space,
    /** Of the DER, in hex. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    serial: z.string().regex(/^[0-9A-F]{1,40}$/),
    notBefore: instant,
    notAfter: instant,
  }),
  SpaceRevokedV1Event: z.strictObject({
    space,
    reason: z.string().max(500),
    /** Per feed, how many of its entries are still good; feeds not named keep what each node has. */
    lastGood: z.record(z.string(), z.int().min(0)),
  }),
  ContextAddedV1Event: z.strictObject({
    context: newContext,
    content: z.enum(['json', 'any']),
  }),
  FeedCreatedV1Event: z.strictObject({
    feed,
    space,
    name: z.string().transform(parseFeedName),
    context: z.string().transform(parseContextName),
    sync: z.enum(['forced', 'chosen']),
  }),
  GrantIssuedV1Event: z.strictObject({
    grant: z.string().transform(parseGrantId),
    /** Who receives; '*' stands for all present and future spaces. */
    subscriber: z.union([z.literal('*'), space]),
    publisher: space,
    /** Which feed of the publisher; '*' for all of them. */
    feed: z.union([z.literal('*'), feed]),
    until: instant.nullable(),
  }),
  GrantRevokedV1Event: z.strictObject({ grant: z.string().transform(parseGrantId) }),
} as const;

export type DirectoryEvent = keyof typeof DIRECTORY_EVENTS;
export type DirectoryPayload<E extends DirectoryEvent> = z.output<(typeof DIRECTORY_EVENTS)[E]>;

interface Evidence {
  /** Index in the directory log of the entry that made or last changed this row. */
  readonly entry: number;
  readonly since: string;
}

/** What the directory says of a certificate, so that everybody sees when it ends. */
export interface CertificateRow {
  readonly serial: string;
  readonly notBefore: string;
  readonly notAfter: string;
}

export interface SpaceRow extends Evidence {
  readonly id: SpaceId;
  readonly name: SpaceName;
  readonly nodeKey: Buffer;
  readonly exchangeKey: Buffer;
  readonly certificateSha256: string;
  /** Null where the directory only has its fingerprint. */
  readonly certificate: CertificateRow | null;
  readonly addresses: readonly string[];
  readonly revoked: {
    readonly reason: string;
    readonly lastGood: Readonly<Record<string, number>>;
  } | null;
}

export interface FeedRow extends Evidence {
  readonly id: FeedId;
  readonly space: SpaceId;
  readonly name: FeedName;
  readonly context: ContextName;
  readonly sync: 'forced' | 'chosen';
}

export interface GrantRow extends Evidence {
  readonly id: GrantId;
  readonly subscriber: SpaceId | '*';
  readonly publisher: SpaceId;
  readonly feed: FeedId | '*';
  readonly until: string | null;
}

/** The folded directory of one mesh. Only {@link DirectoryState.apply} changes it. */
export class DirectoryState {
  readonly spaces = new Map<SpaceId, SpaceRow>();
  readonly feeds = new Map<FeedId, FeedRow>();
  readonly grants = new Map<GrantId, GrantRow>();
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
      case 'GrantIssuedV1Event': {
        const p = DIRECTORY_EVENTS.GrantIssuedV1Event.parse(envelope.payload);
        if (this.grants.has(p.grant) || !this.spaces.has(p.publisher)) return false;
        const { grant, ...rest } = p;
        this.grants.set(grant, { ...at, id: grant, ...rest });
        return true;
      }
      case 'GrantRevokedV1Event':
        return this.grants.delete(
          DIRECTORY_EVENTS.GrantRevokedV1Event.parse(envelope.payload).grant,
        );
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
    this.spaces.set(p.space, {
      ...at,
      id: p.space,
      name: p.name,
      nodeKey: Buffer.from(p.nodeKey, 'base64'),
      exchangeKey: Buffer.from(p.exchangeKey, 'base64'),
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

  #createFeed(p: DirectoryPayload<'FeedCreatedV1Event'>, at: Evidence): boolean {
    const key = `${p.space}/${p.name}`;
    if (!this.spaces.has(p.space) || !this.contexts.has(p.context)) return false;
    if (this.feeds.has(p.feed) || this.#feedByName.has(key)) return false;
    const { feed: id, ...rest } = p;
    this.feeds.set(id, { ...at, id, ...rest });
    this.#feedByName.set(key, id);
    return true;
  }

  spaceNamed(name: string): SpaceRow | undefined {
    const id = this.#spaceByName.get(name as SpaceName);
    return id && this.spaces.get(id);
  }

  /** The space whose node has this Ed25519 public key (32 bytes). */
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
    for (const grant of this.grants.values()) {
      if (covers(grant, subscriber, feed) && isCurrent(grant, nowMs)) return grant;
    }
    return undefined;
  }

  /** True when every space, also a future one, may have the feed: only then may its records travel in the open. */
  isForAll(feed: FeedRow, nowMs: number): boolean {
    for (const grant of this.grants.values()) {
      if (grant.subscriber === '*' && covers(grant, '*', feed) && isCurrent(grant, nowMs))
        return true;
    }
    return false;
  }
}

function covers(grant: GrantRow, subscriber: SpaceId | '*', feed: FeedRow): boolean {
  return (
    grant.publisher === feed.space &&
    (grant.feed === '*' || grant.feed === feed.id) &&
    (grant.subscriber === '*' || grant.subscriber === subscriber)
  );
}

const isCurrent = (grant: GrantRow, nowMs: number): boolean =>
  grant.until === null || Date.parse(grant.until) > nowMs;

/** Checks a payload before ODCM writes it: what would be passed over is never signed. */
export function checkDirectoryEvent<E extends DirectoryEvent>(
  event: E,
  payload: DirectoryPayload<E>,
): Json {
  const result = DIRECTORY_EVENTS[event].safeParse(payload);
  if (!result.success) {
    throw new MeshError(
      'EVENT_INVALID',
      `${event}: ${result.error.issues[0]?.message ?? 'invalid'}`,
    );
  }
  return payload as unknown as Json;
}
