// Keeps the event loop turning while a short synced write is under way. A thread that sleeps takes 50 to 100 µs to be woken
// on a virtual machine, once on each side of a write that itself takes 300: awake, it sees the answer at once.

import { availableParallelism } from 'node:os';

/** A disk that usually takes longer than this is slept through: what waking costs is little beside it. */
const SHORT_MS = 1;
/** And no single write keeps a core busy for longer than this. */
const AWAKE_MS = 2;
/** Share of the newest write in what is usual. */
const NEWEST = 1 / 8;

export class Wakeful {
  readonly #isPossible: boolean;
  readonly #nowMs: () => number;
  #usualMs = 0;
  #waiting = 0;
  #untilMs = 0;
  #isTurning = false;

  /**
   * @param cores the disk's own work needs one beside ours
   * @param nowMs milliseconds on a clock that never goes back
   */
  constructor(cores = availableParallelism(), nowMs = () => performance.now()) {
    this.#isPossible = cores > 1;
    this.#nowMs = nowMs;
  }

  /** Resolves or rejects as `work` does. */
  async during<T>(work: Promise<T>): Promise<T> {
    const startMs = this.#nowMs();
    this.#waiting++;
    if (this.#isPossible && this.#usualMs < SHORT_MS) {
      this.#untilMs = startMs + AWAKE_MS;
      if (!this.#isTurning) this.#turn();
    }
    try {
      return await work;
    } finally {
      this.#waiting--;
      this.#usualMs += (this.#nowMs() - startMs - this.#usualMs) * NEWEST;
    }
  }

  /** Timers and sockets have their turn each time. */
  #turn(): void {
    this.#isTurning = this.#waiting > 0 && this.#nowMs() < this.#untilMs;
    if (this.#isTurning) setImmediate(() => this.#turn());
  }
}
