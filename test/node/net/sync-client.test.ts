import { describe, expect, it } from 'vitest';
import type { FrameChannel, WaitOptions } from '../../../node/net/frames.ts';
import { SyncClient } from '../../../node/net/sync-client.ts';
import { MeshError } from '../../../protocols/errors.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { type Answer, DIRECTORY_LOG, encodeAnswer } from '../../../protocols/sync.ts';
import { settle, VirtualTime } from '../virtual-time.ts';

/** A peer whose frames come when the test says so, and a client that reads them. */
class Peer implements FrameChannel {
  readonly time = new VirtualTime();
  readonly client = new SyncClient(this, undefined, this.time);
  readonly #frames: Uint8Array[] = [];
  error: MeshError | undefined;
  #wake: () => void = () => {};

  get heldBytes(): number {
    return this.#frames.reduce((sum, frame) => sum + frame.length, 0);
  }

  async send(): Promise<void> {}
  async close(): Promise<void> {}

  async read({ signal }: WaitOptions = {}): Promise<Uint8Array | undefined> {
    const late = () => this.abort(new MeshError('TIMEOUT', 'no frame in time'));
    signal?.addEventListener('abort', late);
    while (this.#frames.length === 0 && !this.error)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    signal?.removeEventListener('abort', late);
    if (this.error) throw this.error;
    return this.#frames.shift();
  }

  abort(error: Error): void {
    this.error ??= error as MeshError;
    this.#wake();
  }

  async gives(answer: Answer): Promise<void> {
    this.#frames.push(Buffer.concat([encodeAnswer(answer)].flat()));
    this.#wake();
    await settle();
  }

  segment(sizeBytes: number): Promise<void> {
    return this.gives({ type: 'segment', bytes: Buffer.alloc(sizeBytes) });
  }

  /** Reads all entries; how long the reader itself takes for each is up to `handle`. */
  async takes(handle: () => Promise<void> = async () => {}): Promise<number> {
    let count = 0;
    for await (const _ of this.client.entries(DIRECTORY_LOG, 0, 1000)) {
      count++;
      await handle();
    }
    return count;
  }
}

const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: unknown) => (error as MeshError).code,
  );

const ALMOST_MS = LIMITS.requestTimeoutMs - 100;

describe('an answer', () => {
  it('that drips ends the stream, although each frame comes in time', async () => {
    const peer = new Peer();
    const code = codeOf(peer.takes());
    await settle();
    const next = codeOf(peer.client.heads([DIRECTORY_LOG]));
    for (let i = 0; i < 3; i++) {
      await peer.time.advance(ALMOST_MS);
      await peer.segment(100);
    }
    expect(await code).toBe('TIMEOUT');
    expect(peer.error).toMatchObject({ code: 'TIMEOUT' });
    // Whoever waited for its turn on this stream does not wait any longer.
    expect(await next).toBe('TIMEOUT');
    expect(peer.time.waiting).toBe(0);
  });

  it('that was fast at first is held to the rate in every later window', async () => {
    const peer = new Peer();
    const code = codeOf(peer.takes());
    await settle();
    for (let i = 0; i < 2; i++) {
      for (const _ of [1, 2]) await peer.segment(LIMITS.answerBytesPerWindow / 2);
      await peer.time.advance(LIMITS.answerWindowMs - 1);
    }
    expect(peer.error).toBeUndefined();
    await peer.segment(100);
    await peer.time.advance(LIMITS.answerWindowMs - 1);
    await peer.segment(100);
    await peer.time.advance(LIMITS.answerWindowMs - 1);
    expect(await code).toBe('TIMEOUT');
  });

  it('that keeps the rate may take as long as it needs', async () => {
    const peer = new Peer();
    const taken = peer.takes();
    await settle();
    for (let i = 0; i < 100; i++) {
      await peer.segment(LIMITS.answerBytesPerWindow / 2);
      await peer.time.advance(LIMITS.answerWindowMs / 2);
    }
    await peer.gives({ type: 'done' });
    expect(await taken).toBe(100);
    expect(peer.time.waiting).toBe(0);
  });

  it('that is small and done soon is fine', async () => {
    const peer = new Peer();
    const taken = peer.takes();
    await settle();
    await peer.segment(100);
    await peer.time.advance(LIMITS.answerWindowMs - 1);
    await peer.gives({ type: 'done' });
    expect(await taken).toBe(1);
  });

  it('that is all here is not lost to a reader that is slow itself', async () => {
    const peer = new Peer();
    const slow = () =>
      new Promise<void>((resolve) => {
        peer.time.setTimeout(resolve, 3 * LIMITS.answerWindowMs);
      });
    const taken = peer.takes(slow);
    await settle();
    for (let i = 0; i < 4; i++) await peer.segment(100);
    await peer.gives({ type: 'done' });
    await peer.time.advance(20 * LIMITS.answerWindowMs);
    expect(await taken).toBe(4);
  });

  it('that drips to a reader that is slow itself ends once nothing more is here', async () => {
    const peer = new Peer();
    const slow = () =>
      new Promise<void>((resolve) => {
        peer.time.setTimeout(resolve, 3 * LIMITS.answerWindowMs);
      });
    const code = codeOf(peer.takes(slow));
    await settle();
    await peer.segment(100);
    await peer.time.advance(4 * LIMITS.answerWindowMs);
    expect(await code).toBe('TIMEOUT');
  });
});
