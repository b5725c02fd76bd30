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
/** A machine that finds another one's addresses in the directory puts its own there again, so that the other learns of it. */
const REWRITE_MS = 60_000;

export class KeyUse {
  readonly #o: KeyUseOptions;
  readonly #startedMs: number;
  #own: Buffer | undefined;
  #untilMs = 0;
  #addresses: readonly string[] = [];
  /** The directory named the addresses of this process, once it ran. */
  #isListed = false;
  #rewrittenMs = Number.NEGATIVE_INFINITY;

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
    const { self } = this.#o;
    if (space !== self || !this.#own || incarnation.equals(this.#own)) return;
    // Of the process before this one, which somebody still passes on.
    if (timeMs <= this.#startedMs) return;
    this.#note(addresses, SILENCE_MS);
  }

  /**
   * Where the directory says that this space is reached. Gossip may not come to both machines, since others take them for
   * one; the directory does.
   * @returns true when this node should have its own addresses written there again
   */
  see(listed: readonly string[], own: readonly string[]): boolean {
    if (listed.length === own.length && own.every((address) => listed.includes(address))) {
      this.#isListed = true;
      return false;
    }
    // Before that they may be those of an earlier start.
    if (!this.#isListed) return false;
    this.#note(listed, REWRITE_MS * 1.5);
    const nowMs = monotonicMs(this.#o.clock);
    if (nowMs - this.#rewrittenMs < REWRITE_MS) return false;
    this.#rewrittenMs = nowMs;
    return true;
  }

  #note(addresses: readonly string[], forMs: number): void {
    const { clock, log } = this.#o;
    const wasTwice = this.isTwice;
    this.#untilMs = Math.max(this.#untilMs, monotonicMs(clock) + forMs);
    this.#addresses = addresses;
    if (wasTwice) return;
    log.error(
      { addresses },
      'the key of this space is in use twice: another machine speaks with it; nothing new leaves this node before one of them is stopped',
    );
  }

  get isTwice(): boolean {
    return monotonicMs(this.#o.clock) < this.#untilMs;
  }

  /** Where the other machine says that it is reached. */
  get elsewhere(): readonly string[] {
    return this.isTwice ? this.#addresses : [];
  }
}
