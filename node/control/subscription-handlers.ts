// Control API: what this space takes, and fetching it when asked.

import type { RouteResult } from '../../protocols/control-api.ts';
import type { FeedRow } from '../../protocols/directory.ts';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import type { FeedId } from '../../protocols/ids.ts';
import type { MeshNode } from '../node.ts';
import type { Subscription } from '../replicate/subscriptions.ts';
import { type Handlers, iso } from './handler.ts';
import { heardOf } from './health-handlers.ts';

/** Interval of polling when none is given. */
const POLL_MS = 5 * 60_000;

export const subscriptionHandlers: Pick<
  Handlers,
  'subscriptions' | 'subscribe' | 'unsubscribe' | 'pull'
> = {
  async subscriptions({ node }) {
    const taken = [...node.subscriptions.all()].map((row) => showSubscription(node, row));
    const asked = [...node.directory.state.feeds.values()].filter((row) => isRequested(node, row));
    return [...taken, ...asked.map((row) => showRequest(node, row))];
  },

  async subscribe({ node, body }) {
    const { mode, via, everyMs } = body;
    if (everyMs !== undefined && via !== 'poll') {
      throw new MeshError('USAGE', 'an interval goes with polling only', {
        next: 'Add: --via poll',
      });
    }
    const { id } = node.directory.state.resolveFeed(body.feed);
    const row: Subscription = {
      feed: id,
      mode,
      via,
      everyMs: via === 'poll' ? (everyMs ?? POLL_MS) : null,
    };
    await node.intent.subscribe(row);
    return showSubscription(node, row);
  },

  async unsubscribe({ node, query }) {
    const row = node.directory.state.resolveFeed(query.feed);
    await node.subscriptions.remove(row.id);
    return { feed: node.directory.state.feedPath(row) };
  },

  async pull({ node, body }) {
    const { state } = node.directory;
    const ids: FeedId[] =
      body.feed === undefined
        ? [...node.subscriptions.all()].map((row) => row.feed)
        : [state.resolveFeed(body.feed).id];
    const rows = [];
    for (const id of ids) rows.push(await pullOne(node, id, body.feed !== undefined));
    return rows;
  },
};

async function pullOne(node: MeshNode, id: FeedId, isAlone: boolean) {
  const row = node.directory.state.feeds.get(id)!;
  const path = node.directory.state.feedPath(row);
  try {
    if (!node.subscriptions.get(id)) {
      throw new MeshError('SUBSCRIPTION_UNKNOWN', `this space does not take ${path}`, {
        next: `Take it with: odcm subscribe ${path}`,
      });
    }
    if (!node.replicator.mayTake(id))
      throw new MeshError('NO_GRANT', `there is no current grant for ${path}`);
    const { feed, from, peer, state } = await node.replicator.pull(id);
    const space = peer ? (node.members.spaceOf(peer)?.name ?? peer) : null;
    return { feed: path, from, to: feed.log.size, applied: feed.view.applied, peer: space, state };
  } catch (error) {
    // Of several feeds each tells its own trouble; a single one fails the command.
    if (isAlone) throw error;
    const held = node.feeds.peek(id);
    const size = held?.log.size ?? 0;
    return {
      feed: path,
      from: size,
      to: size,
      applied: held?.view.applied ?? 0,
      peer: null,
      state: asMeshError(error).line,
    };
  }
}

/** A feed that its publisher wants every space to take, and that waits for this space to agree. */
function isRequested(node: MeshNode, row: FeedRow): boolean {
  const isForeign = row.sync === 'forced' && row.space !== node.home.config.space;
  return isForeign && !node.subscriptions.get(row.id) && node.intent.grantOf(row) !== undefined;
}

type State = RouteResult<'subscriptions'>['state'];

function stateOf(node: MeshNode, { feed: id }: Subscription): State {
  const feed = node.feeds.peek(id);
  if (feed?.isFrozen) return 'frozen';
  const row = node.directory.state.feeds.get(id);
  if (!row || !node.intent.grantOf(row)) return 'no grant';
  if (node.directory.age === 'expired') return 'expired';
  if (!feed?.head) return 'waiting';
  const isLevel = feed.log.size >= feed.head.size && feed.view.applied >= feed.head.size;
  return isLevel ? 'level' : 'behind';
}

function showSubscription(node: MeshNode, row: Subscription) {
  const feed = node.feeds.peek(row.feed);
  const progress = node.subscriptions.progress(row.feed);
  const held = feed?.log.size ?? 0;
  const applied = feed?.view.applied ?? 0;
  const size = feed?.head?.size ?? null;
  return {
    feed: pathOf(node, row.feed),
    mode: row.mode,
    via: row.via,
    everyMs: row.everyMs,
    state: stateOf(node, row),
    size,
    held,
    applied,
    ...silenceOf(node, row.feed),
    lastError: progress.lastError?.line ?? null,
  };
}

function showRequest(node: MeshNode, row: FeedRow) {
  return {
    feed: pathOf(node, row.id),
    mode: 'auto' as const,
    via: 'gossip' as const,
    everyMs: null,
    state: 'requested' as const,
    size: null,
    held: 0,
    applied: 0,
    ...silenceOf(node, row.id),
    lastError: null,
  };
}

/** When something new of a feed came last, and since when nothing was heard of its publisher: not the same. */
export function silenceOf(node: MeshNode, id: FeedId) {
  const row = node.directory.state.feeds.get(id);
  const publisher = row && node.directory.state.spaces.get(row.space);
  const { lastChangeMs } = node.subscriptions.progress(id);
  return {
    lastChangeAt: lastChangeMs === null ? null : iso(lastChangeMs),
    heardAgoMs: publisher ? heardOf(node, publisher).heardAgoMs : null,
  };
}

function pathOf(node: MeshNode, id: FeedId): string {
  const row = node.directory.state.feeds.get(id);
  return row ? node.directory.state.feedPath(row) : id;
}
