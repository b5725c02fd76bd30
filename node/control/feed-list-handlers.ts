// Control API: the feeds of the directory, with what is held of them and where; making one, and how many copies it wants.

import type { FeedRow } from '../../protocols/directory.ts';
import { parseContextName, parseFeedId, parseFeedName } from '../../protocols/ids.ts';
import { standingOf } from '../carry/standing.ts';
import type { MeshNode } from '../node.ts';
import { resolveRow } from './feed-handlers.ts';
import type { Handlers } from './handler.ts';
import { silenceOf } from './subscription-handlers.ts';

/** A feed that was just created comes back from ODCM through the mesh within this time. */
const COME_BACK_MS = 10_000;

export const feedListHandlers: Pick<Handlers, 'feeds' | 'createFeed' | 'feedPolicy'> = {
  async feeds({ node }) {
    return Promise.all([...node.directory.state.feeds.values()].map((row) => showFeed(node, row)));
  },

  async createFeed({ node, body }) {
    const name = parseFeedName(body.name);
    const context = parseContextName(body.context);
    const { id, grants } = JSON.parse(
      await node.petitioner.petition({
        ...{ wish: 'feed', name, context, sync: body.sync, to: body.to },
        ...(body.sealed === undefined ? {} : { sealed: body.sealed }),
        ...(body.carriers === undefined ? {} : { carriers: body.carriers }),
      }),
    ) as { id: string; grants: number };
    const feed = await node.petitioner.awaitFeed(parseFeedId(id), COME_BACK_MS);
    // Made just now, so that nobody can have anything of it.
    node.gate.release(feed);
    node.provide(feed);
    return { feed: feed.path, id, grants, sealed: feed.row.isSealed };
  },

  async feedPolicy({ node, query, body: { carriers } }) {
    const row = resolveRow(node, query.feed);
    await node.petitioner.petition({ wish: 'policy', feed: row.id, carriers });
    return { feed: node.directory.state.feedPath(row), carriers };
  },
};

async function showFeed(node: MeshNode, row: FeedRow) {
  const grant = node.intent.grantOf(row);
  const isSubscribed = node.subscriptions.get(row.id) !== undefined;
  const isOwn = row.space === node.home.config.space;
  const feed =
    node.feeds.peek(row.id) ?? (isOwn || isSubscribed ? await node.feeds.open(row.id) : undefined);
  const held = feed?.log.size ?? 0;
  const size = feed?.head?.size ?? null;
  return {
    feed: node.directory.state.feedPath(row),
    id: row.id,
    context: row.context,
    sync: row.sync,
    sealed: row.isSealed,
    ...silenceOf(node, row.id),
    grant: grant === undefined ? null : grant === 'own' ? 'own' : grant.id,
    size,
    held,
    applied: feed?.view.applied ?? 0,
    behind: Math.max(0, (size ?? 0) - held),
    lagMs: isSubscribed && size !== null ? Math.round(node.health.lagOf(row.id)) : null,
    deadLetters: feed?.view.deadLetterCount ?? 0,
    ...standingOf(node, row),
    subscribed: isSubscribed,
    frozen: feed?.isFrozen ?? false,
    heldBack: feed?.publisher ? node.gate.held(feed) : null,
    epoch: row.epoch,
    root: feed && held > 0 ? feed.log.root().toString('hex') : null,
    entry: row.entry,
  };
}
