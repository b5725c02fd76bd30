// Time as this process lived it. While its event loop stood still, or the machine slept, nobody's silence was heard; and a
// wall clock that is set forward or back must not make anybody silent either.

import { LIMITS } from '../../protocols/limits.ts';
import type { Clock } from '../clock.ts';

/** Of the time between two looks, at most this much counts. */
const COUNTED_MS = 2 * LIMITS.healthMs;

export class ListeningTime {
  readonly #clock: Clock;
  #listenedMs = 0;
  #lookMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lookMs = clock.nowMs();
  }

  /** Milliseconds of listening since the start; never goes back. */
  get nowMs(): number {
    return this.#listenedMs + this.#sinceLookMs();
  }

  #sinceLookMs(): number {
    return Math.min(COUNTED_MS, Math.max(0, this.#clock.nowMs() - this.#lookMs));
  }

  /** To be called every {@link LIMITS.healthMs}. @returns by how much this call is late */
  look(): number {
    const wallMs = this.#clock.nowMs();
    const lateMs = Math.max(0, wallMs - this.#lookMs - LIMITS.healthMs);
    this.#listenedMs += this.#sinceLookMs();
    this.#lookMs = wallMs;
    return lateMs;
  }
}
