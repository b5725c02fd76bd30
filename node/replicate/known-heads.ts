// Whether gossip brought everything that a space says it has: its presence hashes the heads of all its feeds. What is
// missing here is known by the difference, and only then a peer is asked.

import type { Checkpoint } from '../../protocols/checkpoint.ts';
import { feedOrigin, type MeshId, type SpaceId } from '../../protocols/ids.ts';
import { headsHash } from '../../protocols/presence.ts';
import type { Carry } from '../carry/carry.ts';
import type { Directory } from '../directory/directory.ts';
import type { Feeds } from '../feed/feeds.ts';
import type { SeenHeads } from './seen-heads.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface KnownHeadsOptions {
  readonly mesh: MeshId;
  readonly directory: Directory;
  readonly feeds: Feeds;
  readonly subscriptions: Subscriptions;
  readonly carry: Pick<Carry, 'isCopied'>;
  readonly seen: SeenHeads;
}

/** True when the newest heads of the space that are known here are those that `hash` was made of. */
export function knowsHeads(o: KnownHeadsOptions, space: SpaceId, hash: Buffer): boolean {
  const heads: Checkpoint[] = [];
  for (const row of o.directory.state.feeds.values()) {
    if (row.space !== space) continue;
    // Of a feed that is taken only what was taken up counts: it may have been heard and refused.
    const isTaken = o.subscriptions.get(row.id) || o.carry.isCopied(row.id);
    const head = isTaken ? o.feeds.peek(row.id)?.head : o.seen.newest(row.id);
    if (head) heads.push({ ...head, origin: feedOrigin(o.mesh, space, row.id, row.epoch) });
  }
  return headsHash(heads).equals(hash);
}
