// Peers that passed on something provably false: shut out for a while that doubles with each time. Whoever relays checks
// first, so an honest peer is never among them. Knows neither gossip nor connections, only who and how long.

import { LIMITS } from '../../protocols/limits.ts';
import type { Clock } from '../clock.ts';

interface Offence {
  count: number;
  untilMs: number;
}

export class Outcasts {
  readonly #clock: Clock;
  /** Only members get so far: their number bounds the table. */
  readonly #offences = new Map<string, Offence>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  cast(peerId: string): void {
    if (this.has(peerId)) return;
    const count = (this.#offences.get(peerId)?.count ?? 0) + 1;
    const pauseMs = Math.min(LIMITS.outcastMaxMs, LIMITS.outcastMinMs * 2 ** (count - 1));
    this.#offences.set(peerId, { count, untilMs: this.#clock.nowMs() + pauseMs });
  }

  has(peerId: string): boolean {
    const offence = this.#offences.get(peerId);
    if (!offence) return false;
    const leftMs = offence.untilMs - this.#clock.nowMs();
    // A clock that was set back does not lengthen it.
    return leftMs > 0 && leftMs <= LIMITS.outcastMaxMs;
  }
}
