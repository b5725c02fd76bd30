import { describe, expect, it } from 'vitest';
import { ListeningTime } from '../../../node/health/lag.ts';
import { type Lines, LocalHealth, lineScore } from '../../../node/health/local-health.ts';
import { LIMITS } from '../../../protocols/limits.ts';

const WELL: Lines = { others: 10, connected: 8, formerly: 8, broken: 0, silenceMs: 500 };

describe('lines of an observer', () => {
  it.each<[string, Partial<Lines>, number]>([
    ['all is well', {}, 0],
    ['no peer is connected', { connected: 0 }, 2],
    ['nobody is heard', { silenceMs: 2 * LIMITS.presenceMs }, 2],
    ['half of those that speak are not reached any more', { broken: 4 }, 1],
    ['one of two is not reached any more', { formerly: 2, broken: 1 }, 0],
    ['few are not reached any more', { broken: 3 }, 0],
    ['it never had more than one line', { connected: 1, formerly: 1 }, 0],
    ['there is one other space, which is gone', { others: 1, connected: 0, silenceMs: 60_000 }, 0],
    ['there is nobody', { others: 0, connected: 0, formerly: 0, silenceMs: 60_000 }, 0],
  ])('are scored as they should be when %s', (_, changes, score) => {
    expect(lineScore({ ...WELL, ...changes })).toBe(score);
  });
});

describe('health of an observer', () => {
  it('is well while its timers are on time', () => {
    const health = new LocalHealth();
    for (let i = 0; i < 100; i++) health.look(LIMITS.healthLateMs, WELL);
    expect([health.isWell, health.multiplier]).toEqual([true, 1]);
  });

  it('gets worse with each stall, to a bound, and better as slowly', () => {
    const health = new LocalHealth();
    health.look(LIMITS.healthLateMs + 1, WELL);
    expect([health.isWell, health.multiplier]).toEqual([false, 2]);
    health.look(10_000, WELL);
    expect(health.multiplier).toBe(6);
    for (let i = 0; i < 20; i++) health.look(10_000, WELL);
    expect(health.multiplier).toBe(1 + LIMITS.healthScore);
    const looks = (LIMITS.healthScore * LIMITS.presenceMs) / LIMITS.healthMs;
    for (let i = 1; i < looks; i++) health.look(0, WELL);
    expect(health.isWell).toBe(false);
    health.look(0, WELL);
    expect(health.isWell).toBe(true);
  });

  it('is as bad as its lines at once, and as good again', () => {
    const health = new LocalHealth();
    health.look(0, { ...WELL, connected: 0 });
    expect(health.multiplier).toBe(3);
    health.look(0, WELL);
    expect(health.multiplier).toBe(1);
  });
});

describe('time of listening', () => {
  let wallMs = 1_000_000;
  const clock = { nowMs: () => wallMs };

  it('goes with the clock while the process runs', () => {
    const time = new ListeningTime(clock);
    for (let i = 0; i < 10; i++) {
      wallMs += LIMITS.healthMs;
      expect(time.look()).toBe(0);
    }
    wallMs += 100;
    expect(time.nowMs).toBe(10 * LIMITS.healthMs + 100);
  });

  it('stands still while the process does, and tells how long that was', () => {
    const time = new ListeningTime(clock);
    wallMs += 10_000;
    expect(time.nowMs).toBe(2 * LIMITS.healthMs);
    expect(time.look()).toBe(10_000 - LIMITS.healthMs);
    expect(time.nowMs).toBe(2 * LIMITS.healthMs);
  });

  it('never goes back when the clock does', () => {
    const time = new ListeningTime(clock);
    wallMs += LIMITS.healthMs;
    time.look();
    wallMs -= 3_600_000;
    expect(time.look()).toBe(0);
    expect(time.nowMs).toBe(LIMITS.healthMs);
    wallMs += LIMITS.healthMs;
    expect(time.nowMs).toBe(2 * LIMITS.healthMs);
  });
});
