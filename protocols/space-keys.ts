// Which keys of a space count, where and when. A space that rotates its keys names, for each of its feeds, the size from
// which the new key signs: heads up to there verify under the former one, heads from there on under the new one, and the
// head at that very size under either. Pure.

import type { SpaceKeys, SpaceRow } from './directory-rows.ts';
import type { FeedId } from './ids.ts';
import { LIMITS } from './limits.ts';

type Keys = readonly Pick<SpaceKeys, 'nodeKey' | 'from'>[];

/** Node keys that may sign the head of this size, newest first; a feed that a rotation does not name is the new key's. */
export function keysAt(keys: Keys, feed: FeedId, size: number): Buffer[] {
  const found: Buffer[] = [];
  for (let i = keys.length - 1; i >= 0; i--) {
    const from = i === 0 ? 0 : (keys[i]!.from[feed] ?? 0);
    if (size < from) continue;
    found.push(keys[i]!.nodeKey);
    if (size > from) break;
  }
  return found;
}

/**
 * Node keys by which the space is known on the network, newest first. A running node keeps the identity that it began
 * with, so the former key counts beside the newest for a while.
 */
export function identityKeys(row: Pick<SpaceRow, 'nodeKey' | 'keys'>, nowMs: number): Buffer[] {
  const former = formerIdentity(row);
  return former && nowMs < former.untilMs ? [row.nodeKey, former.nodeKey] : [row.nodeKey];
}

/** The node key before the newest, and until when it still is an identity of the space. */
export function formerIdentity({
  keys,
}: Pick<SpaceRow, 'keys'>): { readonly nodeKey: Buffer; readonly untilMs: number } | undefined {
  const [former, newest] = keys.slice(-2);
  if (former === undefined || newest === undefined) return undefined;
  return { nodeKey: former.nodeKey, untilMs: Date.parse(newest.since) + LIMITS.keyOverlapMs };
}
