import { describe, expect, it } from 'vitest';
import { type TimeMark, TrustTime } from '../../../node/trust-time/trust-time.ts';
import { LIMITS } from '../../../protocols/limits.ts';

const START = 1_800_000_000_000;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const YEAR = 365 * DAY;

/** A machine whose wall clock can be set; time passes by `pass`, and is looked at once a second as a node does. */
class Machine {
  monotonicMs = 5_000;
  wrongMs = 0;
  readonly time: TrustTime;
  peers = 0;

  constructor({ wrongMs = 0, mark }: { wrongMs?: number; mark?: TimeMark } = {}) {
    this.wrongMs = wrongMs;
    this.time = new TrustTime(mark, this.reading);
  }

  get trueMs(): number {
    return START + this.monotonicMs;
  }

  get reading() {
    return { wallMs: this.trueMs + this.wrongMs, monotonicMs: this.monotonicMs };
  }

  get verdict() {
    return this.time.look(this.reading);
  }

  hear(offsets: readonly number[]): void {
    offsets.forEach((offsetMs, i) => {
      this.time.hearPeer(`peer ${i}`, this.trueMs + offsetMs, this.reading);
    });
  }

  /** Peers speak every three seconds. */
  pass(ms: number, offsets: readonly number[] = []): void {
    for (let left = ms; left > 0; left -= 1_000) {
      this.monotonicMs += Math.min(left, 1_000);
      if (Math.floor(left / 1_000) % 3 === 0) this.hear(offsets);
      this.time.look(this.reading);
    }
  }
}

const THREE = [0, 1_000, -1_000];

describe('a clock that is right', () => {
  it('is good, and its time is the time, with peers or without', () => {
    for (const offsets of [[], [0], THREE]) {
      const machine = new Machine();
      machine.pass(20 * MINUTE, offsets);
      expect(machine.verdict).toMatchObject({ state: 'good', offByMs: 0, forMs: 0 });
      expect(machine.verdict.nowMs).toBe(machine.trueMs);
    }
  });

  it('is still good when the minority of its peers is wrong, and may be off by five minutes', () => {
    const machine = new Machine({ wrongMs: LIMITS.clockSkewMs - 2_000 });
    machine.pass(MINUTE, [0, 0, 0, YEAR, -YEAR]);
    expect(machine.verdict.state).toBe('good');
  });
});

describe('a clock that was set back', () => {
  it('is regressed against the time that was there, which goes on meanwhile', () => {
    const machine = new Machine();
    machine.pass(20 * MINUTE);
    machine.wrongMs = -DAY;
    expect(machine.verdict).toMatchObject({ state: 'regressed', offByMs: -DAY });
    machine.pass(10 * MINUTE);
    expect(machine.verdict.nowMs).toBe(machine.trueMs);
    expect(machine.verdict.forMs).toBe(10 * MINUTE);
  });

  it('is so still after a restart, by the mark on the disk, and good when it is right again', () => {
    const before = new Machine();
    before.pass(20 * MINUTE, THREE);
    const mark = before.time.markAt(before.reading);
    expect(mark.ms).toBe(before.trueMs);
    const machine = new Machine({ wrongMs: -10 * YEAR, mark });
    expect(machine.verdict.state).toBe('regressed');
    expect(machine.verdict.nowMs).toBe(mark.ms);
    machine.pass(MINUTE);
    expect(machine.verdict.nowMs).toBe(mark.ms + MINUTE);
    machine.wrongMs = 20 * MINUTE;
    expect(machine.verdict.state).toBe('good');
  });

  it('is found by three peers where nothing is on the disk', () => {
    const machine = new Machine({ wrongMs: -DAY });
    machine.pass(MINUTE, THREE.slice(1));
    expect(machine.verdict.state).toBe('good');
    machine.pass(MINUTE, THREE);
    expect(machine.verdict).toMatchObject({ state: 'behind', offByMs: -DAY });
    expect(machine.verdict.nowMs).toBe(machine.trueMs - DAY);
  });

  it('is put right by the word of ODCM that three peers agree with, not by one of the two', () => {
    const machine = new Machine({ wrongMs: -DAY });
    machine.time.hearOdcm(machine.trueMs, machine.reading);
    expect(machine.verdict).toMatchObject({ state: 'good', nowMs: machine.trueMs - DAY });
    machine.pass(MINUTE, THREE);
    expect(machine.time.latestMs(machine.reading)).toBe(machine.trueMs + LIMITS.clockSkewMs);
    machine.time.hearOdcm(machine.trueMs, machine.reading);
    expect(machine.verdict).toMatchObject({ state: 'regressed', nowMs: machine.trueMs });
  });

  it('by less than five minutes is no fault, and takes nothing back all the same', () => {
    const machine = new Machine();
    machine.pass(20 * MINUTE);
    const { nowMs } = machine.verdict;
    machine.wrongMs = -4 * MINUTE;
    expect(machine.verdict.state).toBe('good');
    expect(machine.verdict.nowMs).toBeGreaterThanOrEqual(nowMs);
  });
});

describe('a clock that was set forward', () => {
  it.each([DAY, 10 * YEAR])(
    'by %d ms is ahead, and lets nothing expire, as long as three peers speak',
    (ms) => {
      const machine = new Machine();
      machine.pass(MINUTE, THREE);
      machine.wrongMs = ms;
      machine.pass((5 * DAY) / 100, THREE);
      expect(machine.verdict.state).toBe('ahead');
      expect(Math.abs(machine.verdict.nowMs - machine.trueMs)).toBeLessThanOrEqual(1_000);
      machine.wrongMs = 0;
      expect(machine.verdict).toMatchObject({ state: 'good', forMs: 0 });
      expect(machine.verdict.nowMs).toBe(machine.trueMs);
    },
  );

  it('is believed alone only a quarter of an hour after the last of the three was heard', () => {
    const machine = new Machine();
    machine.pass(MINUTE, THREE);
    machine.wrongMs = DAY;
    machine.pass(14 * MINUTE);
    expect(machine.verdict.state).toBe('ahead');
    machine.pass(2 * MINUTE);
    expect(machine.verdict).toMatchObject({ state: 'good', nowMs: machine.trueMs + DAY });
  });

  it('leaves no trace when it is corrected within that time', () => {
    const machine = new Machine();
    machine.pass(20 * MINUTE);
    machine.wrongMs = 10 * YEAR;
    machine.pass(14 * MINUTE);
    machine.wrongMs = 0;
    machine.pass(MINUTE);
    expect(machine.verdict).toMatchObject({ state: 'good', offByMs: 0 });
    expect(machine.time.markAt(machine.reading).ms).toBeLessThanOrEqual(machine.trueMs);
  });

  it('leaps every second, and is never believed', () => {
    const machine = new Machine();
    machine.pass(20 * MINUTE, THREE);
    for (let i = 0; i < 3_000; i++) {
      machine.wrongMs = (i % 2 === 0 ? 1 : -1) * (i % 3 === 0 ? 10 * YEAR : DAY);
      machine.pass(3_000, THREE);
      expect(Math.abs(machine.verdict.nowMs - machine.trueMs)).toBeLessThanOrEqual(2_000);
    }
  });
});

describe('a mark that a wrong clock left alone', () => {
  const poisoned = () => {
    const machine = new Machine({ wrongMs: YEAR });
    machine.pass(20 * MINUTE);
    machine.wrongMs = 0;
    expect(machine.verdict.state).toBe('regressed');
    return machine;
  };

  it('is taken back when three peers and a new word of ODCM agree with the clock', () => {
    const machine = poisoned();
    machine.pass(MINUTE, THREE);
    machine.time.hearOdcm(machine.trueMs, machine.reading);
    expect(machine.verdict).toMatchObject({ state: 'good', nowMs: machine.trueMs });
  });

  it('stays when only peers, or only ODCM, say so', () => {
    const peers = poisoned();
    peers.pass(MINUTE, THREE);
    expect(peers.verdict.state).toBe('regressed');
    const odcm = poisoned();
    odcm.pass(MINUTE, THREE.slice(1));
    odcm.time.hearOdcm(odcm.trueMs, odcm.reading);
    expect(odcm.verdict.state).toBe('regressed');
  });

  it('stays when others had confirmed it', () => {
    const machine = new Machine();
    machine.pass(20 * MINUTE, THREE);
    machine.wrongMs = -DAY;
    machine.hear([-DAY, -DAY, -DAY]);
    machine.pass(2_000);
    machine.time.hearOdcm(machine.trueMs - DAY, machine.reading);
    expect(machine.verdict.state).toBe('regressed');
  });
});

describe('two of three members that lie', () => {
  const lie = (ms: number) => [0, ms, ms];

  it.each([DAY, 10 * YEAR])('by %d ms ahead let nothing end', (ms) => {
    const machine = new Machine();
    machine.pass(20 * MINUTE, lie(ms));
    expect(machine.verdict).toMatchObject({ state: 'behind', nowMs: machine.trueMs });
    expect(machine.time.markAt(machine.reading).ms).toBeLessThanOrEqual(machine.trueMs);
  });

  it('revive nothing where the clock has run on by itself for a while', () => {
    const machine = new Machine();
    machine.pass(20 * MINUTE);
    machine.pass(20 * MINUTE, lie(-YEAR));
    expect(machine.verdict).toMatchObject({ state: 'good', nowMs: machine.trueMs });
  });

  it('have no say at a start that ODCM agrees with, also when they spoke first', () => {
    for (const ms of [-YEAR, YEAR]) {
      const machine = new Machine({ mark: { ms: START - DAY, isOwn: false } });
      machine.pass(MINUTE, lie(ms));
      expect(machine.time.latestMs(machine.reading)).toBeGreaterThan(machine.trueMs);
      machine.time.hearOdcm(machine.trueMs - 30_000, machine.reading);
      machine.pass(MINUTE, lie(ms));
      expect(machine.verdict).toMatchObject({ state: 'good', nowMs: machine.trueMs });
    }
  });

  it('take the time of a fresh start back no further than the newest word of ODCM on the disk', () => {
    const machine = new Machine();
    machine.time.recallOdcm(machine.trueMs - DAY, machine.reading);
    machine.pass(MINUTE, lie(-YEAR));
    expect(machine.verdict.nowMs).toBe(machine.trueMs - DAY);
    expect(machine.verdict.state).toBe('ahead');
  });

  it('are asked again once the clock has made a leap since ODCM agreed with it', () => {
    const machine = new Machine();
    machine.time.hearOdcm(machine.trueMs, machine.reading);
    machine.pass(MINUTE, THREE);
    machine.wrongMs = YEAR;
    machine.pass(MINUTE, THREE);
    expect(machine.verdict).toMatchObject({ state: 'ahead', nowMs: machine.trueMs });
  });
});

describe("ODCM's word", () => {
  it('carries the mark forward, and not into the future', () => {
    const machine = new Machine();
    machine.time.hearOdcm(machine.trueMs + DAY, machine.reading);
    expect(machine.time.markAt(machine.reading).ms).toBe(0);
    machine.time.hearOdcm(machine.trueMs, machine.reading);
    expect(machine.time.markAt(machine.reading)).toEqual({ ms: machine.trueMs, isOwn: false });
  });
});
