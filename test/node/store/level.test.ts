import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { openLevelStore } from '../../../node/store/level.ts';
import {
  openValue,
  type Row,
  type Store,
  sealValue,
  type Write,
} from '../../../node/store/store.ts';
import { isMeshError } from '../../../protocols/errors.ts';
import { codeOf } from '../../certs/fixtures.ts';
import { tempFolder } from '../temp-folder.ts';

const key = (text: string) => Buffer.from(text);
const put = (name: string, value: string | Buffer): Write => ({
  type: 'put',
  key: key(name),
  value: Buffer.from(value),
});
const del = (name: string): Write => ({ type: 'del', key: key(name) });

async function opened(folder: string, options = {}): Promise<Store> {
  const store = await openLevelStore(folder, options);
  onTestFinished(() => store.close());
  return store;
}

async function rows(store: Store, options = {}): Promise<string[]> {
  const out: string[] = [];
  for await (const row of store.range(options)) out.push(`${row.key}=${row.value}`);
  return out;
}

describe('store', () => {
  it('gives back what was written, by key, by many keys and in order', async () => {
    const store = await opened(join(await tempFolder(), 'db'));
    await store.write([put('b', '2'), put('a', '1'), put('c', ''), put('d', '4')]);
    await store.write([del('d'), put('b', 'two')]);
    expect(String(await store.get(key('a')))).toBe('1');
    expect(await store.get(key('d'))).toBeUndefined();
    expect((await store.getMany([key('c'), key('x'), key('a')])).map(String)).toEqual([
      '',
      'undefined',
      '1',
    ]);
    expect([await store.has(key('c')), await store.has(key('d'))]).toEqual([true, false]);
    expect(await rows(store)).toEqual(['a=1', 'b=two', 'c=']);
    expect(await rows(store, { gt: key('a'), lte: key('c'), reverse: true, limit: 1 })).toEqual([
      'c=',
    ]);
    expect(await rows(store, { gte: key('b'), lt: key('c') })).toEqual(['b=two']);
  });

  it('reads a range of many pages as it was when the reading began', async () => {
    const store = await opened(join(await tempFolder(), 'db'));
    const name = (i: number) => `row ${String(i).padStart(5, '0')}`;
    await store.write(Array.from({ length: 1000 }, (_, i) => put(name(i), String(i))));
    const seen: Row[] = [];
    for await (const row of store.range({})) {
      if (seen.length === 10) await store.write([del(name(500)), put(name(999), 'changed')]);
      seen.push(row);
    }
    expect(seen.map((row) => String(row.value))).toEqual(
      Array.from({ length: 1000 }, (_, i) => String(i)),
    );
    for await (const row of store.range({})) {
      expect(String(row.value)).toBe('0');
      break;
    }
  });

  it('holds everything after it was closed and opened', async () => {
    const folder = join(await tempFolder(), 'db');
    const first = await openLevelStore(folder);
    await first.write([put('a', '1')]);
    await first.close();
    expect(await rows(await opened(folder))).toEqual(['a=1']);
  });

  it('has everything in tables when it was told to flush, and goes on', async () => {
    const folder = join(await tempFolder(), 'db');
    const store = await opened(folder);
    await store.write([put('a', 'x'.repeat(100_000)), put('b', '2')]);
    await store.flush();
    const tables = (await readdir(folder)).filter((name) => name.endsWith('.ldb'));
    const sizes = await Promise.all(
      tables.map(async (name) => (await stat(join(folder, name))).size),
    );
    expect(Math.max(0, ...sizes)).toBeGreaterThan(100_000);
    await store.write([put('c', '3')]);
    await store.flush();
    expect((await rows(store)).map((row) => row.slice(0, 3))).toEqual(['a=x', 'b=2', 'c=3']);
  });

  it('fails when what it flushes cannot be written as a table, and holds it all the same', async () => {
    const folder = join(await tempFolder(), 'db');
    const store = await opened(folder);
    await store.write([put('a', '1')]);
    // Folders where LevelDB would make its next files.
    const taken = Array.from({ length: 20 }, (_, i) => `${String(4 + i).padStart(6, '0')}.ldb`);
    for (const name of taken) await mkdir(join(folder, name));
    await expect(store.flush()).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    for (const name of taken) await rm(join(folder, name), { recursive: true });
    await store.flush();
    expect(await rows(store)).toEqual(['a=1']);
  });

  it('is held by one process at a time, and holds what was written when that one is killed', async () => {
    const folder = join(await tempFolder(), 'db');
    const child = spawn(process.execPath, [join(import.meta.dirname, 'open-store.ts'), folder]);
    onTestFinished(() => void child.kill('SIGKILL'));
    await once(child.stdout, 'data');
    await expect(openLevelStore(folder)).rejects.toMatchObject({ code: 'LOCKED' });
    child.kill('SIGKILL');
    await once(child, 'close');
    expect((await rows(await opened(folder))).length).toBe(50);
  });

  it('is held once in a process too', async () => {
    const folder = join(await tempFolder(), 'db');
    const store = await opened(folder);
    await expect(openLevelStore(folder)).rejects.toMatchObject({ code: 'LOCKED' });
    await store.write([put('a', '1')]);
    expect(await rows(store)).toEqual(['a=1']);
  });

  it('is never made anew where it was before', async () => {
    const folder = join(await tempFolder(), 'db');
    await (await openLevelStore(folder)).close();
    await rm(join(folder, 'CURRENT'));
    const names = await readdir(folder);
    await expect(openLevelStore(folder)).rejects.toMatchObject({ code: 'STORE_MISSING' });
    expect(await readdir(folder)).toEqual(names);
    await rm(folder, { recursive: true });
    await expect(openLevelStore(folder)).rejects.toMatchObject({ code: 'STORE_MISSING' });
    await expect(stat(folder)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('is opened when its first start was cut short before it was marked', async () => {
    const folder = join(await tempFolder(), 'db');
    const first = await openLevelStore(folder);
    await first.write([put('a', '1')]);
    await first.close();
    await rm(`${folder}.initialised`);
    expect(await rows(await opened(folder))).toEqual(['a=1']);
  });

  it('is damaged, not empty, when its manifest is gone', async () => {
    const folder = join(await tempFolder(), 'db');
    await (await openLevelStore(folder)).close();
    for (const name of await readdir(folder))
      if (name.startsWith('MANIFEST')) await rm(join(folder, name));
    await expect(openLevelStore(folder)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  });

  it('is private to its owner', async () => {
    const folder = join(await tempFolder(), 'db');
    await opened(folder);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });
});

describe('store in which a write failed', () => {
  it('is opened again by the next use, and who reads meanwhile waits for that', async () => {
    const store = await opened(join(await tempFolder(), 'db'));
    await store.write([put('a', '1')]);
    const full = Promise.reject(new Error('IO error: No space left on device'));
    vi.spyOn(Level.prototype, 'batch').mockReturnValueOnce(full as never);
    await expect(store.write([put('b', '2')])).rejects.toMatchObject({ code: 'DISK_FULL' });
    let count = 0;
    store.onReopened(() => count++);
    const writing = store.write([put('c', '3')]);
    const few = store.getMany([key('a')]);
    const many = store.getMany(Array.from({ length: 20 }, () => key('a')));
    const all = await Promise.all([few, many, store.get(key('a'))]);
    expect(all.flat().map(String)).toEqual(Array<string>(22).fill('1'));
    await writing;
    expect(await rows(store)).toEqual(['a=1', 'c=3']);
    expect(count).toBe(1);
  });
});

describe('stored value', () => {
  it('is bound to its key', () => {
    const sealed = sealValue(key('a'), key('value'));
    expect(String(openValue(key('a'), sealed))).toBe('value');
    expect(String(openValue(key('a'), new Uint8Array(sealed)))).toBe('value');
    expect(codeOf(() => openValue(key('b'), sealed))).toBe('STORE_DAMAGED');
  });

  it('is refused when any bit of it is flipped or any byte of it is missing', () => {
    const sealed = sealValue(key('a'), key('value'));
    for (let at = 0; at < sealed.length; at++) {
      expect(codeOf(() => openValue(key('a'), sealed.subarray(0, at)))).toBe('STORE_DAMAGED');
      for (let bit = 0; bit < 8; bit++) {
        const changed = Buffer.from(sealed);
        changed[at]! ^= 1 << bit;
        expect(codeOf(() => openValue(key('a'), changed))).toBe('STORE_DAMAGED');
      }
    }
  });
});

describe('damaged files', () => {
  const COUNT = 400;
  const name = (i: number) => `row ${String(i).padStart(5, '0')}`;
  const value = (i: number) => Buffer.alloc(200, `value ${i} `);

  async function readAll(folder: string): Promise<'whole' | 'refused' | 'fewer'> {
    let store: Store | undefined;
    try {
      store = await openLevelStore(folder);
      let count = 0;
      for await (const row of store.range({})) {
        const i = Number(String(row.key).slice(4));
        expect(row.key).toEqual(key(name(i)));
        expect(row.value).toEqual(value(i));
        count++;
      }
      for (let i = 0; i < COUNT; i += 7) {
        const found = await store.get(key(name(i)));
        if (found) expect(found).toEqual(value(i));
      }
      return count === COUNT ? 'whole' : 'fewer';
    } catch (error) {
      if (!isMeshError(error)) throw error;
      expect(error.code).toBe('STORE_DAMAGED');
      return 'refused';
    } finally {
      await store?.close();
    }
  }

  it('never give wrong bytes, whichever bit is flipped', async () => {
    const base = await tempFolder();
    const original = join(base, 'db');
    const half = async (from: number, to: number) => {
      const store = await openLevelStore(original);
      for (let i = from; i < to; i++) await store.write([put(name(i), value(i))]);
      await store.close();
    };
    // What was written before an opening is in a table after it; the rest is in the write-ahead log.
    await half(0, COUNT / 2);
    await half(COUNT / 2, COUNT);
    const files = (await readdir(original)).filter((f) => /\.(ldb|log)$/.test(f));
    expect(files.some((f) => f.endsWith('.ldb')) && files.some((f) => f.endsWith('.log'))).toBe(
      true,
    );
    const outcomes: string[] = [];
    for (const file of files) {
      const bytes = await readFile(join(original, file));
      for (let n = 0; n < 12; n++) {
        const folder = join(base, `${file}-${n}`);
        await cp(original, folder, { recursive: true });
        await writeFile(`${folder}.initialised`, '');
        const changed = Buffer.from(bytes);
        changed[Math.floor(((n + 0.5) * bytes.length) / 12)]! ^= 1 << (n % 8);
        await writeFile(join(folder, file), changed);
        outcomes.push(await readAll(folder));
      }
    }
    expect(outcomes).toContain('refused');
    await writeFile(`${original}.initialised`, '');
    expect(await readAll(original)).toBe('whole');
  });
});
