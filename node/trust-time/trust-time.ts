// What time it is for matters of trust. Own clock, ODCM's word, what the others' signed statements say, and the latest time
// that was ever believed are held against each other, so that a clock that is set back makes nothing valid again, and one
// that is set forward lets nothing expire as long as three others contradict it. Members alone move no time: they only keep
// back a clock that ODCM has not borne out, never below what was certain. Pure: readings in, verdict out; it asks no clock.

import { LIMITS } from '../../protocols/limits.ts';

/**
 * `regressed`: it was later before. `ahead`: three others contradict, and what would have ended by it has not. `behind`: three
 * others say that it is later, which is a warning and nothing more: they could make everything end.
 */
export type ClockState = 'good' | 'regressed' | 'ahead' | 'behind';

/** The wall clock, and a clock that nobody sets, at one moment. */
export interface Reading {
  readonly wallMs: number;
  readonly monotonicMs: number;
}

export interface ClockVerdict {
  readonly state: ClockState;
  /** The time that trust goes by; never goes back while `state` is decided by the mark. */
  readonly nowMs: number;
  /** Own clock minus that time; when `behind`, minus what the others say. */
  readonly offByMs: number;
  /** How long it has been so, 0 while good. */
  readonly forMs: number;
}

/** What outlives the process. */
export interface TimeMark {
  readonly ms: number;
  /** Nobody but the own clock said so. */
  readonly isOwn: boolean;
}

interface Peer {
  /** Its signed time minus the monotonic clock when it came. */
  readonly offsetMs: number;
  readonly atMs: number;
}

const SKEW_MS = LIMITS.clockSkewMs;
const GRACE_MS = LIMITS.clockGraceMs;
/** Fewer could be in league with each other. */
const ENOUGH_PEERS = 3;

export class TrustTime {
  #mark: TimeMark;
  #markAtMs: number;
  /** From here on the wall clock must have run like the monotonic one to be believed without others. */
  #anchor: Reading;
  /** The wall clock when a word of ODCM last agreed with it: without a leap since, no others have a say. */
  #borneOut: Reading | undefined;
  /** Since when the wall clock has gone on without a leap that nobody confirmed. */
  #steadyAtMs: number;
  readonly #peers = new Map<string, Peer>();
  #median: number | null = null;
  #medianAtMs = Number.NEGATIVE_INFINITY;
  #wrongAtMs: number | undefined;
  #state: ClockState = 'good';

  constructor(mark: TimeMark | undefined, reading: Reading) {
    this.#mark = mark ?? { ms: 0, isOwn: true };
    this.#markAtMs = reading.monotonicMs;
    this.#anchor = reading;
    this.#steadyAtMs = reading.monotonicMs;
  }

  /** To be kept on the disk from time to time: that much time has surely come. */
  markAt({ monotonicMs }: Reading): TimeMark {
    const { ms, isOwn } = this.#mark;
    return ms === 0 ? this.#mark : { ms: Math.floor(this.#leastMs(monotonicMs)), isOwn };
  }

  /** A statement that a member signed just now and brought itself: not one that somebody played back. */
  hearPeer(id: string, timeMs: number, { monotonicMs }: Reading): void {
    this.#peers.set(id, { offsetMs: timeMs - monotonicMs, atMs: monotonicMs });
    this.#medianAtMs = Number.NEGATIVE_INFINITY;
  }

  /** The latest time that a signed word of ODCM may be of: from the future is what no clock that is known here has reached. */
  latestMs(reading: Reading): number {
    const { nowMs } = this.look(reading);
    return Math.max(nowMs, reading.wallMs, this.#medianOf(reading.monotonicMs) ?? 0) + SKEW_MS;
  }

  /** ODCM's newest word that was believed, as the disk has it: it is no earlier than that. */
  recallOdcm(timeMs: number, reading: Reading): void {
    this.#raise({ ms: timeMs, isOwn: false }, reading);
  }

  /**
   * ODCM's signed word that it is this time, later than every one of its words before. One from the future is no reason to
   * believe that the future is here, unless this clock or three others say the same.
   */
  hearOdcm(timeMs: number, reading: Reading): void {
    const { state } = this.look(reading);
    const median = this.#medianOf(reading.monotonicMs);
    const agree = (a: number, b: number) => Math.abs(a - b) <= SKEW_MS;
    // The own clock alone had been far ahead, and was taken back: three others and ODCM bear witness to it.
    const isTakenBack =
      state === 'regressed' &&
      this.#mark.isOwn &&
      median !== null &&
      agree(median, reading.wallMs) &&
      agree(timeMs, reading.wallMs);
    if (isTakenBack) this.#setMark({ ms: timeMs, isOwn: false }, reading.monotonicMs);
    else if (timeMs <= this.latestMs(reading)) this.#raise({ ms: timeMs, isOwn: false }, reading);
    if (!agree(timeMs, reading.wallMs)) return;
    this.#anchor = reading;
    this.#borneOut = reading;
  }

  /** To be called at every use, and at least every {@link LIMITS.clockLookMs}. */
  look(reading: Reading): ClockVerdict {
    const { wallMs, monotonicMs } = reading;
    const median = this.#medianOf(monotonicMs);
    const leastMs = this.#leastMs(monotonicMs);
    if (wallMs < leastMs - SKEW_MS) return this.#verdict('regressed', leastMs, reading);
    const isBorneOut = this.#isBorneOut(reading);
    const isAhead = median !== null && wallMs > median + SKEW_MS && wallMs > leastMs + SKEW_MS;
    if (isAhead && !isBorneOut) return this.#verdict('ahead', Math.max(leastMs, median), reading);
    const isConfirmed = isBorneOut || (median !== null && Math.abs(wallMs - median) <= SKEW_MS);
    this.#follow(reading, isConfirmed);
    const nowMs = Math.max(wallMs, leastMs);
    if (median === null || wallMs >= median - SKEW_MS || isBorneOut)
      return this.#verdict('good', nowMs, reading);
    return { ...this.#verdict('behind', nowMs, reading), offByMs: wallMs - median };
  }

  /** ODCM agreed with the wall clock, which has run on without a leap since then. */
  #isBorneOut({ wallMs, monotonicMs }: Reading): boolean {
    if (this.#borneOut === undefined) return false;
    const passedMs = monotonicMs - this.#borneOut.monotonicMs;
    if (Math.abs(wallMs - this.#borneOut.wallMs - passedMs) <= SKEW_MS) return true;
    this.#borneOut = undefined;
    return false;
  }

  /** By the mark and what has passed since at least this. */
  #leastMs(monotonicMs: number): number {
    return this.#mark.ms + (monotonicMs - this.#markAtMs);
  }

  /** The mark goes with the wall clock: at once where others confirm it, after a time without a leap where nobody does. */
  #follow(reading: Reading, isConfirmed: boolean): void {
    const { wallMs, monotonicMs } = reading;
    const ranMs = wallMs - this.#anchor.wallMs;
    const passedMs = monotonicMs - this.#anchor.monotonicMs;
    if (isConfirmed || Math.abs(ranMs - passedMs) > SKEW_MS) {
      this.#anchor = reading;
      if (!isConfirmed) this.#steadyAtMs = monotonicMs;
    }
    const isSteady = monotonicMs - this.#steadyAtMs >= GRACE_MS;
    if (isConfirmed || isSteady) this.#raise({ ms: wallMs, isOwn: !isConfirmed }, reading);
  }

  #raise(mark: TimeMark, { monotonicMs }: Reading): void {
    if (mark.ms > this.#leastMs(monotonicMs)) this.#setMark(mark, monotonicMs);
  }

  #setMark(mark: TimeMark, monotonicMs: number): void {
    this.#mark = mark;
    this.#markAtMs = monotonicMs;
  }

  /** Of those that were heard lately; null when they are too few. */
  #medianOf(monotonicMs: number): number | null {
    if (monotonicMs - this.#medianAtMs > LIMITS.clockLookMs) {
      this.#medianAtMs = monotonicMs;
      for (const [id, { atMs }] of this.#peers)
        if (monotonicMs - atMs > GRACE_MS) this.#peers.delete(id);
      const offsets = [...this.#peers.values()].map(({ offsetMs }) => offsetMs);
      offsets.sort((a, b) => a - b);
      // Of an even number the earlier one: what expires by it, has expired by the other too.
      this.#median =
        offsets.length < ENOUGH_PEERS ? null : offsets[Math.floor((offsets.length - 1) / 2)]!;
    }
    return this.#median === null ? null : this.#median + monotonicMs;
  }

  #verdict(state: ClockState, nowMs: number, { wallMs, monotonicMs }: Reading): ClockVerdict {
    if (state === 'good') this.#wrongAtMs = undefined;
    else if (state !== this.#state) this.#wrongAtMs = monotonicMs;
    this.#state = state;
    const forMs = this.#wrongAtMs === undefined ? 0 : monotonicMs - this.#wrongAtMs;
    return { state, nowMs, offByMs: wallMs - nowMs, forMs };
  }
}
