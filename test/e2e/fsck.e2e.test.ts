import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pause, seeded, TestMesh, until } from './mesh.ts';

const mesh = new TestMesh();
beforeAll(async () => {
  await mesh.init();
  await mesh.spaces('library', 'platform');
  await mesh.ask('library', 'createFeed', {
    body: { name: 'variables', context: 'variables', to: 'all' },
  });
  await mesh.subscribe('platform', { feed: 'library/variables' });
});
afterAll(() => mesh.close());

/** Publishes batches until the node is gone. */
async function publishUntilKilled(round: number): Promise<void> {
  for (let batch = 0; ; batch++) {
    const drafts = Array.from({ length: 200 }, (_, i) => ({
      item: `item ${i}`,
      payload: { value: `${round}.${batch}.${i}`.repeat(50) },
    }));
    await mesh.ask('library', 'publishEvents', { query: { feed: 'variables' }, body: { drafts } });
  }
}

describe('odcm fsck', () => {
  it('refuses a folder whose node runs, with its process', async () => {
    const ran = await mesh.odcm('library', 'fsck');
    expect([ran.code, ran.stdout]).toEqual([1, '']);
    expect(ran.stderr).toMatch(`odcm: LOCKED: process ${mesh.pid('library')} works on `);
  });

  it('finds nothing wrong at publisher and subscriber killed while they work', async () => {
    const random = seeded(7);
    for (let round = 0; round < 4; round++) {
      const publishing = publishUntilKilled(round).catch(() => {});
      // Killed before its first entries came, a subscriber rightly has no log.
      await until('platform has something to check', async () => {
        const row = await mesh.feed('platform', 'library/variables');
        return (row?.held ?? 0) > 0;
      });
      await pause(100 + random() * 400);
      await Promise.all([mesh.kill('library'), mesh.kill('platform')]);
      await publishing;
      for (const name of ['library', 'platform']) {
        const ran = await mesh.odcm(name, 'fsck', '--json');
        const { problems, logs } = JSON.parse(ran.stdout);
        expect([name, problems, ran.code]).toEqual([name, [], 0]);
        expect(logs.map((row: { log: string }) => row.log)).toContain('library/variables');
      }
      await Promise.all([mesh.start('library'), mesh.start('platform')]);
    }
  });
});
