// The network side of a mesh node: one libp2p with gossip and a private DHT, closed to everybody but members.
// Knows membership through an interface and protocols by name; nothing of feeds.

import { identify } from '@libp2p/identify';
import type { Libp2p } from '@libp2p/interface';
import { type KadDHT, type KadDHTComponents, kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import { peerIdFromString } from '@libp2p/peer-id';
import { ping } from '@libp2p/ping';
import { createLibp2p } from 'libp2p';
import { MeshError } from '../../protocols/errors.ts';
import type { MeshId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Clock, systemClock, systemTimers } from '../clock.ts';
import { type Log, silentLog } from '../log.ts';
import { AddressStore } from './address-store.ts';
import { withBoundedRecords } from './bounded-records.ts';
import { createBufferCap } from './buffer-cap.ts';
import { createGate, type Membership } from './gater.ts';
import {
  boundFrames,
  type Gossip,
  type GossipTopic,
  gossipMeasures,
  gossipService,
  hearsGossip,
} from './gossip.ts';
import { lateTopics, shutOutForgers } from './gossip-guard.ts';
import type { Network } from './network.ts';
import { networkError } from './network-error.ts';
import { relayLater } from './relay.ts';
import { bufferedBytes, openFrames, queuedBytes, serveFrames } from './streams.ts';
import type { Reach } from './supervisor.ts';
import { dialAddresses, transportOptions } from './transport.ts';

export interface HostOptions {
  readonly privateKeyPem: string;
  readonly meshId: MeshId;
  readonly membership: Membership;
  /** Gossip on any other topic is neither joined nor relayed. */
  readonly topics: readonly GossipTopic[];
  readonly listen: readonly string[];
  readonly announce?: readonly string[];
  /** Folder for what libp2p remembers (addresses, DHT records), all of it replaceable; memory when absent. */
  readonly datastorePath?: string;
  readonly log?: Log;
  readonly clock?: Clock;
}

/** Mark of the peers that this node dialled, out of the directory. */
const CHOSEN = 'odcm-chosen';
const CHOSEN_VALUE = 100;

/** A stopped host may be started again. */
export interface Host extends Network {
  readonly gossip: Gossip;
  readonly dht: KadDHT;
  /** For what has no method here; its connections and events are libp2p's. */
  readonly node: Libp2p;
}

/** Opens the datastore at once: a host that is not started must be stopped all the same. */
export async function createHost(options: HostOptions): Promise<Host> {
  const { membership, topics, log = silentLog, clock = systemClock } = options;
  const gate = createGate(membership, clock);
  // Checks what it is given before it opens anything.
  const transport = transportOptions({ ...options, maxConnections: LIMITS.connections }, gate, log);
  const store =
    options.datastorePath === undefined
      ? undefined
      : new AddressStore(options.datastorePath, systemTimers);
  await openStore(store);
  const node = await createLibp2p({
    ...transport,
    ...(store === undefined ? {} : { datastore: store }),
    services: {
      identify: identify(),
      ping: ping(),
      gossip: gossipService(topics, membership),
      dht: privateDht(options.meshId),
    },
  });
  const gossip = node.services.gossip as Gossip;
  boundFrames(gossip);
  relayLater(gossip, log);
  const reach = createReach(node, gossip);
  const shutOut = (peerId: string): void => {
    gate.cast(peerId);
    log.warn({ peerId }, 'a peer sent gossip that is provably false: it is shut out for a while');
    // At once, whatever the peer still sends; in a turn of its own, as this is called in the middle of its message.
    const cut = new MeshError('OUTCAST', 'gossip that is provably false');
    setImmediate(() => {
      for (const connection of node.getConnections(peerIdFromString(peerId))) connection.abort(cut);
    });
  };
  shutOutForgers(gossip, gate, shutOut, clock);

  const cap = createBufferCap({
    timers: systemTimers,
    connections: () =>
      node.getConnections().map((connection) => ({
        openedMs: connection.timeline.open,
        bufferedBytes: connection.streams.reduce(
          (sum, stream) => sum + bufferedBytes(stream),
          queuedBytes(connection),
        ),
        abort: (error) => connection.abort(error),
      })),
    onDropped: (count) =>
      log.warn({ count }, 'too much was buffered: the newest peers were dropped'),
  });

  return {
    peerId: node.peerId.toString(),
    node,
    gossip,
    dht: node.services.dht,
    addresses: () => node.getMultiaddrs().map(String),
    connectedPeers: () => [
      ...new Set(node.getConnections().map(({ remotePeer }) => remotePeer.toString())),
    ],
    addressOf: (peerId) =>
      node
        .getConnections()
        .find(({ remotePeer }) => remotePeer.toString() === peerId)
        ?.remoteAddr.toString(),
    measure: (peerId) => ({
      rttMs:
        node.getConnections().find(({ remotePeer }) => remotePeer.toString() === peerId)?.rtt ??
        null,
      ...gossipMeasures(gossip, peerId),
    }),
    onPeer: ({ connected, disconnected }) => {
      node.addEventListener('peer:connect', ({ detail }) => connected(detail.toString()));
      node.addEventListener('peer:disconnect', ({ detail }) => disconnected(detail.toString()));
    },
    refusals: gate.refusals,
    ...reach,
    allowTopic: lateTopics(gossip),
    serve: (protocol, handler, serve = {}) => serveFrames(node, protocol, handler, serve, log),
    open: (peerId, protocol, open = {}) => openFrames(node, peerId, protocol, open),
    start: async () => {
      await openStore(store);
      try {
        await node.start();
        cap.start();
      } catch (error) {
        await node.stop();
        await store?.close();
        throw startError(error);
      }
    },
    stop: async () => {
      cap.stop();
      await node.stop();
      await store?.close();
    },
  };
}

function privateDht(meshId: MeshId): (components: KadDHTComponents) => KadDHT {
  const create = kadDHT({
    protocol: `/odcm/${meshId}/kad/1.0.0`,
    // The defaults wait for a public address and hide private ones: nothing would work inside a company.
    clientMode: false,
    peerInfoMapper: passthroughMapper,
    allowQueryWithZeroPeers: true,
  });
  return (components) => create(withBoundedRecords(components)) as KadDHT;
}

function createReach(node: Libp2p, gossip: Gossip): Omit<Reach, 'peerId'> & Pick<Host, 'expel'> {
  const hangUp = async (peerId: string): Promise<void> => {
    await node.hangUp(peerIdFromString(peerId), {
      signal: AbortSignal.timeout(LIMITS.dialTimeoutMs),
    });
  };
  return {
    isConnected: (peerId) =>
      node
        .getConnections()
        .some(({ remotePeer, status }) => status === 'open' && remotePeer.toString() === peerId),
    hearsGossip: (peerId) => hearsGossip(gossip, peerId),
    dial: async (peerId, addresses, signal) => {
      try {
        await node.dial(dialAddresses(peerId, addresses), { signal });
        // Of too many connections those go first that others opened: whom this node chose itself surrounds nobody.
        const tags = { [CHOSEN]: { value: CHOSEN_VALUE } };
        await node.peerStore.merge(peerIdFromString(peerId), { tags });
      } catch (error) {
        throw networkError(error, `the peer ${peerId}`);
      }
    },
    hangUp,
    expel: async (peerId) => {
      const cut = new MeshError('REVOKED', 'the peer is no member any more');
      // At once: a polite end waits for the peer.
      for (const connection of node.getConnections(peerIdFromString(peerId))) connection.abort(cut);
      await node.peerStore.delete(peerIdFromString(peerId));
    },
  };
}

/** Opens the database below the store, whose own open() hides the reason of a failure. */
async function openStore(store: AddressStore | undefined): Promise<void> {
  try {
    await store?.db.open();
  } catch (error) {
    const { cause } = error as { cause?: { code?: unknown } };
    if (cause?.code === 'LEVEL_LOCKED') {
      throw new MeshError('LOCKED', 'the address store is open elsewhere', { cause: error });
    }
    throw new MeshError('STORE_DAMAGED', 'the address store cannot be opened', {
      cause: error,
      next: 'It holds addresses only: delete the folder and start again.',
    });
  }
}

function startError(error: unknown): unknown {
  if (!(error instanceof Error) || error.name !== 'UnsupportedListenAddressesError') return error;
  return new MeshError('BUSY', 'none of the addresses can be listened on', {
    cause: error,
    next: 'Another process may use the port; stop it, or listen on another address.',
  });
}
