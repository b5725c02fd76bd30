import { beforeEach, describe, expect, it } from 'vitest';
import { Vouched } from '../../../node/directory/vouched.ts';
import { silentLog } from '../../../node/log.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { TrustClock } from '../../../node/trust-time/trust-clock.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { VirtualTime } from '../virtual-time.ts';

const DAY = 24 * 3_600_000;

describe('the newest word of ODCM', () => {
  let time: VirtualTime;
  let wrongMs: number;
  let clock: TrustClock;
  let vouched: Vouched;
  const peersSay = (offsets: readonly number[]): void => {
    offsets.forEach((offsetMs, i) => {
      clock.hearPeer(`peer ${i}`, time.nowMs() + offsetMs);
    });
  };

  beforeEach(async () => {
    time = new VirtualTime();
    wrongMs = 0;
    const store = new MemoryStore();
    clock = await TrustClock.open(store, {
      nowMs: () => time.nowMs() + wrongMs,
      monotonicMs: () => time.nowMs(),
    });
    vouched = new Vouched({
      ...{ store, clock, log: silentLog },
      onVouched: (timeMs) => clock.hearOdcm(timeMs),
      onRecalled: (timeMs) => clock.recallOdcm(timeMs),
    });
  });

  it('is not held back by two of three members that lie, and ends what they say', async () => {
    for (const lieMs of [-365 * DAY, 365 * DAY]) {
      await vouched.load(time.nowMs() - DAY);
      peersSay([0, lieMs, lieMs]);
      expect(vouched.holds(time.nowMs())).toBe(false);
      vouched.set(time.nowMs());
      expect([vouched.age, vouched.ageMs]).toEqual(['fresh', 0]);
      await time.advance(60_000);
      peersSay([0, lieMs, lieMs]);
      expect([clock.verdict.state, clock.nowMs()]).toEqual(['good', time.nowMs()]);
      await time.advance(60_000);
    }
  });

  it('of the last start is how far members can take the time back, so that an old directory stays old', async () => {
    const lastMs = time.nowMs() - 2 * LIMITS.directoryFreshMs;
    await vouched.load(lastMs);
    expect(vouched.age).toBe('stale');
    peersSay([-DAY, -DAY, -DAY]);
    expect(clock.nowMs()).toBe(lastMs);
    expect(vouched.age).toBe('stale');
  });

  it('from the future waits, and is due once this clock or three others say the same', async () => {
    wrongMs = -DAY;
    const nowMs = time.nowMs();
    expect([vouched.holds(nowMs), vouched.isDue]).toEqual([true, false]);
    peersSay([DAY, DAY]);
    expect(vouched.isDue).toBe(false);
    peersSay([0, 0, 0]);
    await time.advance(LIMITS.clockLookMs + 1);
    expect([vouched.isDue, vouched.holds(nowMs)]).toEqual([true, false]);
    vouched.set(nowMs);
    expect(clock.isRegressed).toBe(true);
    expect(clock.nowMs()).toBeGreaterThanOrEqual(nowMs);
  });
});
