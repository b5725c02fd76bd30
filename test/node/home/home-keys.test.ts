import {
  chmod,
  cp,
  link,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { generateEd25519 } from '../../../certs/ed25519.ts';
import { readKeyFile, writeKeyFile } from '../../../certs/keystore.ts';
import { generateLocalKey, keyFileSecret, wrapLocalKey } from '../../../certs/local-key.ts';
import { type Home, openHome } from '../../../node/home/home.ts';
import { initMesh } from '../../../node/home/init.ts';
import { asMeshError, type MeshError } from '../../../protocols/errors.ts';
import { tempFolder } from '../temp-folder.ts';

const BITS = 2048;
const FIRST = 'the first passphrase';
const SECOND = 'the second passphrase';
const opens = (text: string) => () => Promise.resolve(Buffer.from(text));
const refusalOf = (work: Promise<unknown>): Promise<MeshError | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => asMeshError(error),
  );
const codeOf = async (work: Promise<unknown>) => (await refusalOf(work))?.code;

let plain: string;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'odcm-keys-'));
  plain = join(folder, 'node');
  const rsaBits = { root: BITS, issuing: BITS, space: BITS };
  await initMesh({ dir: plain, meshName: 'acme', listen: ['/ip4/127.0.0.1/tcp/0'], rsaBits });
  return () => rm(folder, { recursive: true });
});

async function folder(): Promise<string> {
  const dir = join(await tempFolder(), 'node');
  await cp(plain, dir, { recursive: true });
  return dir;
}

async function protectedFolder(): Promise<string> {
  const dir = await folder();
  await (await openHome(dir)).keys.protect(Buffer.from(FIRST));
  return dir;
}

const everyKey = (home: Home) =>
  Promise.all([
    ...[home.nodeKey(), home.exchangeKey(), home.tlsKey()],
    ...[home.directoryKey(), home.timestampKey(), home.issuing().then(({ key }) => key)],
  ]);

describe('a folder without a passphrase', () => {
  it('has a local key of its own, which is the same at every opening', async () => {
    const dir = await folder();
    const [one, two] = [await openHome(dir), await openHome(dir)];
    expect((await one.localKey()).equals(await two.localKey())).toBe(true);
    expect((await one.localKey()).symmetricKeySize).toBe(32);
    expect((await stat(one.paths.localKey)).mode & 0o777).toBe(0o600);
    expect(await one.keys.protection()).toBe('none');
  });

  it('of an older version gets a local key at the first need', async () => {
    const dir = await folder();
    const home = await openHome(dir);
    await rm(home.paths.localKey);
    const [one, two] = await Promise.all([home.localKey(), (await openHome(dir)).localKey()]);
    expect(one.equals(two)).toBe(true);
    expect((await (await openHome(dir)).localKey()).equals(one)).toBe(true);
  });

  it('refuses a local key that is damaged, or open to others', async () => {
    const dir = await folder();
    const { paths } = await openHome(dir);
    await chmod(paths.localKey, 0o644);
    expect(await codeOf((await openHome(dir)).localKey())).toBe('FILE_UNREADABLE');
    await chmod(paths.localKey, 0o600);
    await writeFile(paths.localKey, 'nonsense');
    expect(await codeOf((await openHome(dir)).localKey())).toBe('STORE_DAMAGED');
  });
});

describe('a protected folder', () => {
  it('gives the same keys under its passphrase and none without', async () => {
    const before = await everyKey(await openHome(plain));
    const dir = await protectedFolder();
    const home = await openHome(dir, opens(FIRST));
    const after = await everyKey(home);
    expect(after.map((key, i) => key.equals(before[i]!))).toEqual(after.map(() => true));
    expect(await home.keys.protection()).toBe('passphrase');
    for (const locked of [await openHome(dir), await openHome(dir, opens(SECOND))]) {
      for (const work of [locked.localKey(), locked.nodeKey(), locked.directoryKey()]) {
        const refusal = await refusalOf(work);
        expect(refusal?.code).toBe('KEYS_LOCKED');
        expect(refusal?.next).toContain('--passphrase-file');
      }
    }
  });

  it('holds no key in the open', async () => {
    const dir = await protectedFolder();
    for (const folder of ['keys', 'odcm']) {
      for (const name of await readdir(join(dir, folder))) {
        const text = await readFile(join(dir, folder, name), 'latin1');
        expect(text).not.toContain('BEGIN PRIVATE KEY');
        if (name.endsWith('.pem')) expect(text).toContain('BEGIN ENCRYPTED PRIVATE KEY');
      }
    }
  });

  it('has a local key that never lay in the clear; the one that did opens what was made before', async () => {
    const dir = await folder();
    const before = await openHome(dir);
    const copied = await before.localKey();
    await before.keys.keep('nodeKeyBefore', generateEd25519());
    await before.keys.protect(Buffer.from(FIRST));
    for (const home of [before, await openHome(dir, opens(FIRST))]) {
      expect((await home.localKey()).equals(copied)).toBe(false);
      expect((await home.formerLocalKey())?.equals(copied)).toBe(true);
    }
    const secret = () => Promise.resolve(keyFileSecret(copied));
    for (const name of ['nodeKey', 'nodeKeyBefore'] as const)
      expect(await codeOf(readKeyFile(before.paths[name], secret))).toBe('FILE_UNREADABLE');
  });

  it('leaves nothing of what lay in the clear on the disk, but what another name leads to', async () => {
    const dir = await folder();
    const home = await openHome(dir);
    const [held, backup] = [await open(home.paths.localKey, 'r'), join(dir, 'backup.pem')];
    await link(home.paths.nodeKey, backup);
    const [key, text] = [(await home.localKey()).export(), await readFile(backup)];
    await home.keys.protect(Buffer.from(FIRST));
    const left = await held.readFile();
    await held.close();
    expect(left.length).toBeGreaterThan(32);
    expect(left.includes(key)).toBe(false);
    expect(left.every((byte) => byte === 0)).toBe(true);
    expect(await readFile(backup)).toEqual(text);
  });

  it('takes another passphrase; then the former one opens nothing', async () => {
    const dir = await protectedFolder();
    const home = await openHome(dir, opens(FIRST));
    const key = await home.localKey();
    await home.keys.changePassphrase(Buffer.from(SECOND));
    expect(await codeOf((await openHome(dir, opens(FIRST))).nodeKey())).toBe('KEYS_LOCKED');
    const again = await openHome(dir, opens(SECOND));
    expect((await again.localKey()).equals(key)).toBe(true);
    expect((await again.formerLocalKey())?.equals((await home.formerLocalKey())!)).toBe(true);
  });

  it('is not changed by who does not know the passphrase, or gives one that is too short', async () => {
    const dir = await protectedFolder();
    const stranger = await openHome(dir, opens(SECOND));
    expect(await codeOf(stranger.keys.changePassphrase(Buffer.from(SECOND)))).toBe('KEYS_LOCKED');
    const owner = await openHome(dir, opens(FIRST));
    expect(await codeOf(owner.keys.changePassphrase(Buffer.from('short')))).toBe('USAGE');
    expect(await codeOf(owner.keys.protect(Buffer.from(SECOND)))).toBe('USAGE');
    expect(await codeOf((await openHome(dir, opens(FIRST))).nodeKey())).toBeUndefined();
  });

  it('encrypts keys that come later, and never makes a second local key', async () => {
    const dir = await protectedFolder();
    const home = await openHome(dir, opens(FIRST));
    await home.keys.add('nodeKeyNext', generateEd25519());
    expect(await home.keys.state('nodeKeyNext')).toBe('encrypted');
    await rm(home.paths.localKey);
    expect(await codeOf((await openHome(dir)).localKey())).toBe('STORE_MISSING');
  });

  it('is made as one from the start, with no key in the open at any time', async () => {
    const dir = join(await tempFolder(), 'node');
    const rsaBits = { root: BITS, issuing: BITS, space: BITS };
    await initMesh({
      ...{ dir, meshName: 'acme', listen: ['/ip4/127.0.0.1/tcp/0'], rsaBits },
      passphrase: Buffer.from(FIRST),
    });
    expect(await codeOf((await openHome(dir)).nodeKey())).toBe('KEYS_LOCKED');
    expect(await everyKey(await openHome(dir, opens(FIRST)))).toHaveLength(6);
  });
});

describe('protecting that is stopped', () => {
  it('at any file leaves a folder that opens as before, and can be protected after', async () => {
    const dir = await folder();
    const before = await everyKey(await openHome(dir));
    const secret = keyFileSecret(await (await openHome(dir)).localKey());
    // Until the local key is wrapped any number of files may be encrypted under it already.
    for (const name of ['nodeKey', 'exchangeKey', 'tlsKey', 'directoryKey'] as const) {
      const { keys, paths } = await openHome(dir);
      await writeKeyFile(paths[name], await keys.get(name), { secret, replace: true });
      const now = await everyKey(await openHome(dir));
      expect(now.map((key, i) => key.equals(before[i]!))).toEqual(before.map(() => true));
    }
    await (await openHome(dir)).keys.protect(Buffer.from(FIRST));
    const after = await everyKey(await openHome(dir, opens(FIRST)));
    expect(after.map((key, i) => key.equals(before[i]!))).toEqual(before.map(() => true));
    expect(await codeOf((await openHome(dir)).nodeKey())).toBe('KEYS_LOCKED');
  });

  it('after the local key was wrapped is finished by the same again, with that passphrase only', async () => {
    const dir = await folder();
    const home = await openHome(dir);
    const before = await everyKey(home);
    const keys = { key: generateLocalKey(), former: await home.localKey() };
    await writeFile(home.paths.localKey, await wrapLocalKey(keys, Buffer.from(FIRST)));
    const again = await openHome(dir, opens(FIRST));
    expect((await again.localKey()).equals(keys.key)).toBe(true);
    expect(await codeOf(again.keys.protect(Buffer.from(SECOND)))).toBe('KEYS_LOCKED');
    expect(await again.keys.state('nodeKey')).toBe('plain');
    await again.keys.protect(Buffer.from(FIRST));
    expect(await again.keys.state('nodeKey')).toBe('encrypted');
    const after = await everyKey(await openHome(dir, opens(FIRST)));
    expect(after.map((key, i) => key.equals(before[i]!))).toEqual(before.map(() => true));
  });

  it('after the local key was wrapped is finished by the next start, and by nobody who only reads', async () => {
    const dir = await folder();
    const home = await openHome(dir);
    const before = await everyKey(home);
    const keys = { key: generateLocalKey(), former: await home.localKey() };
    await writeFile(home.paths.localKey, await wrapLocalKey(keys, Buffer.from(FIRST)));
    const files = ['nodeKey', 'exchangeKey', 'tlsKey', 'directoryKey', 'issuingKey'] as const;
    const states = () => Promise.all(files.map((name) => home.keys.state(name)));
    await (await openHome(dir, opens(FIRST))).localKey();
    expect(await codeOf((await openHome(dir, opens(SECOND))).keys.prepare())).toBe('KEYS_LOCKED');
    expect(await states()).toEqual(files.map(() => 'plain'));
    await (await openHome(dir, opens(FIRST))).keys.prepare();
    expect(await states()).toEqual(files.map(() => 'encrypted'));
    const after = await everyKey(await openHome(dir, opens(FIRST)));
    expect(after.map((key, i) => key.equals(before[i]!))).toEqual(before.map(() => true));
  });

  it('is no matter of a folder without a passphrase: its keys stay as they are', async () => {
    const { keys } = await openHome(await folder());
    await keys.prepare();
    expect([await keys.protection(), await keys.state('nodeKey')]).toEqual(['none', 'plain']);
  });
});
