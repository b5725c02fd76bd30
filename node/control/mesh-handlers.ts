// Control API: the node itself, the members and their connections, grants and invitations.

import type { GrantRow } from '../../protocols/directory.ts';
import { MeshError } from '../../protocols/errors.ts';
import { monotonicMs } from '../clock.ts';
import type { MeshNode } from '../node.ts';
import type { Desk } from '../odcm.ts';
import { VERSION } from '../version.ts';
import { type Handlers, iso } from './handler.ts';
import { countFeeds, heardOf } from './health-handlers.ts';
import { showStore } from './store-handlers.ts';

type MeshRoutes =
  | 'status'
  | 'spaces'
  | 'peers'
  | 'grants'
  | 'grant'
  | 'ungrant'
  | 'revoke'
  | 'invite'
  | 'enrolments';

function requireOdcm(node: MeshNode): Desk {
  if (node.odcm) return node.odcm;
  throw new MeshError('NOT_ODCM', `${node.home.config.name} is not the ODCM node`);
}

export const meshHandlers: Pick<Handlers, MeshRoutes> = {
  async status({ node }) {
    const { config } = node.home;
    const { state } = node.directory;
    const feeds = [...state.feeds.values()];
    return {
      version: VERSION,
      mesh: config.mesh,
      meshName: config.meshName,
      space: config.space,
      name: config.name,
      role: config.role,
      pid: process.pid,
      startedAt: iso(node.startedMs),
      peerId: node.host.peerId,
      addresses: node.addresses(),
      enrolment: node.odcm?.endpoint ?? null,
      directory: showDirectory(node),
      clock: showClock(node),
      waits: node.health.local.multiplier,
      peers: { connected: node.host.connectedPeers().length, known: state.spaces.size - 1 },
      feeds: {
        known: feeds.length,
        own: feeds.filter((feed) => feed.space === config.space).length,
        subscribed: [...node.subscriptions.all()].length,
      },
      contexts: [...state.contexts.keys()],
      keyProtection: await node.home.keys.protection(),
      store: showStore(node),
      keyInUseAt: node.keyUse.isTwice ? [...node.keyUse.elsewhere] : [],
      refusals: node.allRefusals(),
    };
  },

  async spaces({ node }) {
    const { state } = node.directory;
    const feeds = countFeeds(state.feeds.values());
    return [...state.spaces.values()].map((space) => {
      const { state: status, heardAgoMs } = heardOf(node, space);
      const isSelf = space.id === node.home.config.space;
      return {
        name: space.name,
        id: space.id,
        ...{ status, heardAgoMs },
        connected: isSelf || node.host.isConnected(node.members.peerIdOf(space)),
        feeds: feeds.get(space.id) ?? 0,
        addresses: [...space.addresses],
        since: space.since,
        entry: space.entry,
        revokedFor: space.revoked?.reason ?? null,
      };
    });
  },

  async peers({ node }) {
    const states = new Map(node.supervisor.states().map((state) => [state.peerId, state]));
    const others = [...node.directory.state.spaces.values()].filter(
      (s) => s.id !== node.home.config.space,
    );
    return others.map((space) => {
      const peerId = node.members.peerIdOf(space);
      const state = states.get(peerId);
      const connected = node.host.isConnected(peerId);
      return {
        space: space.name,
        peerId,
        connected,
        gossip: connected && node.host.hearsGossip(peerId),
        address: node.host.addressOf(peerId) ?? null,
        attempts: state?.attempts ?? 0,
        nextTryMs:
          state?.nextTryMs === undefined
            ? null
            : Math.max(0, state.nextTryMs - monotonicMs(node.clock)),
        lastError: state?.lastError?.line ?? null,
      };
    });
  },

  async grants({ node }) {
    return [...node.directory.state.grants.values()].map((grant) => showGrant(node, grant));
  },

  async grant({ node, body }) {
    return { grant: await requireOdcm(node).trust.grant(body) };
  },

  async ungrant({ node, query }) {
    const revoked = await requireOdcm(node).trust.ungrant(query);
    return { revoked, entry: node.directory.state.endedGrants.at(-1)?.ended.entry ?? 0 };
  },

  async revoke({ node, body }) {
    const { trust } = requireOdcm(node);
    const { space, entry } = await trust.revoke(
      body.space,
      body.reason,
      node.home.config.space,
      body.lastGood,
    );
    return { space: space.name, entry };
  },

  async invite({ node, body }) {
    const { token, name, expiresMs } = await requireOdcm(node).invite(body.space, body.ttlMs);
    return { token, space: name, expiresAt: iso(expiresMs) };
  },

  async enrolments({ node }) {
    const nowMs = node.clock.nowMs();
    return requireOdcm(node)
      .enrolments()
      .map((row) => ({
        space: row.name,
        state: row.used
          ? ('joined' as const)
          : row.expiresMs <= nowMs
            ? ('expired' as const)
            : ('invited' as const),
        expiresAt: iso(row.expiresMs),
        words: row.used ? row.used.words.join(' ') : null,
      }));
  },
};

function showDirectory({ directory }: MeshNode) {
  const { state, ageMs, age, limitMs, heldUntilMs } = directory;
  return {
    ...{ size: state.size, ageMs: ageMs === null ? null : Math.round(ageMs), state: age, limitMs },
    heldUntil: heldUntilMs === undefined ? null : iso(heldUntilMs),
  };
}

function showClock({ trustClock }: MeshNode) {
  const { state, offByMs, forMs } = trustClock.verdict;
  return { state, offByMs: Math.round(offByMs), forMs: Math.round(forMs) };
}

function showGrant(node: MeshNode, grant: GrantRow) {
  const { state } = node.directory;
  const nameOf = (id: GrantRow['publisher']) => state.spaces.get(id)?.name ?? id;
  const isExpired = grant.until !== null && Date.parse(grant.until) <= node.trustClock.nowMs();
  return {
    id: grant.id,
    subscriber: grant.subscriber === '*' ? 'all' : nameOf(grant.subscriber),
    publisher: nameOf(grant.publisher),
    feed: grant.feed === '*' ? 'all' : (state.feeds.get(grant.feed)?.name ?? grant.feed),
    until: grant.until,
    state: isExpired ? ('expired' as const) : ('current' as const),
    since: grant.since,
    entry: grant.entry,
  };
}
