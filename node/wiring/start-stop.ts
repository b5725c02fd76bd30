// The order in which the parts of a node start and stop. What is on the disk is whole and open before anybody is let in;
// what talks to others stops before what it writes to.

import { MeshError } from '../../protocols/errors.ts';
import type { FeedId } from '../../protocols/ids.ts';
import { isFirstStart } from '../fork/release-gate.ts';
import { serveOthers } from './exchange-parts.ts';
import type { Inner } from './inner.ts';

export async function startParts(inner: Inner): Promise<void> {
  const { node, parts, reactions, background } = inner;
  const { directory, host } = node;
  const shrug = (error: unknown) => background.shrug(error);
  await serveOthers(inner);
  directory.onChange(() => reactions.directoryChanged());
  node.forks.onAdded((fork) => reactions.forked(fork));
  const isFirst = await isFirstStart(parts.logs);
  node.gate.begin(isFirst);
  if (node.home.isOdcm) node.directoryGate.begin({ isFirst, isAlone: inner.o.isAlone === true });
  host.onPeer({
    connected: (peerId) => reactions.connected(peerId),
    disconnected: (peerId) => reactions.disconnected(peerId),
  });
  await node.carrying.carry.start();
  await node.gap.begin();
  await host.start();
  await openFeeds(inner);
  inner.exchange.gossip.start();
  node.forkGossip.start();
  node.health.start();
  node.presence.start();
  // What expires is written down when it does, also where nobody asks.
  node.trustClock.start(node.timers, () => void directory.age, shrug);
  node.supervisor.start();
  node.replicator.start();
  reactions.directoryChanged();
  background.run(provideAll(inner));
  background.run(applyHeld(inner));
  for (const feed of node.feeds.opened) if (feed.publisher) background.run(node.gap.deployed(feed));
  node.reports.start();
  await node.care.start();
}

export async function stopParts(inner: Inner, stop: AbortController): Promise<void> {
  const { node, parts, background, exchange } = inner;
  stop.abort(new MeshError('TIMEOUT', 'the node stops'));
  let isWhole = true;
  // What does not end well, on a full disk above all, keeps nothing else from ending.
  const end = async (part: () => unknown): Promise<void> => {
    try {
      await part();
    } catch (error) {
      isWhole = false;
      background.shrug(error);
    }
  };
  await end(() => node.care.stop());
  await end(() => node.presence.stop());
  await end(() => node.health.stop());
  await end(() => node.directoryFirst.stop());
  await end(() => node.forkGossip.stop());
  await end(() => node.gate.stop());
  await end(() => node.directoryGate.stop());
  await end(() => node.rekeying.stop());
  await end(() => node.odcm?.stop());
  await end(() => node.carrying.carry.stop());
  await end(() => node.replicator.stop());
  await end(() => exchange.gossip.stop());
  await end(() => node.supervisor.stop());
  for (const feed of node.feeds.opened) await end(() => feed.publisher?.idle());
  await end(() => node.host.stop());
  await end(() => background.settle());
  await end(() => node.trustClock.stop(node.timers));
  await end(() => node.receipts.stop());
  await end(() => node.directory.settle());
  if (isWhole) await end(() => node.care.leave());
  for (const store of [parts.logs, parts.views, parts.blockStore]) await end(() => store.close());
  await end(() => parts.packs?.close());
  await parts.onClosed?.();
}

/** Those of its own and those it takes; one that cannot be opened keeps no other from it. */
async function openFeeds({ node, background }: Inner): Promise<void> {
  const { feeds, directory, subscriptions, home } = node;
  const open = (id: FeedId) => feeds.open(id).catch((error) => background.shrug(error));
  for (const feed of directory.state.feeds.values())
    if (feed.space === home.config.space) await open(feed.id);
  for (const row of subscriptions.all()) await open(row.feed);
}

/** Views are not synced with their logs: what a crash or a deleted view left unapplied is applied without a peer. */
async function applyHeld({ node, background }: Inner): Promise<void> {
  for (const feed of node.feeds.opened) {
    const { id } = feed.row;
    const isTaken = node.subscriptions.get(id) && node.replicator.mayTake(id);
    if (!feed.publisher && !isTaken) continue;
    await feed.view.catchUp().catch((error) => background.shrug(error));
  }
}

/** Tells the DHT what this node holds. */
async function provideAll({ node, stopped }: Inner): Promise<void> {
  for (const feed of node.feeds.opened) await node.carriers.provide(feed.origin, stopped);
}
