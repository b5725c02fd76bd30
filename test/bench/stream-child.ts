// A process with one bare libp2p host (TCP, noise, yamux) that sends bytes on a stream, or counts them. With a cork it is
// the product's cork around the same noise, and nothing else.

import { noise } from '@chainsafe/libp2p-noise';
import type { Stream } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p, type Libp2p } from 'libp2p';
import { corked } from '../../node/net/cork.ts';
import { serveCommands } from './child.ts';
import { sharedNowMs } from './measurement.ts';

const PROTOCOL = '/bench/stream/1';

export interface StreamOrder {
  readonly address: string;
  readonly totalBytes: number;
  readonly pieceBytes: number;
}

let node: Libp2p;

/** Everything has come: one byte says so. */
function answerAtEnd(stream: Stream): void {
  stream.addEventListener('message', () => {});
  stream.addEventListener('remoteCloseWrite', () => {
    stream.send(Buffer.of(1));
    stream.close().catch(() => stream.abort(new Error('nobody listens')));
  });
}

serveCommands({
  async start({ isCorked }: { readonly isCorked: boolean }): Promise<string> {
    node = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [isCorked ? corked(noise()) : noise()],
      streamMuxers: [yamux()],
    });
    await node.handle(PROTOCOL, answerAtEnd);
    return node.getMultiaddrs()[0]!.toString();
  },

  /** Milliseconds from the first byte until the other side has all of them. */
  async send({ address, totalBytes, pieceBytes }: StreamOrder): Promise<number> {
    const stream = await node.dialProtocol(multiaddr(address), PROTOCOL);
    const answered = new Promise<void>((resolve, reject) => {
      stream.addEventListener('message', () => resolve());
      stream.addEventListener('close', () => reject(new Error('the stream ended')));
    });
    const piece = Buffer.alloc(pieceBytes, 7);
    const startedMs = sharedNowMs();
    for (let left = totalBytes; left > 0; left -= piece.length) {
      const isTaken = stream.send(piece.subarray(0, Math.min(left, piece.length)));
      if (!isTaken) await drained(stream);
    }
    await stream.close();
    await answered;
    return sharedNowMs() - startedMs;
  },
});

async function drained(stream: Stream): Promise<void> {
  while (stream.writableNeedsDrain) {
    await new Promise<void>((resolve) => {
      stream.addEventListener('drain', () => resolve(), { once: true });
    });
  }
}
