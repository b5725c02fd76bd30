// Which spaces carry a feed: highest-random-weight hashing over the directory, so that every node computes the same answer
// and a member that comes or goes moves the copies it must and no other. Pure; who holds what in fact is not its business.

import type { DirectoryState, FeedRow } from './directory.ts';
import { type FeedId, type SpaceId, uuidBytes } from './ids.ts';
import { LIMITS } from './limits.ts';
import { sha256 } from './merkle.ts';

/** The first 64 bits of the SHA-256 of an id: hashed once an id, not once a pair. */
type Seed = readonly [high: number, low: number];

const seeds = new Map<string, Seed>();
/** Ids come from the directory; past this the table begins anew. */
const MAX_SEEDS = 100_000;

function seedOf(id: FeedId | SpaceId): Seed {
  let seed = seeds.get(id);
  if (!seed) {
    const hash = sha256(uuidBytes(id));
    seed = [hash.readUInt32BE(0), hash.readUInt32BE(4)];
    if (seeds.size >= MAX_SEEDS) seeds.clear();
    seeds.set(id, seed);
  }
  return seed;
}

/** How much a feed draws a space: 53 bits that look random, and are the same at every node (wire §7). */
function weightOf(feed: Seed, space: Seed): number {
  let high = feed[0] ^ space[0];
  let low = feed[1] ^ space[1];
  for (let round = 0; round < 3; round++) {
    high = Math.imul(high ^ (high >>> 16), 0x85ebca6b);
    low ^= high ^ (high >>> 13);
    low = Math.imul(low ^ (low >>> 15), 0xc2b2ae35);
    high ^= low ^ (low >>> 16);
  }
  return (high >>> 0) * 2 ** 21 + (low >>> 11);
}

/** At most `count` of the candidates, the one that comes first first. The order of the candidates means nothing. */
export function chooseCarriers(
  feed: FeedId,
  candidates: Iterable<SpaceId>,
  count: number,
): SpaceId[] {
  const seed = seedOf(feed);
  const best: Weighed[] = [];
  for (const space of candidates) {
    const weight = weightOf(seed, seedOf(space));
    let at = best.length;
    while (at > 0 && isBefore({ space, weight }, best[at - 1]!)) at--;
    if (at < count) best.splice(at, 0, { space, weight });
    if (best.length > count) best.pop();
  }
  return best.map(({ space }) => space);
}

interface Weighed {
  readonly space: SpaceId;
  readonly weight: number;
}

const isBefore = (a: Weighed, b: Weighed): boolean =>
  a.weight > b.weight || (a.weight === b.weight && a.space < b.space);

/**
 * Members that may be asked to carry a feed: all but its publisher, ODCM and the revoked. Of a feed that is neither sealed
 * nor for everybody a carrier can read the records, so only who has a grant is one.
 */
export function carrierCandidates(
  state: DirectoryState,
  feed: FeedRow,
  odcm: SpaceId,
  nowMs: number,
): SpaceId[] {
  const isOpen = feed.isSealed || state.isForAll(feed, nowMs);
  const out: SpaceId[] = [];
  for (const { id, revoked } of state.spaces.values()) {
    if (revoked || id === feed.space || id === odcm) continue;
    if (isOpen || state.grantFor(id, feed, nowMs)) out.push(id);
  }
  return out;
}

/** How many carriers a feed wants. */
export const carriersWanted = (feed: FeedRow): number =>
  feed.carriersWanted ?? LIMITS.carriersWanted;
