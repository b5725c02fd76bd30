import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { Wakeful } from '../../../node/store/wakeful.ts';

const CORES = 2;

describe('waiting awake', () => {
  let turns: MockInstance<typeof setImmediate>;

  beforeEach(() => {
    turns = vi.spyOn(globalThis, 'setImmediate');
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** Turns of the loop that a write has caused by when it ends. */
  const turnsOf = async (wakeful: Wakeful, work: Promise<unknown>): Promise<number> => {
    const before = turns.mock.calls.length;
    await wakeful.during(work).catch(() => {});
    return turns.mock.calls.length - before;
  };

  it('gives what the write gives, and its failure', async () => {
    const wakeful = new Wakeful(CORES);
    expect(await wakeful.during(Promise.resolve(1))).toBe(1);
    await expect(wakeful.during(Promise.reject(new Error('full')))).rejects.toThrow('full');
  });

  it('keeps the loop turning while a write is under way, and no longer', async () => {
    const wakeful = new Wakeful(CORES);
    const work = Promise.withResolvers<void>();
    const waiting = turnsOf(wakeful, work.promise);
    expect(turns.mock.calls.length).toBeGreaterThan(0);
    work.resolve();
    await waiting;
    await sleep(1);
    const after = turns.mock.calls.length;
    await sleep(5);
    expect(turns.mock.calls.length).toBe(after);
  });

  it('does so for a later write as well, and after one that failed', async () => {
    const wakeful = new Wakeful(CORES);
    await turnsOf(wakeful, Promise.resolve());
    await turnsOf(wakeful, Promise.reject(new Error('full')));
    await sleep(1);
    expect(await turnsOf(wakeful, Promise.resolve())).toBeGreaterThan(0);
  });

  it('lets no write keep the core for long', async () => {
    const wakeful = new Wakeful(CORES);
    const work = Promise.withResolvers<void>();
    const waiting = turnsOf(wakeful, work.promise);
    await sleep(10);
    const after = turns.mock.calls.length;
    await sleep(5);
    expect(turns.mock.calls.length).toBe(after);
    work.resolve();
    await waiting;
  });

  it('sleeps where the disk is slow, and wakes up when it is quick again', async () => {
    const wakeful = new Wakeful(CORES);
    for (let i = 0; i < 10; i++) await wakeful.during(sleep(5));
    expect(await turnsOf(wakeful, Promise.resolve())).toBe(0);
    for (let i = 0; i < 40; i++) await wakeful.during(Promise.resolve());
    await sleep(1);
    expect(await turnsOf(wakeful, Promise.resolve())).toBeGreaterThan(0);
  });

  it('sleeps where there is one core only', async () => {
    expect(await turnsOf(new Wakeful(1), Promise.resolve())).toBe(0);
  });
});
