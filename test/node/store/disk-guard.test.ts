import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Timers } from '../../../node/clock.ts';
import { silentLog } from '../../../node/log.ts';
import { DiskGuard } from '../../../node/store/disk-guard.ts';
import { codeOf } from '../../certs/fixtures.ts';
import { tempFolder } from '../temp-folder.ts';

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;

/** Pauses take no time, and nothing looks by itself. */
const AT_ONCE: Timers = {
  setTimeout: (run, delayMs) => (delayMs < 100 ? setImmediate(run) : {}),
  clearTimeout: () => {},
};

async function guarded(sizeBytes: number, freeBytes: number) {
  const space = { sizeBytes, freeBytes };
  const ballast = join(await tempFolder(), 'ballast');
  const guard = new DiskGuard({
    ...{ ballast, timers: AT_ONCE, log: silentLog },
    space: async () => ({ ...space }),
  });
  const size = () =>
    stat(ballast).then(
      (file) => file.size,
      () => null,
    );
  return { guard, space, size, ballast };
}

describe('the room on a disk', () => {
  it.each([
    ['a large disk with 3 GiB', 4096 * GiB, 3 * GiB, 'ok'],
    ['a large disk with 1 GiB', 4096 * GiB, GiB, 'low'],
    ['a large disk with 400 MiB', 4096 * GiB, 400 * MiB, 'scarce'],
    ['a small disk with an eighth', 80 * MiB, 10 * MiB, 'ok'],
    ['a small disk with a sixteenth', 80 * MiB, 5 * MiB, 'low'],
    ['a small disk with a fortieth', 80 * MiB, 2 * MiB, 'scarce'],
  ])('%s is judged by its size', async (_, sizeBytes, freeBytes, state) => {
    const { guard } = await guarded(sizeBytes, freeBytes);
    await guard.look();
    expect([guard.state, guard.mayCarry, guard.mayTake]).toEqual([
      state,
      state === 'ok',
      state !== 'scarce',
    ]);
    expect(() => guard.requireRoom()).not.toThrow();
  });

  it('is kept by a ballast that is given up when a write fails, and made again when there is room', async () => {
    const { guard, space, size } = await guarded(80 * MiB, 40 * MiB);
    await guard.look();
    await guard.makeBallast();
    expect([await size(), guard.ballastBytes]).toEqual([4 * MiB, 4 * MiB]);

    space.freeBytes = 0;
    await guard.release();
    expect([await size(), guard.state, guard.mayTake]).toEqual([null, 'full', false]);
    expect(codeOf(() => guard.requireRoom())).toBe('DISK_FULL');

    // What the ballast gave back is no reason to go on.
    space.freeBytes = 6 * MiB;
    await guard.look();
    expect(guard.state).toBe('full');
    await guard.makeBallast();
    expect(await size()).toBeNull();

    space.freeBytes = 30 * MiB;
    await guard.look();
    expect(guard.state).toBe('ok');
    expect(() => guard.requireRoom()).not.toThrow();
    await guard.makeBallast();
    expect(await size()).toBe(4 * MiB);
  });

  it('is not full by what a database tells late, when there is room again; it is where writes go on failing', async () => {
    const { guard, space } = await guarded(80 * MiB, 40 * MiB);
    await guard.look();
    for (let database = 0; database < 3; database++) await guard.release();
    expect(guard.state).toBe('ok');
    // A minute without such news.
    for (let look = 0; look < 13; look++) await guard.look();
    for (let database = 0; database < 3; database++) {
      await guard.release();
      await guard.look();
    }
    expect(guard.state).toBe('ok');
    await guard.release();
    expect(guard.state).toBe('full');
    await guard.look();
    expect(guard.state).toBe('ok');
    // Full indeed: afterwards each may tell late again.
    space.freeBytes = 4 * MiB;
    await guard.release();
    expect(guard.state).toBe('full');
    space.freeBytes = 40 * MiB;
    await guard.look();
    for (let database = 0; database < 3; database++) await guard.release();
    expect(guard.state).toBe('ok');
    await guard.release();
    expect(guard.state).toBe('full');
  });

  it('stops making a ballast when the disk is full meanwhile', async () => {
    const { guard, space, size } = await guarded(80 * MiB, 40 * MiB);
    await guard.look();
    const making = guard.makeBallast();
    space.freeBytes = 0;
    await guard.release();
    await making;
    expect([await size(), guard.ballastBytes, guard.state]).toEqual([null, 0, 'full']);
  });

  it('knows of no ballast that was given up while it was made, also when the disk has room again before its maker looks', async () => {
    const { guard, space, size } = await guarded(80 * MiB, 40 * MiB);
    await guard.look();
    const making = guard.makeBallast();
    space.freeBytes = 0;
    const releasing = guard.release();
    space.freeBytes = 40 * MiB;
    await Promise.all([releasing, guard.look(), making]);
    expect([guard.ballastBytes, await size()]).toEqual([0, null]);
    await guard.look();
    await guard.makeBallast();
    expect([guard.ballastBytes, await size()]).toEqual([4 * MiB, 4 * MiB]);
  });

  it('makes none after a stop', async () => {
    const { guard, size } = await guarded(80 * MiB, 40 * MiB);
    await guard.look();
    guard.stop();
    await guard.makeBallast();
    expect(await size()).toBeNull();
  });

  it('makes a ballast whole that was cut short by the end of its process', async () => {
    const { guard, size, ballast } = await guarded(80 * MiB, 40 * MiB);
    await writeFile(ballast, Buffer.alloc(MiB));
    await guard.start();
    expect(guard.ballastBytes).toBe(MiB);
    await guard.makeBallast();
    expect([await size(), guard.ballastBytes]).toEqual([4 * MiB, 4 * MiB]);
    guard.stop();
  });

  it('has no ballast where that would leave too little', async () => {
    const { guard, size } = await guarded(80 * MiB, 11 * MiB);
    await guard.look();
    await guard.makeBallast();
    expect(await size()).toBeNull();
  });
});
