// Processes that are killed at any moment and started again: nothing acknowledged is lost, every copy becomes the same
// again, and each store is sound afterwards. Moments come from a seed; ODCM_LONG=1 tries many more of them.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isMeshError } from '../../protocols/errors.ts';
import { pause, seeded, TestMesh, until } from './mesh.ts';
import { sha256 } from './templates.ts';

const SEEDS = Array.from({ length: process.env['ODCM_LONG'] === '1' ? 40 : 3 }, (_, i) => i + 1);
const FEED = 'library/stock';

describe('a process killed at any moment', () => {
  const mesh = new TestMesh();
  /** What the publisher said is published: SHA-256 of the newest content by item. */
  const acknowledged = new Map<string, string>();

  beforeAll(async () => {
    await mesh.init();
    await mesh.spaces('library', 'payments', 'shipping');
    await mesh.ask('library', 'createFeed', {
      body: { name: 'stock', context: 'targets', to: 'all' },
    });
    for (const name of ['payments', 'shipping']) await mesh.subscribe(name, { feed: FEED });
  });
  afterAll(() => mesh.close());

  /** Publishes one batch; what comes back is acknowledged. */
  const publish = async (drafts: readonly { item: string; payload: object }[]): Promise<void> => {
    const rows = await mesh.ask('library', 'publishEvents', {
      query: { feed: 'stock' },
      body: { drafts } as never,
    });
    expect(rows).toHaveLength(drafts.length);
    for (const { item, payload } of drafts) acknowledged.set(item, hashOf(payload));
  };

  const batch = (name: string, count: number, sizeBytes: number) =>
    Array.from({ length: count }, (_, i) => ({
      item: `${name}-${i}`,
      payload: { text: `${name}/${i} `.padEnd(sizeBytes, '.') },
    }));

  /** Everything acknowledged is at this node, with its content. */
  const expectWhole = async (name: string): Promise<void> => {
    const held = new Map((await mesh.items(name, FEED)).map((row) => [row.item, row.sha256]));
    for (const [item, hash] of acknowledged)
      expect(held.get(item), `${item} at ${name}`).toBe(hash);
  };

  /** All nodes have the publisher's log, entry for entry. */
  const expectConverged = async (...names: string[]): Promise<void> => {
    await expectWhole('library');
    const { size, root } = (await mesh.feed('library', FEED))!;
    for (const name of names) {
      expect((await mesh.level(name, FEED, size ?? 0)).root).toBe(root);
      await expectWhole(name);
    }
  };

  /** Starts a node, kills it after a moment whatever it has reached by then, and starts it again. */
  const startKillStart = async (name: string, lifeMs: number): Promise<void> => {
    const started = mesh.start(name).catch(() => {});
    await pause(lifeMs);
    await mesh.kill(name);
    await started;
    await mesh.start(name);
  };

  it.each(SEEDS)('loses and forks nothing as publisher (seed %i)', async (seed) => {
    const chance = seeded(seed);
    for (let round = 0; round < 2; round++) {
      let isAlive = true;
      const writer = async (name: string): Promise<void> => {
        for (let i = 0; isAlive; i++) {
          // Some items come again as new versions, some are larger than what travels beside its entry.
          const sizeBytes = chance() < 0.2 ? 20_000 : 300;
          await publish(
            batch(`${name}-${i % 20}-v${round}`, 1 + Math.floor(chance() * 30), sizeBytes),
          );
        }
      };
      const writers = [1, 2, 3].map((i) =>
        writer(`s${seed}-w${i}`).catch((error: unknown) => error),
      );
      await pause(chance() * 700);
      await mesh.kill('library');
      isAlive = false;
      for (const error of await Promise.all(writers)) {
        // Whatever was being published when it died was refused, not acknowledged.
        if (error !== undefined) expect(isMeshError(error), String(error)).toBe(true);
      }
      await mesh.start('library');
      await expectConverged('payments', 'shipping');
    }
  });

  it.each(SEEDS)(
    'goes on as subscriber where it was cut in catching up (seed %i)',
    async (seed) => {
      const chance = seeded(100 + seed);
      await mesh.stop('payments');
      for (let i = 0; i < 4; i++) await publish(batch(`s${seed}-c${i}`, 500, 700));
      const file = join(mesh.dir, 'large.json');
      await writeFile(file, JSON.stringify(`${seed}`.repeat(900_000)));
      await mesh.ok('library', 'publish', 'stock', 'large', file);
      const { sha256: hash } = (await mesh.items('library', FEED)).find(
        (row) => row.item === 'large',
      )!;
      acknowledged.set('large', hash);
      await startKillStart('payments', 300 + chance() * 900);
      if (chance() < 0.5) {
        await mesh.kill('payments');
        await startKillStart('payments', 300 + chance() * 600);
      }
      await expectConverged('payments', 'shipping');
      expect(sha256(await mesh.content('payments', FEED, 'large'))).toBe(hash);
    },
  );

  it.each(SEEDS)(
    'finishes or forgets as ODCM what it was asked, and keeps what it answered (seed %i)',
    async (seed) => {
      const chance = seeded(200 + seed);
      const late = `late-${seed}`;
      const { token } = await mesh.ask('odcm', 'invite', { body: { space: late } });
      const order = { subscriber: 'shipping', publisher: 'payments' };
      const wishes: Promise<unknown>[] = [
        mesh.odcm(late, 'join', token, '--listen', '/ip4/127.0.0.1/tcp/0'),
        ...[1, 2, 3, 4].map(async (i) => {
          await pause(chance() * 1200);
          const name = `made-${seed}-${i}`;
          return mesh.ask('payments', 'createFeed', {
            body: { name, context: 'users', to: ['shipping'] },
          });
        }),
        pause(chance() * 1000).then(() => mesh.ask('odcm', 'grant', { body: order })),
      ];
      const outcomes = Promise.allSettled(wishes);
      await pause(100 + chance() * 1400);
      await mesh.kill('odcm');
      await mesh.start('odcm');
      const [joined, ...rest] = await outcomes;
      const made = rest.slice(0, 4);
      const granted = rest[4]!;

      const joinRun = (joined as PromiseFulfilledResult<{ code: number | null; stderr: string }>)
        .value;
      if (joinRun.code !== 0) {
        // Nothing was sent yet, so the same token still works.
        expect(joinRun.stderr).toMatch(/^odcm: ODCM_UNREACHABLE: .*the token is still unused/);
        await mesh.ok(late, 'join', token, '--listen', '/ip4/127.0.0.1/tcp/0');
      }
      const spaces = (await mesh.ask('odcm', 'spaces')).filter((row) => row.name === late);
      expect(spaces).toHaveLength(1);

      const grants = await mesh.ask('odcm', 'grants');
      const feeds = await mesh.ask('odcm', 'feeds');
      for (const [i, outcome] of made.entries()) {
        const name = `made-${seed}-${i + 1}`;
        const isThere = feeds.some((row) => row.feed === `payments/${name}`);
        if (outcome.status === 'fulfilled') expect(isThere, name).toBe(true);
        // A feed comes with its grants or not at all.
        expect(
          grants.filter((row) => row.feed === name && row.subscriber === 'shipping'),
        ).toHaveLength(isThere ? 1 : 0);
      }
      if (granted.status === 'fulfilled') {
        expect(
          grants.some(
            (row) =>
              row.subscriber === 'shipping' && row.publisher === 'payments' && row.feed === 'all',
          ),
        ).toBe(true);
      }
      await until('payments reaches ODCM again', () =>
        mesh.ask('payments', 'createFeed', {
          body: { name: `after-${seed}`, context: 'users', to: 'all' },
        }),
      );
      await mesh.subscribe('shipping', { feed: `payments/after-${seed}` });
    },
  );

  it.each(SEEDS)(
    'comes late, is killed in its first catch-up, and has everything in the end (seed %i)',
    async (seed) => {
      const chance = seeded(300 + seed);
      const late = `late-${seed}`;
      await mesh.start(late);
      await mesh.subscribe(late, { feed: FEED });
      await pause(chance() * 150);
      await mesh.kill(late);
      // From the other subscribers alone, every other time.
      const isAlone = seed % 2 === 0;
      const { size } = (await mesh.feed('library', FEED))!;
      if (isAlone) await mesh.kill('library');
      await startKillStart(late, 400 + chance() * 600);
      await mesh.level(late, FEED, size ?? 0);
      await expectWhole(late);
      if (isAlone) await mesh.start('library');
      await expectConverged(late, 'payments', 'shipping');
      await mesh.stop(late);
    },
  );

  it('leaves every store sound', async () => {
    const names = ['odcm', 'library', 'payments', 'shipping'];
    await Promise.all(names.map((name) => mesh.kill(name)));
    const all = [...names, ...SEEDS.map((seed) => `late-${seed}`)];
    const check = async (queue: IterableIterator<string>): Promise<void> => {
      for (const name of queue) {
        const { code, stdout } = await mesh.odcm(name, 'fsck');
        expect(code, `${name}: ${stdout}`).toBe(0);
      }
    };
    const queue = all.values();
    await Promise.all([check(queue), check(queue)]);
  });
});

const hashOf = (payload: object): string => sha256(Buffer.from(JSON.stringify(payload)));
