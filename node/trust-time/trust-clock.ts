// The time that trust goes by, as a clock for those who judge ages and ends: {@link TrustTime} fed with this machine's clocks,
// its mark kept on the disk. Who measures intervals takes the monotonic clock instead.

import { Reader, Writer } from '../../protocols/codec.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Clock, monotonicMs, type TimerHandle, type Timers } from '../clock.ts';
import { markKey } from '../store/keys.ts';
import type { Store } from '../store/store.ts';
import { type ClockVerdict, type TimeMark, TrustTime } from './trust-time.ts';

const KEY = markKey('trust-time');

export class TrustClock implements Clock {
  readonly #clock: Clock;
  readonly #store: Store;
  readonly #time: TrustTime;
  #savedMs = 0;
  #timer: TimerHandle | undefined;
  #saving: Promise<void> = Promise.resolve();
  #isStopped = false;

  private constructor(store: Store, clock: Clock, mark: TimeMark | undefined) {
    this.#clock = clock;
    this.#store = store;
    this.#savedMs = mark?.ms ?? 0;
    this.#time = new TrustTime(mark, this.#reading());
  }

  /** @param isAccepted the clock is right now: a later time that it once had is forgotten */
  static async open(store: Store, clock: Clock, isAccepted = false): Promise<TrustClock> {
    const bytes = isAccepted ? undefined : await store.get(KEY);
    return new TrustClock(store, clock, bytes && decodeMark(bytes));
  }

  #reading() {
    return { wallMs: this.#clock.nowMs(), monotonicMs: monotonicMs(this.#clock) };
  }

  get verdict(): ClockVerdict {
    return this.#time.look(this.#reading());
  }

  get isRegressed(): boolean {
    return this.verdict.state === 'regressed';
  }

  /** What is fresh by it may not be: it was set back, or is held back because others contradict it. */
  get isDoubtful(): boolean {
    const { state } = this.verdict;
    return state === 'regressed' || state === 'ahead';
  }

  /** Whole, as it is written into entries: the clock for intervals has fractions. */
  nowMs(): number {
    return Math.floor(this.verdict.nowMs);
  }

  monotonicMs(): number {
    return monotonicMs(this.#clock);
  }

  hearPeer(id: string, timeMs: number): void {
    this.#time.hearPeer(id, timeMs, this.#reading());
  }

  hearOdcm(timeMs: number): void {
    this.#time.hearOdcm(timeMs, this.#reading());
  }

  /** See {@link TrustTime.recallOdcm}. */
  recallOdcm(timeMs: number): void {
    this.#time.recallOdcm(timeMs, this.#reading());
  }

  /** See {@link TrustTime.latestMs}. */
  latestMs(): number {
    return this.#time.latestMs(this.#reading());
  }

  /** Looks at the clocks from time to time, and writes down how far time has come. */
  start(timers: Timers, onLook: () => void, onFault: (error: unknown) => void): void {
    this.#timer = timers.setTimeout(() => {
      if (this.#isStopped) return;
      this.#time.look(this.#reading());
      onLook();
      const { ms } = this.#time.markAt(this.#reading());
      if (Math.abs(ms - this.#savedMs) >= LIMITS.clockSaveMs)
        this.#saving = this.save().catch(onFault);
      this.start(timers, onLook, onFault);
    }, LIMITS.clockLookMs);
  }

  async stop(timers: Timers): Promise<void> {
    this.#isStopped = true;
    if (this.#timer) timers.clearTimeout(this.#timer);
    await this.#saving;
    await this.save();
  }

  async save(): Promise<void> {
    const mark = this.#time.markAt(this.#reading());
    if (mark.ms === this.#savedMs) return;
    await this.#store.write([{ type: 'put', key: KEY, value: encodeMark(mark) }], { sync: true });
    this.#savedMs = mark.ms;
  }
}

const encodeMark = ({ ms, isOwn }: TimeMark): Buffer =>
  new Writer(16)
    .array(2)
    .uint(Math.floor(ms))
    .uint(isOwn ? 1 : 0)
    .take();

function decodeMark(bytes: Buffer): TimeMark {
  const r = new Reader(bytes);
  r.tuple(2);
  const ms = r.uint();
  return { ms, isOwn: r.uint() === 1 };
}
