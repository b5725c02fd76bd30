// How long somebody was watched by observers that were well themselves. A promise to notice something in time counts only
// this: a node whose own timers are late says so, and waits longer before it says of others that they are gone.

import type { RouteResult } from '../../protocols/control-api.ts';

type Status = Pick<RouteResult<'status'>, 'waits'>;

/** An answer that takes longer comes from a process that was held up. */
const PROMPT_MS = 500;

export class WatchTime {
  readonly #now: () => number;
  #lastMs: number;
  #wellMs = 0;

  constructor(now: () => number) {
    this.#now = now;
    this.#lastMs = now();
  }

  /**
   * Asks the observers how they are.
   * @returns milliseconds since the start in which all of them were well
   */
  async look(ask: () => Promise<readonly Status[]>): Promise<number> {
    const askedMs = this.#now();
    const answers = await ask();
    const nowMs = this.#now();
    const areWell = answers.every(({ waits = 1 }) => waits === 1) && nowMs - askedMs < PROMPT_MS;
    if (areWell) this.#wellMs += nowMs - this.#lastMs;
    this.#lastMs = nowMs;
    return this.#wellMs;
  }
}
