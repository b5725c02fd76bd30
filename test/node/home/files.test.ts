import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSmallFile } from '../../../node/home/files.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'odcm-files-'));
  await writeFile(join(dir, 'real'), 'content');
  await symlink(join(dir, 'real'), join(dir, 'link'));
});
afterAll(() => rm(dir, { recursive: true }));

describe('a small file', () => {
  it('is read when it is there and not too large', async () => {
    expect(String(await readSmallFile(join(dir, 'real'), 7))).toBe('content');
    expect(await readSmallFile(join(dir, 'none'), 7)).toBeUndefined();
    await expect(readSmallFile(join(dir, 'real'), 6)).rejects.toMatchObject({ code: 'TOO_LARGE' });
  });

  it('of this program is never a link; one that people put there may be', async () => {
    await expect(readSmallFile(join(dir, 'link'), 7)).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
    });
    expect(String(await readSmallFile(join(dir, 'link'), 7, { mayBeLink: true }))).toBe('content');
  });
});
