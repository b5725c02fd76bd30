// When each peer is asked even if nothing seems to be missing: everybody within a minute, each at its own moment. All at
// once they would take all of a node's attention, and the node all of theirs.

import { LIMITS } from '../../protocols/limits.ts';
import { type Clock, fraction, type Random } from '../clock.ts';

export class AskAround {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #nextMs = new Map<string, number>();

  constructor(clock: Clock, random: Random) {
    this.#clock = clock;
    this.#random = random;
  }

  /** The peer is being asked now, for whatever reason. */
  asked(peerId: string): void {
    const pauseMs = LIMITS.antiEntropyMs * (0.5 + 0.5 * fraction(this.#random));
    this.#nextMs.set(peerId, this.#clock.nowMs() + pauseMs);
  }

  /** Those to be asked again; who is not connected any more is forgotten. */
  due(connected: readonly string[]): string[] {
    const here = new Set(connected);
    for (const peerId of this.#nextMs.keys()) {
      if (!here.has(peerId)) this.#nextMs.delete(peerId);
    }
    const nowMs = this.#clock.nowMs();
    return connected.filter((peerId) => nowMs >= (this.#nextMs.get(peerId) ?? 0));
  }
}
