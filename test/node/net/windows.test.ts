import type { MultiaddrConnection, StreamMuxerFactory } from '@libp2p/interface';
import { afterEach, describe, expect, it } from 'vitest';
import { withLazyWindows } from '../../../node/net/windows.ts';
import { gossipPair, stopAll, TOPIC, until } from './hosts.ts';

const SYN_RECEIVED = 2;
const ESTABLISHED = 3;

/** A stream as the muxer makes them, as far as windows go. */
class Stream {
  state = ESTABLISHED;
  recvWindow = 1000;
  recvWindowCapacity = 1000;
  told: number[] = [];
  receive(bytes: number): void {
    this.recvWindowCapacity -= bytes;
    this.sendWindowUpdate();
  }
  sendWindowUpdate(): void {
    this.told.push(this.recvWindow - this.recvWindowCapacity);
    this.recvWindowCapacity = this.recvWindow;
  }
}

function newStream(): Stream {
  const create = () => ({ createStreamMuxer: () => ({ _newStream: () => new Stream() }) }) as never;
  const factory: StreamMuxerFactory = withLazyWindows(create)();
  const muxer = factory.createStreamMuxer({} as MultiaddrConnection);
  return (muxer as unknown as { _newStream(): Stream })._newStream();
}

describe('receive windows', () => {
  afterEach(stopAll);

  it('are told of when a quarter is used, with all that was used', () => {
    const stream = newStream();
    for (let i = 0; i < 5; i++) stream.receive(100);
    expect(stream.told).toEqual([300]);
    expect(stream.recvWindowCapacity).toBe(800);
    stream.receive(900 - 200);
    expect(stream.told).toEqual([300, 900]);
  });

  it('are told of at once when the update also opens the stream', () => {
    const stream = newStream();
    stream.state = SYN_RECEIVED;
    stream.receive(1);
    expect(stream.told).toEqual([1]);
  });

  it('are not told of for each message between two hosts', async () => {
    const [from, to] = await gossipPair();
    let received = 0;
    to.gossip.addEventListener('message', () => received++);
    for (let i = 0; i < 10; i++) await from.gossip.publish(TOPIC, Buffer.alloc(1000, i));
    await until(() => received === 10, 'all messages');
    const streams = to.node.getConnections().flatMap(({ streams }) => streams);
    const used = (streams as unknown as Stream[]).map((s) => s.recvWindow - s.recvWindowCapacity);
    expect(Math.max(...used)).toBeGreaterThan(10_000);
  });
});
