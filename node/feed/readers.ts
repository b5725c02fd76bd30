// Who may read a feed now, as the directory says: for whose exchange keys a share key is wrapped. Knows no log and no key ring.

import type { DirectoryState, FeedRow, GrantRow } from '../../protocols/directory.ts';
import { feedOrigin, type MeshId, type Origin, type SpaceId } from '../../protocols/ids.ts';
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

/** What is proven about the logs of this mesh. */
export interface Proven {
  readonly mesh: MeshId;
  readonly forks: {
    /** It only grows. */
    readonly count: number;
    readonly of: (origin: Origin) => unknown;
  };
}

/** Looked up for every batch: worked out anew only when the directory has changed, a fork was proven or a grant has ended. */
export class ReadersOfFeed {
  readonly #state: () => DirectoryState;
  readonly #feed: FeedRow;
  readonly #proven: Proven;
  #known:
    | {
        readonly size: number;
        readonly forks: number;
        readonly fromMs: number;
        readonly readers: Readers;
      }
    | undefined;

  constructor(state: () => DirectoryState, feed: FeedRow, proven: Proven) {
    this.#state = state;
    this.#feed = feed;
    this.#proven = proven;
  }

  at(nowMs: number): Readers {
    const state = this.#state();
    const known = this.#known;
    const { count } = this.#proven.forks;
    const isSame = known?.size === state.size && known.forks === count && nowMs >= known.fromMs;
    if (known && isSame && nowMs < known.readers.untilMs) return known.readers;
    const forked = forkedSpaces(state, this.#proven);
    const readers = readersOf(state, this.#feed, forked, nowMs);
    this.#known = { size: state.size, forks: count, fromMs: nowMs, readers };
    return readers;
  }
}

/** Spaces with a feed of two histories that has no new epoch yet: somebody else may have their keys. */
function forkedSpaces(state: DirectoryState, { mesh, forks }: Proven): ReadonlySet<SpaceId> {
  if (forks.count === 0) return new Set();
  const rows = [...state.feeds.values()];
  return new Set(
    rows
      .filter(({ space, id, epoch }) => forks.of(feedOrigin(mesh, space, id, epoch)) !== undefined)
      .map(({ space }) => space),
  );
}

function readersOf(
  state: DirectoryState,
  feed: FeedRow,
  forked: ReadonlySet<SpaceId>,
  nowMs: number,
): Readers {
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
    // What it wrote itself a publisher must go on to read.
    if (row.revoked || (!own && (grantsHere.length === 0 || forked.has(row.id)))) continue;
    const { id: space, exchangeKey } = row;
    const withHistory = own || grantsHere.some(({ history }) => history === true);
    all.push({ space, exchangeKey, keyId: idOf(exchangeKey), withHistory });
  }
  return { all, untilMs: Math.min(...ends, Infinity), ownerOf: (keyId) => owners.get(keyId) };
}

const idOf = (raw: Uint8Array): string => exchangeKeyId(raw).toString('hex');

const isOf = (grant: GrantRow, feed: FeedRow): boolean =>
  grant.publisher === feed.space && (grant.feed === '*' || grant.feed === feed.id);
