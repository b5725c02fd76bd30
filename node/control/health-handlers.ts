// Control API: how the spaces are, as this node sees it, and how long the mesh's trust lasts.

import type { RouteResult } from '../../protocols/control-api.ts';
import type { FeedRow, SpaceRow } from '../../protocols/directory.ts';
import type { SpaceId } from '../../protocols/ids.ts';
import { monotonicMs } from '../clock.ts';
import type { SpaceLag } from '../health/node-health.ts';
import { lifeOfSpace, trustOf } from '../health/trust-life.ts';
import type { MeshNode } from '../node.ts';
import { VERSION } from '../version.ts';
import { type Handlers, iso } from './handler.ts';

export const healthHandlers: Pick<Handlers, 'health' | 'trust'> = {
  async health({ node }) {
    return healthRows(node);
  },

  async trust({ node }) {
    return trustOf({
      root: node.home.root.root,
      files: await node.home.certificates(),
      spaces: node.directory.state.spaces.values(),
      nowMs: node.trustClock.nowMs(),
    });
  },
};

/** One row for each space of the directory. */
export function healthRows(node: MeshNode): RouteResult<'health'>[] {
  const { spaces, feeds } = node.directory.state;
  const counts = countFeeds(feeds.values());
  const lags = node.health.lags();
  return [...spaces.values()].map((row) => ({
    ...{ space: row.name, id: row.id, entry: row.entry, feeds: counts.get(row.id) ?? 0 },
    ...heardOf(node, row),
    ...byFileOf(node, row),
    ...showLag(lags.get(row.id)),
    ...showInventory(node, row),
    certificate: lifeOfSpace(row, node.trustClock.nowMs()) ?? null,
  }));
}

/** How many feeds each space has. */
export function countFeeds(feeds: Iterable<FeedRow>): ReadonlyMap<SpaceId, number> {
  const counts = new Map<SpaceId, number>();
  for (const { space } of feeds) counts.set(space, (counts.get(space) ?? 0) + 1);
  return counts;
}

/** The one answer to whether a space is there. */
export function heardOf(node: MeshNode, { id, revoked }: SpaceRow) {
  const nothing = { heardAgoMs: null, heardAt: null, heardVia: null };
  if (id === node.home.config.space) {
    const state = revoked ? ('revoked' as const) : ('self' as const);
    return { ...nothing, state, suspectedBy: 0, nodeVersion: VERSION, heardAgoMs: 0 };
  }
  const nowMs = monotonicMs(node.clock);
  const heard = node.presence.heard(id);
  const known = node.health.board.of(id);
  const via = heard && node.members.spaceOf(heard.via);
  return {
    state: revoked ? ('revoked' as const) : (known?.state ?? ('unknown' as const)),
    heardAgoMs: heard ? Math.max(0, Math.round(nowMs - heard.heardMonotonicMs)) : null,
    heardAt: heard ? iso(heard.heardMs) : null,
    heardVia: via && via.id !== id ? via.name : null,
    suspectedBy: known?.suspectedBy ?? 0,
    nodeVersion: heard?.presence.version ?? null,
  };
}

function byFileOf(node: MeshNode, { id }: SpaceRow) {
  const said = node.gap.heard.of(id);
  if (!said) return {};
  const { atMs, what } = said;
  const agoMs = Math.max(0, Math.round(node.clock.nowMs() - atMs));
  return { byFile: { at: iso(atMs), agoMs, what } };
}

const showLag = (lag: SpaceLag | undefined) => ({
  behind: lag?.behind ?? 0,
  lagMs: lag?.lagMs === undefined || lag.lagMs === null ? null : Math.round(lag.lagMs),
});

function showInventory(node: MeshNode, { name }: SpaceRow) {
  const facts = node.health.inventory?.of(name);
  return {
    serverVersion: facts?.serverVersion ?? null,
    projects: facts?.projects ?? null,
    targets: facts?.targets ?? null,
    tags: [...(facts?.tags ?? [])],
  };
}
