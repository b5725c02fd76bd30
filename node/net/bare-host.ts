// The network side of enrolment: a libp2p without gossip, DHT or gate, on a port and with a key of its own, so that the
// mesh node can stay closed to strangers. Serves and opens streams of frames, nothing else.

import { generateKeyPairSync } from 'node:crypto';
import { createLibp2p } from 'libp2p';
import type { Code } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Clock, systemClock } from '../clock.ts';
import { type Log, silentLog } from '../log.ts';
import type { FrameChannel } from './frames.ts';
import { createGate, everybody } from './gater.ts';
import { networkError } from './network-error.ts';
import {
  type FrameHandler,
  type OpenOptions,
  openFrames,
  type ServeOptions,
  serveFrames,
} from './streams.ts';
import { dialAddresses, transportOptions } from './transport.ts';

export interface BareHostOptions {
  /** A key for this run only when absent: right for the side that asks. */
  readonly privateKeyPem?: string;
  /** Nothing is listened on when absent. */
  readonly listen?: readonly string[];
  readonly announce?: readonly string[];
  readonly log?: Log;
  readonly clock?: Clock;
}

export interface BareHost {
  readonly peerId: string;
  addresses(): string[];
  serve(protocol: string, handler: FrameHandler, options?: ServeOptions): Promise<void>;
  /** Connects, proves that the other side is `peerId`, and opens a stream. */
  open(
    peerId: string,
    addresses: readonly string[],
    protocol: string,
    options?: OpenOptions,
  ): Promise<FrameChannel>;
  refusals(): Readonly<Partial<Record<Code, number>>>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export async function createBareHost(options: BareHostOptions): Promise<BareHost> {
  const { privateKeyPem = freshKeyPem(), listen = [], log = silentLog } = options;
  const gate = createGate(everybody, options.clock ?? systemClock);
  const node = await createLibp2p(
    transportOptions(
      { ...options, privateKeyPem, listen, maxConnections: LIMITS.enrolConnections },
      gate,
      log,
    ),
  );
  const frames = { maxFrameBytes: LIMITS.enrolFrameBytes };
  return {
    peerId: node.peerId.toString(),
    addresses: () => node.getMultiaddrs().map(String),
    serve: (protocol, handler, serve = {}) =>
      serveFrames(node, protocol, handler, { maxInboundStreams: 1, ...frames, ...serve }, log),
    open: async (peerId, addresses, protocol, open = {}) => {
      const timeout = AbortSignal.timeout(LIMITS.dialTimeoutMs);
      const signal = open.signal === undefined ? timeout : AbortSignal.any([open.signal, timeout]);
      try {
        await node.dial(dialAddresses(peerId, addresses), { signal });
      } catch (error) {
        throw networkError(error, `the peer ${peerId}`);
      }
      return openFrames(node, peerId, protocol, { ...frames, ...open });
    },
    refusals: gate.refusals,
    start: async () => {
      await node.start();
    },
    stop: async () => {
      await node.stop();
    },
  };
}

function freshKeyPem(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}
