// A cork on the secured connection: what the muxer sends within one turn of the event loop leaves as one buffer, hence
// as one encrypted message and one write, instead of one of each per header and body. Invisible to the other side.
// Knows only message streams; nothing of muxers, peers or feeds.

import type { ConnectionEncrypter, MessageStream, SecuredConnection } from '@libp2p/interface';
import { Uint8ArrayList } from 'uint8arraylist';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { joinedIn } from './pieces.ts';

/** Wraps the factory of a connection encrypter, `corked(noise())`; its connections are corked, else unchanged. */
export function corked<Components>(
  factory: (components: Components) => ConnectionEncrypter,
): (components: Components) => ConnectionEncrypter {
  return (components) => {
    const inner = factory(components);
    const withCork = (secured: SecuredConnection, carrier: MessageStream): SecuredConnection => {
      cork(secured.connection, carrier);
      return secured;
    };
    return {
      protocol: inner.protocol,
      secureInbound: async (carrier, options) =>
        withCork(await inner.secureInbound(carrier, options), carrier),
      secureOutbound: async (carrier, options) =>
        withCork(await inner.secureOutbound(carrier, options), carrier),
    };
  };
}

/**
 * Replaces `send`, `close` and `abort` of `secured` in place: everything else of a message stream (events, pausing,
 * reading) is its own business. `carrier` is the connection below; a connection is closed there, past the secured
 * stream, so it has to flush first or the last words of the muxer would be lost.
 */
export function cork(secured: MessageStream, carrier: MessageStream): void {
  const send = secured.send.bind(secured);
  const close = secured.close.bind(secured);
  const abort = secured.abort.bind(secured);
  const sendCarrier = carrier.send.bind(carrier);
  const closeCarrier = carrier.close.bind(carrier);
  const pending = new Uint8ArrayList();
  const prototype = Object.getPrototypeOf(secured) as MessageStream;
  const waiting = (): number => Reflect.get(prototype, 'writeBufferLength', secured) as number;
  let turn: NodeJS.Immediate | undefined;
  let corking = true;
  let isUnread = false;

  const drop = (): void => {
    if (turn !== undefined) clearImmediate(turn);
    turn = undefined;
    pending.consume(pending.byteLength);
  };
  const flush = (): void => {
    if (pending.byteLength === 0) return;
    const [, second] = pending;
    // What waits below keeps all the memory it lies in: then it gets no more than it needs.
    const isQuick = !secured.writableNeedsDrain && pending.byteLength <= LIMITS.corkBytes;
    const memory = second && isQuick ? takeMemory() : undefined;
    const batch = memory ? joinedIn(memory, pending) : pending.subarray();
    drop();
    send(batch);
    // Nothing waits: the encrypter has read it all.
    if (memory && waiting() === 0) spare = memory;
  };
  // Outside of a call of the muxer nobody could catch the error; the stream tells it by its close event instead.
  const flushOrAbort = (): void => {
    try {
      flush();
    } catch (error) {
      abort(error as Error);
    }
  };
  const uncork = (): void => {
    flushOrAbort();
    corking = false;
  };

  secured.send = (data) => {
    // A stream that takes no more data says so itself.
    if (!corking || secured.status !== 'open') return send(data);
    // Nothing leaves after what was left out.
    if (isUnread) return false;
    if (secured.writeBufferLength + data.byteLength > LIMITS.connectionQueueBytes) {
      isUnread = true;
      // In a turn of its own: this may be in the middle of a message of the peer.
      setImmediate(() => secured.abort(new MeshError('BUSY', 'a peer does not read')));
      return false;
    }
    if (pending.byteLength + data.byteLength > LIMITS.corkBytes) flush();
    if (data.byteLength >= LIMITS.corkBytes) return send(data);
    pending.append(data);
    turn ??= setImmediate(() => {
      turn = undefined;
      flushOrAbort();
    });
    // False promises a drain event: it is due exactly while the stream below waits for one.
    return !secured.writableNeedsDrain;
  };
  // The encrypter sends the length of a message, its text and its tag as pieces, and a socket writes piece by piece: the
  // other side would wake up for each.
  carrier.send = (data) => sendCarrier(data.subarray());
  secured.close = async (options) => {
    uncork();
    await close(options);
  };
  carrier.close = async (options) => {
    uncork();
    await closeCarrier(options);
  };
  secured.abort = (error) => {
    drop();
    corking = false;
    abort(error);
  };
  secured.addEventListener('close', () => {
    drop();
    corking = false;
  });
  Object.defineProperty(secured, 'writeBufferLength', {
    get: () => waiting() + pending.byteLength,
  });
}

/** Where the next batch is joined: who serves much would leave each byte once more for the collector. Of all connections. */
let spare: Buffer | undefined;

function takeMemory(): Buffer {
  const memory = spare ?? Buffer.allocUnsafeSlow(LIMITS.corkBytes);
  spare = undefined;
  return memory;
}
