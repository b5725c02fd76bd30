// Imports that are cut by SIGKILL, at every named place and at moments of chance: after the next start nothing of the bundle
// is there, or all of it. Most of the bundle are large records, so that its file is kept as a pack.

import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CRASHPOINTS } from '../../node/crashpoint.ts';
import { pause, seeded, TestMesh, until } from './mesh.ts';

const HOOK = fileURLToPath(new URL('../attacks/store/crash-hook.ts', import.meta.url));
const PLACES = CRASHPOINTS.filter((place) => place.startsWith('import.'));
const ENTRIES = 6000;
const FEED = 'library/stock';

const mesh = new TestMesh();
const OUT = join(mesh.dir, 'out');
const FILE = join(OUT, 'vault-1');
const FRESH = join(mesh.dir, 'vault-as-it-was');

beforeAll(async () => {
  await mesh.init();
  await mesh.spaces('library');
  await mesh.enlist('vault');
  mkdirSync(OUT);
  const body = { name: 'stock', context: 'targets', to: 'all' as const };
  await mesh.ask('library', 'createFeed', { body });
  for (let at = 0; at < ENTRIES; at += 1000) {
    const drafts = Array.from({ length: 1000 }, (_, i) => ({
      item: `item ${at + i}`,
      payload: { value: `${at + i}`.repeat((at + i) % 50 === 0 ? 6000 : 10) },
    }));
    await mesh.ask('library', 'publishEvents', { query: { feed: 'stock' }, body: { drafts } });
  }
  await mesh.ok('library', 'export', FILE, '--to', 'vault', '--by', 'Barry');
  cpSync(mesh.home('vault'), FRESH, { recursive: true });
});
afterAll(() => mesh.close());

/** A site that nothing was brought to, under a name of its own. */
function site(name: string): string {
  cpSync(FRESH, mesh.home(name), { recursive: true });
  return name;
}

const importing = (name: string) =>
  mesh.odcm(name, 'import', FILE, '--by', 'Lisa', '--approve', 'Bob');

/** All of it or nothing; then it is finished, and nothing was done twice. */
async function expectWhole(name: string): Promise<'all' | 'nothing'> {
  await mesh.start(name, '--offline');
  const rows = await mesh.ask(name, 'crossings');
  const isApplied = rows[0]?.state === 'applied';
  const feed = await mesh.feed(name, FEED);
  if (isApplied) await mesh.level(name, FEED, ENTRIES);
  else {
    expect(rows.map(({ state }) => state)).toEqual(rows.length === 0 ? [] : ['waiting']);
    expect(feed).toBeUndefined();
    expect((await importing(name)).code).toBe(0);
    await mesh.level(name, FEED, ENTRIES);
  }
  expect(await mesh.items(name, FEED)).toHaveLength(ENTRIES);
  expect(readdirSync(join(mesh.home(name), 'store', 'packs'))).toHaveLength(1);
  expect(await mesh.ask(name, 'receipts')).toHaveLength(1);
  await mesh.stop(name);
  return isApplied ? 'all' : 'nothing';
}

describe('an import that is killed', () => {
  for (const [at, place] of PLACES.entries())
    it(`at ${place} leaves nothing or everything`, async () => {
      const name = site(`site-${at}`);
      const options = { nodeFlags: ['--import', HOOK], env: { ODCM_CRASHPOINT: `${place}:1` } };
      await mesh.startWith(name, options, '--offline');
      const ended = mesh.ended(name);
      await importing(name);
      expect(await ended).toBe('SIGKILL');
      const begun = PLACES.indexOf('import.after-begin');
      expect(await expectWhole(name)).toBe(at >= begun ? 'all' : 'nothing');
    });

  it('at moments of chance leaves nothing or everything', async () => {
    const random = seeded(5);
    for (let round = 0; round < 4; round++) {
      const name = site(`chance-${round}`);
      await mesh.start(name, '--offline');
      const running = importing(name);
      await until('it was brought', async () => {
        const rows = await mesh.ask(name, 'crossings');
        return rows[0] !== undefined && rows[0].approvals.length > 0;
      });
      await pause(random() * 800);
      await mesh.kill(name);
      await running;
      await expectWhole(name);
    }
  });
});
