// The network of a node that runs without any: it opens no socket, knows no peer, and says so to whoever asks for one.

import type { KeyObject } from 'node:crypto';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import { peerIdOfPublicKey } from './keys.ts';
import type { Network } from './network.ts';

const offline = (): MeshError =>
  new MeshError('PEER_UNREACHABLE', 'the node runs offline', {
    next: 'Take what is new from a bundle: odcm import FILE',
  });

export function createNoNetwork(nodeKey: KeyObject): Network {
  return {
    peerId: peerIdOfPublicKey(ed25519Raw(nodeKey)),
    addresses: () => [],
    connectedPeers: () => [],
    addressOf: () => undefined,
    isConnected: () => false,
    hearsGossip: () => false,
    dial: () => Promise.reject(offline()),
    hangUp: () => Promise.resolve(),
    onPeer: () => {},
    expel: () => Promise.resolve(),
    serve: () => Promise.resolve(),
    open: () => Promise.reject(offline()),
    gossip: {
      topicValidators: new Map(),
      addEventListener: () => {},
      subscribe: () => {},
      publish: () => Promise.resolve({ recipients: [] }),
    },
    dht: { provide: nothing, findProviders: nothing },
    refusals: () => ({}),
    start: () => Promise.resolve(),
    stop: () => Promise.resolve(),
  };
}

async function* nothing(): AsyncGenerator<never> {}
