import { cp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { describe, expect, it } from 'vitest';
import { checkLevelFiles } from '../../../node/fsck/level-files.ts';
import { tempFolder } from '../temp-folder.ts';
import { seededRandom } from '../virtual-time.ts';

interface Compacting {
  compactRange(start: Buffer, end: Buffer, options: object): Promise<void>;
}

/** A database with tables and a log, as a process leaves it that was killed. */
async function makeDatabase(): Promise<string> {
  const folder = await tempFolder();
  const source = join(folder, 'live');
  const db = new Level<Buffer, Buffer>(source, {
    ...{ keyEncoding: 'buffer', valueEncoding: 'buffer', compression: false },
  });
  await db.open();
  for (let i = 0; i < 60; i++) await db.put(Buffer.from(`key ${i}`), Buffer.alloc(10_000, i));
  // Nothing goes on in the background once this is done: the copy is of one moment.
  await (db as unknown as Compacting).compactRange(Buffer.from('k'), Buffer.from('l'), {});
  for (let i = 0; i < 50; i++) await db.put(Buffer.from(`new ${i}`), Buffer.alloc(900, i));
  const copy = join(folder, 'copy');
  await cp(source, copy, { recursive: true });
  await db.close();
  return copy;
}

async function damageOf(path: string): Promise<string[]> {
  const found: string[] = [];
  await checkLevelFiles({
    path,
    signal: new AbortController().signal,
    onDamaged: (file, how) => found.push(`${file} ${how}`),
    onRead: () => {},
  });
  return found;
}

async function flip(file: string, at: number): Promise<void> {
  const bytes = await readFile(file);
  bytes[at]! ^= 0x10;
  await writeFile(file, bytes);
}

let names: { tables: string[]; log: string; manifest: string };
async function database(): Promise<string> {
  const path = await makeDatabase();
  const all = await readdir(path);
  names = {
    tables: all.filter((name) => name.endsWith('.ldb')),
    log: all.find((name) => name.endsWith('.log'))!,
    manifest: all.find((name) => name.startsWith('MANIFEST'))!,
  };
  return path;
}

describe('files of a database', () => {
  it('are sound in a database whose process was killed', async () => {
    const path = await database();
    expect(names.tables.length).toBeGreaterThan(0);
    expect(await damageOf(path)).toEqual([]);
  });

  it('are sound when the last write was cut anywhere', async () => {
    const path = await database();
    const log = join(path, names.log);
    const { length } = await readFile(log);
    for (const cut of [1, 2, 500, 900, 905, 910, 930]) {
      await truncate(log, length - cut);
      expect([cut, await damageOf(path)]).toEqual([cut, []]);
    }
  });

  it('are found damaged whichever byte of a table is flipped', async () => {
    const path = await database();
    const random = seededRandom(1);
    for (const name of names.tables) {
      const file = join(path, name);
      const whole = await readFile(file);
      for (let i = 0; i < 60; i++) {
        // Behind the last block only the footer follows, whose padding means nothing.
        const at = Buffer.from(random.bytes(4)).readUInt32LE() % (whole.length - 48);
        await flip(file, at);
        expect([at, await damageOf(path)]).toEqual([at, [expect.stringContaining(name)]]);
        await writeFile(file, whole);
      }
    }
  });

  it('are found damaged when the end of a table is not one', async () => {
    const path = await database();
    const name = names.tables[0]!;
    const file = join(path, name);
    const { length } = await readFile(file);
    await flip(file, length - 1);
    expect(await damageOf(path)).toEqual([`${name} is damaged at its end`]);
    await truncate(file, length - 10);
    expect(await damageOf(path)).toEqual([`${name} is damaged at its end`]);
    await rm(file);
    expect(await damageOf(path)).toEqual([`${name} is gone`]);
  });

  it('are found damaged when a byte of a log or manifest is flipped', async () => {
    const path = await database();
    for (const name of [names.log, names.manifest]) {
      const file = join(path, name);
      const whole = await readFile(file);
      // Not the length of the last record: a longer one looks like a write that was cut.
      for (const at of [0, 3, 6, 20, Math.floor(whole.length / 2)]) {
        await flip(file, at);
        expect([name, at, await damageOf(path)]).toEqual([
          name,
          at,
          expect.arrayContaining([expect.stringMatching(`^${name} is damaged at byte`)]),
        ]);
        await writeFile(file, whole);
      }
    }
  });

  it('are found damaged when CURRENT names nothing', async () => {
    const path = await database();
    for (const text of ['MANIFEST-999999\n', '../../etc/passwd\n', '']) {
      await writeFile(join(path, 'CURRENT'), text);
      expect(await damageOf(path)).toEqual(['CURRENT names no manifest that is there']);
    }
  });
});
