// The patience of the answering side: how long a request may take to arrive, and how slowly its answer may be read. A slot
// that is held for longer is taken away from others. Knows nothing of what is asked and answered.

import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type TimerHandle, type Timers, withDeadline } from '../clock.ts';
import type { FrameChannel } from './frames.ts';

/** The next request, or undefined at the end. A stream may be silent for a minute, but not in the middle of a frame. */
export async function nextRequest(
  channel: FrameChannel,
  timers: Timers,
): Promise<Uint8Array | undefined> {
  let hasBegun = false;
  for (let silentMs = 0; ; silentMs += LIMITS.requestWindowMs) {
    let isLate = false;
    try {
      return await withDeadline(timers, LIMITS.requestWindowMs, undefined, (signal) => {
        signal.addEventListener('abort', () => {
          isLate = true;
        });
        return channel.read({ signal });
      });
    } catch (error) {
      if (!isLate || channel.error) throw error;
    }
    const isHalf = channel.heldBytes > 0;
    if (isHalf && hasBegun) throw new MeshError('TIMEOUT', 'a request does not come to its end');
    if (silentMs + LIMITS.requestWindowMs >= LIMITS.streamIdleMs)
      throw new MeshError('TIMEOUT', 'nothing was asked for a long time');
    hasBegun = isHalf;
  }
}

/** Sends one answer in frames, and gives a reader up that takes less than the least rate while a frame waits for it. */
export class ReaderPace {
  readonly #channel: FrameChannel;
  readonly #timers: Timers;
  #timer: TimerHandle | undefined;
  #sentBytes = 0;
  #isWaiting = false;

  constructor(channel: FrameChannel, timers: Timers) {
    this.#channel = channel;
    this.#timers = timers;
    this.#open();
  }

  async send(parts: readonly Uint8Array[]): Promise<void> {
    this.#isWaiting = true;
    await withDeadline(this.#timers, LIMITS.requestTimeoutMs, undefined, (signal) =>
      this.#channel.send(parts, { signal }),
    );
    this.#isWaiting = false;
    this.#sentBytes += parts.reduce((sum, part) => sum + part.byteLength, 0);
  }

  stop(): void {
    if (this.#timer) this.#timers.clearTimeout(this.#timer);
  }

  #open(): void {
    this.#sentBytes = 0;
    this.#timer = this.#timers.setTimeout(() => this.#judge(), LIMITS.answerWindowMs);
  }

  /** A window in which this node itself was slow is no fault of the reader: only one that is waited for is judged. */
  #judge(): void {
    if (this.#isWaiting && this.#sentBytes < LIMITS.answerBytesPerWindow)
      this.#channel.abort(new MeshError('TIMEOUT', 'the peer reads its answer too slowly'));
    else this.#open();
  }
}
