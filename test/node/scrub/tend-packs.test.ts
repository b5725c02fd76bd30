import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Blocks } from '../../../node/feed/blocks.ts';
import { silentLog } from '../../../node/log.ts';
import { Orphans } from '../../../node/scrub/orphans.ts';
import { type TendPacksOptions, tendPacks } from '../../../node/scrub/tend-packs.ts';
import {
  appliedKey,
  blockKey,
  givenForRange,
  logPrefix,
  ownedKey,
  packedKey,
  tableRange,
} from '../../../node/store/keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { sha256 } from '../../../protocols/merkle.ts';
import { rawCid } from '../../../protocols/record.ts';
import { FaultyStore } from '../store/faulty-store.ts';
import { contents, layOut, packed } from '../store/sample-pack.ts';

const ALL = contents(10);

/** A pack of ten blocks, all named, that was let in some time ago. */
async function opened(all = ALL) {
  const store = new FaultyStore(new MemoryStore());
  const made = await packed(all);
  await made.adopt();
  const blocks = new Blocks(store, made.packs);
  await blocks.putPacked(made.pack, made.rows);
  made.packs.settle(made.pack);
  let hasRoom = true;
  const tendWith = (other: Partial<TendPacksOptions>) =>
    tendPacks({
      ...{ blockStore: store, blocks, log: silentLog, pace: async () => {} },
      hasRoom: () => hasRoom,
      ...other,
    });
  const tend = () => tendWith({});
  const fill = () => {
    hasRoom = false;
  };
  const drop = (from: number) => blocks.drop(made.rows.slice(from).map(({ hash }) => hash));
  return { ...made, store, blocks, tend, tendWith, drop, fill };
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

  it('is gone before the next one is written out', async () => {
    const { packs, pack, folder, blocks, drop, tendWith } = await opened();
    const more = contents(10, 21_000);
    const { bytes, rows } = layOut(more);
    await writeFile(join(folder, 'brought'), bytes);
    const other = sha256(bytes).toString('hex');
    await packs.adopt(join(folder, 'brought'), other);
    await blocks.putPacked(other, rows.slice(0, 3));
    packs.settle(other);
    await drop(4);
    const files = new Set<number>();
    const count = () => [pack, other].filter((name) => packs.has(name)).length;
    expect(await tendWith({ pace: async () => void files.add(count()) })).toBe(2);
    expect([...files]).toEqual([2, 1]);
    for (const some of [ALL[3]!, more[2]!]) expect(await blocks.get(rawCid(some))).toEqual(some);
  });

  it('stays where the disk fills while it is written out, and what was written counts', async () => {
    const large = contents(160, 65_000);
    const { packs, pack, store, drop, blocks, tendWith } = await opened(large);
    await drop(75);
    let asked = 0;
    expect(await tendWith({ hasRoom: () => asked++ === 0 })).toBe(0);
    const { b, j } = await tables(store);
    expect([packs.has(pack), b > 0, j > 0, b + j]).toEqual([true, true, true, 75]);
    const bytes = await Promise.all(large.slice(0, 75).map((one) => blocks.get(rawCid(one))));
    expect(bytes.every((one, i) => one?.equals(large[i]!))).toBe(true);
  });

  it('is not held up by a rotten row of a block that lies by itself', async () => {
    const { packs, pack, rows, store, blocks, tend, drop } = await opened();
    await drop(2);
    for (const [i, { hash }] of rows.slice(0, 2).entries())
      await store.write([{ type: 'put', key: blockKey(hash), value: ALL[i]! }]);
    store.rot(packedKey(rows[0]!.hash));
    const value = Buffer.from('no place');
    await store.write([{ type: 'put', key: packedKey(rows[1]!.hash), value }]);
    expect([await tend(), packs.has(pack)]).toEqual([1, false]);
    expect(await tables(store)).toEqual({ b: 2, j: 0 });
    expect(await blocks.get(rawCid(ALL[1]!))).toEqual(ALL[1]);
  });

  it('is held by a rotten row of a block that lies by itself and is rotten there', async () => {
    const { packs, pack, rows, store, tend, drop } = await opened();
    await drop(1);
    const { hash } = rows[0]!;
    await store.write([{ type: 'put', key: blockKey(hash), value: Buffer.from('other') }]);
    store.rot(packedKey(hash));
    expect([await tend(), packs.has(pack)]).toEqual([0, true]);
    expect(await store.has(packedKey(hash))).toBe(true);
  });

  it('of which a block is known to be damaged is not written out', async () => {
    const { packs, pack, rows, blocks, store, tend, drop } = await opened();
    await drop(3);
    blocks.markDamaged(rows[2]!.hash);
    expect([await tend(), packs.has(pack)]).toEqual([0, true]);
    expect(await tables(store)).toEqual({ b: 0, j: 3 });
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
    const orphans = new Orphans({ logs, blockStore, views, blocks, nowMs: () => nowMs });
    await orphans.start();
    const sweep = () => orphans.sweep(async () => {});
    expect([await sweep(), await tend()]).toEqual([0, 0]);
    nowMs += LIMITS.orphanGraceMs;
    expect([await sweep(), await tend(), packs.has(pack)]).toEqual([10, 1, false]);
    expect(await blockStore.has(blockKey(rawCid(ALL[0]!).hash))).toBe(false);
  });

  it('stays when it comes anew, or is named, before it is taken away', async () => {
    const { store: blockStore, blocks, pack, rows } = await opened();
    const [logs, views] = [new MemoryStore(), new MemoryStore()];
    const [came, named, gone] = rows.map(({ hash }) => hash) as [Buffer, Buffer, Buffer];
    const log = logPrefix(Buffer.alloc(16, 7), 1);
    const work: Promise<void>[] = [];
    let nowMs = 1_000;
    const none = Buffer.alloc(0);
    const orphans = new Orphans({
      ...{ logs, blockStore, views, blocks },
      // It is asked when all was looked through.
      nowMs: () => {
        if (nowMs > 1_000) {
          work.push(blocks.putPacked(pack, rows.slice(0, 1)));
          const keys = [appliedKey(log), ownedKey(log, named)];
          work.push(views.write(keys.map((key) => ({ type: 'put', key, value: none }))));
        }
        return nowMs;
      },
    });
    await orphans.start();
    const sweep = () => orphans.sweep(async () => {});
    expect(await sweep()).toBe(0);
    nowMs += LIMITS.orphanGraceMs;
    expect(await sweep()).toBe(8);
    await Promise.all(work);
    const there = [came, named, gone].map((hash) => blocks.has({ codec: 0x55, hash }));
    expect(await Promise.all(there)).toEqual([true, true, false]);
  });

  it('stays when it comes in the moment in which it is taken away', async () => {
    const { store: blockStore, blocks } = await opened();
    const [logs, views] = [new MemoryStore(), new MemoryStore()];
    const [early, late] = [ALL[0]!, ALL[1]!].map((bytes) => ({ hash: rawCid(bytes).hash, bytes }));
    let nowMs = 1_000;
    const orphans = new Orphans({ logs, blockStore, views, blocks, nowMs: () => nowMs });
    await orphans.start();
    await blocks.put([early!, late!]);
    await orphans.sweep(async () => {});
    nowMs += LIMITS.orphanGraceMs;
    const write = blockStore.write.bind(blockStore);
    const range = blockStore.range.bind(blockStore);
    const coming: Promise<void>[] = [];
    // While its rows are looked for, and after its end is written.
    blockStore.range = (options) => {
      if (options.gte?.[0] === givenForRange(early!.hash).gte[0] && coming.length === 0)
        coming.push(blocks.put([early!]));
      return range(options);
    };
    blockStore.write = (batch, options) => {
      const written = write(batch, options);
      if (batch[0]?.type === 'del') coming.push(blocks.put([late!]));
      return written;
    };
    await orphans.sweep(async () => {});
    await Promise.all(coming);
    expect(coming.length).toBe(2);
    const there = [early!, late!].map(({ hash }) => blocks.has({ codec: 0x55, hash }));
    expect(await Promise.all(there)).toEqual([true, true]);
  });

  it('has its whole time again when it came anew after it was found, also before a restart is over', async () => {
    const { store: blockStore, blocks, rows } = await opened();
    const [logs, views] = [new MemoryStore(), new MemoryStore()];
    let nowMs = 1_000;
    const options = { logs, blockStore, views, blocks, nowMs: () => nowMs };
    const first = new Orphans(options);
    await first.start();
    expect(await first.sweep(async () => {})).toBe(0);
    await first.stop();
    nowMs += LIMITS.orphanGraceMs;
    const next = new Orphans(options);
    await blocks.put([{ hash: rows[0]!.hash, bytes: ALL[0]! }]);
    await next.start();
    await blocks.put([{ hash: rows[1]!.hash, bytes: ALL[1]! }]);
    expect(await next.sweep(async () => {})).toBe(8);
    nowMs += LIMITS.orphanGraceMs;
    expect(await next.sweep(async () => {})).toBe(2);
  });

  it('has its whole time again after a crash, when nobody knows what came before it', async () => {
    const { store: blockStore, blocks } = await opened();
    const [logs, views] = [new MemoryStore(), new MemoryStore()];
    let nowMs = 1_000;
    const options = { logs, blockStore, views, blocks, nowMs: () => nowMs };
    const sweep = (orphans: Orphans) => {
      nowMs += LIMITS.orphanGraceMs;
      return orphans.sweep(async () => {});
    };
    const first = new Orphans(options);
    await first.start();
    expect(await sweep(first)).toBe(0);
    await first.stop();
    // It reads what the first one found, and ends before its own round.
    await new Orphans(options).start();
    const last = new Orphans(options);
    await last.start();
    expect([await sweep(last), await sweep(last)]).toEqual([0, 10]);
  });

  it('stays when it comes while another batch takes it away, whichever of the two is written first', async () => {
    const { store, blocks } = await opened();
    const block = { hash: rawCid(ALL[0]!).hash, bytes: ALL[0]! };
    await blocks.put([block]);
    const write = store.write.bind(store);
    const begun = Promise.withResolvers<void>();
    const slow = Promise.withResolvers<void>();
    store.write = async (batch, options) => {
      if (batch[0]?.type === 'del') {
        begun.resolve();
        await slow.promise;
      }
      return write(batch, options);
    };
    const dropping = blocks.drop([block.hash]);
    await begun.promise;
    const coming = blocks.put([block]);
    slow.resolve();
    expect(await dropping).toBe(1);
    await coming;
    expect(await blocks.has({ codec: 0x55, hash: block.hash })).toBe(true);
  });

  it('stays when it is being written in the moment in which it would be taken away', async () => {
    const { store, blocks } = await opened();
    const block = { hash: rawCid(ALL[0]!).hash, bytes: ALL[0]! };
    const write = store.write.bind(store);
    const slow = Promise.withResolvers<void>();
    store.write = async (batch, options) => {
      if (batch[0]?.type === 'put') await slow.promise;
      return write(batch, options);
    };
    const coming = blocks.put([block]);
    expect(await blocks.drop([block.hash])).toBe(0);
    slow.resolve();
    await coming;
    expect(await blocks.has({ codec: 0x55, hash: block.hash })).toBe(true);
  });
});
