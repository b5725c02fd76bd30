import { mkdir, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Packs } from '../../../node/store/packs.ts';
import { tempFolder } from '../temp-folder.ts';

const BYTES = Buffer.alloc(3_500_000);
for (let i = 0; i < BYTES.length; i += 4) BYTES.writeUInt32LE((i * 2_654_435_761) % 2 ** 32, i);
const NAME = 'ab'.repeat(32);
const PART = { at: 5, sizeBytes: 60_000 };

async function opened() {
  const folder = await tempFolder();
  const packs = new Packs(join(folder, 'store', 'packs'));
  onTestFinished(() => packs.close());
  await mkdir(join(folder, 'store'));
  const brought = join(folder, 'brought');
  const bring = (bytes = BYTES) => writeFile(brought, bytes, { mode: 0o600 });
  await bring();
  return { packs, brought, bring, path: join(folder, 'store', 'packs', `${NAME}.car`) };
}

const part = (at: number, sizeBytes: number): Buffer => BYTES.subarray(at, at + sizeBytes);

describe('a pack', () => {
  it('is the very file that was brought, and outlives its first name', async () => {
    const { packs, brought, path } = await opened();
    expect([packs.isUsed, packs.has(NAME), await packs.list()]).toEqual([false, false, []]);
    expect(await packs.adopt(brought, NAME)).toBe(true);
    const [kept, first] = [await stat(path), await stat(brought)];
    expect([kept.ino, kept.mode & 0o777]).toEqual([first.ino, 0o600]);
    await rm(brought);
    expect(await packs.read({ pack: NAME, ...PART })).toEqual(part(5, 60_000));
    expect(await packs.list()).toEqual([{ pack: NAME, sizeBytes: BYTES.length }]);
    expect([packs.isUsed, packs.has(NAME)]).toEqual([true, true]);
  });

  it('may be adopted again, and takes the place of one that is rotten', async () => {
    const { packs, brought, bring, path } = await opened();
    await packs.adopt(brought, NAME);
    expect(await packs.adopt(brought, NAME)).toBe(true);
    await truncate(path, 10);
    await rm(brought);
    expect(await packs.read({ pack: NAME, ...PART })).toBeUndefined();
    await bring();
    expect(await packs.adopt(brought, NAME)).toBe(true);
    expect(await packs.read({ pack: NAME, ...PART })).toEqual(part(5, 60_000));
    expect(await readdir(join(path, '..'))).toEqual([`${NAME}.car`]);
  });

  it('is not made where the file system gives no second name', async () => {
    const { packs, brought } = await opened();
    await rm(brought);
    await mkdir(brought);
    expect(await packs.adopt(brought, NAME)).toBe(false);
    expect(await packs.list()).toEqual([]);
  });

  it('is not made of a file that is not there, nor where its folder is none', async () => {
    const { packs, brought, path } = await opened();
    expect(await packs.adopt(`${brought}.other`, NAME)).toBe(false);
    await rm(dirname(path), { recursive: true });
    await writeFile(dirname(path), 'a file');
    expect(await packs.adopt(brought, NAME)).toBe(false);
  });

  it('is a plain file: links and folders of such names are none', async () => {
    const { packs, brought, path } = await opened();
    await packs.adopt(brought, NAME);
    const other = (digit: string) => join(dirname(path), `${digit.repeat(64)}.car`);
    await symlink(`${brought}.gone`, other('0'));
    await symlink(brought, other('1'));
    await mkdir(other('2'));
    expect(await packs.list()).toEqual([{ pack: NAME, sizeBytes: BYTES.length }]);
    const read = ['0', '1', '2'].map((digit) => packs.read({ pack: digit.repeat(64), ...PART }));
    expect(await Promise.all(read)).toEqual([undefined, undefined, undefined]);
  });

  it('that does not let itself be read is as good as gone, for whatever reason', async () => {
    const { packs, brought, path } = await opened();
    await packs.adopt(brought, NAME);
    await rm(dirname(path), { recursive: true });
    await writeFile(dirname(path), 'a file');
    packs.forget(NAME);
    expect(await packs.read({ pack: NAME, ...PART })).toBeUndefined();
  });

  it('is read in any order, and by many at once', async () => {
    const { packs, brought } = await opened();
    await packs.adopt(brought, NAME);
    const read = (at: number, sizeBytes = 60_000) => packs.read({ pack: NAME, at, sizeBytes });
    // One behind the other, with heads between them, as an import and an export do.
    for (let at = 100; at + 60_000 <= BYTES.length; at += 60_041)
      expect((await read(at))?.equals(part(at, 60_000))).toBe(true);
    for (const at of [3_000_000, 7, 1_500_000, 1_560_000, 1_559_999, 0])
      expect((await read(at))?.equals(part(at, 60_000))).toBe(true);
    const all = Array.from({ length: 58 }, (_, i) => i * 60_000);
    const pieces = await Promise.all(all.map((at) => read(at)));
    expect(pieces.every((bytes, i) => bytes?.equals(part(all[i]!, 60_000)))).toBe(true);
    expect(await read(BYTES.length - 3, 3)).toEqual(part(BYTES.length - 3, 3));
    expect(await read(0, 0)).toEqual(Buffer.alloc(0));
  });

  it('gives nothing that is behind its end, and nothing when it is gone', async () => {
    const { packs, brought, path } = await opened();
    await packs.adopt(brought, NAME);
    const end = BYTES.length;
    expect(await packs.read({ pack: NAME, at: end - 10, sizeBytes: 11 })).toBeUndefined();
    expect(await packs.read({ pack: NAME, at: end + 10, sizeBytes: 1 })).toBeUndefined();
    expect(await packs.read({ pack: 'cd'.repeat(32), ...PART })).toBeUndefined();
    await rm(path);
    packs.forget(NAME);
    expect(await packs.read({ pack: NAME, ...PART })).toBeUndefined();
  });

  it('is one of many, of which few are open', async () => {
    const { packs, brought } = await opened();
    const names = Array.from({ length: 9 }, (_, i) => `${i}`.repeat(64));
    for (const name of names) await packs.adopt(brought, name);
    for (let round = 0; round < 2; round++) {
      const read = names.map((pack) => packs.read({ pack, ...PART }));
      for (const bytes of await Promise.all(read)) expect(bytes).toEqual(part(5, 60_000));
    }
  });

  it('is not read once they are closed, and is there when they are opened again', async () => {
    const { packs, brought, path } = await opened();
    await packs.adopt(brought, NAME);
    await packs.read({ pack: NAME, ...PART });
    await packs.close();
    const late = packs.read({ pack: NAME, ...PART });
    await expect(late).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    const again = new Packs(join(path, '..'));
    onTestFinished(() => again.close());
    expect(again.isUsed).toBe(true);
    expect(await again.read({ pack: NAME, ...PART })).toEqual(part(5, 60_000));
  });

  it('is not taken away while rows of it may still come', async () => {
    const { packs, brought } = await opened();
    await packs.adopt(brought, NAME);
    for (let round = 0; round < 2; round++) {
      packs.beginRound();
      expect(await packs.remove(NAME)).toBe(false);
      expect([packs.isFresh(NAME), packs.has(NAME)]).toEqual([true, true]);
    }
    packs.settle(NAME);
    await packs.remove(NAME);
    expect(packs.has(NAME)).toBe(true);
    packs.beginRound();
    expect(await packs.remove(NAME)).toBe(true);
    expect([packs.has(NAME), await packs.list()]).toEqual([false, []]);
  });
});
