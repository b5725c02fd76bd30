// How what is carried for others shares the room for it: those that this node is the first choice for come first. Pure.

import type { FeedId, SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';

export interface Tenant {
  readonly feed: FeedId;
  readonly publisher: SpaceId;
  /** Place of this node among the chosen, 0 for the first choice; past them while it hands the feed over. */
  readonly rank: number;
  /** On the disk. */
  readonly bytes: number;
  /** What it took when it was dropped for want of room; 0 otherwise. */
  readonly neededBytes: number;
}

/** `fetch`: there is room; `hold`: no more of it is fetched; `drop`: what is here of it must go; `wait`: it went. */
export type Verdict = 'fetch' | 'hold' | 'drop' | 'wait';

export interface Room {
  readonly quotaBytes: number;
  /** Kept free for what is being fetched just now. */
  readonly reservedBytes?: number;
  /** The disk is nearly full: nothing is fetched for others. */
  readonly isShort: boolean;
}

/** Whose turn it is before whom. */
const byPriority = (a: Tenant, b: Tenant): number =>
  a.rank - b.rank || (a.feed < b.feed ? -1 : a.feed > b.feed ? 1 : 0);

/** What becomes of each feed. Whatever is fetched in one step fits into the slack, so that the quota is never passed. */
export function shareRoom(
  tenants: readonly Tenant[],
  { quotaBytes, isShort, reservedBytes = 0 }: Room,
): Map<FeedId, Verdict> {
  const verdicts = new Map<FeedId, Verdict>();
  const ofPublisher = new Map<SpaceId, number>();
  let used = 0;
  for (const tenant of [...tenants].sort(byPriority)) {
    const { feed, publisher, bytes, neededBytes } = tenant;
    const before = ofPublisher.get(publisher) ?? 0;
    const needs = Math.max(bytes, neededBytes);
    const left =
      Math.min(quotaBytes - used, LIMITS.carryBytesPerPublisher - before) - needs - reservedBytes;
    const verdict = verdictOf(tenant, left, isShort);
    verdicts.set(feed, verdict);
    if (verdict === 'drop' || verdict === 'wait') continue;
    used += needs;
    ofPublisher.set(publisher, before + needs);
  }
  return verdicts;
}

function verdictOf(tenant: Tenant, leftBytes: number, isShort: boolean): Verdict {
  const hasNone = tenant.bytes === 0;
  if (leftBytes < 0) return hasNone ? 'wait' : 'drop';
  if (!isShort && leftBytes >= LIMITS.carrySlackBytes) return 'fetch';
  // One that went away for want of room comes back when it can be whole.
  return hasNone && tenant.neededBytes > 0 ? 'wait' : 'hold';
}

/**
 * The feed that has to make room for one before it: the last in turn, when everything together leaves no room for another
 * step of what is being fetched.
 */
export function crowdedOut(
  tenants: readonly Tenant[],
  quotaBytes: number,
  isHungry: (feed: FeedId) => boolean,
): FeedId | undefined {
  const used = tenants.reduce((sum, { bytes }) => sum + bytes, 0);
  if (used + LIMITS.carrySlackBytes <= quotaBytes) return undefined;
  const inTurn = [...tenants].sort(byPriority);
  const last = inTurn.findLastIndex(({ bytes }) => bytes > 0);
  return inTurn.slice(0, Math.max(0, last)).some(({ feed }) => isHungry(feed))
    ? inTurn[last]!.feed
    : undefined;
}
