// What the rest of a node needs from its network: peers, streams of frames, gossip, and a directory of holders. The libp2p
// host is one; whoever depends on this interface alone also runs over a network that exists in memory.

import type { GossipSub } from '@libp2p/gossipsub';
import type { KadDHT } from '@libp2p/kad-dht';
import type { Code } from '../../protocols/errors.ts';
import type { FrameChannel } from './frames.ts';
import type { FrameHandler, OpenOptions, ServeOptions } from './streams.ts';
import type { Reach } from './supervisor.ts';

export interface Network extends Reach {
  /** Where peers reach this node, each with its peer id; empty before the start. */
  addresses(): string[];
  connectedPeers(): string[];
  /** Remote address of the connection to a peer. */
  addressOf(peerId: string): string | undefined;
  /** What is measured of a connected peer; a network that measures nothing has no such method. */
  measure?(peerId: string): PeerMeasures;
  /** A peer has connected, or its last connection has ended. */
  onPeer(listener: PeerListener): void;
  /** Revocation and the like: cuts the connections and forgets the addresses. Membership must already refuse the peer. */
  expel(peerId: string): Promise<void>;
  serve(protocol: string, handler: FrameHandler, options?: ServeOptions): Promise<void>;
  open(peerId: string, protocol: string, options?: OpenOptions): Promise<FrameChannel>;
  readonly gossip: Pick<
    GossipSub,
    'topicValidators' | 'addEventListener' | 'subscribe' | 'publish'
  >;
  /** Lets in a topic that was not named when the network was made; to be joined after. Not needed where all are let in. */
  allowTopic?(topic: string): void;
  readonly dht: Pick<KadDHT, 'provide' | 'findProviders'>;
  /** Connections refused since the start, by code. */
  refusals(): Readonly<Partial<Record<Code, number>>>;
  start(): Promise<void>;
  /** Ends every connection and releases what is open. */
  stop(): Promise<void>;
}

export interface PeerMeasures {
  /** Round trip of the newest ping; null before the first one came back. */
  readonly rttMs: number | null;
  /** Gossip topics that it takes part in, of those of this node. */
  readonly topics: number;
  /** It is one of those that this node passes gossip on to at once. */
  readonly inMesh: boolean;
}

export interface PeerListener {
  readonly connected: (peerId: string) => void;
  readonly disconnected: (peerId: string) => void;
}
