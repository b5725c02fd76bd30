// The main job with real processes: a library publishes step templates to three subscribers, publisher and ODCM go, and
// a space that was never connected gets every template from the others, byte for byte.

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestMesh, until } from './mesh.ts';
import { layOutTemplates, SOURCE, sha256 } from './templates.ts';

const FEED = 'library/step-templates';
const EARLY = ['payments', 'shipping', 'ledger'];

describe(`the main job on ${SOURCE}`, () => {
  const mesh = new TestMesh();
  const folder = join(mesh.dir, 'templates');
  let hashes = new Map<string, string>();

  beforeAll(async () => {
    hashes = await layOutTemplates(folder);
    await mesh.init();
    await mesh.spaces('library', ...EARLY);
    await mesh.enlist('identity');
  });
  afterAll(() => mesh.close());

  const expectAll = async (name: string): Promise<void> => {
    const items = await mesh.items(name, FEED);
    expect(new Set(items.map((row) => row.item))).toEqual(new Set(hashes.keys()));
    const queue = hashes.entries();
    const reader = async (): Promise<void> => {
      for (const [item, hash] of queue)
        expect(sha256(await mesh.content(name, FEED, item)), item).toBe(hash);
    };
    await Promise.all([reader(), reader(), reader(), reader()]);
  };

  it('publishes every file of a folder to three subscribers, who get them byte for byte', async () => {
    const size = hashes.size;
    expect(size).toBeGreaterThan(100);
    await mesh.ok(
      'library',
      'feed',
      'create',
      'step-templates',
      '--context',
      'step-templates',
      '--to',
      'all',
    );
    for (const name of EARLY) await mesh.subscribe(name, { feed: FEED });
    const published = await mesh.ok('library', 'publish', 'step-templates', '--from', folder);
    expect(published.stdout).toBe(`published ${size}, unchanged 0, refused 0\n`);
    const { root } = await mesh.level('library', FEED, size);
    for (const name of EARLY) {
      expect((await mesh.level(name, FEED, size)).root).toBe(root);
      await expectAll(name);
    }
  });

  it('publishes nothing when the folder has not changed, and the rest when one file is refused', async () => {
    const licence = join(folder, 'LICENCE.txt');
    await writeFile(licence, 'Copyright, not JSON\n');
    const again = await mesh.odcm('library', 'publish', 'step-templates', '--from', folder);
    await rm(licence);
    expect(again.code).toBe(1);
    expect(again.stdout).toBe(`published 0, unchanged ${hashes.size}, refused 1\n`);
    expect(again.stderr).toMatch(/^odcm: NOT_JSON: .*LICENCE\.txt/);
    await mesh.level('library', FEED, hashes.size);
  });

  it('gives all of it to a space that was never connected, while publisher and ODCM are off', async () => {
    expect(await mesh.stop('library')).toBe(0);
    expect(await mesh.stop('odcm')).toBe(0);
    await mesh.start('identity');
    await mesh.subscribe('identity', { feed: FEED });
    await mesh.level('identity', FEED, hashes.size);
    await expectAll('identity');
    const status = await mesh.ask('identity', 'status');
    expect(status.directory.state).toBe('fresh');
    const [item] = hashes.keys();
    const got = await mesh.ok('identity', 'get', FEED, item!);
    expect(sha256(got.bytes)).toBe(hashes.get(item!));
  });

  it('goes on from there when the publisher comes back, still without ODCM', async () => {
    await mesh.start('library');
    const file = join(mesh.dir, 'new.json');
    await writeFile(file, '{"Name":"new"}');
    await mesh.ok('library', 'publish', 'step-templates', 'new-template', file);
    for (const name of ['identity', ...EARLY]) {
      await mesh.level(name, FEED, hashes.size + 1);
      expect((await mesh.content(name, FEED, 'new-template')).toString()).toBe('{"Name":"new"}');
    }
    const peers = await until('identity hears everybody but ODCM', async () => {
      const rows = await mesh.ask('identity', 'peers');
      return rows.filter((row) => row.connected).length === 4 && rows;
    });
    expect(peers.find((row) => row.space === 'odcm')?.connected).toBe(false);
  });
});
