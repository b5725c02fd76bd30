// The files of one LevelDB: all there that the manifest names, and every checksum in them right. Opens no database.

import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { damageOfTable, liveTables, scanLog } from './level-format.ts';

export interface LevelFiles {
  readonly path: string;
  readonly signal: AbortSignal;
  /** `file` is damaged or missing, in a few words. */
  readonly onDamaged: (file: string, how: string) => void;
  readonly onRead: (bytes: number) => void;
}

/** Resolves to the number of files that were checked. */
export async function checkLevelFiles(files: LevelFiles): Promise<number> {
  const { path, signal, onDamaged, onRead } = files;
  const manifest = (await readFile(join(path, 'CURRENT'), 'latin1')).trim();
  if (!/^MANIFEST-\d+$/.test(manifest) || !existsSync(join(path, manifest))) {
    onDamaged('CURRENT', 'names no manifest that is there');
    return 0;
  }
  const tables = await tablesOf(files, manifest);
  for (const [number, sizeBytes] of tables) {
    signal.throwIfAborted();
    const base = String(number).padStart(6, '0');
    const name = [`${base}.ldb`, `${base}.sst`].find((file) => existsSync(join(path, file)));
    const bytes = name && (await readFile(join(path, name)));
    if (!bytes) {
      onDamaged(`${base}.ldb`, 'is gone');
      continue;
    }
    onRead(bytes.length);
    const where = bytes.length === sizeBytes ? damageOfTable(bytes) : 'its end';
    if (where) onDamaged(name, `is damaged at ${where}`);
  }
  return 1 + tables.size + (await checkLogs(files));
}

async function tablesOf(files: LevelFiles, manifest: string): Promise<Map<number, number>> {
  const { records, damagedAt } = scanLog(await readFile(join(files.path, manifest)));
  if (damagedAt !== undefined) files.onDamaged(manifest, `is damaged at byte ${damagedAt}`);
  try {
    return liveTables(records);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    files.onDamaged(manifest, 'cannot be read');
    return new Map();
  }
}

/** What was written last and is in no table yet. */
async function checkLogs({ path, onDamaged, onRead }: LevelFiles): Promise<number> {
  const names = (await readdir(path)).filter((name) => /^\d+\.log$/.test(name));
  for (const name of names) {
    const bytes = await readFile(join(path, name));
    onRead(bytes.length);
    const { damagedAt } = scanLog(bytes);
    if (damagedAt !== undefined) onDamaged(name, `is damaged at byte ${damagedAt}`);
  }
  return names.length;
}
