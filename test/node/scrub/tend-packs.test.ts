import { truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Blocks } from '../../../node/feed/blocks.ts';
import { silentLog } from '../../../node/log.ts';
import { sweepOrphans } from '../../../node/scrub/orphans.ts';
import { tendPacks } from '../../../node/scrub/tend-packs.ts';
import { blockKey, packedKey, tableRange } from '../../../node/store/keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { rawCid } from '../../../protocols/record.ts';
import { FaultyStore } from '../store/faulty-store.ts';
import { contents, packed } from '../store/sample-pack.ts';

const ALL = contents(10);

/** A pack of ten blocks, all named, that was let in some time ago. */
async function opened() {
  const store = new FaultyStore(new MemoryStore());
  const made = await packed(ALL);
  await made.adopt();
  const blocks = new Blocks(store, made.packs);
  await blocks.putPacked(made.pack, made.rows);
  made.packs.settle(made.pack);
  let hasRoom = true;
  const tend = () =>
    tendPacks({
      ...{ blockStore: store, blocks, log: silentLog, pace: async () => {} },
      hasRoom: () => hasRoom,
    });
  const fill = () => {
    hasRoom = false;
  };
  const drop = (from: number) => blocks.drop(made.rows.slice(from).map(({ hash }) => hash));
  return { ...made, store, blocks, tend, drop, fill };
}

const tables = async (store: MemoryStore | FaultyStore) => {
  const count = async (table: string) =>
    (await Array.fromAsync(store.range(tableRange(table)))).length;
  return { b: await count('b'), j: await count('j') };
};

describe('a pack', () => {
  it('stays while more than half of it is named', async () => {
    const { packs, pack, store, tend, drop } = await opened();
    await drop(6);
    expect(await tend()).toBe(0);
    expect([packs.has(pack), await tables(store)]).toEqual([true, { b: 0, j: 6 }]);
  });

  it('goes when no row names it', async () => {
    const { packs, pack, tend, drop } = await opened();
    await drop(0);
    expect(await tend()).toBe(1);
    expect(packs.has(pack)).toBe(false);
    expect(await tend()).toBe(0);
  });

  it('goes when less than half of it is named, and what is named is here by itself', async () => {
    const { packs, pack, store, blocks, tend, drop } = await opened();
    await drop(4);
    expect(await tend()).toBe(1);
    expect([packs.has(pack), await tables(store)]).toEqual([false, { b: 4, j: 0 }]);
    for (const bytes of ALL.slice(0, 4)) expect(await blocks.get(rawCid(bytes))).toEqual(bytes);
    expect(await blocks.has(rawCid(ALL[4]!))).toBe(false);
  });

  it('stays as it is while there is no room for what is named in it', async () => {
    const { packs, pack, store, tend, drop, fill } = await opened();
    fill();
    await drop(4);
    expect(await tend()).toBe(0);
    expect([packs.has(pack), await tables(store)]).toEqual([true, { b: 0, j: 4 }]);
    await drop(0);
    expect(await tend()).toBe(1);
  });

  it('that is being let in stays, however little of it is named by now', async () => {
    const { packs, pack, adopt, tend, drop } = await opened();
    await adopt();
    await drop(0);
    expect([await tend(), await tend(), packs.has(pack)]).toEqual([0, 0, true]);
    packs.settle(pack);
    expect([await tend(), packs.has(pack)]).toEqual([1, false]);
  });

  it('stays while a row cannot be read that may name it', async () => {
    const { packs, pack, rows, store, tend, drop } = await opened();
    await drop(1);
    store.rot(packedKey(rows[0]!.hash));
    expect([await tend(), packs.has(pack)]).toEqual([0, true]);
    store.heal();
    await store.write([
      { type: 'put', key: packedKey(rows[0]!.hash), value: Buffer.from('no place') },
    ]);
    expect([await tend(), packs.has(pack)]).toEqual([0, true]);
  });

  it('stays until a block of it that is damaged came anew', async () => {
    const { packs, pack, folder, rows, blocks, store, tend, drop } = await opened();
    await drop(3);
    const path = join(folder, `${pack}.car`);
    // Cut and made longer again: nought where the third block was.
    await truncate(path, rows[2]!.at + 5);
    await truncate(path, rows[9]!.at);
    expect([await tend(), packs.has(pack)]).toEqual([0, true]);
    expect(blocks.isDamaged(rows[2]!.hash)).toBe(true);
    expect(await tables(store)).toEqual({ b: 2, j: 1 });
    await blocks.put([{ hash: rows[2]!.hash, bytes: ALL[2]! }]);
    expect([await tend(), packs.has(pack)]).toEqual([1, false]);
  });
});

describe('a block in a pack that nothing names', () => {
  it('is taken away after its time, and then the pack', async () => {
    const { store: blockStore, blocks, packs, pack, tend } = await opened();
    const [logs, views] = [new MemoryStore(), new MemoryStore()];
    let nowMs = 1_000;
    const pace = async () => {};
    const sweep = () => sweepOrphans({ logs, blockStore, views, blocks, nowMs: () => nowMs, pace });
    expect([await sweep(), await tend()]).toEqual([0, 0]);
    nowMs += LIMITS.orphanGraceMs;
    expect([await sweep(), await tend(), packs.has(pack)]).toEqual([10, 1, false]);
    expect(await blockStore.has(blockKey(rawCid(ALL[0]!).hash))).toBe(false);
  });
});
