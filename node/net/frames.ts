// Frames on one stream, with flow control both ways: a sender waits until the peer takes data over, an unread stream
// is paused. Knows nothing of what is in a frame.

import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface';
import { Uint8ArrayList } from 'uint8arraylist';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { FrameBuffer, frameHeader } from './frame-buffer.ts';
import { networkError } from './network-error.ts';

export interface WaitOptions {
  readonly signal?: AbortSignal;
}

export interface FrameChannel {
  /**
   * Sends one frame, given whole or in parts; resolves once the peer has taken over enough of what was sent. The bytes
   * must not change afterwards. A wait that the signal cuts short resets the stream.
   */
  send(frame: Uint8Array | readonly Uint8Array[], options?: WaitOptions): Promise<void>;
  /**
   * The next frame, or undefined at the peer's clean end. The bytes may be a view into what arrived: copy what is kept
   * for long. One reader at a time; a wait that the signal cuts short loses nothing.
   */
  read(options?: WaitOptions): Promise<Uint8Array | undefined>;
  /** No more frames are sent; reading goes on. */
  close(options?: WaitOptions): Promise<void>;
  /** Resets the stream in both directions. */
  abort(error: Error): void;
  /** Why nothing can be sent or received any more. */
  readonly error: MeshError | undefined;
  /** Bytes that have arrived and are not yet read. */
  readonly heldBytes: number;
}

export interface FrameOptions {
  readonly maxFrameBytes?: number;
  /** Received and not yet read before the stream is paused. */
  readonly readAheadBytes?: number;
  /** Sent and not yet taken over before `send` waits. */
  readonly sendQueueBytes?: number;
}

export function createFrameChannel(stream: Stream, options: FrameOptions = {}): FrameChannel {
  return new StreamFrames(stream, options);
}

class StreamFrames implements FrameChannel {
  error: MeshError | undefined;
  readonly #stream: Stream;
  readonly #maxFrameBytes: number;
  readonly #readAheadBytes: number;
  readonly #sendQueueBytes: number;
  readonly #received: FrameBuffer;
  /** The peer said that nothing follows; without it an end is a lost connection. */
  #finished: boolean;
  #ended: boolean;
  #reading = false;
  #wakeReader: () => void = () => {};
  readonly #wakeSenders = new Set<() => void>();

  constructor(stream: Stream, options: FrameOptions) {
    this.#stream = stream;
    this.#maxFrameBytes = options.maxFrameBytes ?? LIMITS.frameBytes;
    this.#readAheadBytes = options.readAheadBytes ?? LIMITS.readAheadBytes;
    this.#sendQueueBytes = options.sendQueueBytes ?? LIMITS.sendQueueBytes;
    this.#received = new FrameBuffer(this.#maxFrameBytes);
    // The peer may have said everything before the handler of the stream runs.
    this.#finished = stream.status === 'open' && stream.remoteWriteStatus === 'closed';
    this.#ended = stream.readableEnded;
    if (stream.status === 'aborted' || stream.status === 'reset') this.#fail(undefined);
    stream.addEventListener('remoteCloseWrite', () => {
      this.#finished = true;
    });
    stream.addEventListener('end', () => {
      this.#ended = true;
      this.#wakeReader();
    });
    stream.addEventListener('drain', () => this.#releaseSenders());
    stream.addEventListener('close', (event) => this.#onClose(event));
    stream.addEventListener('message', (event) => this.#onMessage(event));
  }

  get heldBytes(): number {
    return this.#received.heldBytes;
  }

  async send(
    frame: Uint8Array | readonly Uint8Array[],
    { signal }: WaitOptions = {},
  ): Promise<void> {
    const parts = frame instanceof Uint8Array ? [frame] : frame;
    const length = parts.reduce((sum, part) => sum + part.byteLength, 0);
    if (length > this.#maxFrameBytes) {
      throw new MeshError('TOO_LARGE', `a frame of ${length} bytes is more than may be sent`);
    }
    if (length === 0) throw new MeshError('MALFORMED', 'a frame has at least one byte');
    if (this.error !== undefined) throw this.error;
    try {
      signal?.throwIfAborted();
      this.#stream.send(new Uint8ArrayList(frameHeader(length), ...parts));
    } catch (error) {
      throw this.#normalised(error);
    }
    while (this.#mustWait()) await this.#drained(signal);
  }

  async read({ signal }: WaitOptions = {}): Promise<Uint8Array | undefined> {
    if (this.#reading) throw new MeshError('INTERNAL', 'a stream of frames has two readers');
    this.#reading = true;
    try {
      for (;;) {
        const frame = this.#take();
        if (frame !== undefined) {
          this.#resumeWhenLow();
          return frame;
        }
        if (this.error !== undefined) throw this.error;
        if (this.#ended) return this.#endOfStream();
        // Resuming delivers what the stream held back at once.
        if (this.#resumeWhenLow()) continue;
        await this.#arrival(signal);
      }
    } finally {
      this.#reading = false;
    }
  }

  async close({ signal }: WaitOptions = {}): Promise<void> {
    if (this.error !== undefined) throw this.error;
    try {
      await this.#stream.close(signal === undefined ? {} : { signal });
    } catch (error) {
      throw this.#normalised(error);
    }
  }

  abort(error: Error): void {
    this.#fail(error);
    this.#stream.abort(error);
  }

  #onMessage(event: StreamMessageEvent): void {
    if (this.error !== undefined) return;
    const chunks = event.data instanceof Uint8Array ? [event.data] : event.data;
    for (const chunk of chunks) this.#received.push(chunk);
    // Later, because pausing within the event that resume() itself causes is undone by resume().
    queueMicrotask(() => {
      if (this.heldBytes > this.#readAheadBytes && this.#stream.readStatus === 'readable') {
        this.#stream.pause();
      }
    });
    this.#wakeReader();
  }

  /** Without an error this only says that the connection below is gone: what has arrived can still be read. */
  #onClose(event: StreamCloseEvent): void {
    if (event.error !== undefined) this.#fail(event.error);
    this.#wakeReader();
    this.#releaseSenders();
  }

  #fail(error: unknown): void {
    this.error ??= this.#normalised(error);
    this.#wakeReader();
    this.#releaseSenders();
  }

  #normalised(error: unknown): MeshError {
    return this.error ?? networkError(error, `the stream ${this.#stream.protocol}`);
  }

  #take(): Uint8Array | undefined {
    try {
      return this.#received.take();
    } catch (error) {
      throw this.#refuse(error as MeshError);
    }
  }

  #refuse(error: MeshError): MeshError {
    this.#received.clear();
    this.abort(error);
    return error;
  }

  #endOfStream(): undefined {
    if (!this.#finished) throw this.#normalised(undefined);
    if (this.heldBytes > 0) {
      throw this.#refuse(new MeshError('MALFORMED', 'the last frame was cut in the middle'));
    }
  }

  /** True if it resumed. A frame longer than what is read ahead must still be able to arrive. */
  #resumeWhenLow(): boolean {
    if (this.#stream.readStatus !== 'paused') return false;
    if (this.heldBytes > this.#readAheadBytes / 2 && this.#received.ready) return false;
    try {
      this.#stream.resume();
    } catch {
      // The connection below is gone: what was held back has been delivered, only the window update has nowhere to go.
    }
    return true;
  }

  #mustWait(): boolean {
    return this.#stream.writableNeedsDrain || this.#stream.writeBufferLength > this.#sendQueueBytes;
  }

  /** The stream says drain on every window update, also with data still queued: callers check and wait again. */
  async #drained(signal: AbortSignal | undefined): Promise<void> {
    if (this.error !== undefined) throw this.error;
    if (this.#stream.writeStatus === 'closed') throw this.#normalised(undefined);
    await settled((wake) => this.#wakeSenders.add(wake), signal);
    if (!signal?.aborted) return;
    this.abort(this.#normalised(signal.reason));
    throw this.#normalised(undefined);
  }

  #releaseSenders(): void {
    for (const wake of this.#wakeSenders) wake();
    this.#wakeSenders.clear();
  }

  async #arrival(signal: AbortSignal | undefined): Promise<void> {
    await settled((wake) => {
      this.#wakeReader = wake;
    }, signal);
    if (signal?.aborted) throw this.#normalised(signal.reason);
  }
}

/** Resolves when the function handed out is called or the signal fires, whichever is first. */
async function settled(
  handOut: (wake: () => void) => unknown,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (signal?.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const wake = (): void => resolve();
  handOut(wake);
  signal?.addEventListener('abort', wake);
  await promise;
  signal?.removeEventListener('abort', wake);
}
