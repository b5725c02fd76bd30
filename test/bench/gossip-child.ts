// A process with bare gossipsub hosts: the settings of the product, and no verification, storage or cork of ours.

import { noise } from '@chainsafe/libp2p-noise';
import { identify } from '@libp2p/identify';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { everybody } from '../../node/net/gater.ts';
import { type Gossip, gossipService, hearsGossip } from '../../node/net/gossip.ts';
import type { Arrivals, PublishOrder, Sent } from './announce.bench.ts';
import { serveCommands } from './child.ts';
import { sharedNowMs } from './measurement.ts';
import { paced } from './paced.ts';

const TOPIC = 'bench';

async function createNode() {
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    // All hosts share one address and connect at once.
    connectionManager: {
      inboundConnectionThreshold: Number.POSITIVE_INFINITY,
      maxIncomingPendingConnections: Number.POSITIVE_INFINITY,
    },
    // As in the product: a host that is busy for seconds is not a dead one.
    connectionMonitor: { abortConnectionOnPingFailure: false },
    services: { identify: identify(), gossip: gossipService([{ name: TOPIC }], everybody) },
  });
  const gossip = node.services.gossip as Gossip;
  const arrivals: [number, number][] = [];
  gossip.addEventListener('gossipsub:message', ({ detail }) => {
    const seq = Buffer.from(detail.msg.data).readUInt32BE();
    arrivals.push([seq, sharedNowMs()]);
  });
  return { node, gossip, arrivals };
}

const nodes: Awaited<ReturnType<typeof createNode>>[] = [];
let next = 0;

serveCommands({
  async start({ count }: { readonly count: number }): Promise<string[]> {
    for (let i = 0; i < count; i++) nodes.push(await createNode());
    return nodes.map(({ node }) => node.getMultiaddrs()[0]!.toString());
  },

  async connect({ addresses }: { readonly addresses: readonly string[] }): Promise<void> {
    for (const { node, gossip } of nodes) {
      for (const address of addresses) {
        if (!address.endsWith(node.peerId.toString())) await node.dial(multiaddr(address));
      }
      gossip.subscribe(TOPIC);
    }
  },

  isReady({ others }: { readonly others: number }): boolean {
    return nodes.every(({ gossip }) => {
      const peers = gossip.getSubscribers(TOPIC);
      return peers.length >= others && peers.every((peer) => hearsGossip(gossip, peer.toString()));
    });
  },

  async publish({ count, intervalMs, sizeBytes }: PublishOrder): Promise<Sent[]> {
    return paced(count, intervalMs, async () => {
      const data = Buffer.alloc(sizeBytes);
      data.writeUInt32BE(next);
      const announcedMs = sharedNowMs();
      await nodes[0]!.gossip.publish(TOPIC, data);
      return { seq: next++, calledMs: announcedMs, announcedMs };
    });
  },

  arrivals: (): Arrivals[] => nodes.map(({ arrivals }) => arrivals.splice(0)),
});
