// Control API: publishing, items and their content, and history.

import { Readable } from 'node:stream';
import { checkContent } from '../../protocols/contexts.ts';
import { CONTENT_HEADERS } from '../../protocols/control-api.ts';
import type { FeedRow } from '../../protocols/directory.ts';
import { KIND, type Kind } from '../../protocols/entry.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { leafHash, sha256 } from '../../protocols/merkle.ts';
import { refuseSensitive } from '../../protocols/sensitive.ts';
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
import { putSealedContent } from '../feed/seal-content.ts';
import type { MeshNode } from '../node.ts';
import { type Call, type Handlers, iso } from './handler.ts';

type FeedRoutes =
  | 'publishEvents'
  | 'publishContent'
  | 'withdraw'
  | 'items'
  | 'item'
  | 'content'
  | 'history'
  | 'deadLetters';

export function resolveRow(node: MeshNode, path: string): FeedRow {
  return node.directory.state.resolveFeed(path, node.home.config.space);
}

/** A feed of which this node holds something. */
export async function heldFeed(node: MeshNode, path: string): Promise<OpenFeed> {
  const row = resolveRow(node, path);
  const feed = await node.feeds.open(row.id);
  // What is kept for others is not read here; what was taken once stays readable.
  if (!feed.publisher && feed.view.applied === 0 && !node.subscriptions.get(row.id)) {
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
    if (!body && entry.keyEpoch !== null && !feed.opener?.ring.key(entry.keyEpoch))
      throw new MeshError(
        'KEY_UNKNOWN',
        `entry ${found.index} of ${feed.path} was sealed with a key that this space has not`,
      );
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
    const feed = await heldFeed(node, query.feed);
    const { log, view } = feed;
    // Beyond what was taken, entries are only kept for others.
    const isRead = feed.publisher || node.subscriptions.get(feed.row.id);
    const end = isRead ? log.size : view.applied;
    const { item: name, limit } = query;
    const before = Math.min(query.before ?? end, end);
    if (name === undefined) return (await newestEntries(feed, before, limit)).map(showEntry);
    const item = await readableItem(log, view, name);
    if (!item)
      throw new MeshError('ITEM_UNKNOWN', `${query.feed} has no item ${JSON.stringify(name)}`);
    const rows = [];
    for await (const found of versionsOf(feed, item.index)) {
      if (found.index < before) rows.push(showEntry(found));
      if (rows.length === limit) break;
    }
    return rows;
  },

  async deadLetters({ node, query }) {
    return (await heldFeed(node, query.feed)).view.deadLetters(LIMITS.pageRows);
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
  const put = (source: AsyncIterable<Uint8Array>) =>
    feed.sealing
      ? putSealedContent(
          ...([node.blocks, source, feed.sealing.sealer.ring.scope] as const),
          Buffer.from(node.random.bytes(32)),
        )
      : node.blocks.putContent(source);
  if (context.content === 'any') {
    const stored = await put(stream);
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
  const whole = Buffer.concat(parts);
  checkContent(context, whole, what);
  if (!feed.sealing) refuseSensitive(whole.toString('utf8'), item);
  return put(Readable.from(parts));
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
    return { feed, item, found: await readEntry(feed, item.index) };
  }
  for await (const found of versionsOf(feed, item.index)) {
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

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
