import { open, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Blocks } from '../../../node/feed/blocks.ts';
import { decodePlace, packedRow } from '../../../node/feed/packed-blocks.ts';
import { blockKey, givenForKey, logPrefix, packedKey } from '../../../node/store/keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { Packs } from '../../../node/store/packs.ts';
import { rawCid } from '../../../protocols/record.ts';
import { FaultyStore } from '../store/faulty-store.ts';
import { contents, packed } from '../store/sample-pack.ts';

const LOG = logPrefix(Buffer.alloc(16, 7), 1);
const [FIRST, SECOND, THIRD] = contents(3) as [Buffer, Buffer, Buffer];
const CIDS = [FIRST, SECOND, THIRD].map(rawCid);
const [CID, , LAST] = CIDS as [(typeof CIDS)[0], (typeof CIDS)[0], (typeof CIDS)[0]];

/** Three blocks in a pack, of which rows say where they lie. */
async function opened() {
  const store = new FaultyStore(new MemoryStore());
  const { packs, folder, pack, rows, adopt } = await packed([FIRST, SECOND, THIRD]);
  await adopt();
  const blocks = new Blocks(store, packs);
  await blocks.putPacked(pack, rows, LOG);
  const told: string[] = [];
  blocks.onDamaged = (hash) => told.push(hash.toString('hex'));
  const path = join(folder, `${pack}.car`);
  return { store, packs, blocks, pack, rows, path, folder, adopt, told };
}

/** One byte of the first block, there and back. */
async function flip(path: string, at: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0]! ^= 1;
  await file.write(byte, 0, 1, at);
  await file.close();
}

describe('a block in a pack', () => {
  it('is here, is given for the log that it came with, and is nowhere else', async () => {
    const { blocks, store } = await opened();
    for (const [i, cid] of CIDS.entries()) {
      expect([await blocks.has(cid), await blocks.get(cid)]).toEqual([true, contents(3)[i]]);
      expect(await blocks.givenFor(cid.hash)).toEqual([LOG]);
      expect(await store.has(blockKey(cid.hash))).toBe(false);
    }
    expect(await blocks.has(rawCid(Buffer.from('other')))).toBe(false);
    expect(await blocks.get(rawCid(Buffer.from('other')))).toBeUndefined();
  });

  it('is found again after a start', async () => {
    const { store, folder, packs } = await opened();
    await packs.close();
    const again = new Packs(folder);
    onTestFinished(() => again.close());
    expect(await new Blocks(store, again).get(CID)).toEqual(FIRST);
  });

  it('is not named when it is here already, and is given for the log all the same', async () => {
    const { pack, rows, packs } = await opened();
    const store = new MemoryStore();
    const blocks = new Blocks(store, packs);
    await blocks.put([{ hash: CID.hash, bytes: FIRST }]);
    await blocks.putPacked(pack, rows, LOG);
    expect(await store.has(packedKey(CID.hash))).toBe(false);
    expect(await store.has(packedKey(LAST.hash))).toBe(true);
    expect(await blocks.givenFor(CID.hash)).toEqual([LOG]);
  });

  it('is found in the pack that came last, whatever has become of the one before', async () => {
    const { blocks, pack, rows } = await opened();
    await blocks.putPacked('ef'.repeat(32), rows, LOG);
    await blocks.putPacked(pack, rows, LOG);
    expect(await blocks.get(LAST)).toEqual(THIRD);
  });

  it('takes the place of one by itself that is rotten, or of which that is known', async () => {
    const { pack, rows, packs } = await opened();
    const store = new FaultyStore(new MemoryStore());
    const blocks = new Blocks(store, packs);
    await store.write([
      { type: 'put', key: blockKey(CID.hash), value: FIRST },
      { type: 'put', key: blockKey(CIDS[1]!.hash), value: SECOND },
      { type: 'put', key: blockKey(LAST.hash), value: Buffer.from('other bytes') },
    ]);
    store.rot(blockKey(CID.hash));
    expect(await blocks.get(LAST)).toBeUndefined();
    await blocks.putPacked(pack, rows, LOG);
    const where = CIDS.flatMap(({ hash }) => [blockKey(hash), packedKey(hash)]);
    const there = await Promise.all(where.map((key) => store.has(key)));
    expect(there).toEqual([false, true, true, false, false, true]);
    const bytes = await Promise.all(CIDS.map((cid) => blocks.get(cid)));
    expect(bytes).toEqual([FIRST, SECOND, THIRD]);
  });

  it('is damaged, not absent, where the whole folder is lost, and its row goes all the same', async () => {
    const { store, folder, packs } = await opened();
    await packs.close();
    await rm(folder, { recursive: true });
    const none = new Packs(folder);
    onTestFinished(() => none.close());
    const blocks = new Blocks(store, none);
    expect([none.isUsed, await blocks.has(CID)]).toEqual([false, true]);
    expect([await blocks.get(CID), blocks.isDamaged(CID.hash)]).toEqual([undefined, true]);
    const later = new Blocks(store, none);
    await later.put([{ hash: CID.hash, bytes: FIRST }]);
    await later.drop([LAST.hash]);
    const rows = [CID, LAST].map(({ hash }) => store.has(packedKey(hash)));
    expect(await Promise.all(rows)).toEqual([false, false]);
  });

  it('is damaged where the whole folder is lost and the first row is rotten', async () => {
    const { store, folder, packs } = await opened();
    await packs.close();
    await rm(folder, { recursive: true });
    const none = new Packs(folder);
    onTestFinished(() => none.close());
    for (const { hash } of CIDS) store.rot(packedKey(hash));
    const blocks = new Blocks(store, none);
    expect([await blocks.get(CID), blocks.isDamaged(CID.hash)]).toEqual([undefined, true]);
  });

  it('is damaged where a byte of it was flipped, and the others are not', async () => {
    const { blocks, rows, path, told } = await opened();
    await flip(path, rows[0]!.at);
    expect(await blocks.get(CID)).toBeUndefined();
    expect([await blocks.has(CID), blocks.isDamaged(CID.hash)]).toEqual([false, true]);
    expect(await blocks.get(LAST)).toEqual(THIRD);
    expect(told).toEqual([Buffer.from(CID.hash).toString('hex')]);
  });

  it.each([
    ['is gone', (path: string) => rm(path)],
    ['is too short', (path: string) => truncate(path, 20)],
  ])('is damaged where its file %s', async (_, harm) => {
    const { blocks, path, told } = await opened();
    await harm(path);
    expect(await blocks.get(LAST)).toBeUndefined();
    expect([await blocks.has(LAST), told.length]).toEqual([false, 1]);
  });

  it('is repaired when it comes anew, and from then on lies by itself', async () => {
    const { blocks, store, rows, path } = await opened();
    await flip(path, rows[0]!.at);
    expect(await blocks.get(CID)).toBeUndefined();
    await blocks.put([{ hash: CID.hash, bytes: FIRST }], true);
    expect([await blocks.has(CID), await blocks.get(CID)]).toEqual([true, FIRST]);
    const where = [blockKey(CID.hash), packedKey(CID.hash)].map((key) => store.has(key));
    expect(await Promise.all(where)).toEqual([true, false]);
  });

  it('is repaired when its whole file comes anew', async () => {
    const { blocks, pack, rows, path, adopt } = await opened();
    await truncate(path, 20);
    expect(await blocks.get(LAST)).toBeUndefined();
    await adopt();
    await blocks.putPacked(pack, rows, LOG);
    expect([await blocks.has(LAST), await blocks.get(LAST)]).toEqual([true, THIRD]);
  });

  it('that was read wrongly once is back when the disk gives it whole, and not before', async () => {
    const { blocks, rows, path } = await opened();
    await flip(path, rows[0]!.at);
    expect([await blocks.get(CID), await blocks.readsWell(CID.hash)]).toEqual([undefined, false]);
    await flip(path, rows[0]!.at);
    expect([await blocks.readsWell(CID.hash), await blocks.has(CID)]).toEqual([true, true]);
  });

  it('is read from the one place that is sound where it lies in two', async () => {
    const { blocks, store, path, told } = await opened();
    await store.write([{ type: 'put', key: blockKey(CID.hash), value: FIRST }]);
    await rm(path);
    expect(await blocks.get(CID)).toEqual(FIRST);
    expect(told).toEqual([]);
  });

  it('is damaged where its row is, and the new row counts', async () => {
    const { blocks, store, pack, rows } = await opened();
    store.rot(packedKey(CID.hash));
    expect([await blocks.get(CID), blocks.isDamaged(CID.hash)]).toEqual([undefined, true]);
    store.heal();
    await blocks.putPacked(pack, rows, LOG);
    expect([await blocks.has(CID), await blocks.get(CID)]).toEqual([true, FIRST]);
  });

  it('is not there any more once it was dropped', async () => {
    const { blocks, store } = await opened();
    await blocks.drop([CID.hash]);
    expect([await blocks.has(CID), await blocks.get(CID)]).toEqual([false, undefined]);
    expect(await blocks.readsWell(CID.hash)).toBe(false);
    expect(await store.has(givenForKey(CID.hash, LOG))).toBe(false);
    expect(await blocks.get(LAST)).toEqual(THIRD);
  });
});

describe('the row of a block in a pack', () => {
  const row = packedRow('ab'.repeat(32), { hash: CID.hash, at: 2 ** 40, sizeBytes: 65_536 });
  const value = (row as { value: Buffer }).value;

  it('says which file, from which byte on, and how many', () => {
    expect(decodePlace(row.key, value)).toEqual({
      ...{ pack: 'ab'.repeat(32), at: 2 ** 40, sizeBytes: 65_536 },
    });
  });

  it.each([
    ['too short', value.subarray(1)],
    ['too long', Buffer.concat([value, Buffer.of(0)])],
    ['of a block that is too large', Buffer.concat([value.subarray(0, 38), Buffer.of(1, 0, 0, 0)])],
  ])('is damage when it is %s', (_, wrong) => {
    expect(() => decodePlace(row.key, wrong)).toThrow(
      expect.objectContaining({ code: 'STORE_DAMAGED', detail: { key: row.key.toString('hex') } }),
    );
  });
});
