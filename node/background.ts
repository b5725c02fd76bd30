// Work that nobody waits for: it is owned here until it ends, and what fails is logged and tried again by its trigger.

import type { Log } from './log.ts';

export class Background {
  readonly #log: Log;
  readonly #work = new Set<Promise<void>>();

  constructor(log: Log) {
    this.#log = log;
  }

  run(work: Promise<void>): void {
    const running = work
      .catch((error: unknown) => this.shrug(error))
      .finally(() => this.#work.delete(running));
    this.#work.add(running);
  }

  shrug(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.#log.warn({ reason }, 'background work failed');
  }

  async settle(): Promise<void> {
    await Promise.allSettled(this.#work);
  }
}
