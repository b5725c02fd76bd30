// How many copies of a feed there are and where, as far as this node knows: what members said on being asked, and its own.

import type { z } from 'zod';
import type { CarrierRow, carrierFields } from '../../protocols/control-carriers.ts';
import type { FeedRow } from '../../protocols/directory.ts';
import type { SpaceId } from '../../protocols/ids.ts';
import { monotonicMs } from '../clock.ts';
import type { MeshNode } from '../node.ts';

type Carrier = z.output<typeof CarrierRow>;
type Fields = { readonly [K in keyof typeof carrierFields]: z.output<(typeof carrierFields)[K]> };

export function standingOf(node: MeshNode, row: FeedRow): Fields {
  const { duty, carry } = node.carrying;
  const { chosen, candidates, wanted } = duty.choice(row.id);
  const isCandidate = new Set(candidates);
  const others = [...holdersOf(node, row)].filter((id) => !chosen.includes(id));
  const carrierSpaces = [
    ...chosen.map((id) => carrierOf(node, row, id, true)),
    ...others.filter((id) => isCandidate.has(id)).map((id) => carrierOf(node, row, id, false)),
  ].filter(({ chosen: isChosen, held }) => isChosen || held !== 0);
  const countOf = (...states: Carrier['state'][]) =>
    carrierSpaces.filter(({ state }) => states.includes(state)).length;
  const carriersUnknown = carrierSpaces.filter((c) => c.chosen && c.state === 'unknown').length;
  const known = (count: number) => (count === 0 && carriersUnknown > 0 ? null : count);
  return {
    carriers: known(countOf('complete', 'behind')),
    carriersComplete: known(countOf('complete')),
    ...{ carriersUnknown, carriersWanted: wanted, carriersPossible: candidates.length },
    ...{ carrierSpaces, carrying: carry.carrying(row.id) ?? null },
  };
}

/** Whoever said that it has some of the feed, and this node. */
function* holdersOf({ carriers, members, home }: MeshNode, row: FeedRow): Generator<SpaceId> {
  yield home.config.space;
  for (const peerId of carriers.known(row.id)) {
    if (!carriers.said(row.id, peerId)?.held) continue;
    const space = members.spaceOf(peerId);
    if (space && space.id !== home.config.space) yield space.id;
  }
}

function carrierOf(node: MeshNode, row: FeedRow, id: SpaceId, chosen: boolean): Carrier {
  const { directory, home, neighbours, carriers, clock } = node;
  const space = directory.state.spaces.get(id)?.name ?? id;
  if (id === home.config.space) return { space, chosen, ...ownState(node, row), heardAgoMs: 0 };
  const peerId = neighbours.peerOf(id);
  const said = peerId === undefined ? undefined : carriers.said(row.id, peerId);
  const heardAgoMs = said ? Math.max(0, Math.round(monotonicMs(clock) - said.atMs)) : null;
  const state = stateOf(node, row, id, peerId);
  return { space, state, chosen, held: said?.held ?? null, heardAgoMs };
}

function ownState(node: MeshNode, row: FeedRow): Pick<Carrier, 'state' | 'held'> {
  const feed = node.feeds.peek(row.id);
  const held = feed?.log.size ?? 0;
  // Whoever is empty of a feed without entries lacks nothing.
  if (!feed || (held === 0 && feed.head && feed.head.size > 0)) return { state: 'none', held: 0 };
  const size = Math.min(feed.head?.size ?? 0, feed.endsAt);
  const isComplete = held >= size && node.carrying.carry.copies.whole(feed) >= held;
  return { state: isComplete ? 'complete' : 'behind', held };
}

function stateOf(
  { carriers, host, health }: MeshNode,
  row: FeedRow,
  id: SpaceId,
  peerId: string | undefined,
): Carrier['state'] {
  const newest = peerId === undefined ? undefined : carriers.newest(row.id, peerId);
  if (newest) {
    if (newest.isComplete) return 'complete';
    return newest.held > 0 ? 'behind' : 'none';
  }
  const isConnected = peerId !== undefined && host.isConnected(peerId);
  const said = peerId === undefined ? undefined : carriers.said(row.id, peerId);
  const isAway = said !== undefined || health.board.of(id)?.state === 'offline';
  return !isConnected && isAway ? 'away' : 'unknown';
}
