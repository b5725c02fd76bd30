// So many at once, and so many in a second: the measure for what is told and for what is listened to.
// Knows nothing of what is counted.

import type { Clock } from './clock.ts';

export interface RateOptions {
  readonly perSecond: number;
  readonly burst: number;
  readonly clock: Clock;
}

export class Rate {
  readonly #o: RateOptions;
  #left: number;
  #atMs: number;

  constructor(options: RateOptions) {
    this.#o = options;
    this.#left = options.burst;
    this.#atMs = options.clock.nowMs();
  }

  /** How long until there is room for one more; 0 when there is now. */
  waitMs(): number {
    this.#refill();
    const missing = 1 - this.#left;
    // Less than a thousandth is what adding up fractions leaves.
    return missing < 1e-3 ? 0 : Math.ceil((missing * 1000) / this.#o.perSecond - 1e-6);
  }

  take(count = 1): void {
    this.#refill();
    this.#left -= count;
  }

  #refill(): void {
    const nowMs = this.#o.clock.nowMs();
    // A clock that was set back gives nothing, and takes nothing away.
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = nowMs;
    this.#left = Math.min(this.#o.burst, this.#left + (passedMs * this.#o.perSecond) / 1000);
  }
}
