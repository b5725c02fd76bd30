// One key in use by two machines: each start of a node has an incarnation of its own, so a statement of this space that
// this process did not make, and that was made after it started, comes from a copy of it.

import type { SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Presence } from '../../protocols/presence.ts';
import { type Clock, monotonicMs } from '../clock.ts';
import type { Log } from '../log.ts';

export interface KeyUseOptions {
  readonly self: SpaceId;
  readonly clock: Clock;
  readonly log: Log;
}

/** After so long without a word the other machine is gone. */
const SILENCE_MS = LIMITS.presenceMs * 10;

export class KeyUse {
  readonly #o: KeyUseOptions;
  readonly #startedMs: number;
  #own: Buffer | undefined;
  #heardMs: number | undefined;
  #addresses: readonly string[] = [];

  constructor(options: KeyUseOptions) {
    this.#o = options;
    this.#startedMs = options.clock.nowMs();
  }

  /** What this process calls itself. */
  began(incarnation: Buffer): void {
    this.#own = incarnation;
  }

  /** A verified statement of any space. */
  hear({ space, incarnation, timeMs, addresses }: Presence): void {
    const { self, clock, log } = this.#o;
    if (space !== self || !this.#own || incarnation.equals(this.#own)) return;
    // Of the process before this one, which somebody still passes on.
    if (timeMs <= this.#startedMs) return;
    const wasTwice = this.isTwice;
    this.#heardMs = monotonicMs(clock);
    this.#addresses = addresses;
    if (wasTwice) return;
    log.error(
      { addresses },
      'the key of this space is in use twice: another machine speaks with it; nothing new leaves this node before one of them is stopped',
    );
  }

  get isTwice(): boolean {
    return this.#heardMs !== undefined && monotonicMs(this.#o.clock) - this.#heardMs < SILENCE_MS;
  }

  /** Where the other machine says that it is reached. */
  get elsewhere(): readonly string[] {
    return this.isTwice ? this.#addresses : [];
  }
}
