// Who may read a feed now, as the directory says: for whose exchange keys a share key is wrapped. Knows no log and no key ring.

import type { DirectoryState, FeedRow, GrantRow } from '../../protocols/directory.ts';
import type { SpaceId } from '../../protocols/ids.ts';
import { exchangeKeyId } from '../../protocols/share-key.ts';

export interface Reader {
  readonly space: SpaceId;
  /** X25519 public key. */
  readonly exchangeKey: Buffer;
  /** Names that key, in hexadecimal. */
  readonly keyId: string;
  /** It may also have what was published before. */
  readonly withHistory: boolean;
}

export interface Readers {
  readonly all: readonly Reader[];
  /** The first moment from which on they may be others without a change of the directory. */
  readonly untilMs: number;
  /** Whose a key is or was; undefined when the directory knows it not. */
  readonly ownerOf: (keyId: string) => SpaceId | undefined;
}

/** Looked up for every batch: worked out anew only when the directory has changed or a grant has ended. */
export class ReadersOfFeed {
  readonly #state: () => DirectoryState;
  readonly #feed: FeedRow;
  #known: { readonly size: number; readonly fromMs: number; readonly readers: Readers } | undefined;

  constructor(state: () => DirectoryState, feed: FeedRow) {
    this.#state = state;
    this.#feed = feed;
  }

  at(nowMs: number): Readers {
    const state = this.#state();
    const known = this.#known;
    const isSame = known?.size === state.size && nowMs >= known.fromMs;
    if (known && isSame && nowMs < known.readers.untilMs) return known.readers;
    const readers = readersOf(state, this.#feed, nowMs);
    this.#known = { size: state.size, fromMs: nowMs, readers };
    return readers;
  }
}

function readersOf(state: DirectoryState, feed: FeedRow, nowMs: number): Readers {
  const grants = [...state.grants.values()].filter((grant) => isOf(grant, feed));
  const current = grants.filter(({ until }) => until === null || Date.parse(until) > nowMs);
  const ends = current.map(({ until }) => (until === null ? Infinity : Date.parse(until)));
  const owners = new Map<string, SpaceId>();
  const all: Reader[] = [];
  for (const row of state.spaces.values()) {
    for (const { exchangeKey } of row.keys) owners.set(idOf(exchangeKey), row.id);
    const own = row.id === feed.space;
    const grantsHere = current.filter(
      ({ subscriber }) => subscriber === '*' || subscriber === row.id,
    );
    if (row.revoked || (!own && grantsHere.length === 0)) continue;
    const { id: space, exchangeKey } = row;
    const withHistory = own || grantsHere.some(({ history }) => history === true);
    all.push({ space, exchangeKey, keyId: idOf(exchangeKey), withHistory });
  }
  return { all, untilMs: Math.min(...ends, Infinity), ownerOf: (keyId) => owners.get(keyId) };
}

const idOf = (raw: Uint8Array): string => exchangeKeyId(raw).toString('hex');

const isOf = (grant: GrantRow, feed: FeedRow): boolean =>
  grant.publisher === feed.space && (grant.feed === '*' || grant.feed === feed.id);
