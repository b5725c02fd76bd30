// What must hold in a mesh whatever happened to it, looked at from outside: on disks, in logs and views, on the wire.

import type { Blocks } from '../../node/feed/blocks.ts';
import type { OpenFeed } from '../../node/feed/feeds.ts';
import { readEntries } from '../../node/feed/read-entries.ts';
import { logPrefix, tableRange } from '../../node/store/keys.ts';
import { KIND } from '../../protocols/entry.ts';
import { asMeshError } from '../../protocols/errors.ts';
import { type FeedId, uuidBytes } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { Frontier, leafHash } from '../../protocols/merkle.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import type { SimNode } from './node.ts';
import { SimStream } from './stream.ts';
import { type Acknowledged, canary, type World } from './world.ts';

/** Feeds of spaces that were shut out, or frozen, end where each node has them. */
export interface Ended {
  readonly feeds?: ReadonlySet<FeedId>;
}

/** Feeds that this node must follow to their end, with their publisher. */
function* followed(world: World, node: SimNode, ended: Ended) {
  const { directory, subscriptions, feeds, replicator } = node.mesh;
  for (const { feed, mode } of subscriptions.all()) {
    const row = directory.state.feeds.get(feed);
    if (!row || mode !== 'auto' || ended.feeds?.has(feed) || !replicator.mayTake(feed)) continue;
    const publisher = world.nodes.get(world.nameOf(row.space));
    if (publisher && !world.revoked.has(publisher.name) && publisher.isRunning)
      yield { feed, publisher, held: feeds.peek(feed) };
  }
}

/** Feeds that this node keeps for others, whose publisher can give it all of them. */
function* carried(world: World, node: SimNode, ended: Ended) {
  for (const feed of node.mesh.carrying.carry.copied()) {
    const row = node.mesh.directory.state.feeds.get(feed);
    const publisher = row && world.nodes.get(world.nameOf(row.space));
    // Of a feed without any entry there is no head that could be known.
    const isOpen = publisher?.isRunning && (publisher.mesh.feeds.peek(feed)?.log.size ?? 0) > 0;
    if (
      isOpen &&
      !world.hostile.has(publisher.name) &&
      !world.revoked.has(publisher.name) &&
      !ended.feeds?.has(feed)
    )
      yield feed;
  }
}

/** Why the mesh is not level yet; empty once every node has all that it is to have. */
export async function differences(world: World, ended: Ended = {}): Promise<string[]> {
  const out: string[] = [];
  const { log } = world.odcm.mesh.directory;
  for (const node of world.honest) {
    if (!node.isRunning) {
      out.push(`${node.name} does not run`);
      continue;
    }
    const own = node.mesh.directory.log;
    if (own.size !== log.size || !own.root().equals(log.root()))
      out.push(`${node.name} has ${own.size} of ${log.size} entries of the directory`);
    if (node.mesh.directory.state.size !== own.size)
      out.push(
        `${node.name} goes by ${node.mesh.directory.state.size} of ${own.size} entries of the directory`,
      );
    if (node.mesh.directory.age !== 'fresh') out.push(`${node.name} has an old directory`);
    for (const feed of node.mesh.feeds.opened)
      if (feed.publisher && !feed.view.isLevel)
        out.push(`${node.name} has not applied its own ${feed.path}`);
    for (const { feed, publisher, held } of followed(world, node, ended)) {
      // The publisher may hear of its own feed after others.
      const source = await publisher.mesh.feeds.open(feed).catch(() => undefined);
      const isSame = source && held?.log.size === source.log.size;
      if (!isSame || !held.log.root().equals(source.log.root()))
        out.push(`${node.name} has ${held?.log.size} of ${source?.log.size} entries of ${feed}`);
      else if (!held.view.isLevel)
        out.push(`${node.name} applied ${held.view.applied} of ${held.log.size} of ${held.path}`);
    }
    for (const feed of carried(world, node, ended))
      if ((node.mesh.carrying.carry.carrying(feed)?.state ?? 'fetching') === 'fetching')
        out.push(`${node.name} has not all of ${feed}, which it carries`);
  }
  return out;
}

/** What is wrong and can never become right; empty in a sound mesh. */
export async function faults(world: World, ended: Ended = {}): Promise<string[]> {
  const out = [...world.wrongs];
  for (const node of world.honest) {
    out.push(...checkBounds(node));
    for (const feed of [...node.mesh.feeds.opened]) {
      const isEnded = ended.feeds?.has(feed.row.id) === true;
      if (feed.isFrozen && !isEnded) out.push(`${node.name} froze ${feed.path}`);
      try {
        if (!isEnded) out.push(...(await checkBeginning(world, node, feed)));
        out.push(...(await checkEntries(isEnded ? [] : world.acknowledged, node, feed)));
      } catch (error) {
        out.push(`${node.name} does not read ${feed.path}: ${asMeshError(error).line}`);
      }
    }
    const refused = node.mesh.refusals.get('CONFLICT') ?? 0;
    if (refused > 0 && !ended.feeds) out.push(`${node.name} refused ${refused} for CONFLICT`);
    out.push(...(await checkDisks(world, node)));
  }
  out.push(...(await checkAcknowledged(world, ended)));
  return out;
}

/** Every copy is a beginning of what the publisher has. */
async function checkBeginning(world: World, node: SimNode, feed: OpenFeed): Promise<string[]> {
  const publisher = world.nodes.get(world.nameOf(feed.row.space));
  if (!publisher?.isRunning || publisher === node || world.hostile.has(publisher.name)) return [];
  const source = await publisher.mesh.feeds.open(feed.row.id);
  // It may grow while it is compared.
  const [size, root] = [feed.log.size, feed.log.root()];
  const tree = new Frontier();
  for await (const bytes of source.log.segments(0, size))
    for (const { leaf } of decodeSegment(bytes).entries) tree.append(leafHash(leaf));
  if (tree.size === size && tree.root().equals(root)) return [];
  return [`${node.name} has ${size} entries of ${feed.path} that its publisher has not`];
}

/** The feed with its blocks, wherever they lie: those that are only kept for others lie apart. */
function held(node: SimNode, feed: OpenFeed): OpenFeed {
  const { carry } = node.mesh.carrying;
  const get: Blocks['get'] = async (cid) =>
    (await carry.block(feed, cid)) ?? (await feed.blocks.get(cid));
  return { ...feed, isFrozen: feed.isFrozen, blocks: { get } as Blocks };
}

/** The view is what the entries say when they are read from the beginning; what was acknowledged is among them. */
async function checkEntries(
  acknowledged: readonly Acknowledged[],
  node: SimNode,
  feed: OpenFeed,
): Promise<string[]> {
  const { log, view, path } = feed;
  // A copy for others may still grow while it is looked at.
  const { size } = log;
  /** From here on it has not said that it has all records: a copy for others, or what it once took. */
  const whole = node.mesh.carrying.carry.copies.whole(feed);
  const replayed = new Map<string, string>();
  const has = new Map<number, string>();
  /** Sealed with a key that this node has not, which only its publisher may never say. */
  const unread = new Set<number>();
  for await (const { index, entry, item, body } of readEntries(held(node, feed), 0, size)) {
    const payload = body?.kind === 'event' ? JSON.stringify(body.envelope.payload) : null;
    if (feed.row.isSealed && !body) unread.add(index);
    has.set(index, `${item} ${entry.version} ${payload}`);
    if (index >= view.applied || (feed.row.isSealed && !body)) continue;
    replayed.set(item ?? '', `${entry.version} ${index} ${entry.kind === KIND.withdraw}`);
  }
  const out: string[] = [];
  for (const { index, code, message } of await view.deadLetters(LIMITS.pageRows)) {
    // Sealed before it had a grant: no reader of this node ever had the key.
    if (code === 'KEY_UNKNOWN' && feed.row.isSealed && !feed.publisher) continue;
    out.push(`${node.name} made a dead letter of ${path}: ${index} ${message}`);
  }
  let count = 0;
  for await (const item of view.list({ withWithdrawn: true, limit: Number.MAX_SAFE_INTEGER })) {
    const { name, version, index, isWithdrawn } = item;
    // While a batch is being written its rows may be there before its entries.
    if (feed.publisher && index >= size) {
      replayed.delete(name);
      continue;
    }
    count++;
    if (replayed.get(name) !== `${version} ${index} ${isWithdrawn}`)
      out.push(`${node.name} shows ${name} of ${path} not as its entries say`);
  }
  if (count !== replayed.size) out.push(`${node.name} shows ${count} items of ${path}`);
  for (const one of acknowledged) {
    if (one.feed !== feed.row.id || one.status === 'unchanged' || one.index >= size) continue;
    const payload = one.status === 'withdrawn' ? '{}' : one.payload;
    if (one.index >= whole || (unread.has(one.index) && !feed.publisher)) continue;
    if (has.get(one.index) !== `${one.item} ${one.version} ${payload}`)
      out.push(
        `${node.name} lost the acknowledged entry ${one.index} of ${path}: ${has.get(one.index)?.slice(0, 60)} for ${one.item} ${one.version} ${payload?.slice(0, 60)}`,
      );
  }
  return out;
}

/** Who never had a grant for a feed has nothing of it on its disks; of a sealed one nothing that can be read. */
async function checkDisks(world: World, node: SimNode): Promise<string[]> {
  const out: string[] = [];
  const readable: FeedId[] = [];
  for (const row of node.mesh.directory.state.feeds.values()) {
    if (world.mayEverHave(node.name, row.id)) continue;
    if (row.isSealed) readable.push(row.id);
    const prefix = logPrefix(uuidBytes(row.id), 1);
    for (const [disk, table] of row.isSealed ? ITEMS : TABLES)
      for await (const _ of node.disks[disk].rows.range(tableRange(table, prefix)))
        out.push(`${node.name} holds something of ${row.name}, which it never was granted`);
  }
  for (const disk of Object.values(node.disks))
    for await (const { value } of disk.rows.range({}))
      for (const feed of readable)
        if (value.includes(canary(feed))) out.push(`${node.name} can read a record of ${feed}`);
  return out;
}

const ITEMS = [['views', 'i']] as const;
const TABLES = [['logs', 'h'], ['logs', 's'], ['logs', 't'], ...ITEMS, ['views', 'o']] as const;

/** Nothing that was acknowledged lies beyond what its publisher has. */
async function checkAcknowledged(world: World, ended: Ended): Promise<string[]> {
  const out: string[] = [];
  for (const { feed, index } of world.acknowledged) {
    const publisher = world.node(world.publishers.get(feed)!);
    if (ended.feeds?.has(feed) || world.hostile.has(publisher.name) || !publisher.isRunning)
      continue;
    const { log, path } = await publisher.mesh.feeds.open(feed);
    if (index >= log.size)
      out.push(`${publisher.name} lost the acknowledged entry ${index} of ${path}`);
  }
  return out;
}

/** Timers that one process may have waiting: a few for each thing that it does with each peer. */
const MAX_TIMERS = 300;
const MAX_HELD_BYTES = LIMITS.sendQueueBytes + LIMITS.readAheadBytes + LIMITS.frameBytes;

function checkBounds(node: SimNode): string[] {
  const out: string[] = [];
  const { timers, mesh } = node.process;
  if (timers.waiting > MAX_TIMERS) out.push(`${node.name} has ${timers.waiting} timers waiting`);
  for (const feed of mesh.feeds.opened)
    if (feed.intake.waiting > LIMITS.announcementsWaiting + mesh.host.connectedPeers().length + 1)
      out.push(`${node.name} has ${feed.intake.waiting} pieces of ${feed.path} waiting`);
  if (SimStream.mostHeldBytes > MAX_HELD_BYTES)
    out.push(`a stream held ${SimStream.mostHeldBytes} bytes`);
  return out;
}
