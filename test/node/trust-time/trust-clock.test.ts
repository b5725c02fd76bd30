import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '../../../node/store/memory.ts';
import { TrustClock } from '../../../node/trust-time/trust-clock.ts';
import { VirtualTime } from '../virtual-time.ts';

const DAY = 24 * 3_600_000;
const refuse = (error: unknown) => {
  throw error;
};

describe('the time that trust goes by', () => {
  let time: VirtualTime;
  let store: MemoryStore;
  let wrongMs: number;
  const open = (isAccepted = false) =>
    TrustClock.open(
      store,
      { nowMs: () => time.nowMs() + wrongMs, monotonicMs: () => time.nowMs() },
      isAccepted,
    );

  beforeEach(() => {
    time = new VirtualTime();
    store = new MemoryStore();
    wrongMs = 0;
  });

  const runFor = async (ms: number) => {
    const clock = await open();
    let looks = 0;
    clock.start(time, () => looks++, refuse);
    await time.advance(ms);
    await clock.stop(time);
    expect(time.waiting).toBe(0);
    return looks;
  };

  it('is on the disk, so that a clock that was set back is known after a restart', async () => {
    expect(await runFor(30 * 60_000)).toBe(1800);
    wrongMs = -DAY;
    const after = await open();
    expect(after.verdict).toMatchObject({ state: 'regressed', offByMs: -DAY });
    expect([after.nowMs(), after.isRegressed]).toEqual([time.nowMs(), true]);
  });

  it('survives a process that ends without a word, but for the last minute', async () => {
    const clock = await open();
    clock.start(time, () => {}, refuse);
    await time.advance(30 * 60_000);
    const after = await open();
    wrongMs = -DAY;
    expect(after.nowMs()).toBeGreaterThan(time.nowMs() - 61_000);
    await clock.stop(time);
  });

  it('can be told that the clock is right now, whatever it was before', async () => {
    wrongMs = DAY;
    await runFor(30 * 60_000);
    wrongMs = 0;
    expect((await open()).isRegressed).toBe(true);
    expect((await open(true)).verdict).toMatchObject({ state: 'good', offByMs: 0 });
  });
});
