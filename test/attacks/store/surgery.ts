// Damage to the files and rows of a database whose process is stopped, as disks do it. Knows LevelDB's files and nothing of
// what the databases hold.

import { open, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';

type Raw = Level<Buffer, Buffer>;

async function withRaw<T>(folder: string, work: (db: Raw) => Promise<T>): Promise<T> {
  const db: Raw = new Level(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    createIfMissing: false,
    compression: false,
  });
  await db.open();
  try {
    return await work(db);
  } finally {
    await db.close();
  }
}

/** Keys of one table, in order. */
export const keysOf = (folder: string, table: string): Promise<Buffer[]> =>
  withRaw(folder, async (db) => {
    const keys: Buffer[] = [];
    for await (const key of db.keys({ gte: Buffer.from(table) })) {
      if (key[0] !== table.charCodeAt(0)) break;
      keys.push(key);
    }
    return keys;
  });

/** Flips one bit in each of these values, as it would come back from a bad disk: LevelDB itself sees nothing. */
export const flipValues = (folder: string, keys: readonly Buffer[]): Promise<void> =>
  withRaw(folder, async (db) => {
    for (const key of keys) {
      const value = Buffer.from((await db.get(key))!);
      value[Math.floor(value.length / 2)]! ^= 4;
      await db.put(key, value, { sync: true });
    }
  });

const files = async (folder: string, pattern: RegExp): Promise<string[]> => {
  const found: { path: string; size: number }[] = [];
  for (const name of (await readdir(folder)).filter((one) => pattern.test(one))) {
    const path = join(folder, name);
    found.push({ path, size: (await stat(path)).size });
  }
  return found.sort((a, b) => b.size - a.size).map(({ path }) => path);
};

/** Of the largest file of a kind. */
async function spoil(
  folder: string,
  pattern: RegExp,
  change: (bytes: Buffer) => Buffer,
): Promise<string> {
  const [path] = await files(folder, pattern);
  if (!path) throw new Error(`no file of this kind in ${folder}`);
  await writeFile(path, change(await readFile(path)));
  return path;
}

const WAL = /^\d+\.log$/;
const TABLE = /\.(ldb|sst)$/;

export const truncateWal = (folder: string): Promise<string> =>
  spoil(folder, WAL, (bytes) => bytes.subarray(0, Math.floor(bytes.length * 0.6)));

/** One page of the write-ahead log comes back as zeros. */
export const zeroPageOfWal = (folder: string): Promise<string> =>
  spoil(folder, WAL, (bytes) => {
    const at = Math.max(0, Math.floor(bytes.length / 2) - 2048);
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.alloc(Math.min(4096, bytes.length - at)),
      bytes.subarray(at + 4096),
    ]);
  });

export const zeroPageOfTable = (folder: string): Promise<string> =>
  spoil(folder, TABLE, (bytes) => {
    const out = Buffer.from(bytes);
    out.fill(0, 100, Math.min(bytes.length, 100 + 4096));
    return out;
  });

export const truncateTable = (folder: string): Promise<string> =>
  spoil(folder, TABLE, (bytes) => bytes.subarray(0, Math.floor(bytes.length / 2)));

export const truncateManifest = (folder: string): Promise<string> =>
  spoil(folder, /^MANIFEST-/, (bytes) => bytes.subarray(0, 20));

export async function emptyCurrent(folder: string): Promise<string> {
  const path = join(folder, 'CURRENT');
  const file = await open(path, 'w');
  await file.close();
  return path;
}
