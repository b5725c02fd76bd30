// The least rate of an answer: whoever asks holds a turn that others wait for, and a peer that drips must not keep it.
// Knows nothing of what an answer says. A reader that is slow itself is no fault of the peer: what waits unread counts.

import { LIMITS } from '../../protocols/limits.ts';
import type { TimerHandle, Timers } from '../clock.ts';

export interface PaceOptions {
  readonly timers: Timers;
  /** Bytes that have arrived and are not yet read. */
  readonly heldBytes: () => number;
  /** Called once, while the reader waits for the peer or when it is about to. */
  readonly onTooSlow: () => void;
}

export class AnswerPace {
  readonly #o: PaceOptions;
  #timer: TimerHandle | undefined;
  #movedBytes = 0;
  #isWaiting = false;
  /** A window ended below the rate while the reader was busy: what is held may be the end of the answer. */
  #isLate = false;

  constructor(options: PaceOptions) {
    this.#o = options;
  }

  /** The reader waits for the next frame. */
  wait(): void {
    this.#isWaiting = true;
    if (this.#isLate && this.#o.heldBytes() === 0) this.#end();
  }

  /** A frame was read. The first one opens the first window: until then the time limit of a request holds. */
  moved(bytes: number): void {
    this.#isWaiting = false;
    this.#movedBytes += bytes;
    if (!this.#timer) this.#open();
  }

  stop(): void {
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
  }

  #open(): void {
    this.#timer = this.#o.timers.setTimeout(() => this.#judge(), LIMITS.answerWindowMs);
  }

  #judge(): void {
    const isFast = this.#movedBytes + this.#o.heldBytes() >= LIMITS.answerBytesPerWindow;
    if (!isFast && this.#isWaiting) {
      this.#end();
      return;
    }
    this.#isLate = !isFast;
    this.#movedBytes = 0;
    this.#open();
  }

  #end(): void {
    this.stop();
    this.#o.onTooSlow();
  }
}
