// Opening and serving streams of frames on a libp2p node: deadlines, limits and errors are the same for all protocols.
// Knows nothing of what the protocols say.

import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Log } from '../log.ts';
import { createFrameChannel, type FrameChannel, type FrameOptions } from './frames.ts';
import { networkError } from './network-error.ts';

/** Answers one stream; what it throws resets the stream. The channel is closed when it returns. */
export type FrameHandler = (channel: FrameChannel, peerId: string) => Promise<void>;

export interface ServeOptions extends FrameOptions {
  /** Streams of this protocol from one peer at a time, over all its connections. */
  readonly maxInboundStreams?: number;
}

export interface OpenOptions extends FrameOptions {
  readonly signal?: AbortSignal;
}

const channels = new WeakMap<Stream, FrameChannel>();

/** What a stream holds in memory: bytes that came and are not read, and bytes that are not sent. */
export function bufferedBytes(stream: Stream): number {
  const held = channels.get(stream)?.heldBytes ?? 0;
  return stream.readBufferLength + stream.writeBufferLength + held;
}

/** The inner part that is looked at here; the package is pinned to the version it belongs to. */
interface Muxed {
  readonly muxer?: { readonly maConn: { readonly writeBufferLength: number } };
}

/** What a connection holds beside its streams: frames that have left them, and answers of the muxer itself. */
export const queuedBytes = (connection: Connection): number =>
  (connection as unknown as Muxed).muxer?.maConn.writeBufferLength ?? 0;

export async function serveFrames(
  node: Libp2p,
  protocol: string,
  handler: FrameHandler,
  { maxInboundStreams = LIMITS.syncStreamsPerPeer, ...options }: ServeOptions,
  log: Log,
): Promise<void> {
  const perPeer = new Map<string, number>();
  await node.handle(
    protocol,
    async (stream, connection) => {
      const peerId = connection.remotePeer.toString();
      const count = (perPeer.get(peerId) ?? 0) + 1;
      // The library counts those of one connection only.
      if (count > maxInboundStreams) {
        stream.abort(new MeshError('BUSY', `too many streams ${protocol} of one peer`));
        return;
      }
      perPeer.set(peerId, count);
      const channel = createFrameChannel(stream, options);
      channels.set(stream, channel);
      try {
        await handler(channel, peerId);
        await channel.close({ signal: AbortSignal.timeout(LIMITS.requestTimeoutMs) });
      } catch (error) {
        const refusal = isMeshError(error) ? error : networkError(error, `the stream ${protocol}`);
        log.debug({ protocol, peerId, code: refusal.code }, refusal.message);
        channel.abort(refusal);
      } finally {
        const left = (perPeer.get(peerId) ?? 1) - 1;
        if (left === 0) perPeer.delete(peerId);
        else perPeer.set(peerId, left);
      }
    },
    { maxInboundStreams, maxOutboundStreams: LIMITS.streamsPerConnection },
  );
}

/** A stream to a peer that is connected or whose address is known; the signal covers opening only. */
export async function openFrames(
  node: Libp2p,
  peerId: string,
  protocol: string,
  { signal, ...options }: OpenOptions = {},
): Promise<FrameChannel> {
  const deadline = AbortSignal.timeout(LIMITS.requestTimeoutMs);
  try {
    const stream = await node.dialProtocol(peerIdFromString(peerId), protocol, {
      signal: signal === undefined ? deadline : AbortSignal.any([signal, deadline]),
    });
    const channel = createFrameChannel(stream, options);
    channels.set(stream, channel);
    return channel;
  } catch (error) {
    if (error instanceof Error && error.name === 'UnsupportedProtocolError') {
      throw new MeshError('PEER_UNREACHABLE', `the peer does not serve ${protocol}`, {
        cause: error,
      });
    }
    throw networkError(error, `the peer ${peerId}`);
  }
}
