import { beforeEach, describe, expect, it } from 'vitest';
import { MemoryStore } from '../../../node/store/memory.ts';
import type { Write } from '../../../node/store/store.ts';
import { WriteBehind } from '../../../node/store/write-behind.ts';
import { settle, VirtualTime } from '../virtual-time.ts';
import { FaultyStore } from './faulty-store.ts';

const put = (name: string, value: string): Write => ({
  type: 'put',
  key: Buffer.from(name),
  value: Buffer.from(value),
});
const del = (name: string): Write => ({ type: 'del', key: Buffer.from(name) });
const many = (count: number) => Array.from({ length: count }, (_, i) => put(`row ${i}`, 'x'));

describe('writing behind', () => {
  let time: VirtualTime;
  let below: FaultyStore;
  let store: WriteBehind;

  beforeEach(() => {
    time = new VirtualTime();
    below = new FaultyStore(new MemoryStore());
    store = new WriteBehind(below, time);
  });

  const later = (...batch: Write[]) => store.write(batch, { isDerived: true });
  const rowsOf = async (from: WriteBehind | FaultyStore) => {
    const rows: string[] = [];
    for await (const { key, value } of from.range({})) rows.push(`${key}=${value}`);
    return rows;
  };

  it('keeps derived rows for a moment, and writes those of many batches as one', async () => {
    await later(put('a', '1'), put('b', '1'));
    await later(put('a', '2'), del('b'));
    expect(await rowsOf(store)).toEqual(['a=2']);
    expect(await rowsOf(below)).toEqual([]);
    await time.advance(250);
    expect(await rowsOf(below)).toEqual(['a=2']);
    expect(below.writes).toBe(1);
    expect(time.waiting).toBe(0);
  });

  it.each([
    ['is not derived', () => store.write([put('b', '1')])],
    ['must be synced', () => store.write([put('b', '1')], { isDerived: true, sync: true })],
    ['is many rows', () => later(put('b', '1'), ...many(16))],
  ])('writes at once what %s, behind what came before it', async (_, write) => {
    await later(put('a', '1'), put('b', '0'));
    await write();
    expect((await rowsOf(below)).slice(0, 2)).toEqual(['a=1', 'b=1']);
    expect(below.writes).toBe(1);
    expect(time.waiting).toBe(0);
  });

  it('gives as many rows of a range as were asked for', async () => {
    await later(put('b', '1'), put('d', '1'));
    await below.write([put('a', '1'), put('c', '1'), put('e', '1')]);
    const counts = [0, 1, 3, 9].map(async (limit) => {
      let count = 0;
      for await (const _ of store.range({ limit })) count++;
      return count;
    });
    expect(await Promise.all(counts)).toEqual([0, 1, 3, 5]);
  });

  it('keeps no more than so many rows', async () => {
    for (let i = 0; i < 512; i++) await later(put(`row ${i}`, '1'));
    expect(below.writes).toBe(0);
    await later(put('last', '1'));
    expect(await rowsOf(below)).toHaveLength(513);
  });

  it('gives a batch that the disk did not take back to who wrote it, and keeps what was taken before', async () => {
    await later(put('a', '1'));
    below.fails = 'full';
    await expect(store.write([put('b', '1')])).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(await rowsOf(store)).toEqual(['a=1']);
    below.fails = undefined;
    await later(put('c', '1'));
    await time.advance(5_000);
    expect(await rowsOf(below)).toEqual(['a=1', 'c=1']);
  });

  it.each([
    ['written all the same', true, ['b=1', 'c=1'], ['b=1', 'c=1', 'd=1']],
    ['not written', false, ['a=1', 'b=0'], ['a=1', 'b=0', 'd=1']],
  ])('shows what there is behind a failed batch that was %s', async (_, keepsFailed, now, then) => {
    await later(put('a', '1'), put('b', '0'));
    Object.assign(below, { fails: 'sync', keepsFailed });
    const batch = [del('a'), put('b', '1'), put('c', '1')];
    await expect(store.write(batch, { sync: true })).rejects.toThrow('fsync');
    below.fails = undefined;
    expect(() => store.getSync(Buffer.from('b'))).toThrow('a write has failed');
    expect(store.getSync(Buffer.from('x'))).toBeUndefined();
    expect(await store.has(Buffer.from('a'))).toBe(!keepsFailed);
    expect(String(store.getSync(Buffer.from('b')))).toBe(keepsFailed ? '1' : '0');
    expect(await rowsOf(store)).toEqual(now);
    await store.write([put('d', '1')]);
    expect(await rowsOf(below)).toEqual(then);
  });

  it.each([
    ['get', () => store.get(Buffer.from('b'))],
    ['getMany', () => store.getMany([Buffer.from('b')]).then(([value]) => value)],
    ['range', async () => Buffer.from((await rowsOf(store))[0]!.slice(-1))],
    ['write', () => store.write([]).then(() => store.getSync(Buffer.from('b')))],
  ])('asks the disk before %s says anything behind a failed batch', async (_, read) => {
    await later(put('b', '0'));
    Object.assign(below, { fails: 'sync', keepsFailed: true });
    await expect(store.write([put('b', '1')])).rejects.toThrow('fsync');
    below.fails = undefined;
    expect(String(await read())).toBe('1');
  });

  it('takes rows while it does not know what became of a failed batch, and they are the newest', async () => {
    await later(put('a', '1'), put('b', '0'));
    Object.assign(below, { fails: 'sync', keepsFailed: true });
    await expect(store.write([put('b', '1')])).rejects.toThrow('fsync');
    await later(put('b', '2'));
    below.fails = undefined;
    await time.advance(5_000);
    expect(await rowsOf(below)).toEqual(['a=1', 'b=2']);
  });

  it('lets no row overtake a batch that waits for the answer', async () => {
    await later(put('a', '1'), put('b', '0'));
    below.fails = 'sync';
    await expect(store.write([put('b', '1')])).rejects.toThrow('fsync');
    below.fails = undefined;
    const second = store.write([put('b', '2')]);
    const third = later(put('b', '3'));
    await Promise.all([second, third]);
    expect(String(await store.get(Buffer.from('b')))).toBe('3');
    await store.flush();
    expect(await rowsOf(below)).toEqual(['a=1', 'b=3']);
  });

  it('tries again less and less often while the disk takes nothing', async () => {
    below.fails = 'full';
    await later(put('a', '1'));
    await time.advance(250);
    await time.advance(5_000 + 10_000 + 20_000 + 40_000 + 60_000);
    expect(below.writes).toBe(6);
    await time.advance(60_000);
    expect(below.writes).toBe(7);
    below.fails = undefined;
    await time.advance(60_000);
    expect(await rowsOf(below)).toEqual(['a=1']);
  });

  it('goes by the other rows where one is damaged', async () => {
    await later(put('a', '1'), put('b', '0'));
    Object.assign(below, { fails: 'sync', keepsFailed: true });
    await expect(store.write([put('b', '1')])).rejects.toThrow('fsync');
    below.fails = undefined;
    below.rot(Buffer.from('a'));
    expect(String(await store.get(Buffer.from('b')))).toBe('1');
  });

  it('tries again by itself after a while in which the disk took nothing', async () => {
    below.fails = 'sync';
    await later(put('a', '1'));
    await time.advance(250);
    await time.advance(4_999);
    expect(below.writes).toBe(1);
    below.fails = undefined;
    await later(put('b', '1'));
    await time.advance(1);
    expect(await rowsOf(below)).toEqual(['a=1', 'b=1']);
    expect(time.waiting).toBe(0);
  });

  describe('while a write is under way', () => {
    const order: string[] = [];
    const release: (() => void)[] = [];
    let slow: MemoryStore;

    beforeEach(() => {
      order.length = 0;
      release.length = 0;
      slow = new MemoryStore();
      const write = slow.write.bind(slow);
      slow.write = async (batch) => {
        order.push(batch.map((one) => (one.type === 'put' ? String(one.value) : '-')).join());
        // The rows are there before who wrote them hears of it.
        await write(batch);
        await new Promise<void>((resolve) => release.push(resolve));
      };
      store = new WriteBehind(slow, time);
    });

    it('lets none of a row overtake an older one', async () => {
      const first = store.write([put('a', '1')]);
      // In this very turn: the disk is at work while the caller goes on.
      expect(order).toEqual(['1']);
      await later(put('a', '2'));
      const third = store.write([put('a', '3')]);
      const fourth = later(put('a', '4'));
      await settle();
      expect(order).toEqual(['1']);
      release.shift()!();
      await first;
      await settle();
      expect(order).toEqual(['1', '2,3']);
      release.shift()!();
      await third;
      await settle();
      expect(order).toEqual(['1', '2,3', '4']);
      release.shift()!();
      await fourth;
      await later(put('a', '5'));
      expect(String(await store.get(Buffer.from('a')))).toBe('5');
      expect(String(await slow.get(Buffer.from('a')))).toBe('4');
    });

    it('gives a range from before it or from behind it, never a mixture', async () => {
      await later(put('a', 'old'));
      const writing = store.write([put('a', 'new'), put('b', 'new')]);
      const reading = rowsOf(store);
      await settle();
      release.shift()!();
      await writing;
      expect(await reading).toEqual(['a=new', 'b=new']);
    });
  });

  it('writes what waits before it is flushed', async () => {
    await later(put('a', '1'));
    await store.flush();
    expect(await rowsOf(below)).toEqual(['a=1']);
  });

  it('writes what waits before it is closed', async () => {
    await later(put('a', '1'));
    let atClose: string[] = [];
    below.close = async () => {
      atClose = await rowsOf(below);
    };
    await store.close();
    expect(atClose).toEqual(['a=1']);
    expect(time.waiting).toBe(0);
  });

  it('is closed by a full disk as well: derived rows are made again', async () => {
    below.fails = 'full';
    await later(put('a', '1'));
    await expect(store.close()).resolves.toBeUndefined();
  });
});
