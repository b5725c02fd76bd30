// Receive windows that are told of when it matters. As it comes, the muxer answers every frame of data with a frame that
// gives the few bytes of window back: on a quiet connection that is half of all messages. Nothing changes on the wire but
// how often; a sender is never stopped, for it has most of its window left. Knows only the muxer.

import type { MultiaddrConnection, StreamMuxerFactory } from '@libp2p/interface';

/** The inner parts that are wrapped below; the package is pinned to the version they belong to. */
interface MuxerInternals {
  _newStream(...args: unknown[]): StreamInternals;
}

interface StreamInternals {
  readonly state: number;
  readonly recvWindow: number;
  readonly recvWindowCapacity: number;
  sendWindowUpdate(): void;
}

/** The state in which a window update says nothing but the window. */
const ESTABLISHED = 3;
/** Part of a window that is used up before the other side hears of it. */
const WORTH_TELLING = 1 / 4;

/** Wraps the factory of a muxer, `withLazyWindows(yamux())`. */
export function withLazyWindows<Factory extends StreamMuxerFactory>(
  create: () => Factory,
): () => Factory {
  return () => {
    const factory = create();
    const createStreamMuxer = factory.createStreamMuxer.bind(factory);
    factory.createStreamMuxer = (connection: MultiaddrConnection) => {
      const muxer = createStreamMuxer(connection);
      const inner = muxer as unknown as MuxerInternals;
      const newStream = inner._newStream.bind(inner);
      inner._newStream = (...args) => lazy(newStream(...args));
      return muxer;
    };
    return factory;
  };
}

function lazy(stream: StreamInternals): StreamInternals {
  const sendWindowUpdate = stream.sendWindowUpdate.bind(stream);
  stream.sendWindowUpdate = () => {
    const used = stream.recvWindow - stream.recvWindowCapacity;
    if (stream.state === ESTABLISHED && used < stream.recvWindow * WORTH_TELLING) return;
    sendWindowUpdate();
  };
  return stream;
}
