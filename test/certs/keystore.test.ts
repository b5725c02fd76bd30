import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateEd25519 } from '../../certs/ed25519.ts';
import { readKeyFile, writeKeyFile } from '../../certs/keystore.ts';
import { generateRsa } from '../../certs/rsa.ts';
import { generateX25519 } from '../../certs/x25519.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { BITS } from './fixtures.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odcm-keystore-'));
  path = join(folder, 'node.pem');
});
afterEach(() => rm(folder, { recursive: true }));

describe('key files', () => {
  it('bring every kind of key back and are readable by their owner only', async () => {
    for (const key of [generateEd25519(), generateX25519(), await generateRsa(BITS)]) {
      await writeKeyFile(path, key, { replace: true });
      expect((await readKeyFile(path)).equals(key)).toBe(true);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    }
  });

  it('leave nothing else in the folder', async () => {
    await writeKeyFile(path, generateEd25519());
    expect(await readdir(folder)).toEqual(['node.pem']);
  });

  it('are not overwritten unless asked for', async () => {
    const first = generateEd25519();
    await writeKeyFile(path, first);
    const again = writeKeyFile(path, generateEd25519());
    await expect(again).rejects.toMatchObject({ code: 'ALREADY_ENROLLED' });
    expect((await readKeyFile(path)).equals(first)).toBe(true);
    expect(await readdir(folder)).toEqual(['node.pem']);
  });

  it('are read through a symbolic link when the file itself is private', async () => {
    const key = generateEd25519();
    await writeKeyFile(path, key);
    await symlink(path, join(folder, 'link.pem'));
    expect((await readKeyFile(join(folder, 'link.pem'))).equals(key)).toBe(true);
  });

  it.each([0o640, 0o604, 0o620, 0o666])('are refused with mode %o', async (mode) => {
    await writeKeyFile(path, generateEd25519());
    await chmod(path, mode);
    await expect(readKeyFile(path)).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: `key file ${path} is open to other users`,
      next: expect.stringContaining('chmod 600') as string,
    });
  });

  it.each([
    ['is empty', ''],
    ['is no PEM', 'hello'],
    ['is cut short', '-----BEGIN PRIVATE KEY-----\nMC4CAQ'],
    ['is larger than any key', 'x'.repeat(LIMITS.certificateBytes + 1)],
  ])('are refused when the content %s', async (_, text) => {
    await writeFile(path, text, { mode: 0o600 });
    await expect(readKeyFile(path)).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: `${path} holds no private key in PEM form`,
    });
  });

  it('are refused when missing, when a folder, and when their folder is missing', async () => {
    await expect(readKeyFile(path)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    await mkdir(path, { mode: 0o700 });
    await expect(readKeyFile(path)).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
    const lost = writeKeyFile(join(folder, 'none', 'node.pem'), generateEd25519());
    await expect(lost).rejects.toMatchObject({ code: 'FILE_UNREADABLE' });
  });
});
