import type { Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { afterEach, describe, expect, it } from 'vitest';
import { createFrameChannel, type FrameChannel } from '../../../node/net/frames.ts';
import type { Host } from '../../../node/net/host.ts';
import { MeshError } from '../../../protocols/errors.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { settle } from '../virtual-time.ts';
import { connect, startHost, stopAll, until } from './hosts.ts';

const PROTOCOL = '/test/frames/1';

/** A channel as its server sees it, the raw stream at the other end, and both hosts. */
async function opened(): Promise<{ served: FrameChannel; raw: Stream; from: Host; to: Host }> {
  const [from, to] = [await startHost(), await startHost()];
  const served = Promise.withResolvers<FrameChannel>();
  const done = Promise.withResolvers<void>();
  await to.serve(PROTOCOL, async (channel) => {
    served.resolve(channel);
    await done.promise;
  });
  await connect(from, to);
  const raw = await from.node.dialProtocol(peerIdFromString(to.peerId), PROTOCOL);
  return { served: await served.promise, raw, from, to };
}

const failure = async (task: Promise<unknown>): Promise<string> => {
  const error = await task.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof MeshError ? error.code : `no MeshError: ${error}`;
};

describe('frame channel', () => {
  afterEach(stopAll);

  it('carries frames of every size, whole or in parts', async () => {
    const { served, raw } = await opened();
    const channel = createFrameChannel(raw);
    const sizes = [1, 4, 5, 500, 65_507, LIMITS.frameBytes];
    const sending = (async () => {
      for (const size of sizes) await channel.send(new Uint8Array(size).fill(size % 251));
      await channel.send([Buffer.from('head'), Buffer.from('body')]);
      await channel.close();
    })();
    for (const size of sizes) {
      const frame = await served.read();
      expect(frame?.byteLength).toBe(size);
      expect(frame?.every((byte) => byte === size % 251)).toBe(true);
    }
    expect(Buffer.from((await served.read())!).toString()).toBe('headbody');
    expect(await served.read()).toBeUndefined();
    await sending;
  });

  it('refuses to send a frame that is too large or empty', async () => {
    const channel = createFrameChannel((await opened()).raw, { maxFrameBytes: 10 });
    expect(await failure(channel.send(new Uint8Array(11)))).toBe('TOO_LARGE');
    expect(await failure(channel.send([new Uint8Array(6), new Uint8Array(5)]))).toBe('TOO_LARGE');
    expect(await failure(channel.send(new Uint8Array(0)))).toBe('MALFORMED');
    expect(channel.error).toBeUndefined();
  });

  it.each([
    ['a length of 4 GiB', [0xff, 0xff, 0xff, 0xff], 'TOO_LARGE'],
    ['one byte more than allowed', [0, 2, 0, 1], 'TOO_LARGE'],
    ['a frame without bytes', [0, 0, 0, 0], 'MALFORMED'],
  ])('refuses %s and resets the stream', async (_title, header, code) => {
    const { served, raw } = await opened();
    raw.send(Uint8Array.from(header));
    expect(await failure(served.read())).toBe(code);
    expect(await failure(served.read())).toBe(code);
    expect(await failure(served.send(Uint8Array.of(1)))).toBe(code);
    await until(() => raw.status === 'reset', 'reset at the sender');
  });

  it.each([
    ['in the header', [0, 0, 0]],
    ['in the body', [0, 0, 0, 2, 9]],
  ])('refuses a frame that is cut %s', async (_title, cut) => {
    const { served, raw } = await opened();
    raw.send(Uint8Array.from(cut));
    await raw.close();
    expect(await failure(served.read())).toBe('MALFORMED');
  });

  it('delivers frames that arrived before the stream was reset by the peer', async () => {
    const { served, raw } = await opened();
    raw.send(Uint8Array.from([0, 0, 0, 1, 7]));
    await until(() => served.heldBytes === 5, 'the frame');
    raw.abort(new Error('changed my mind'));
    await until(() => served.error !== undefined, 'the reset');
    expect(await served.read()).toEqual(Buffer.of(7));
    expect(await failure(served.read())).toBe('PEER_UNREACHABLE');
  });

  it('tells a lost connection from a clean end', async () => {
    const { served, from } = await opened();
    const reading = failure(served.read());
    for (const connection of from.node.getConnections()) connection.abort(new Error('cable cut'));
    expect(await reading).toBe('PEER_UNREACHABLE');
  });

  it('sends on after the peer has closed its half', async () => {
    const { served, raw } = await opened();
    const channel = createFrameChannel(raw);
    await channel.close();
    expect(await served.read()).toBeUndefined();
    await served.send(Buffer.from('answer'));
    expect(Buffer.from((await channel.read())!).toString()).toBe('answer');
    expect(await failure(channel.send(Uint8Array.of(1)))).toBe('PEER_UNREACHABLE');
  });

  it('gives up reading at the signal and loses nothing by it', async () => {
    const { served, raw } = await opened();
    expect(await failure(served.read({ signal: AbortSignal.timeout(1) }))).toBe('TIMEOUT');
    raw.send(Uint8Array.from([0, 0, 0, 1, 7]));
    expect(await served.read()).toEqual(Buffer.of(7));
  });

  it('refuses a second reader', async () => {
    const { served, raw } = await opened();
    const first = served.read();
    expect(await failure(served.read())).toBe('INTERNAL');
    raw.send(Uint8Array.from([0, 0, 0, 1, 7]));
    expect(await first).toEqual(Buffer.of(7));
  });

  it('holds a bounded number of bytes for a slow reader and delivers them all', async () => {
    const { served, raw } = await opened();
    const channel = createFrameChannel(raw);
    const count = 256;
    const sending = (async () => {
      for (let index = 0; index < count; index += 1) {
        await channel.send(new Uint8Array(60_000).fill(index));
      }
      await channel.close();
    })();
    let mostHeld = 0;
    for (let index = 0; index < count; index += 1) {
      await settle();
      mostHeld = Math.max(mostHeld, served.heldBytes);
      expect((await served.read())?.[0]).toBe(index % 256);
    }
    expect(await served.read()).toBeUndefined();
    await sending;
    // What is read ahead, and a window that may already be on its way when the stream is paused.
    expect(mostHeld).toBeGreaterThan(LIMITS.readAheadBytes / 2);
    expect(mostHeld).toBeLessThan(LIMITS.readAheadBytes + LIMITS.yamuxWindowBytes);
  });

  it('makes a sender wait for a peer that does not read, and resets at its signal', async () => {
    const { served, raw } = await opened();
    const channel = createFrameChannel(raw);
    const stop = new AbortController();
    let sent = 0;
    const sending = failure(
      (async () => {
        for (;;) {
          await channel.send(new Uint8Array(60_000), { signal: stop.signal });
          sent += 1;
        }
      })(),
    );
    const isFull = () => raw.writableNeedsDrain && served.heldBytes > LIMITS.readAheadBytes;
    await until(isFull, 'a paused stream');
    await settle();
    const sentBytes = sent * 60_000;
    expect(sentBytes).toBeLessThan(2 * LIMITS.yamuxWindowBytes + LIMITS.sendQueueBytes);
    stop.abort(new DOMException('too slow', 'TimeoutError'));
    expect(await sending).toBe('TIMEOUT');
    await until(() => served.error !== undefined, 'the reset');
  });

  it('lets frames larger than what is read ahead arrive', async () => {
    const { raw, from, to } = await opened();
    raw.abort(new Error('not needed'));
    const received = Promise.withResolvers<number | undefined>();
    await to.serve(
      '/test/large/1',
      async (channel) => received.resolve((await channel.read())?.byteLength),
      { readAheadBytes: 1024 },
    );
    const channel = await from.open(to.peerId, '/test/large/1');
    await channel.send(new Uint8Array(LIMITS.frameBytes));
    expect(await received.promise).toBe(LIMITS.frameBytes);
  });

  it('resets a stream whose handler fails and says so to the peer', async () => {
    const [from, to] = [await startHost(), await startHost()];
    await to.serve('/test/fails/1', async () => {
      throw new MeshError('NO_GRANT', 'not for you');
    });
    await connect(from, to);
    const channel = await from.open(to.peerId, '/test/fails/1');
    expect(await failure(channel.read())).toBe('PEER_UNREACHABLE');
  });

  it('refuses to open a protocol that the peer does not serve', async () => {
    const { from, to } = await opened();
    expect(await failure(from.open(to.peerId, '/test/nothing/1'))).toBe('PEER_UNREACHABLE');
  });
});
