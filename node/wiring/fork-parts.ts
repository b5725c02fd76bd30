// What keeps a node from telling two histories, and lets it hear of those of others: the gate before its own heads, the
// watch over the use of its key, the flood of proofs.

import { intervalClock } from '../clock.ts';
import { DirectoryGate } from '../fork/directory-gate.ts';
import { ForkGossip } from '../fork/fork-gossip.ts';
import { KeyUse } from '../fork/key-use.ts';
import { ReleaseGate } from '../fork/release-gate.ts';
import type { NeighbourState } from '../net/supervisor.ts';
import type { Inner } from './inner.ts';

export interface ForkParts {
  readonly keyUse: KeyUse;
  readonly gate: ReleaseGate;
  readonly directoryGate: DirectoryGate;
  readonly forkGossip: ForkGossip;
}

export function createForkParts(inner: Inner): ForkParts {
  const { node, parts } = inner;
  const { home, clock, random, timers, log } = inner.o;
  const { directory, forks, host, members } = parts;
  const { mesh, space: self } = home.config;
  const keyUse = new KeyUse({ self, clock, log });
  const untried = () => node.supervisor.states().filter(isUntried).length;
  const directoryGate = new DirectoryGate({
    ...{ clock: intervalClock(clock), timers, directory, untried },
    others: () => members.countOf(directory.state) - 1,
    connected: () => host.connectedPeers(),
  });
  const gate = new ReleaseGate({
    ...{ host, mesh, directory, feeds: node.feeds, blocks: node.blocks },
    ...{ clock: intervalClock(clock), timers, log },
    odcmPeer: () => node.neighbours.odcmPeer,
    untried,
    // A restored folder has an old directory, too: who is in the mesh is asked first.
    isEverybody: (peers) =>
      [...peers].every((peerId) => node.directoryFirst.isSettled(peerId)) &&
      members.areAllAmong(directory.state, peers, self),
    isTwice: () => keyUse.isTwice,
    isOffline: inner.o.isOffline === true,
    onReleased: (feed) => {
      inner.exchange.gossip.announceHeld(feed);
      // Just after a start gossip may reach nobody yet, and what was said of the heads was without these.
      node.presence.speakSoon();
    },
  });
  const forkGossip = new ForkGossip({
    ...{ host, mesh, directory, forks, timers, random, log },
    onRefused: (code) => node.countRefusal(code),
  });
  return { keyUse, gate, directoryGate, forkGossip };
}

/** It may be reached any moment, or not: its first dial has not come to an end. */
const isUntried = ({ connected, dialling, attempts }: NeighbourState): boolean =>
  !connected && (attempts === 0 || (dialling && attempts === 1));
