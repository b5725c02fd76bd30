// First contact with a mesh: a connection to whoever answers at an address. Nobody's identity is known yet, so the key
// that the other side proved is handed out, to be held against what it says afterwards.

import { generateKeyPairSync } from 'node:crypto';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { privateKeyPem } from '../../certs/ed25519.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { systemClock } from '../clock.ts';
import { type HostPort, multiaddrOf } from '../home/addresses.ts';
import { silentLog } from '../log.ts';
import type { FrameChannel } from '../net/frames.ts';
import { createGate, everybody } from '../net/gater.ts';
import { publicKeyOfPeerId } from '../net/keys.ts';
import { networkError } from '../net/network-error.ts';
import { openFrames } from '../net/streams.ts';
import { transportOptions } from '../net/transport.ts';

export interface Contact {
  readonly channel: FrameChannel;
  /** Raw Ed25519 key that the other side proved to hold. */
  readonly peerKey: Uint8Array;
  close(): Promise<void>;
}

/** @throws PEER_UNREACHABLE or TIMEOUT when nobody answers there in our protocol */
export async function contact(
  endpoint: HostPort,
  protocol: string,
  signal: AbortSignal,
): Promise<Contact> {
  const passing = generateKeyPairSync('ed25519').privateKey;
  const options = { privateKeyPem: privateKeyPem(passing), listen: [], maxConnections: 1 };
  const gate = createGate(everybody, systemClock);
  const node = await createLibp2p(transportOptions(options, gate, silentLog));
  try {
    await node.start();
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(LIMITS.dialTimeoutMs)]);
    const connection = await node.dial(multiaddr(multiaddrOf(endpoint)), { signal: deadline });
    const peerId = connection.remotePeer.toString();
    const peerKey = publicKeyOfPeerId(peerId);
    const frames = { maxFrameBytes: LIMITS.enrolFrameBytes, signal };
    const channel = await openFrames(node, peerId, protocol, frames);
    return { channel, peerKey, close: async () => void (await node.stop()) };
  } catch (error) {
    await node.stop();
    throw networkError(error, 'the endpoint');
  }
}
