// The keys of real nodes under a passphrase: from the start, later on, changed, given in each way, wrong and missing.

import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestMesh, until } from './mesh.ts';

const FIRST = 'the first passphrase of all';
const SECOND = 'another one, for later';
const FEED = 'library/variables';

describe('keys under a passphrase', () => {
  const mesh = new TestMesh();
  const file = (name: string) => join(mesh.dir, name);

  beforeAll(async () => {
    await mkdir(mesh.dir, { mode: 0o700 });
    for (const [name, text] of [
      ['first', `${FIRST}\n`],
      ['second', SECOND],
      ['short', 'too short'],
    ] as const)
      await writeFile(file(name), text, { mode: 0o600 });
    await mesh.init();
    await mesh.enlist('library', '--passphrase-file', file('first'));
    await mesh.spaces('payments');
  });
  afterAll(() => mesh.close());

  const isRefused = async (name: string, ...args: string[]): Promise<string> => {
    const { code, stderr } = await mesh.odcm(name, ...args);
    expect(code).not.toBe(0);
    return stderr;
  };

  it('keep a node from starting without it, or with another', async () => {
    for (const flags of [[], ['--passphrase-file', file('second')]]) {
      const said = await isRefused('library', 'run', ...flags);
      expect(said).toContain('KEYS_LOCKED');
      expect(said).toContain('--passphrase-file');
    }
  });

  it('let it run with it, and say so; a node without one is warned of', async () => {
    await mesh.start('library', '--passphrase-file', file('first'));
    expect((await mesh.ask('library', 'status')).keyProtection).toBe('passphrase');
    expect((await mesh.ask('payments', 'status')).keyProtection).toBe('none');
    expect((await mesh.ok('payments', 'status')).stdout).toContain('odcm keys protect');
    await mesh.ok('library', 'feed', 'create', 'variables', '--context', 'variables');
    const drafts = [{ item: 'one', payload: { value: 1 } }];
    await mesh.ask('library', 'publishEvents', { query: { feed: 'variables' }, body: { drafts } });
  });

  it('are not changed while the node runs', async () => {
    const change = ['keys', 'passphrase', '--passphrase-file', file('first')];
    const said = await isRefused('library', ...change, '--new-passphrase-file', file('second'));
    expect(said).toContain('LOCKED');
    const protect = ['keys', 'protect', '--new-passphrase-file', file('first')];
    expect(await isRefused('payments', ...protect)).toContain('LOCKED');
  });

  it('are protected and changed while it is stopped; then the former passphrase opens nothing', async () => {
    expect(await mesh.stop('payments')).toBe(0);
    const protect = ['keys', 'protect', '--new-passphrase-file'];
    expect(await isRefused('payments', ...protect, file('short'))).toContain('USAGE');
    await mesh.ok('payments', ...protect, file('first'));
    expect(await isRefused('payments', ...protect, file('second'))).toContain('USAGE');
    const change = ['keys', 'passphrase', '--new-passphrase-file', file('second')];
    expect(await isRefused('payments', ...change)).toContain('KEYS_LOCKED');
    await mesh.ok('payments', ...change, '--passphrase-file', file('first'));
    expect(await isRefused('payments', 'run', '--passphrase-file', file('first'))).toContain(
      'KEYS_LOCKED',
    );
    await mesh.start('payments', '--passphrase-file', file('second'));
    await mesh.ask('odcm', 'grant', { body: { subscriber: 'payments', publisher: 'library' } });
    await until('the grant', async () =>
      (await mesh.ask('payments', 'feeds')).some((row) => row.feed === FEED),
    );
    await mesh.subscribe('payments', { feed: FEED });
    await until('the item', async () => (await mesh.items('payments', FEED)).length === 1);
  });

  it('are checked by fsck with the passphrase, and not without', async () => {
    expect(await mesh.stop('payments')).toBe(0);
    await mesh.ok('payments', 'fsck', '--passphrase-file', file('second'));
    const { code, stdout } = await mesh.odcm('payments', 'fsck');
    expect(code).toBe(1);
    expect(stdout).toContain('KEYS_LOCKED');
  });

  it('show themselves by fingerprint only, and leave no trace of the passphrase', async () => {
    const flags = ['--passphrase-file', file('second'), '--json'];
    const shown = await mesh.ok('payments', 'keys', 'show', ...flags);
    const { protection, keys } = JSON.parse(shown.stdout);
    expect(protection).toBe('passphrase');
    expect(keys).toHaveLength(3);
    for (const { state, fingerprint } of keys) {
      expect(state).toBe('encrypted');
      expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(shown.stdout).not.toContain('PRIVATE');
    for (const name of ['library', 'payments']) {
      for (const folder of ['', 'keys']) {
        const entries = await readdir(join(mesh.home(name), folder), { withFileTypes: true });
        for (const entry of entries.filter((one) => one.isFile())) {
          const text = await readFile(join(mesh.home(name), folder, entry.name), 'latin1');
          for (const secret of [FIRST, SECOND, 'BEGIN PRIVATE KEY'])
            expect(text, entry.name).not.toContain(secret);
        }
      }
    }
  });
});
