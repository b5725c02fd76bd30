// ODCM's newest word that a directory is its newest: when it was given, how old it is by the time that trust goes by, and
// whether one that is dated in the future waits for its time.

import { LIMITS } from '../../protocols/limits.ts';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Store } from '../store/store.ts';
import { Expiry } from './expiry.ts';
import { type DirectoryAge, freshnessOf } from './freshness.ts';

export interface VouchedOptions {
  readonly store: Store;
  /** The time that trust goes by. */
  readonly clock: Clock & { readonly isDoubtful?: boolean; readonly latestMs?: () => number };
  /** Age from which on the directory has expired. */
  readonly limitMs?: number | undefined;
  /** ODCM's word that it is this time, later than any before. */
  readonly onVouched?: ((timeMs: number) => void) | undefined;
  /** ODCM's newest word that was believed before this start. */
  readonly onRecalled?: ((timeMs: number) => void) | undefined;
  readonly log: Log;
}

export class Vouched {
  readonly #o: VouchedOptions;
  readonly #expiry: Expiry;
  #timeMs: number | undefined;
  #heldUntilMs: number | undefined;

  constructor(options: VouchedOptions) {
    this.#o = options;
    this.#expiry = new Expiry(options.store, options.log);
  }

  /** @param timeMs as the newest head on the disk says */
  async load(timeMs: number | undefined): Promise<void> {
    await this.#expiry.load();
    this.#timeMs = timeMs;
    if (timeMs !== undefined) this.#o.onRecalled?.(timeMs);
  }

  /** Milliseconds since; null when no word of ODCM is known. */
  get ageMs(): number | null {
    if (this.#timeMs === undefined) return null;
    return Math.max(0, this.#o.clock.nowMs() - this.#timeMs);
  }

  /** Resolves when the disk has what was found out of it. */
  settle(): Promise<void> {
    return this.#expiry.settle();
  }

  get age(): DirectoryAge {
    const { ageMs, limitMs } = this;
    const isClockDoubtful = this.#o.clock.isDoubtful ?? false;
    const age = freshnessOf({ ageMs, limitMs, isClockDoubtful });
    if (this.#timeMs === undefined || age === 'unknown') return age;
    if (this.#expiry.has(this.#timeMs)) return 'expired';
    if (age === 'expired') this.#expiry.note(this.#timeMs);
    return age;
  }

  get limitMs(): number {
    return this.#o.limitMs ?? LIMITS.directoryExpiredMs;
  }

  get heldUntilMs(): number | undefined {
    return this.#heldUntilMs;
  }

  /** What was held for its time may be used by now. */
  get isDue(): boolean {
    if (this.#heldUntilMs === undefined) return false;
    return this.#latestMs() >= this.#heldUntilMs + LIMITS.clockSkewMs;
  }

  isLater(timeMs: number | undefined): timeMs is number {
    return timeMs !== undefined && timeMs > (this.#timeMs ?? 0);
  }

  #latestMs(): number {
    const { clock } = this.#o;
    return clock.latestMs?.() ?? clock.nowMs() + LIMITS.clockSkewMs;
  }

  /** True for a word that is dated in the future: it waits. */
  holds(timeMs: number | undefined): boolean {
    if (timeMs === undefined || timeMs <= this.#latestMs()) return false;
    const nowMs = this.#o.clock.nowMs();
    const untilMs = timeMs - LIMITS.clockSkewMs;
    if (this.#heldUntilMs === undefined)
      this.#o.log.warn(
        { aheadMs: untilMs - nowMs },
        'a head of the directory is dated in the future and waits; compare the clocks of ODCM and of this machine',
      );
    this.#heldUntilMs = Math.min(untilMs, this.#heldUntilMs ?? untilMs);
    return true;
  }

  /** Never goes back. */
  set(timeMs: number | undefined): void {
    if (!this.isLater(timeMs)) return;
    this.#timeMs = timeMs;
    this.#heldUntilMs = undefined;
    this.#o.onVouched?.(timeMs);
  }

  /**
   * A key that spoke was taken back, and ODCM says nothing new before its directory goes on: what was said goes on to count,
   * and nothing that ran ahead makes it fresher than it is now.
   */
  keepUpToNow(): void {
    this.#timeMs = this.notAhead(this.#timeMs);
    this.#heldUntilMs = undefined;
  }

  /** Never later than now. */
  notAhead(timeMs: number | undefined): number | undefined {
    return timeMs === undefined ? undefined : Math.min(timeMs, this.#o.clock.nowMs());
  }

  /** A key that spoke was taken back: what it said counts no more, only this does. */
  forgetBut(timeMs: number | undefined): void {
    this.#timeMs = timeMs;
    this.#heldUntilMs = undefined;
  }
}
