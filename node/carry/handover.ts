// When a copy may be dropped: not before those that the directory chose instead say that they have all of it.

import type { SpaceId } from '../../protocols/ids.ts';
import type { Feeds } from '../feed/feeds.ts';
import type { Carriers } from '../replicate/carriers.ts';
import type { CarryRow } from './carry-rows.ts';
import type { Copies } from './copies.ts';
import type { Duty } from './duty.ts';

export interface HandoverParts {
  readonly duty: Duty;
  readonly self: SpaceId;
  readonly feeds: Pick<Feeds, 'peek'>;
  readonly carriers: Pick<Carriers, 'newest'>;
  readonly copies: Pick<Copies, 'whole'>;
  readonly peerOf: (space: SpaceId) => string | undefined;
}

/** Not chosen any more, and each of those that are says that it has all that is here. */
export function isHandedOver({ feed: id, state }: CarryRow, parts: HandoverParts): boolean {
  const { duty, self, feeds, carriers, copies, peerOf } = parts;
  const { chosen, candidates, wanted } = duty.choice(id);
  if (chosen.includes(self)) return false;
  // Who may no longer read it keeps nothing of it; what is not here needs nobody to take it over.
  if (state === 'crowded out' || wanted === 0 || !candidates.includes(self)) return true;
  const feed = feeds.peek(id);
  if (!feed) return false;
  const whole = copies.whole(feed);
  return chosen.every((space) => {
    const peerId = peerOf(space);
    const said = peerId === undefined ? undefined : carriers.newest(id, peerId);
    return said !== undefined && said.held >= feed.log.size && said.whole >= whole;
  });
}
