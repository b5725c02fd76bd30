// What the mesh node and the enrolment endpoint have in common: TCP, encryption with a cork, one muxer, and the bounds
// of connections. Knows no services.

import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr';
import type { Libp2pOptions } from 'libp2p';
import { MeshError } from '../../protocols/errors.ts';
import { quote } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Log, libraryLogger } from '../log.ts';
import { corked } from './cork.ts';
import type { Gate } from './gater.ts';
import { privateKeyFromPem } from './keys.ts';
import { quickNoise } from './quick-noise.ts';
import { withLazyWindows } from './windows.ts';

export interface TransportOptions {
  readonly privateKeyPem: string;
  readonly listen: readonly string[];
  /** Told to peers instead of the addresses listened on. */
  readonly announce?: readonly string[];
  readonly maxConnections: number;
}

/** Everything of libp2p's options but its services and its datastore. */
export function transportOptions(options: TransportOptions, gate: Gate, log: Log) {
  return {
    start: false,
    privateKey: privateKeyFromPem(options.privateKeyPem),
    addresses: {
      listen: options.listen.map(checkedAddress),
      announce: (options.announce ?? []).map(checkedAddress),
    },
    transports: [tcp()],
    connectionEncrypters: [corked(quickNoise())],
    streamMuxers: [
      withLazyWindows(
        yamux({
          maxInboundStreams: LIMITS.streamsPerConnection,
          maxOutboundStreams: LIMITS.streamsPerConnection,
          streamOptions: { maxStreamWindowSize: LIMITS.yamuxWindowBytes },
        }),
      ),
    ],
    connectionGater: gate.gater,
    connectionManager: {
      maxConnections: options.maxConnections,
      // The gate bounds both, by making room instead of refusing; these would refuse before it is asked.
      maxIncomingPendingConnections: Number.POSITIVE_INFINITY,
      inboundConnectionThreshold: Number.POSITIVE_INFINITY,
      inboundUpgradeTimeout: LIMITS.upgradeTimeoutMs,
      dialTimeout: LIMITS.dialTimeoutMs,
      addressDialTimeout: LIMITS.dialTimeoutMs,
      // The supervisor reconnects.
      reconnectRetries: 0,
    },
    // A peer that is busy for some seconds is not a dead peer.
    connectionMonitor: {
      abortConnectionOnPingFailure: false,
      pingInterval: LIMITS.pingEveryMs,
    },
    // Connected peers are not refreshed by the library: with an age they would vanish from lookups.
    peerStore: {
      maxAddressAge: Number.POSITIVE_INFINITY,
      maxPeerAge: Number.POSITIVE_INFINITY,
    },
    nodeInfo: { name: 'odcm', version: '1', userAgent: 'odcm' },
    logger: libraryLogger(log),
  } satisfies Libp2pOptions & { start: boolean };
}

function checkedAddress(address: string): string {
  if (parseAddress(address) === undefined) {
    throw new MeshError('NAME_INVALID', `${quote(address)} is no address to listen on`, {
      next: 'Addresses look like /ip4/0.0.0.0/tcp/4101.',
    });
  }
  return address;
}

function parseAddress(address: string): Multiaddr | undefined {
  try {
    return multiaddr(address);
  } catch {
    return undefined;
  }
}

/** Addresses that end in the peer's id, so that a wrong identity fails in the handshake; others are left out. */
export function dialAddresses(peerId: string, addresses: readonly string[]): Multiaddr[] {
  const usable = addresses.flatMap((address) => {
    const parsed = parseAddress(address);
    if (parsed === undefined) return [];
    const named = parsed.getComponents().findLast(({ name }) => name === 'p2p')?.value;
    if (named === undefined) return [parsed.encapsulate(`/p2p/${peerId}`)];
    return named === peerId ? [parsed] : [];
  });
  if (usable.length === 0) {
    throw new MeshError('PEER_UNREACHABLE', `no usable address of the peer ${peerId} is known`);
  }
  return usable;
}
