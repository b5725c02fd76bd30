// A folder of ODCM is copied and both copies write: the directory has two histories. Real processes find that out, stand still,
// and go on as the operations manual says, with what an administrator may type wrongly on the way.

import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Ran, TestMesh, until } from './mesh.ts';

const FEED = 'library/variables';
const MEMBERS = ['library', 'payments'] as const;

describe('a directory with two histories', () => {
  const mesh = new TestMesh();
  const file = (name: string) => join(mesh.dir, name);
  const rootKey = () => join(mesh.home('odcm'), 'root-keys-OFFLINE', 'root-1.pem');
  let published = 0;
  let newest = '';

  const revoke = (at: string, space: string) =>
    mesh.ok(at, 'revoke', space, '--yes', space, '--reason', 'stolen');
  const revokedAt = async (name: string): Promise<string[]> =>
    (await mesh.ask(name, 'spaces'))
      .filter((row) => row.revokedFor)
      .map((row) => row.name)
      .sort();
  const seesRevoked = (name: string, ...spaces: string[]) =>
    until(
      `${spaces.join()} revoked at ${name}`,
      async () => spaces.join() === (await revokedAt(name)).join(),
    );
  const forksAt = async (name: string) =>
    (await mesh.ask(name, 'forks')).map(({ log, settled }) => `${log} ${settled}`);
  const sees = (name: string, fork: string) =>
    until(`${fork} at ${name}`, async () => (await forksAt(name)).includes(fork), 120_000);
  const nodeKeyOf = async (name: string): Promise<string> => {
    const { keys } = JSON.parse((await mesh.ok(name, 'keys', 'show', '--json')).stdout) as {
      keys: { file: string; fingerprint: string }[];
    };
    return keys.find((key) => key.file === 'keys/node.pem')!.fingerprint;
  };
  /** What is refused says why, in one line, and how to go on. */
  const refused = async (ran: Promise<Ran>, code: string, text: RegExp): Promise<void> => {
    const { code: exit, stderr } = await ran;
    expect(exit).not.toBe(0);
    expect(stderr).toMatch(new RegExp(`^odcm: ${code}: [^\n]+\n$`));
    expect(stderr).toMatch(text);
  };
  const directory = (...args: string[]) => mesh.odcm('odcm', 'directory', ...args);
  const rotate = (out: string, ...flags: string[]) =>
    mesh.odcm('odcm', 'root', 'rotate', '--out', file(out), '--key', rootKey(), ...flags);
  const install = (name: string) => mesh.odcm('odcm', 'root', 'install', file(name));
  const histories = async (...args: string[]) => {
    const { stdout } = await mesh.ok('odcm', 'directory', 'histories', ...args);
    const [, size, root] = /--continue-directory (\d+):([0-9a-f]{64})/.exec(stdout) ?? [];
    return { stdout, size: Number(size), root: root ?? '' };
  };

  const flow = (): Promise<void> => mesh.flow('library', 'variables', 'payments', ++published);

  beforeAll(async () => {
    await mesh.init();
    await mesh.spaces(...MEMBERS);
    for (const name of ['shipping', 'vault']) await mesh.enlist(name);
    const created = ['variables', '--context', 'variables', '--to', 'all'];
    await mesh.ok('library', 'feed', 'create', ...created);
    await mesh.subscribe('payments', { feed: FEED });
    await flow();
  }, 120_000);
  afterAll(() => mesh.close());

  it('is not let go on while it has one, nor by a member', async () => {
    await refused(directory('histories'), 'USAGE', /goes on as it is/);
    await refused(directory('continue'), 'USAGE', /opened no epoch/);
    await refused(mesh.odcm('library', 'directory', 'histories'), 'NOT_ODCM', /library/);
    await refused(mesh.odcm('payments', 'directory', 'continue'), 'NOT_ODCM', /payments/);
  });

  it('is written on by ODCM for one member, and by a copy of its folder for the other', async () => {
    await mesh.stop('odcm');
    await cp(mesh.home('odcm'), mesh.home('double'), { recursive: true });
    await mesh.stop('payments');
    await mesh.start('odcm');
    await until('ODCM writes', async () => {
      return (await mesh.odcm('odcm', 'grant', 'payments', FEED)).code === 0;
    });
    await revoke('odcm', 'shipping');
    await seesRevoked('library', 'shipping');
    await mesh.ok('library', 'keys', 'rotate');
    newest = await nodeKeyOf('library');
    for (const name of ['odcm', 'library']) await mesh.stop(name);
    await mesh.start('double', '--alone');
    await mesh.start('payments');
    await revoke('double', 'vault');
    await seesRevoked('payments', 'vault');
    await mesh.stop('double');
  });

  it('stands still at every node once the two meet, and feeds stay as they are', async () => {
    for (const name of ['odcm', 'library']) await mesh.start(name);
    for (const name of ['odcm', ...MEMBERS]) await sees(name, 'directory false');
    expect(await revokedAt('library')).toEqual(['shipping']);
    expect(await revokedAt('payments')).toEqual(['vault']);
    await refused(
      mesh.odcm('odcm', 'revoke', 'payments', '--yes', 'payments'),
      'CONFLICT',
      /two directories/,
    );
    await refused(directory('continue'), 'CONFLICT', /odcm forks show directory/);
  });

  it('says where it can go on, what would be lost, and refuses what is typed wrongly', async () => {
    const { stdout, size, root } = await until('both histories are shown', async () => {
      const found = await histories();
      return /shipping is shut out/.test(found.stdout) && /vault is shut out/.test(found.stdout)
        ? found
        : undefined;
    });
    expect(stdout).toMatch(/library, node key [0-9a-f]{16}…, as shown by odcm, library/);
    await refused(directory('histories', '--at', String(size + 900)), 'USAGE', /can go on after/);
    await refused(directory('histories', '--at', String(size + 1)), 'USAGE', /part before entry/);
    await refused(directory('histories', '--at', 'all'), 'USAGE', /--at/);
    const point = `${size}:${root}`;
    const kept = ['--continue-directory', point];
    await refused(rotate('no-key.json', ...kept), 'USAGE', /odcm keys next directory/);
    await refused(
      rotate('no-tree.json', '--continue-directory', `${size}`, '--keep-directory-key'),
      'USAGE',
      /a colon, and 64 hex digits/,
    );
    // Another tree of the right form, and one entry further: neither is what ODCM has.
    for (const [i, wrong] of [`${size}:${'ab'.repeat(32)}`, `${size + 1}:${root}`].entries()) {
      const flags = ['--continue-directory', wrong, '--keep-directory-key'];
      expect((await rotate(`wrong-${i}.json`, ...flags)).code).toBe(0);
      await refused(install(`wrong-${i}.json`), 'CONFLICT', /not the ones that this node followed/);
    }
    const shown = JSON.parse((await mesh.ok('odcm', 'root', 'show', '--json')).stdout);
    expect(shown.version).toBe(1);
    const [former] = shown.roles.directory.keyids as string[];
    const stranger = Buffer.alloc(32, 7).toString('base64');
    const replaced = ['--drop-directory-key', former!, '--add-directory-key', stranger];
    expect((await rotate('stranger.json', ...kept, ...replaced)).code).toBe(0);
    await refused(install('stranger.json'), 'UNKNOWN_KEY', /odcm keys show/);
  });

  it('goes on as the keepers say, and shuts out whom either history shut out', async () => {
    const { size, root } = await histories();
    const made = await mesh.ok('odcm', 'keys', 'next', 'directory', '--json');
    const { key, formerId } = JSON.parse(made.stdout) as { key: string; formerId: string };
    const flags = ['--add-directory-key', key, '--drop-directory-key', formerId];
    const ran = await rotate('epoch-2.json', '--continue-directory', `${size}:${root}`, ...flags);
    expect(ran.code).toBe(0);
    expect((await install('epoch-2.json')).code).toBe(0);
    // Done once more, it is in force already.
    expect((await install('epoch-2.json')).code).toBe(0);
    await refused(
      mesh.odcm('odcm', 'grant', 'payments', 'library'),
      'BUSY',
      /odcm directory continue/,
    );
    const wrong = [
      [['--without', 'nobody'], 'USAGE', /odcm directory histories/],
      [['--keys', 'payments'], 'USAGE', /odcm directory histories/],
      [['--keys', 'shipping'], 'CONFLICT', /--without shipping/],
    ] as const;
    for (const [args, code, next] of wrong)
      await refused(
        until('all histories are seen', async () => {
          const one = await directory('continue', ...args);
          return one.stderr.includes('BUSY') ? undefined : one;
        }),
        code,
        next,
      );
    const { stdout } = await mesh.ok('odcm', 'directory', 'continue');
    expect(stdout).toContain(`goes on in epoch 2 after ${size} entries`);
    for (const space of ['shipping', 'vault'])
      expect(stdout).toContain(`Written again: ${space} is shut out (stolen`);
    expect(stdout).toContain('odcm directory continue --keys library');
    for (const name of ['odcm', ...MEMBERS]) {
      await sees(name, 'directory true');
      await seesRevoked(name, 'shipping', 'vault');
    }
  });

  it('has the new keys of a space again that asks for them by itself, and feeds go on', async () => {
    await until('the keys are in force again', async () => {
      const rows = JSON.parse((await mesh.ok('library', 'keys', 'show', '--json')).stdout).keys;
      const files = (rows as { file: string }[]).map((row) => row.file);
      return (await nodeKeyOf('library')) === newest && !files.includes('keys/node.next.pem');
    });
    const { stdout } = await mesh.ok('odcm', 'directory', 'continue', '--json');
    expect(JSON.parse(stdout).rows).toEqual([]);
    await flow();
    await flow();
    // From here on it is a directory as any other.
    await mesh.spaces('ledger');
    await mesh.subscribe('ledger', { feed: FEED });
    await mesh.level('ledger', FEED, published);
  });

  it('is not written by the copy, which learns that its key counts no more', async () => {
    await mesh.stop('odcm');
    await mesh.start('double');
    await until('the copy has the epoch', async () =>
      (await revokedAt('double')).includes('shipping'),
    );
    for (const command of [
      ['grant', 'payments', 'library'],
      ['revoke', 'payments', '--yes', 'payments'],
    ])
      await refused(mesh.odcm('double', ...command), 'UNKNOWN_KEY', /no directory key/);
    await mesh.stop('double');
    await refused(mesh.odcm('double', 'run'), 'UNKNOWN_KEY', /no directory key/);
    await mesh.start('odcm');
    for (const name of [...MEMBERS, 'ledger'])
      expect(await revokedAt(name)).toEqual(['shipping', 'vault']);
    await flow();
  });
});
