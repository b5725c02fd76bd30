// Control API: the mesh as a person looks at it: the connections with what is measured of them, and the overview over
// all that the other answers say.

import type { RouteResult } from '../../protocols/control-api.ts';
import { isMeshError } from '../../protocols/errors.ts';
import type { MeshNode } from '../node.ts';
import { alertHandlers } from './alert-handlers.ts';
import { feedListHandlers } from './feed-list-handlers.ts';
import { type Call, type Handlers, iso } from './handler.ts';
import { healthHandlers } from './health-handlers.ts';
import { meshHandlers } from './mesh-handlers.ts';
import { composeOverview } from './overview.ts';
import { reportHandlers } from './report-handlers.ts';
import { subscriptionHandlers } from './subscription-handlers.ts';

type Peer = RouteResult<'peers'>;
type MeshState = RouteResult<'mesh'>['state'];

export const meshViewHandlers: Pick<Handlers, 'mesh' | 'overview'> = {
  async mesh(call) {
    const { node } = call;
    const dialling = new Set(
      node.supervisor.states().flatMap(({ peerId, dialling }) => (dialling ? [peerId] : [])),
    );
    const peers = await meshHandlers.peers({ ...call });
    return peers.map((peer) => showPeer(node, peer, dialling.has(peer.peerId)));
  },

  async overview(call) {
    const { node } = call;
    const plain = { ...call, query: undefined, body: undefined };
    const [status, subscriptions, health, feeds, trust, alerts, deployments, enrolments] =
      await Promise.all([
        meshHandlers.status(plain),
        subscriptionHandlers.subscriptions(plain),
        part(node, healthHandlers.health(plain)),
        part(node, feedListHandlers.feeds(plain)),
        part(node, healthHandlers.trust(plain)),
        part(node, alertHandlers.alerts({ ...plain, query: { state: 'open' } })),
        part(node, lastTwoDays(plain)),
        node.odcm ? part(node, meshHandlers.enrolments(plain)) : null,
      ]);
    const { name, peers, directory, refusals } = status;
    const asOf = iso(node.clock.nowMs());
    return composeOverview({
      ...{ asOf, name, peers, directory, refusals, subscriptions },
      ...{ health, feeds, trust, alerts, deployments, enrolments },
    });
  },
};

/** One part that cannot be had, as while the node starts, leaves the rest of the overview standing. */
async function part<T>(node: MeshNode, wanted: Promise<T>): Promise<T | null> {
  try {
    return await wanted;
  } catch (error) {
    if (!isMeshError(error)) throw error;
    node.log.debug({ code: error.code }, `a part of the overview is missing: ${error.message}`);
    return null;
  }
}

const DAY_MS = 24 * 60 * 60 * 1000;

async function lastTwoDays(call: Omit<Call<'overview'>, 'query'>) {
  const nowMs = call.node.clock.nowMs();
  const day = (untilMs: number) =>
    reportHandlers.reportDeployments({
      ...call,
      query: { since: iso(untilMs - DAY_MS), until: iso(untilMs), by: 'space' },
    });
  const [last, before] = await Promise.all([day(nowMs), day(nowMs - DAY_MS)]);
  return { last, before };
}

function showPeer(node: MeshNode, peer: Peer, isDialling: boolean): RouteResult<'mesh'> {
  const { peerId, connected } = peer;
  const measured = connected ? node.host.measure?.(peerId) : undefined;
  return {
    ...peer,
    kind: peerId === node.neighbours.odcmPeer ? 'odcm' : 'space',
    via: connected ? 'direct' : null,
    rttMs: measured?.rttMs ?? null,
    // The transport counts no bytes by peer; what is not measured is not told.
    inBytesPerSecond: null,
    outBytesPerSecond: null,
    topics: measured?.topics ?? 0,
    state: stateOf(peer, measured?.inMesh === true, isDialling),
  };
}

function stateOf({ connected, gossip }: Peer, isInMesh: boolean, isDialling: boolean): MeshState {
  if (!connected) return isDialling ? 'connecting' : 'away';
  if (!gossip) return 'deaf';
  return isInMesh ? 'mesh' : 'connected';
}
