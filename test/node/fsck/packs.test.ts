import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packedRow } from '../../../node/feed/packed-blocks.ts';
import { setAside } from '../../../node/fsck/set-aside.ts';
import { openHome } from '../../../node/home/home.ts';
import { blockKey, packedKey } from '../../../node/store/keys.ts';
import { sealValue } from '../../../node/store/store.ts';
import { sha256 } from '../../../protocols/merkle.ts';
import { cleanUp } from '../enrol/mesh.ts';
import { layOut } from '../store/sample-pack.ts';
import {
  copyOf,
  fingerprint,
  fsck,
  makeSampleHome,
  problemsOf,
  type SampleHome,
  withDatabase,
} from './sample-home.ts';

let sample: SampleHome;
beforeAll(async () => {
  sample = await makeSampleHome();
}, 30_000);
afterAll(cleanUp);

/** The folder as it would be had all its blocks come in one pack. */
async function packedHome(strays: readonly Buffer[] = []) {
  const dir = await copyOf(sample);
  const folder = join(dir, 'store', 'packs');
  await mkdir(folder);
  const layout = await withDatabase(dir, 'blocks', async (db) => {
    const all = await db.iterator().all();
    const blocks = all.map(([, sealed]) => Buffer.from(sealed.subarray(4)));
    const { bytes, rows } = layOut([...blocks, ...strays]);
    const pack = sha256(bytes).toString('hex');
    await db.clear();
    for (const row of rows) {
      const write = packedRow(pack, row) as { key: Buffer; value: Buffer };
      await db.put(write.key, sealValue(write.key, write.value));
    }
    return { bytes, rows, pack };
  });
  const path = join(folder, `${layout.pack}.car`);
  await writeFile(path, layout.bytes);
  return { dir, folder, path, ...layout };
}

describe('a store with a pack', () => {
  it('has no problems while each block lies where its row says, and is not changed', async () => {
    const { dir, rows } = await packedHome();
    const before = await fingerprint(join(dir, 'store'));
    const { problems, databases, orphans } = await fsck(dir);
    const bytes = rows.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect([problems, orphans]).toEqual([[], { blocks: 0, bytes: 0, hashes: [] }]);
    expect(databases).toContainEqual({ name: 'store/packs', files: 1, values: rows.length, bytes });
    expect(await fingerprint(join(dir, 'store'))).toEqual(before);
  });

  it('may have blocks in it that no entry names', async () => {
    const stray = Buffer.alloc(3_000, 'stray');
    const { dir } = await packedHome([stray]);
    const { problems, orphans } = await fsck(dir);
    const hashes = [sha256(stray).toString('hex')];
    expect([problems, orphans]).toEqual([[], { blocks: 1, bytes: 3_000, hashes }]);
  });

  it('is told by block where a byte of it was flipped', async () => {
    const { dir, path, pack, bytes, rows } = await packedHome();
    const [row] = rows;
    bytes[row!.at]! ^= 1;
    await writeFile(path, bytes);
    const hash = Buffer.from(row!.hash).toString('hex');
    const problems = await problemsOf(dir);
    expect(problems[0]).toBe(
      `HASH_MISMATCH the block ${hash} in store/packs/${pack}.car holds other bytes than its hash says`,
    );
  });

  it('is told by block where its end is gone', async () => {
    const { dir, path, pack, rows } = await packedHome();
    const { at, hash } = rows.at(-1)!;
    await truncate(path, at + 1);
    const name = Buffer.from(hash).toString('hex');
    expect(await problemsOf(dir)).toContain(
      `HASH_MISMATCH the block ${name} in store/packs/${pack}.car is behind the end of the file`,
    );
  });

  it('is told once where the file is gone, and by entries whose record was in it', async () => {
    const { dir, path, pack, rows } = await packedHome();
    await rm(path);
    const problems = await problemsOf(dir);
    expect(problems[0]).toBe(
      `STORE_MISSING store/packs/${pack}.car is gone: ${rows.length} blocks lay in it`,
    );
    expect(problems).toContain('RECORD_MISSING entry 4 of odcm/files: its record is not here');
  });

  it('may be rotten where the block lies by itself as well', async () => {
    const { dir, path, rows, bytes } = await packedHome();
    await withDatabase(dir, 'blocks', async (db) => {
      for (const { hash, at, sizeBytes } of rows) {
        const key = blockKey(hash);
        await db.put(key, sealValue(key, bytes.subarray(at, at + sizeBytes)));
      }
    });
    await truncate(path, 0);
    expect(await problemsOf(dir)).toEqual([]);
  });

  it('has a damaged row told', async () => {
    const { dir, rows } = await packedHome();
    const key = packedKey(rows[0]!.hash);
    const name = key.toString('hex');
    await withDatabase(dir, 'blocks', (db) => db.put(key, sealValue(key, Buffer.from('nothing'))));
    const what = `STORE_DAMAGED the block ${name.slice(2)}: the row ${name} names no place in a pack`;
    expect((await problemsOf(dir))[0]).toBe(what);
    await withDatabase(dir, 'blocks', (db) => db.put(key, Buffer.from('nothing')));
    expect((await problemsOf(dir))[0]).toMatch(/^STORE_DAMAGED the stored value of the block/);
  });

  it('goes before the database of blocks: that stays where it cannot', async () => {
    const { dir, folder } = await packedHome();
    await mkdir(join(`${folder}.aside-20260102T000000Z`, 'in use'), { recursive: true });
    const refused = setAside(await openHome(dir), 'blocks', Date.UTC(2026, 0, 2));
    await expect(refused).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    expect([folder, join(dir, 'store', 'blocks')].map(existsSync)).toEqual([true, true]);
  });

  it('goes beside the database of blocks when that is set aside', async () => {
    const { dir, folder } = await packedHome();
    await setAside(await openHome(dir), 'blocks', Date.UTC(2026, 0, 2));
    expect(existsSync(folder)).toBe(false);
    const aside = (await readdir(join(dir, 'store'))).filter((name) => name.includes('.aside-'));
    expect(aside.sort()).toEqual(['blocks.aside-20260102T000000Z', 'packs.aside-20260102T000000Z']);
  });
});
