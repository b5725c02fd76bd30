// A stream of frames between two simulated hosts: in order, with delay, back-pressure and resets, as libp2p's are.

import type { FrameChannel, WaitOptions } from '../../node/net/frames.ts';
import { networkError } from '../../node/net/network-error.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { SimTime } from './time.ts';

/** Sent and not yet read before a sender waits: what both sides buffer. */
const WINDOW_BYTES = LIMITS.sendQueueBytes + LIMITS.readAheadBytes;
const RETRY_MS = 200;

/** One direction of a line. */
export interface Way {
  /** Of a frame of this size, drawn anew for each. */
  delayMs(sizeBytes: number): number;
  isCut(): boolean;
  /** Somebody at the far end sees these bytes. */
  onDelivered(bytes: Uint8Array): void;
}

type Parcel = { readonly frame?: Uint8Array; readonly kind: 'frame' | 'end' | 'reset' };

export class SimStream implements FrameChannel {
  error: MeshError | undefined;
  /** Most bytes that were ever waiting at one end of any stream since this was last set. */
  static mostHeldBytes = 0;
  readonly #time: SimTime;
  readonly #out: Way;
  #far: SimStream | undefined;
  readonly #wire: { atMs: number; parcel: Parcel }[] = [];
  readonly #inbox: Uint8Array[] = [];
  #clearAtMs = 0;
  #unreadBytes = 0;
  #isEnded = false;
  #isClosed = false;
  #isReading = false;
  #wakeReader: () => void = () => {};
  #wakeSender: () => void = () => {};

  constructor(time: SimTime, out: Way) {
    this.#time = time;
    this.#out = out;
  }

  static pair(time: SimTime, there: Way, back: Way): [SimStream, SimStream] {
    const near = new SimStream(time, there);
    const far = new SimStream(time, back);
    near.#far = far;
    far.#far = near;
    return [near, far];
  }

  get heldBytes(): number {
    return this.#inbox.reduce((sum, frame) => sum + frame.length, 0);
  }

  async send(
    frame: Uint8Array | readonly Uint8Array[],
    { signal }: WaitOptions = {},
  ): Promise<void> {
    const bytes = Buffer.concat(frame instanceof Uint8Array ? [frame] : frame);
    if (bytes.length > LIMITS.frameBytes)
      throw new MeshError('TOO_LARGE', `a frame of ${bytes.length} bytes is more than may be sent`);
    if (this.error) throw this.error;
    if (this.#isClosed || signal?.aborted) throw networkError(signal?.reason, 'the stream');
    this.#unreadBytes += bytes.length;
    SimStream.mostHeldBytes = Math.max(SimStream.mostHeldBytes, this.#unreadBytes);
    this.#post({ kind: 'frame', frame: bytes }, bytes.length);
    while (this.#unreadBytes > WINDOW_BYTES && !this.error) {
      await this.#wait((wake) => {
        this.#wakeSender = wake;
      }, signal);
      if (!signal?.aborted) continue;
      this.abort(networkError(signal.reason, 'the stream'));
    }
    if (this.error) throw this.error;
  }

  async read({ signal }: WaitOptions = {}): Promise<Uint8Array | undefined> {
    if (this.#isReading) throw new MeshError('INTERNAL', 'a stream of frames has two readers');
    this.#isReading = true;
    try {
      for (;;) {
        const frame = this.#inbox.shift();
        if (frame) {
          this.#far!.#taken(frame.length);
          return frame;
        }
        if (this.error) throw this.error;
        if (this.#isEnded) return undefined;
        await this.#wait((wake) => {
          this.#wakeReader = wake;
        }, signal);
        if (signal?.aborted) throw networkError(signal.reason, 'the stream');
      }
    } finally {
      this.#isReading = false;
    }
  }

  async close(): Promise<void> {
    if (this.error) throw this.error;
    if (!this.#isClosed) this.#post({ kind: 'end' }, 0);
    this.#isClosed = true;
  }

  abort(error: Error): void {
    if (this.error) return;
    this.fail(networkError(error, 'the stream'));
    this.#post({ kind: 'reset' }, 0);
  }

  /** Ends here without a word to the far end. */
  fail(error: MeshError): void {
    this.error ??= error;
    this.#wire.length = 0;
    this.#wakeReader();
    this.#wakeSender();
  }

  #taken(sizeBytes: number): void {
    this.#unreadBytes -= sizeBytes;
    this.#wakeSender();
  }

  async #wait(handOut: (wake: () => void) => void, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    handOut(wake);
    signal?.addEventListener('abort', wake);
    await promise;
    signal?.removeEventListener('abort', wake);
  }

  #post(parcel: Parcel, sizeBytes: number): void {
    const nowMs = this.#time.nowMs();
    this.#clearAtMs = Math.max(this.#clearAtMs, nowMs) + this.#out.delayMs(sizeBytes);
    this.#wire.push({ atMs: this.#clearAtMs, parcel });
    if (this.#wire.length === 1) this.#schedule(this.#clearAtMs - nowMs);
  }

  #schedule(delayMs: number): void {
    this.#time.setTimeout(() => this.#arrive(), delayMs);
  }

  /** Nothing overtakes on a stream; what meets a cut line waits for it. */
  #arrive(): void {
    const [first] = this.#wire;
    if (!first) return;
    if (this.#out.isCut()) {
      this.#schedule(RETRY_MS);
      return;
    }
    this.#wire.shift();
    this.#far!.#receive(first.parcel);
    const [next] = this.#wire;
    if (next) this.#schedule(Math.max(0, next.atMs - this.#time.nowMs()));
  }

  #receive({ kind, frame }: Parcel): void {
    if (this.error) return;
    if (kind === 'reset') this.fail(new MeshError('PEER_UNREACHABLE', 'the stream was reset'));
    if (kind === 'end') this.#isEnded = true;
    if (frame) {
      this.#far!.#out.onDelivered(frame);
      this.#inbox.push(frame);
    }
    this.#wakeReader();
  }
}
