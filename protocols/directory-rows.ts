// What the directory knows of a space, a feed and a grant, as rows. Each names the entry that made it or last changed it.

import type { ContextName, FeedId, FeedName, GrantId, SpaceId, SpaceName } from './ids.ts';

export interface Evidence {
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

/** Keys of a space, and the sizes of its feeds from which on they are the ones that sign. */
export interface SpaceKeys extends Evidence {
  readonly nodeKey: Buffer;
  readonly exchangeKey: Buffer;
  readonly from: Readonly<Record<string, number>>;
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
  /** All keys that the space ever had, oldest first; the last ones are `nodeKey` and `exchangeKey`. */
  readonly keys: readonly SpaceKeys[];
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
  /** Records are sealed: only who holds a key of the feed can read them. */
  readonly isSealed: boolean;
  /** Wanted holders beside the publisher; null for as many as is usual. */
  readonly carriersWanted: number | null;
  /** 1 at first; each new one has an origin, and so a log, of its own. */
  readonly epoch: number;
  /** Where the log of the last epoch is continued; null in the first. */
  readonly continues: { readonly size: number; readonly root: Buffer } | null;
}

export interface GrantRow extends Evidence {
  readonly id: GrantId;
  readonly subscriber: SpaceId | '*';
  readonly publisher: SpaceId;
  readonly feed: FeedId | '*';
  readonly until: string | null;
  /** Of a sealed feed: also what was published before the grant. */
  readonly history?: true | undefined;
}

/** A grant that was taken back, and by which entry. */
export interface EndedGrant extends GrantRow {
  readonly ended: Evidence;
}
