import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Wakeful } from '../../../node/store/wakeful.ts';

const CORES = 2;

describe('waiting awake', () => {
  /** Turns of the loop that were asked for here: others in this process, which tests share, have their own reasons. */
  let turns: number;
  /** Goes on only where a test says so: a machine that is busy elsewhere must not make a short write a long one. */
  let nowMs: number;
  const wakefulOn = (cores: number) => new Wakeful(cores, () => nowMs);

  beforeEach(() => {
    turns = 0;
    nowMs = 1_000;
    const ask = globalThis.setImmediate;
    vi.spyOn(globalThis, 'setImmediate').mockImplementation((...call: Parameters<typeof ask>) => {
      if (new Error('asked by').stack?.includes('node/store/wakeful.ts')) turns++;
      return ask(...call);
    });
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** Turns of the loop that a write has caused by when it ends. */
  const turnsOf = async (wakeful: Wakeful, work: Promise<unknown>): Promise<number> => {
    const before = turns;
    await wakeful.during(work).catch(() => {});
    return turns - before;
  };

  it('gives what the write gives, and its failure', async () => {
    const wakeful = wakefulOn(CORES);
    expect(await wakeful.during(Promise.resolve(1))).toBe(1);
    await expect(wakeful.during(Promise.reject(new Error('full')))).rejects.toThrow('full');
  });

  it('keeps the loop turning while a write is under way, and no longer', async () => {
    const wakeful = wakefulOn(CORES);
    const work = Promise.withResolvers<void>();
    const waiting = turnsOf(wakeful, work.promise);
    expect(turns).toBeGreaterThan(0);
    work.resolve();
    await waiting;
    await sleep(1);
    const after = turns;
    await sleep(5);
    expect(turns).toBe(after);
  });

  it('does so for a later write as well, and after one that failed', async () => {
    const wakeful = wakefulOn(CORES);
    await turnsOf(wakeful, Promise.resolve());
    await turnsOf(wakeful, Promise.reject(new Error('full')));
    await sleep(1);
    expect(await turnsOf(wakeful, Promise.resolve())).toBeGreaterThan(0);
  });

  it('lets no write keep the core for long', async () => {
    const wakeful = wakefulOn(CORES);
    const work = Promise.withResolvers<void>();
    const waiting = turnsOf(wakeful, work.promise);
    await sleep(1);
    expect(turns).toBeGreaterThan(0);
    nowMs += 10;
    await sleep(5);
    const after = turns;
    await sleep(5);
    expect(turns).toBe(after);
    work.resolve();
    await waiting;
  });

  it('sleeps where the disk is slow, and wakes up when it is quick again', async () => {
    const wakeful = wakefulOn(CORES);
    const slow = async () => {
      await Promise.resolve();
      nowMs += 5;
    };
    for (let i = 0; i < 10; i++) await wakeful.during(slow());
    await sleep(1);
    expect(await turnsOf(wakeful, Promise.resolve())).toBe(0);
    for (let i = 0; i < 40; i++) await wakeful.during(Promise.resolve());
    await sleep(1);
    expect(await turnsOf(wakeful, Promise.resolve())).toBeGreaterThan(0);
  });

  it('sleeps where there is one core only', async () => {
    expect(await turnsOf(wakefulOn(1), Promise.resolve())).toBe(0);
  });
});
