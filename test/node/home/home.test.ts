import { chmod, cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateEd25519, privateKeyPem } from '../../../certs/ed25519.ts';
import { createHome } from '../../../node/home/create.ts';
import { homePaths, openHome } from '../../../node/home/home.ts';
import { cleanUp, codeOf, init, newFolder, refusalOf } from '../enrol/mesh.ts';

let folder: string;
let made: string;
let foreign: string;
let copies = 0;
beforeAll(async () => {
  folder = await newFolder();
  [made, foreign] = [join(folder, 'made'), join(folder, 'foreign')];
  await Promise.all([init({ dir: made }), init({ dir: foreign })]);
});
afterAll(cleanUp);

/** A copy of a whole node, to be damaged. */
async function copy() {
  const dir = join(folder, `copy-${copies++}`);
  await cp(made, dir, { recursive: true });
  return homePaths(dir);
}

const openCode = (dir: string) => codeOf(openHome(dir));

describe('opening a folder', () => {
  it('gives keys, certificates and the verified root', async () => {
    const home = await openHome(made);
    expect(home.isOdcm).toBe(true);
    expect(home.root.meshId).toBe(home.config.mesh);
    expect(home.rootEnvelopes).toHaveLength(1);
    expect((await home.nodeKey()).asymmetricKeyType).toBe('ed25519');
    expect((await home.exchangeKey()).asymmetricKeyType).toBe('x25519');
    expect((await home.tlsKey()).asymmetricKeyType).toBe('rsa');
    expect((await home.issuing()).key.asymmetricKeyType).toBe('rsa');
    expect((await home.certificates()).leaf).toContain('BEGIN CERTIFICATE');
    expect(home.isRootExpired(Date.now())).toBe(false);
    expect(home.isRootExpired(Date.parse(home.root.root.expires))).toBe(true);
  });

  it('finds nothing where nothing is', async () => {
    expect(await openCode(join(folder, 'nowhere'))).toBe('NOT_INITIALISED');
    expect(await openCode(await newFolder())).toBe('NOT_INITIALISED');
  });

  it('misses the configuration of a node that was there', async () => {
    const paths = await copy();
    await rm(paths.config);
    const refusal = await refusalOf(openHome(paths.dir));
    expect(refusal?.code).toBe('STORE_MISSING');
    expect(refusal?.message).toContain(paths.config);
  });

  it('refuses a damaged configuration and names the file and the field', async () => {
    const paths = await copy();
    const config = JSON.parse(await readFile(paths.config, 'utf8'));
    const damaged: [string, string][] = [
      ['', 'JSON'],
      ['{', 'JSON'],
      ['null', 'node.json'],
      [JSON.stringify({ ...config, version: 2 }), 'version'],
      [JSON.stringify({ ...config, listen: [] }), 'listen'],
      [JSON.stringify({ ...config, extra: 1 }), 'extra'],
      [JSON.stringify({ ...config, mesh: 'no mesh' }), 'mesh id'],
      [JSON.stringify({ ...config, name: 'No Name' }), 'No Name'],
      [JSON.stringify({ ...config, role: 'space' }), 'role'],
      [JSON.stringify({ ...config, acceptForced: undefined }), 'acceptForced'],
    ];
    for (const [text, word] of damaged) {
      await writeFile(paths.config, text);
      const refusal = await refusalOf(openHome(paths.dir));
      expect([text, refusal?.code]).toEqual([text, 'STORE_DAMAGED']);
      expect(refusal?.message).toContain(paths.config);
      expect(refusal?.message).toContain(word);
    }
  });

  it('refuses the root of another mesh', async () => {
    const paths = await copy();
    await cp(homePaths(foreign).root(1), paths.root(1));
    expect(await openCode(paths.dir)).toBe('WRONG_MESH');
  });

  it('refuses root metadata that is missing, has a gap or does not verify', async () => {
    const paths = await copy();
    const envelope = await readFile(paths.root(1));
    await writeFile(paths.root(3), envelope);
    expect(await openCode(paths.dir)).toBe('STORE_MISSING');
    await rename(paths.root(3), paths.root(2));
    expect(await openCode(paths.dir)).toBe('ROOT_INVALID');
    await rm(paths.root(2));
    const text = envelope.toString().replace(/"sig":"[A-Za-z0-9+/]{4}/g, '"sig":"AAAA');
    await writeFile(paths.root(1), text);
    expect(await openCode(paths.dir)).toBe('ROOT_INVALID');
    await rm(paths.root(1));
    expect(await openCode(paths.dir)).toBe('STORE_MISSING');
    await rm(paths.roots, { recursive: true });
    expect(await openCode(paths.dir)).toBe('STORE_MISSING');
  });

  it('refuses keys that are missing, of another kind or open to others, and reads one that was put right', async () => {
    const paths = await copy();
    const home = await openHome(paths.dir);
    const good = await readFile(paths.exchangeKey);
    await writeFile(paths.exchangeKey, privateKeyPem(generateEd25519()));
    expect(await codeOf(home.exchangeKey())).toBe('FILE_UNREADABLE');
    await rm(paths.exchangeKey);
    expect((await refusalOf(home.exchangeKey()))?.message).toContain(paths.exchangeKey);
    await writeFile(paths.exchangeKey, good, { mode: 0o600 });
    expect((await home.exchangeKey()).asymmetricKeyType).toBe('x25519');
    await chmod(paths.nodeKey, 0o644);
    expect((await refusalOf(home.nodeKey()))?.message).toContain('open to other users');
    await rm(paths.spaceCertificate);
    expect((await refusalOf(home.certificates()))?.message).toContain(paths.spaceCertificate);
  });
});

describe('making a folder', () => {
  it('leaves nothing behind when it fails, not even the folder', async () => {
    const parent = await newFolder();
    const failing = createHome(join(parent, 'node'), async (staged) => {
      await writeFile(staged.config, '{}');
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(await readdir(parent)).toEqual([]);
  });

  it('keeps an empty folder that was there, also a mounted one, and uses it', async () => {
    const dir = await newFolder();
    await mkdir(join(dir, 'lost+found'));
    await expect(createHome(dir, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(
      await createHome(dir, async (staged) => writeFile(staged.config, '{}').then(() => 7)),
    ).toBe(7);
    expect(await readFile(homePaths(dir).config, 'utf8')).toBe('{}');
  });

  it('sweeps away what a killed attempt left', async () => {
    const dir = await newFolder();
    await mkdir(join(dir, '.new-0123456789ab', 'keys'), { recursive: true });
    await createHome(dir, (staged) => writeFile(staged.config, '{}'));
    expect((await readdir(dir)).sort()).toEqual(['lock', 'lock.pid', 'node.json']);
  });

  it('refuses a folder that is in use or holds anything else', async () => {
    const refusal = await refusalOf(createHome(made, async () => {}));
    expect(refusal?.code).toBe('ALREADY_ENROLLED');
    expect(refusal?.message).toContain('space odcm of mesh acme');
    const dir = await newFolder();
    await writeFile(join(dir, 'notes.txt'), 'mine');
    expect((await refusalOf(createHome(dir, async () => {})))?.message).toContain('not empty');
    expect(await readFile(join(dir, 'notes.txt'), 'utf8')).toBe('mine');
  });
});
