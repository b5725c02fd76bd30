// The step templates that the main job shares: a library of real ones beside the repository when it is there, otherwise
// made ones with the same oddities (above 64 KB, a byte-order mark, names with dots).

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { REPOSITORY } from './mesh.ts';

const folder = join(
  process.env['ODCM_SAMPLE_DATA'] ?? join(REPOSITORY, '..', 'shared', 'data'),
  'step-templates',
);
const isReal = existsSync(folder);

/** Where they come from, for the titles of tests. */
export const SOURCE = isReal
  ? 'the library of step templates'
  : `made step templates (there are none in ${folder})`;

/** Puts the templates into `dir`. Resolves to the SHA-256 of each file, by the name of its item. */
export async function layOutTemplates(dir: string): Promise<Map<string, string>> {
  await mkdir(dir, { recursive: true });
  if (isReal) {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
    for (const name of names) await copyFile(join(folder, name), join(dir, name));
  } else {
    for (let i = 0; i < 300; i++) await writeFile(join(dir, `made-${i}.json`), made(i));
  }
  const hashes = new Map<string, string>();
  for (const name of await readdir(dir)) {
    hashes.set(name.slice(0, -'.json'.length), sha256(await readFile(join(dir, name))));
  }
  return hashes;
}

function made(i: number): string {
  const isLarge = i % 50 === 0;
  const script = 'Write-Host "ünïcode" \\ `n'.repeat(isLarge ? 8000 : 20 + i);
  const text = JSON.stringify({ Id: `made-${i}`, Version: i, Script: script }, null, i % 3);
  return i % 7 === 0 ? `\ufeff${text}\r\n` : text;
}

export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');
