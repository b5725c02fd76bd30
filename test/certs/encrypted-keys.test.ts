import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateEd25519 } from '../../certs/ed25519.ts';
import { keyFileState, readKeyFile, writeKeyFile } from '../../certs/keystore.ts';
import { generateX25519 } from '../../certs/x25519.ts';

const secret = Buffer.from('0123456789abcdef0123456789abcdef');
const given = (bytes: Buffer) => () => Promise.resolve(Buffer.from(bytes));
let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'odcm-encrypted-'));
  path = join(folder, 'node.pem');
});
afterEach(() => rm(folder, { recursive: true }));

describe('encrypted key files', () => {
  it('bring every kind of key back with their secret', async () => {
    for (const key of [generateEd25519(), generateX25519()]) {
      await writeKeyFile(path, key, { secret, replace: true });
      expect((await readKeyFile(path, given(secret))).equals(key)).toBe(true);
      expect(await readFile(path, 'utf8')).toContain('ENCRYPTED PRIVATE KEY');
    }
  });

  it('stay closed without it, and to another', async () => {
    await writeKeyFile(path, generateEd25519(), { secret });
    await expect(readKeyFile(path)).rejects.toMatchObject({ code: 'KEYS_LOCKED' });
    await expect(readKeyFile(path, given(Buffer.alloc(32, 1)))).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
    });
  });

  it('are told from plain ones and from none, without a secret', async () => {
    expect(await keyFileState(path)).toBe('missing');
    await writeKeyFile(path, generateEd25519());
    expect(await keyFileState(path)).toBe('plain');
    expect(await readKeyFile(path, () => Promise.reject(new Error('asked')))).toBeDefined();
    await writeKeyFile(path, generateEd25519(), { secret, replace: true });
    expect(await keyFileState(path)).toBe('encrypted');
  });
});
