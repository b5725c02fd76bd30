// Keys of this space's sealed feeds follow the directory by themselves: looked at when it changes, at the start, and when a grant
// or a key has come to its end. What failed is tried again; done again, nothing changes.

import { LIMITS } from '../../protocols/limits.ts';
import type { Clock, TimerHandle, Timers } from '../clock.ts';
import type { OpenFeed } from './feeds.ts';

/** After a fault, and at the latest in any case. */
const RETRY_MS = 60_000;
const LOOK_MS = 3_600_000;

export interface RekeyingOptions {
  readonly opened: () => Iterable<OpenFeed>;
  readonly timers: Timers;
  /** The time that trust goes by. */
  readonly trusted: Clock;
  readonly onFault: (feed: OpenFeed, error: unknown) => void;
}

export class Rekeying {
  readonly #o: RekeyingOptions;
  #timer: TimerHandle | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #isStopped = false;

  constructor(options: RekeyingOptions) {
    this.#o = options;
  }

  /** Looks at all own feeds now, or once more when it is looking just now. */
  soon(): void {
    if (this.#isStopped) return;
    this.#again = true;
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    let waitMs = LOOK_MS;
    while (this.#again && !this.#isStopped) {
      this.#again = false;
      waitMs = await this.#lookAtAll();
    }
    this.#running = undefined;
    this.#schedule(waitMs);
  }

  #schedule(waitMs: number): void {
    const { timers } = this.#o;
    if (this.#timer) timers.clearTimeout(this.#timer);
    this.#timer = this.#isStopped ? undefined : timers.setTimeout(() => this.soon(), waitMs);
  }

  /** Resolves with the time after which to look again. */
  async #lookAtAll(): Promise<number> {
    let waitMs = LOOK_MS;
    for (const feed of [...this.#o.opened()]) {
      if (!feed.publisher || !feed.sealing || feed.isFrozen || this.#isStopped) continue;
      try {
        await feed.publisher.rekey();
        const dueMs = feed.sealing.sealer.dueMs() - this.#o.trusted.nowMs();
        waitMs = Math.min(waitMs, Math.max(dueMs, LIMITS.replicateMs));
      } catch (error) {
        this.#o.onFault(feed, error);
        waitMs = Math.min(waitMs, RETRY_MS);
      }
    }
    return waitMs;
  }
}
