// Carriers with real processes: with its publisher and ODCM stopped, and nobody subscribed, a feed is had whole by a late
// space from carriers that cannot read it.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestMesh, until } from './mesh.ts';

const CARRIERS = ['ledger', 'payments', 'shipping'];
const FEED = 'library/secret';
/** Longer than the time after which everybody was asked again. */
const ASKED_MS = 120_000;

/** Small ones rest beside their entries, large ones are blocks. */
const payloadOf = (n: number) => ({ n, text: `word-${n}-`.repeat(n % 4 === 0 ? 3_000 : 3) });

describe('a sealed feed that nobody takes', () => {
  const mesh = new TestMesh();
  const items = Array.from({ length: 24 }, (_, n) => ({
    item: `item-${n}`,
    payload: payloadOf(n),
  }));
  const file = Buffer.from(JSON.stringify({ rows: 'abcdefghij'.repeat(30_000) }));

  beforeAll(async () => {
    await mesh.init();
    await mesh.spaces('library', ...CARRIERS);
    // It has a grant, and its node has never run.
    await mesh.enlist('orders');
    const created = await until('the feed is made', () =>
      mesh.ask('library', 'createFeed', {
        body: { name: 'secret', context: 'variables', to: ['orders'], carriers: 4 },
      }),
    );
    expect(created).toMatchObject({ sealed: true, grants: 1 });
    for (const drafts of [items.slice(0, 20), items.slice(20)])
      await mesh.ask('library', 'publishEvents', {
        query: { feed: 'secret' },
        body: { drafts: drafts as never },
      });
    const path = join(mesh.dir, 'large.json');
    await writeFile(path, file);
    await mesh.ok('library', 'publish', 'secret', 'large', path);
  }, 120_000);
  afterAll(() => mesh.close());

  it('is complete at those that the directory chooses, and its publisher sees that', async () => {
    const row = await until(
      'the copies are complete',
      async () => {
        const found = await mesh.feed('library', FEED);
        return found?.carriersComplete === 3 ? found : false;
      },
      ASKED_MS,
    );
    // The fourth is the one that does not run.
    expect(row).toMatchObject({ carriersWanted: 4, carriersPossible: 4, carriers: 3 });
    const states = row.carrierSpaces.map(({ space, state }) => `${space} ${state}`).sort();
    expect(states.slice(0, 2)).toEqual(['ledger complete', expect.stringMatching(/^orders /)]);
    const { stdout } = await mesh.ok('library', 'feeds', '--json');
    const [shown] = (JSON.parse(stdout) as { rows: { feed: string }[] }).rows;
    expect(shown).toMatchObject({ feed: FEED, carriersWanted: 4, carriersComplete: 3 });
  }, 180_000);

  it('can be read by none of them', async () => {
    for (const name of CARRIERS) {
      expect(await mesh.feed(name, FEED)).toMatchObject({
        ...{ grant: null, applied: 0, subscribed: false, carrying: { state: 'complete' } },
      });
      for (const args of [
        ['items', FEED],
        ['get', FEED, 'item-1'],
        ['history', FEED],
      ]) {
        const { code, stderr } = await mesh.odcm(name, ...args);
        expect([code, stderr]).toEqual([5, expect.stringMatching(/^odcm: NO_GRANT/)]);
      }
      await expect(mesh.ask(name, 'subscribe', { body: { feed: FEED } })).rejects.toMatchObject({
        code: 'NO_GRANT',
      });
    }
  });

  it('is had whole by a late space from them alone, also after they started again', async () => {
    await mesh.stop('library');
    await mesh.stop('odcm');
    for (const name of CARRIERS) await mesh.kill(name);
    for (const name of CARRIERS) await mesh.start(name);
    await mesh.start('orders');
    await mesh.subscribe('orders', { feed: FEED });
    const names = await until(
      'orders has every item',
      async () => {
        const rows = await mesh.items('orders', FEED);
        return rows.length === items.length + 1 ? rows.map(({ item }) => item).sort() : false;
      },
      ASKED_MS,
    );
    expect(names).toEqual([...items.map(({ item }) => item), 'large'].sort());
    for (const { item, payload } of items) {
      const content = await mesh.content('orders', FEED, item);
      expect(JSON.parse(content.toString()), item).toEqual(payload);
    }
    expect((await mesh.content('orders', FEED, 'large')).equals(file)).toBe(true);
  }, 180_000);
});
