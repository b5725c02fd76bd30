import { describe, expect, it } from 'vitest';
import type { FrameChannel, WaitOptions } from '../../../node/net/frames.ts';
import { nextRequest, ReaderPace } from '../../../node/net/request-pace.ts';
import { asMeshError, MeshError } from '../../../protocols/errors.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { VirtualTime } from '../virtual-time.ts';

/** The other end of a stream: it sends and reads as a test says. */
class Peer {
  readonly time = new VirtualTime();
  error: MeshError | undefined;
  heldBytes = 0;
  #wake = () => {};
  #frame: Uint8Array | undefined;
  #isEnd = false;
  /** How long it takes to read what was sent. */
  readsForMs = 0;

  readonly channel = this as unknown as FrameChannel;

  async read({ signal }: WaitOptions = {}): Promise<Uint8Array | undefined> {
    signal?.addEventListener('abort', () => this.#wake());
    while (!this.#frame && !this.#isEnd && !signal?.aborted)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    if (!this.#frame && !this.#isEnd) throw signal!.reason;
    return this.#frame;
  }

  async send(_: unknown, { signal }: WaitOptions = {}): Promise<void> {
    if (this.readsForMs === 0) return;
    await new Promise<void>((resolve, reject) => {
      this.time.setTimeout(resolve, this.readsForMs);
      const late = () => reject(new MeshError('TIMEOUT', 'not read in time'));
      signal?.addEventListener('abort', late);
    });
    if (this.error) throw this.error;
  }

  abort(error: MeshError): void {
    this.error ??= error;
  }

  says(frame: Uint8Array | undefined): void {
    this.#frame = frame;
    this.#isEnd = frame === undefined;
    this.#wake();
  }
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => asMeshError(error).code,
  );

describe('a request', () => {
  it('is waited for up to a minute, and no longer', async () => {
    for (const silentMs of [0, LIMITS.streamIdleMs - LIMITS.requestWindowMs]) {
      const peer = new Peer();
      const next = nextRequest(peer.channel, peer.time);
      await peer.time.advance(silentMs);
      peer.says(Buffer.of(1));
      expect(await next).toEqual(Buffer.of(1));
    }
    const peer = new Peer();
    const code = codeOf(nextRequest(peer.channel, peer.time));
    await peer.time.advance(LIMITS.streamIdleMs);
    expect(await code).toBe('TIMEOUT');
    expect(peer.time.waiting).toBe(0);
  });

  it('that comes by the byte is given up within ten seconds of its first one', async () => {
    const peer = new Peer();
    const code = codeOf(nextRequest(peer.channel, peer.time));
    await peer.time.advance(LIMITS.requestWindowMs - 1);
    for (let i = 0; i < 10; i++) {
      peer.heldBytes += 1;
      await peer.time.advance(1_000);
    }
    expect(await code).toBe('TIMEOUT');
    expect(peer.time.waiting).toBe(0);
  });

  it('may take a moment, when it is whole in time', async () => {
    const peer = new Peer();
    const next = nextRequest(peer.channel, peer.time);
    peer.heldBytes = 3;
    await peer.time.advance(LIMITS.requestWindowMs + 1);
    peer.says(Buffer.of(1, 2));
    expect(await next).toEqual(Buffer.of(1, 2));
  });

  it('is none when the peer ends the stream', async () => {
    const peer = new Peer();
    const next = nextRequest(peer.channel, peer.time);
    peer.says(undefined);
    expect(await next).toBeUndefined();
  });
});

describe('the reader of an answer', () => {
  const FRAME = [Buffer.alloc(LIMITS.answerBytesPerWindow / 4)];

  it('that never reads is given up after ten seconds', async () => {
    const peer = new Peer();
    peer.readsForMs = 1e9;
    const pace = new ReaderPace(peer.channel, peer.time);
    const code = codeOf(pace.send(FRAME));
    await peer.time.advance(LIMITS.requestTimeoutMs);
    expect(await code).toBe('TIMEOUT');
    pace.stop();
  });

  it('that reads too slowly is given up, although each frame goes out in time', async () => {
    const peer = new Peer();
    peer.readsForMs = 6_000;
    const pace = new ReaderPace(peer.channel, peer.time);
    const code = codeOf(
      (async () => {
        for (;;) await pace.send(FRAME);
      })(),
    );
    await peer.time.advance(2 * LIMITS.answerWindowMs);
    expect(await code).toBe('TIMEOUT');
    pace.stop();
    expect(peer.error).toMatchObject({ code: 'TIMEOUT' });
  });

  it('that keeps the rate may take as long as it needs', async () => {
    const peer = new Peer();
    peer.readsForMs = 2_000;
    const pace = new ReaderPace(peer.channel, peer.time);
    const all = (async () => {
      for (let i = 0; i < 50; i++) await pace.send(FRAME);
    })();
    await peer.time.advance(50 * 2_000);
    await all;
    pace.stop();
    expect(peer.error).toBeUndefined();
    expect(peer.time.waiting).toBe(0);
  });

  it('is not blamed for a node that is slow itself', async () => {
    const peer = new Peer();
    const pace = new ReaderPace(peer.channel, peer.time);
    await pace.send(FRAME);
    await peer.time.advance(5 * LIMITS.answerWindowMs);
    await pace.send(FRAME);
    pace.stop();
    expect(peer.error).toBeUndefined();
  });
});
