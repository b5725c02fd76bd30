// What a node exchanges with others, wired: whom it asks, what it tells and hears at once, and what it serves.

import type { Code } from '../../protocols/errors.ts';
import { decodePresences } from '../../protocols/presence.ts';
import { syncProtocol } from '../../protocols/sync.ts';
import { intervalClock } from '../clock.ts';
import { KeyWatch } from '../fork/key-watch.ts';
import { serveSync } from '../net/sync-server.ts';
import { createCarrier } from '../replicate/carrier.ts';
import { GossipFeeds } from '../replicate/gossip-feeds.ts';
import { HeldNotes } from '../replicate/held-notes.ts';
import { PresenceBoard } from '../replicate/presence.ts';
import { Replicator } from '../replicate/replicator.ts';
import type { Inner } from './inner.ts';

export interface ExchangeParts {
  readonly heldNotes: HeldNotes;
  readonly replicator: Replicator;
  readonly gossip: GossipFeeds;
  readonly presence: PresenceBoard;
  readonly keyWatch: KeyWatch;
}

/** After the parts of feeds, of forks, of carrying, and the node's health. */
export function createExchangeParts(inner: Inner): ExchangeParts {
  const { node, parts } = inner;
  const { home, clock, timers, random, log } = inner.o;
  const { mesh, space: self } = home.config;
  const { directory, host, subscriptions, forks, receipts, trustClock: trusted } = parts;
  const { feeds, blocks, carriers, roots, directoryFirst, forkGossip, neighbours } = node;
  const { carry, survey } = node.carrying;
  const onRefused = (code: Code) => node.countRefusal(code);
  const heldNotes = new HeldNotes(parts.logs);
  const common = { host, mesh, directory, feeds, clock, trusted, timers, log, onRefused };
  const replicator = new Replicator({
    ...{ ...common, self, random, forks, blocks, subscriptions, heldNotes },
    ...{ carriers, carry, survey, directoryFirst, roots },
    onHint: (peerId) => node.supervisor.kick(peerId),
    seekRoot: () => {
      if (roots.isHinted) node.seekRoot();
    },
    hasRoom: () => node.care.disk.mayTake,
    peerOf: (space) => neighbours.peerOf(space),
  });
  const gossip = new GossipFeeds({
    ...{ ...common, forks: forkGossip, subscriptions, heldNotes, directoryFirst, carry },
    mayTake: (feed) => node.care.disk.mayTake && replicator.mayTake(feed),
    onBehind: (peerId, feed) => replicator.syncSoon(neighbours.holderOf(feed?.row, peerId)),
    onApplied: (feed) => {
      subscriptions.progress(feed.row.id).lastChangeMs = clock.nowMs();
    },
  });
  const keyWatch = new KeyWatch({
    ...{ self, clock: intervalClock(clock), log },
    connectedPeers: () => host.connectedPeers(),
    tell: (peerId, statement) => replicator.ask(peerId, (client) => client.presence(statement)),
    verify: (statement) => presence.verify(statement),
    onOther: (statement) => node.keyUse.hear(statement),
  });
  const presence: PresenceBoard = new PresenceBoard({
    ...{ ...common, self, random, receipts, health: node.health, nodeKey: parts.keys.identity },
    peerOf: (space) => neighbours.peerOf(space),
    addresses: () => node.addresses(),
    onChanged: (space, via) => inner.reactions.headsChanged(space, via),
    isReleased: (feed) => node.gate.isReleased(feed),
    onHeard: (said, via) => {
      keyWatch.note(said);
      inner.reactions.heard(said, via);
    },
    onSaid: (statement) => inner.background.run(keyWatch.ask(statement)),
  });
  return { heldNotes, replicator, gossip, presence, keyWatch };
}

/** From here on others are served what the directory lets them have. */
export async function serveOthers(inner: Inner): Promise<void> {
  const { node, exchange } = inner;
  const { home, directory, members, feeds, blocks, subscriptions, directoryFirst, roots } = node;
  const carrier = createCarrier({
    ...{ directory, members, feeds, blocks, subscriptions, directoryFirst, roots },
    ...{ forks: node.forks, heldNotes: exchange.heldNotes, carry: node.carrying.carry },
    ...{ clock: node.trustClock, trust: node.odcm?.trust },
    ...{ self: home.config.space, odcm: home.root.root.odcm },
    onRefused: (code) => node.countRefusal(code),
    isReleased: (feed) => node.gate.isReleased(feed),
    told: (space, bytes, peerId) => {
      const said = exchange.presence.told(space, decodePresences(bytes), peerId);
      exchange.keyWatch.note(said);
      return exchange.keyWatch.other(said);
    },
    heardNote: (feed) => exchange.gossip.heardNote(feed),
    openForks: () => node.forkGossip.open(),
  });
  await node.host.serve(syncProtocol(home.config.mesh), (channel, peerId) =>
    serveSync(channel, peerId, carrier, inner.o.timers),
  );
}
