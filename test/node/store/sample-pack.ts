// A pack as tests make one: blocks one behind the other, with something between them as in a CAR.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { BlockInPack } from '../../../node/feed/packed-blocks.ts';
import { Packs } from '../../../node/store/packs.ts';
import { sha256 } from '../../../protocols/merkle.ts';
import { tempFolder } from '../temp-folder.ts';

export const contents = (count: number, sizeBytes = 20_000): Buffer[] =>
  Array.from({ length: count }, (_, i) => Buffer.alloc(sizeBytes, `block ${i} `));

export function layOut(blocks: readonly Buffer[]): { bytes: Buffer; rows: BlockInPack[] } {
  const parts: Buffer[] = [Buffer.alloc(59, 1)];
  const rows: BlockInPack[] = [];
  let at = 59;
  for (const bytes of blocks) {
    parts.push(Buffer.alloc(38, 2), bytes);
    rows.push({ hash: sha256(bytes), at: at + 38, sizeBytes: bytes.length });
    at += 38 + bytes.length;
  }
  return { bytes: Buffer.concat(parts), rows };
}

export async function packed(blocks: readonly Buffer[]) {
  const home = await tempFolder();
  const folder = join(home, 'packs');
  const packs = new Packs(folder);
  onTestFinished(() => packs.close());
  const { bytes, rows } = layOut(blocks);
  const pack = sha256(bytes).toString('hex');
  let count = 0;
  const adopt = async (): Promise<void> => {
    const brought = join(home, 'brought', `${++count}`);
    await mkdir(join(home, 'brought'), { recursive: true });
    await writeFile(brought, bytes, { mode: 0o600 });
    await packs.adopt(brought, pack);
  };
  return { packs, folder, pack, rows, adopt };
}
