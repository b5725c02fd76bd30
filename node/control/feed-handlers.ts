// Control API: feeds, publishing, items and their content, history and events.

import { Readable } from 'node:stream';
import { checkContent } from '../../protocols/contexts.ts';
import { CONTENT_HEADERS } from '../../protocols/control-api.ts';
import type { FeedRow } from '../../protocols/directory.ts';
import { KIND, type Kind } from '../../protocols/entry.ts';
import { MeshError } from '../../protocols/errors.ts';
import { parseContextName, parseFeedId, parseFeedName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { leafHash, sha256 } from '../../protocols/merkle.ts';
import type { StoredContent } from '../feed/batch.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import type { Item } from '../feed/items.ts';
import type { Publisher } from '../feed/publisher.ts';
import {
  newestEntries,
  type ReadEntry,
  readableItem,
  readEntry,
  versionsOf,
} from '../feed/read-entries.ts';
import type { MeshNode } from '../node.ts';
import { type Call, type Handlers, iso } from './handler.ts';

type FeedRoutes =
  | 'feeds'
  | 'createFeed'
  | 'publishEvents'
  | 'publishContent'
  | 'withdraw'
  | 'items'
  | 'item'
  | 'content'
  | 'history'
  | 'deadLetters'
  | 'tail';

/** A feed that was just created comes back from ODCM through the mesh within this time. */
const COME_BACK_MS = 10_000;

function resolveRow(node: MeshNode, path: string): FeedRow {
  return node.directory.state.resolveFeed(path, node.home.config.space);
}

/** A feed of which this node holds something. */
async function heldFeed(node: MeshNode, path: string): Promise<OpenFeed> {
  const row = resolveRow(node, path);
  const feed = await node.feeds.open(row.id);
  if (!feed.publisher && feed.log.size === 0 && !node.subscriptions.get(row.id)) {
    if (!node.intent.grantOf(row)) throw node.intent.noGrant(row);
    throw new MeshError('SUBSCRIPTION_UNKNOWN', `this space does not take ${feed.path}`, {
      next: `Take it with: odcm subscribe ${feed.path}`,
    });
  }
  // After a crash the view of an own feed is made again: nothing acknowledged may look missing meanwhile. Where that
  // fails, what there is can be read all the same.
  if (feed.publisher) await feed.view.catchUp().catch(() => []);
  return feed;
}

async function ownFeed(node: MeshNode, path: string): Promise<OpenFeed & { publisher: Publisher }> {
  const feed = await node.feeds.open(resolveRow(node, path).id);
  if (feed.publisher) return feed as OpenFeed & { publisher: Publisher };
  const owner = node.directory.state.spaces.get(feed.row.space)?.name ?? feed.row.space;
  throw new MeshError('READ_ONLY', `${feed.path} belongs to ${owner}`);
}

export const feedHandlers: Pick<Handlers, FeedRoutes> = {
  async feeds({ node }) {
    return Promise.all([...node.directory.state.feeds.values()].map((row) => showFeed(node, row)));
  },

  async createFeed({ node, body }) {
    const name = parseFeedName(body.name);
    const context = parseContextName(body.context);
    const { id, grants } = JSON.parse(
      await node.petitioner.petition({ wish: 'feed', name, context, sync: body.sync, to: body.to }),
    ) as { id: string; grants: number };
    const feed = await node.petitioner.awaitFeed(parseFeedId(id), COME_BACK_MS);
    node.provide(feed);
    return { feed: feed.path, id, grants };
  },

  async publishEvents({ node, query, body }) {
    const { publisher } = await ownFeed(node, query.feed);
    return publisher.publish(
      body.drafts.map(({ item, payload, type, occurredTimeUtc, activityId }) => ({
        item,
        body: { payload },
        ...(type === undefined ? {} : { type }),
        ...(occurredTimeUtc === undefined ? {} : { occurredTimeUtc }),
        ...(activityId === undefined ? {} : { activityId }),
      })),
    );
  },

  async publishContent({ node, query, stream }) {
    const feed = await ownFeed(node, query.feed);
    const mediaType = query.mediaType ?? 'application/octet-stream';
    const stored = await storeContent(node, feed, query.item, stream);
    const [published] = await feed.publisher.publish([
      { item: query.item, body: { ...stored, mediaType } },
    ]);
    return published!;
  },

  async withdraw({ node, query, body }) {
    const { publisher } = await ownFeed(node, query.feed);
    return publisher.publish(body.items.map((item) => ({ item, body: null })));
  },

  async items({ node, query }) {
    const { view } = await heldFeed(node, query.feed);
    const { after, limit, withdrawn } = query;
    const rows = [];
    const options = { limit, withWithdrawn: withdrawn, ...(after === undefined ? {} : { after }) };
    for await (const item of view.list(options)) rows.push(showItem(item));
    return rows;
  },

  async item({ node, query }) {
    const { feed, item, found } = await findVersion(node, query);
    const { entry, body, leaf } = found;
    return {
      ...showItem({ ...item, ...versionOf(found, item) }),
      event: entry.event,
      mediaType: body?.kind === 'attachment' ? mediaTypeOf(found) : 'application/json',
      envelope: (body?.envelope ?? null) as never,
      leaf: leaf.toString('hex'),
      leafHash: leafHash(leaf).toString('hex'),
      checkpoint: feed.log.note?.toString('utf8') ?? null,
    };
  },

  async content({ node, query }) {
    const { feed, item, found } = await findVersion(node, query);
    const { body, entry } = found;
    if (entry.kind === KIND.withdraw) {
      throw new MeshError(
        'ITEM_UNKNOWN',
        `${JSON.stringify(query.item)} was withdrawn from ${feed.path}`,
        {
          next: `An older version is there: odcm history ${feed.path} '${query.item}'`,
        },
      );
    }
    if (!body)
      throw new MeshError(
        'RECORD_MISSING',
        `the record of entry ${found.index} of ${feed.path} is not here`,
      );
    const { sha256: hash, version } = versionOf(found, item);
    const headers = {
      [CONTENT_HEADERS.sha256]: hash.toString('hex'),
      [CONTENT_HEADERS.version]: String(version),
    };
    if (body.kind === 'event') return { headers, chunks: once(body.content) };
    return { headers, chunks: node.blocks.content(body.attachment) };
  },

  async history({ node, query }) {
    const { log, view } = await heldFeed(node, query.feed);
    const { item: name, before = log.size, limit } = query;
    if (name === undefined)
      return (await newestEntries(log, node.blocks, before, limit)).map(showEntry);
    const item = await readableItem(log, view, name);
    if (!item)
      throw new MeshError('ITEM_UNKNOWN', `${query.feed} has no item ${JSON.stringify(name)}`);
    const rows = [];
    for await (const found of versionsOf(log, node.blocks, item.index)) {
      if (found.index < before) rows.push(showEntry(found));
      if (rows.length === limit) break;
    }
    return rows;
  },

  async deadLetters({ node, query }) {
    return (await heldFeed(node, query.feed)).view.deadLetters(LIMITS.pageRows);
  },

  async tail({ node, query, signal }) {
    const only = query.feed === undefined ? undefined : (await heldFeed(node, query.feed)).row.id;
    return tailOf(node, only, signal);
  },
};

async function storeContent(
  node: MeshNode,
  feed: OpenFeed,
  item: string,
  stream: AsyncIterable<Uint8Array>,
): Promise<Omit<StoredContent, 'mediaType'>> {
  const context = node.directory.state.contexts.get(feed.row.context)!;
  const what = `the content of ${JSON.stringify(item)}`;
  if (context.content === 'any') {
    const stored = await node.blocks.putContent(stream);
    if (stored.sizeBytes === 0) throw new MeshError('FILE_EMPTY', `${what} is empty`);
    return stored;
  }
  // JSON can only be checked as a whole; its limit bounds what that takes.
  const parts: Buffer[] = [];
  let sizeBytes = 0;
  for await (const part of stream) {
    sizeBytes += part.length;
    if (sizeBytes > LIMITS.jsonBytes)
      throw new MeshError('TOO_LARGE', `${what} is above ${LIMITS.jsonBytes} bytes`);
    parts.push(Buffer.from(part));
  }
  checkContent(context, Buffer.concat(parts), what);
  return node.blocks.putContent(Readable.from(parts));
}

async function findVersion(
  node: MeshNode,
  query: Call<'item'>['query'],
): Promise<{ feed: OpenFeed; item: Item; found: ReadEntry }> {
  const feed = await heldFeed(node, query.feed);
  const item = await readableItem(feed.log, feed.view, query.item);
  const what = `${feed.path} has no item ${JSON.stringify(query.item)}`;
  if (!item) throw new MeshError('ITEM_UNKNOWN', what);
  if (query.version === undefined || query.version === item.version) {
    return { feed, item, found: await readEntry(feed.log, node.blocks, item.index) };
  }
  for await (const found of versionsOf(feed.log, node.blocks, item.index)) {
    if (found.entry.version === query.version) return { feed, item, found };
  }
  throw new MeshError(
    'ITEM_UNKNOWN',
    `${what} of version ${query.version}; the newest is ${item.version}`,
  );
}

const NOTHING = Buffer.alloc(0);

/** What a row says of one version, which need not be the newest. */
function versionOf({ entry, body, index }: ReadEntry, newest: Item): Item {
  const payload = body?.kind === 'event' ? body.content : NOTHING;
  const hash = body?.kind === 'attachment' ? body.attachment.sha256 : sha256(payload);
  const { version, sizeBytes, timeMs, kind } = entry;
  return {
    ...newest,
    version,
    index,
    sizeBytes,
    timeMs,
    sha256: hash,
    isWithdrawn: kind === KIND.withdraw,
  };
}

function mediaTypeOf({ body }: ReadEntry): string {
  const payload = body?.envelope.payload;
  const isObject = typeof payload === 'object' && payload !== null && 'mediaType' in payload;
  return isObject
    ? String(payload['mediaType' as keyof typeof payload])
    : 'application/octet-stream';
}

const showItem = (item: Item) => ({
  item: item.name,
  version: item.version,
  sizeBytes: item.sizeBytes,
  sha256: item.sha256.toString('hex'),
  time: iso(item.timeMs),
  index: item.index,
  withdrawn: item.isWithdrawn,
});

const KIND_NAMES = new Map<Kind, string>(Object.entries(KIND).map(([name, kind]) => [kind, name]));

const showEntry = ({ index, entry, leaf, item }: ReadEntry) => ({
  index,
  time: iso(entry.timeMs),
  item: item ?? null,
  kind: KIND_NAMES.get(entry.kind) ?? String(entry.kind),
  event: entry.event,
  version: entry.version,
  sizeBytes: entry.sizeBytes,
  record: entry.record && Buffer.from(entry.record.hash).toString('hex'),
  leafHash: leafHash(leaf).toString('hex'),
});

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
    grant: grant === undefined ? null : grant === 'own' ? 'own' : grant.id,
    size,
    held,
    applied: feed?.view.applied ?? 0,
    behind: Math.max(0, (size ?? 0) - held),
    lagMs: isSubscribed && size !== null ? Math.round(node.health.lagOf(row.id)) : null,
    deadLetters: feed?.view.deadLetterCount ?? 0,
    carriers: node.carriers.of(row.id).length + (held > 0 ? 1 : 0),
    subscribed: isSubscribed,
    frozen: feed?.isFrozen ?? false,
    root: feed && held > 0 ? feed.log.root().toString('hex') : null,
    entry: row.entry,
  };
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** Events as they happen; a reader that is too slow loses none, it is cut off when it is too far behind. */
async function* tailOf(node: MeshNode, only: string | undefined, signal: AbortSignal) {
  const waiting: Parameters<Parameters<MeshNode['onApplied']>[0]>[] = [];
  let wake: () => void = () => {};
  const stop = node.onApplied((feed, applied) => {
    if (only !== undefined && feed.row.id !== only) return;
    waiting.push([feed, applied]);
    wake();
  });
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      if (waiting.length > LIMITS.tailWaiting) {
        throw new MeshError('BUSY', 'the reader of events is too slow', {
          next: 'Read on with: odcm history FEED',
        });
      }
      for (const [feed, { index, entry, envelope, item }] of waiting.splice(0)) {
        const { version, sizeBytes, event } = entry;
        const { id, activityId } = envelope;
        yield {
          feed: feed.path,
          index,
          time: envelope.occurredTimeUtc,
          item,
          event,
          version,
          sizeBytes,
          id,
          activityId,
        };
      }
      if (waiting.length === 0 && !signal.aborted)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    stop();
    signal.removeEventListener('abort', onAbort);
  }
}
