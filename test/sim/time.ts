// Virtual time, timers that die with their process, and seeded randomness. Between two events everything that waits for
// nothing outside runs to its end, so a seed gives one history.

import type { Clock, Random, TimerHandle, Timers } from '../../node/clock.ts';

interface Event {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

const before = (a: Event, b: Event): boolean =>
  a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

export class SimTime implements Clock, Timers {
  #nowMs = 1_700_000_000_000;
  #count = 0;
  /** A binary heap: the earliest event is the first. */
  readonly #heap: Event[] = [];

  nowMs(): number {
    return Math.floor(this.#nowMs);
  }

  setTimeout(run: () => void, delayMs: number): TimerHandle {
    const event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#count++, run };
    const heap = this.#heap;
    heap.push(event);
    for (let at = heap.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!before(heap[at]!, heap[parent]!)) break;
      [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
      at = parent;
    }
    return event;
  }

  clearTimeout(timer: TimerHandle): void {
    (timer as Event).run = undefined;
  }

  #take(): Event | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < heap.length && before(heap[child]!, heap[least]!)) least = child;
      if (least === at) return first;
      [heap[at], heap[least]] = [heap[least]!, heap[at]!];
      at = least;
    }
  }

  /** Runs the next event that falls due by then; false when there is none. */
  async #step(untilMs: number): Promise<boolean> {
    while (this.#heap[0] && this.#heap[0].run === undefined) this.#take();
    if (!this.#heap[0] || this.#heap[0].atMs > untilMs) return false;
    const event = this.#take()!;
    this.#nowMs = event.atMs;
    event.run?.();
    await settled();
    return true;
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    while (await this.#step(untilMs));
    this.#nowMs = untilMs;
  }

  /** Lets time pass until the work is done. */
  async during<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const end = () => {
      isDone = true;
    };
    work.then(end, end);
    await settled();
    while (!isDone) {
      if (!(await this.#step(Number.POSITIVE_INFINITY)))
        throw new Error('the simulation waits for something that will never happen');
    }
    return work;
  }

  /** Lets time pass until the condition holds; how long that took, or undefined when it never did. */
  async until(
    condition: () => boolean | Promise<boolean>,
    withinMs: number,
  ): Promise<number | undefined> {
    const startMs = this.#nowMs;
    for (;;) {
      if (await this.during(Promise.resolve(condition()))) return this.#nowMs - startMs;
      if (this.#nowMs - startMs > withinMs) return undefined;
      await this.advance(LOOK_MS);
    }
  }
}

const LOOK_MS = 250;

/** Promises that wait for no event have run when the event loop comes round. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

interface ProcessTimer {
  event: TimerHandle | undefined;
}

/** The timers of one process: when it is killed, none of them fires any more; when it stands still, they fire late. */
export class ProcessTimers implements Timers {
  readonly #time: SimTime;
  readonly #live = new Set<ProcessTimer>();
  #stalledUntilMs = 0;
  #isDead = false;

  constructor(time: SimTime) {
    this.#time = time;
  }

  setTimeout(run: () => void, delayMs: number): TimerHandle {
    const timer: ProcessTimer = { event: undefined };
    const fire = () => {
      const stallMs = this.#stalledUntilMs - this.#time.nowMs();
      if (stallMs > 0) {
        timer.event = this.#time.setTimeout(fire, stallMs);
        return;
      }
      this.#live.delete(timer);
      if (!this.#isDead) run();
    };
    timer.event = this.#time.setTimeout(fire, delayMs);
    this.#live.add(timer);
    return timer;
  }

  clearTimeout(timer: TimerHandle): void {
    const { event } = timer as ProcessTimer;
    this.#live.delete(timer as ProcessTimer);
    if (event) this.#time.clearTimeout(event);
  }

  get waiting(): number {
    return this.#live.size;
  }

  /** Until then nothing fires; what has fallen due meanwhile fires then. */
  stall(untilMs: number): void {
    this.#stalledUntilMs = untilMs;
  }

  kill(): void {
    this.#isDead = true;
    for (const { event } of this.#live) if (event) this.#time.clearTimeout(event);
    this.#live.clear();
  }
}

/** The same numbers on every run of the same seed (sfc32). */
export class Dice implements Random {
  #a: number;
  #b = 0x9e3779b9;
  #c = 0x243f6a88;
  #count = 1;

  constructor(seed: number) {
    this.#a = seed >>> 0;
    for (let i = 0; i < 12; i++) this.#next();
  }

  #next(): number {
    const t = (this.#a + this.#b + this.#count) >>> 0;
    this.#count = (this.#count + 1) >>> 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) >>> 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) >>> 0;
    return t;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.#next() >>> 24);
  }

  /** In [0, 1). */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** From `low` to `high`, with fractions. */
  between([low, high]: readonly [number, number]): number {
    return low + this.fraction() * (high - low);
  }

  /** A whole number below `count`. */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  pick<T>(from: readonly T[]): T | undefined {
    return from[this.below(from.length)];
  }

  /** Independent of what is drawn here afterwards. */
  fork(): Dice {
    return new Dice(this.#next());
  }
}
