// What must hold in a mesh whatever happened to it, looked at from outside: on disks, in logs and views, on the wire.

import type { OpenFeed } from '../../node/feed/feeds.ts';
import { readEntries } from '../../node/feed/read-entries.ts';
import { logPrefix, tableRange } from '../../node/store/keys.ts';
import { KIND } from '../../protocols/entry.ts';
import { type FeedId, uuidBytes } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { Frontier, leafHash } from '../../protocols/merkle.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import type { SimNode } from './node.ts';
import { SimStream } from './stream.ts';
import type { Acknowledged, World } from './world.ts';

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
  }
  return out;
}

/** What is wrong and can never become right; empty in a sound mesh. */
export async function faults(world: World, ended: Ended = {}): Promise<string[]> {
  const out = [...world.wrongs];
  for (const node of world.honest) {
    out.push(...checkBounds(node));
    for (const feed of [...node.mesh.feeds.opened]) {
      if (feed.isFrozen && !ended.feeds?.has(feed.row.id))
        out.push(`${node.name} froze ${feed.path}`);
      if (!ended.feeds?.has(feed.row.id)) out.push(...(await checkBeginning(world, node, feed)));
      const isEnded = ended.feeds?.has(feed.row.id) === true;
      out.push(...(await checkEntries(isEnded ? [] : world.acknowledged, node, feed)));
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
  const tree = new Frontier();
  for await (const bytes of source.log.segments(0, feed.log.size))
    for (const { leaf } of decodeSegment(bytes).entries) tree.append(leafHash(leaf));
  if (tree.size === feed.log.size && tree.root().equals(feed.log.root())) return [];
  return [`${node.name} has ${feed.log.size} entries of ${feed.path} that its publisher has not`];
}

/** The view is what the entries say when they are read from the beginning; what was acknowledged is among them. */
async function checkEntries(
  acknowledged: readonly Acknowledged[],
  node: SimNode,
  feed: OpenFeed,
): Promise<string[]> {
  const { log, view, path } = feed;
  const replayed = new Map<string, string>();
  const has = new Map<number, string>();
  for await (const { index, entry, item, body } of readEntries(
    log,
    node.mesh.blocks,
    0,
    log.size,
  )) {
    const payload = body?.kind === 'event' ? JSON.stringify(body.envelope.payload) : null;
    has.set(index, `${item} ${entry.version} ${payload}`);
    if (index >= view.applied) continue;
    replayed.set(item ?? '', `${entry.version} ${index} ${entry.kind === KIND.withdraw}`);
  }
  const out: string[] = [];
  if (view.deadLetterCount > 0) {
    const [first] = await view.deadLetters(1);
    out.push(`${node.name} made a dead letter of ${path}: ${first?.index} ${first?.message}`);
  }
  let count = 0;
  for await (const item of view.list({ withWithdrawn: true, limit: Number.MAX_SAFE_INTEGER })) {
    count++;
    const { name, version, index, isWithdrawn } = item;
    if (replayed.get(name) !== `${version} ${index} ${isWithdrawn}`)
      out.push(`${node.name} shows ${name} of ${path} not as its entries say`);
  }
  if (count !== replayed.size) out.push(`${node.name} shows ${count} items of ${path}`);
  for (const one of acknowledged) {
    if (one.feed !== feed.row.id || one.status === 'unchanged' || one.index >= log.size) continue;
    const payload = one.status === 'withdrawn' ? '{}' : one.payload;
    if (has.get(one.index) !== `${one.item} ${one.version} ${payload}`)
      out.push(`${node.name} lost the acknowledged entry ${one.index} of ${path}`);
  }
  return out;
}

/** Who never had a grant for a feed has nothing of it on its disks. */
async function checkDisks(world: World, node: SimNode): Promise<string[]> {
  const out: string[] = [];
  for (const row of node.mesh.directory.state.feeds.values()) {
    if (world.mayEverHave(node.name, row.id)) continue;
    const prefix = logPrefix(uuidBytes(row.id), 1);
    for (const [disk, table] of [
      ['logs', 'h'],
      ['logs', 's'],
      ['logs', 't'],
      ['views', 'i'],
      ['views', 'o'],
    ] as const)
      for await (const _ of node.disks[disk].rows.range(tableRange(table, prefix)))
        out.push(`${node.name} holds something of ${row.name}, which it never was granted`);
  }
  return out;
}

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
