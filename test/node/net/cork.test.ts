import type { Socket } from 'node:net';
import type { MessageStream } from '@libp2p/interface';
import { Uint8ArrayList } from 'uint8arraylist';
import { afterEach, describe, expect, it } from 'vitest';
import { cork } from '../../../node/net/cork.ts';
import { queuedBytes } from '../../../node/net/streams.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { settle } from '../virtual-time.ts';
import { connect, startHost, stopAll, until } from './hosts.ts';

/** The parts of a message stream that a cork touches, with a socket that can be full. */
class Recorder extends EventTarget {
  status = 'open';
  writableNeedsDrain = false;
  sent: string[] = [];
  pieces: number[] = [];
  calls: string[] = [];
  full = false;
  broken = false;
  waiting = 7;
  /** What was given, itself. */
  given: (Uint8Array | Uint8ArrayList)[] = [];
  get writeBufferLength(): number {
    return this.waiting;
  }
  send(data: Uint8Array | Uint8ArrayList): boolean {
    if (this.broken || this.status !== 'open') throw new Error('cannot write');
    this.given.push(data);
    this.pieces.push(data instanceof Uint8Array ? 1 : [...data].length);
    this.sent.push(Buffer.from(data.subarray()).toString('latin1'));
    if (this.full) this.writableNeedsDrain = true;
    return !this.writableNeedsDrain;
  }
  async close(): Promise<void> {
    this.calls.push(`close after ${this.sent.length}`);
    this.end();
  }
  abort(error: Error): void {
    this.calls.push(`abort ${error.message}`);
    this.end();
  }
  end(): void {
    this.status = 'closed';
    this.dispatchEvent(new Event('close'));
  }
}

function corkedRecorder() {
  const secured = new Recorder();
  const carrier = new Recorder();
  cork(secured as unknown as MessageStream, carrier as unknown as MessageStream);
  return { secured, carrier };
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');

describe('cork', () => {
  it('passes on what one turn sends as one buffer, in order', async () => {
    const { secured } = corkedRecorder();
    for (const piece of ['one ', 'two ', 'three']) secured.send(bytes(piece));
    expect(secured.sent).toEqual([]);
    await settle();
    expect(secured.sent).toEqual(['one two three']);
    secured.send(bytes('next'));
    await settle();
    expect(secured.sent).toEqual(['one two three', 'next']);
  });

  it('takes lists of buffers apart from what their owner does with them later', async () => {
    const { secured } = corkedRecorder();
    const list = new Uint8ArrayList(bytes('head'), bytes('body'));
    secured.send(list);
    list.consume(4);
    await settle();
    expect(secured.sent).toEqual(['headbody']);
  });

  it('hands what the encrypter sends in pieces to the carrier as one buffer', () => {
    const { carrier } = corkedRecorder();
    carrier.send(new Uint8ArrayList(bytes('length '), bytes('text '), bytes('tag')));
    carrier.send(bytes('next'));
    expect(carrier.sent).toEqual(['length text tag', 'next']);
    expect(carrier.pieces).toEqual([1, 1]);
  });

  it('never collects more than its limit and keeps the order around large pieces', async () => {
    const { secured } = corkedRecorder();
    const large = 'x'.repeat(LIMITS.corkBytes);
    const half = 'y'.repeat(LIMITS.corkBytes / 2);
    for (const piece of ['a', large, half, half, 'b']) secured.send(bytes(piece));
    await settle();
    expect(secured.sent).toEqual(['a', large, half + half, 'b']);
  });

  it('joins in the same memory as long as what is below reads it at once', async () => {
    const { secured } = corkedRecorder();
    secured.waiting = 0;
    for (const [one, other] of ['ab', 'cd']) {
      secured.send(bytes(one!));
      secured.send(bytes(other!));
      await settle();
    }
    expect(secured.sent).toEqual(['ab', 'cd']);
    const [first, second] = secured.given as Uint8Array[];
    expect(second!.buffer).toBe(first!.buffer);
  });

  it('never writes over what waits below, for whichever connection it joins next', async () => {
    const [slow, next] = [corkedRecorder(), corkedRecorder()];
    next.secured.waiting = 0;
    for (const { secured } of [slow, next, slow, next]) {
      secured.send(bytes('of '));
      secured.send(bytes(secured === slow.secured ? 'slow' : 'next'));
      await settle();
    }
    expect(slow.secured.given.map((data) => Buffer.from(data as Uint8Array).toString())).toEqual([
      'of slow',
      'of slow',
    ]);
  });

  it('gives what has to wait below no more memory than it needs', async () => {
    const { secured } = corkedRecorder();
    secured.writableNeedsDrain = true;
    for (let i = 0; i < 100; i++) {
      secured.send(bytes('to '));
      secured.send(bytes('wait'));
      await settle();
    }
    expect(secured.sent).toEqual(Array.from({ length: 100 }, () => 'to wait'));
    const memories = new Set((secured.given as Uint8Array[]).map(({ buffer }) => buffer));
    const held = [...memories].reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(held).toBeLessThan(10 * LIMITS.corkBytes);
  });

  it('counts what it holds as not yet written', async () => {
    const { secured } = corkedRecorder();
    secured.send(bytes('four'));
    expect(secured.writeBufferLength).toBe(7 + 4);
    await settle();
    expect(secured.writeBufferLength).toBe(7);
  });

  it('ends the connection of a peer that does not read while it goes on asking', async () => {
    const { secured } = corkedRecorder();
    secured.waiting = LIMITS.connectionQueueBytes - 4;
    secured.send(bytes('last'));
    await settle();
    expect([secured.sent, secured.calls]).toEqual([['last'], []]);
    expect(secured.send(bytes('more!'))).toBe(false);
    secured.waiting = 0;
    expect(secured.send(bytes('nothing after it'))).toBe(false);
    await settle();
    expect([secured.sent, secured.calls]).toEqual([['last'], ['abort a peer does not read']]);
  });

  it('answers false exactly while the stream below owes a drain event', async () => {
    const { secured } = corkedRecorder();
    secured.full = true;
    expect(secured.send(bytes('a'))).toBe(true);
    await settle();
    expect(secured.send(bytes('b'))).toBe(false);
    secured.full = false;
    secured.writableNeedsDrain = false;
    expect(secured.send(bytes('c'))).toBe(true);
    await settle();
    expect(secured.sent).toEqual(['a', 'bc']);
  });

  it.each(['secured', 'carrier'] as const)('flushes before the %s stream closes', async (which) => {
    const streams = corkedRecorder();
    streams.secured.send(bytes('last words'));
    await streams[which].close();
    expect(streams.secured.sent).toEqual(['last words']);
    expect(streams[which].calls).toEqual([which === 'secured' ? 'close after 1' : 'close after 0']);
    await settle();
    expect(streams.secured.sent).toEqual(['last words']);
  });

  it('drops what it holds on abort and when the stream below is gone', async () => {
    const aborted = corkedRecorder().secured;
    aborted.send(bytes('lost'));
    aborted.abort(new Error('enough'));
    const gone = corkedRecorder().secured;
    gone.send(bytes('lost'));
    gone.end();
    await settle();
    expect([aborted.sent, gone.sent]).toEqual([[], []]);
    expect(aborted.calls).toEqual(['abort enough']);
  });

  it('refuses to send after the end like the stream below', () => {
    const { secured } = corkedRecorder();
    secured.end();
    expect(() => secured.send(bytes('late'))).toThrow('cannot write');
  });

  it('aborts instead of throwing where nobody could catch it', async () => {
    const { secured } = corkedRecorder();
    secured.send(bytes('a'));
    secured.broken = true;
    await settle();
    expect(secured.calls).toEqual(['abort cannot write']);
  });
});

/** Inner parts of a connection, for a member that does not keep to the rules. */
interface Raw {
  readonly muxer: {
    readonly maConn: MessageStream & { readonly stream: { readonly socket: Socket } };
    sendPing(id: number): void;
  };
}

describe('cork between two hosts', () => {
  afterEach(stopAll);

  it('delivers what was sent in the turn in which the connection is closed', async () => {
    const [from, to] = [await startHost(), await startHost()];
    const received: string[] = [];
    await to.serve('/test/words/1', async (channel) => {
      for (;;) {
        const frame = await channel.read();
        if (frame === undefined) return;
        received.push(Buffer.from(frame).toString());
      }
    });
    await connect(from, to);
    const channel = await from.open(to.peerId, '/test/words/1');
    const words = Array.from({ length: 50 }, (_, index) => `word ${index}`);
    for (const word of words) void channel.send(Buffer.from(word));
    await from.hangUp(to.peerId);
    await until(() => received.length === words.length, 'all words');
    expect(received).toEqual(words);
  });

  it('ends for a member that goes on pinging and reads no answer, with a bound on what is kept for it', async () => {
    const [attacker, target] = [await startHost(), await startHost()];
    await connect(attacker, target);
    await until(() => target.isConnected(attacker.peerId), 'the connection');
    const { muxer } = attacker.node.getConnections()[0] as unknown as Raw;
    muxer.maConn.stream.socket.pause();
    const ofTarget = target.node.getConnections()[0]!;
    let [pings, mostBytes] = [0, 0];
    while (isIn()) {
      for (let i = 0; i < 2_000 && muxer.maConn.status === 'open'; i++) muxer.sendPing(++pings);
      await settle();
      await until(() => !muxer.maConn.writableNeedsDrain || !isIn(), 'room for more');
      mostBytes = Math.max(mostBytes, queuedBytes(ofTarget));
    }
    expect(mostBytes).toBeGreaterThan(LIMITS.connectionQueueBytes / 2);
    expect(mostBytes).toBeLessThanOrEqual(LIMITS.connectionQueueBytes);

    function isIn(): boolean {
      return target.isConnected(attacker.peerId);
    }
  }, 60_000);

  it('carries answers back after the asking side has closed its half', async () => {
    const [from, to] = [await startHost(), await startHost()];
    await to.serve('/test/sum/1', async (channel) => {
      let sum = 0;
      for (let frame = await channel.read(); frame; frame = await channel.read()) sum += frame[0]!;
      await channel.send(Uint8Array.of(sum));
    });
    await connect(from, to);
    const channel = await from.open(to.peerId, '/test/sum/1');
    for (const number of [1, 2, 3]) await channel.send(Uint8Array.of(number));
    await channel.close();
    expect(await channel.read()).toEqual(Buffer.of(6));
    expect(await channel.read()).toBeUndefined();
  });
});
