import { describe, expect, it } from 'vitest';
import { logPrefix, tableRange } from '../../node/store/keys.ts';
import { contextTopic, directoryTopic, presenceTopic } from '../../protocols/gossip.ts';
import { type FeedId, uuidBytes } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { expectSound } from './seeds.ts';
import { canary, World } from './world.ts';

async function subscribedWorld(seed: number) {
  const world = await World.create({ seed, spaces: ['library', 'platform', 'payments'] });
  const feed = await world.createFeed('library', 'variables/base', 'all');
  await world.spread();
  await world.subscribe('platform', feed);
  await publish(world, feed, 1);
  await expectSound(world);
  return { world, feed };
}

const publish = (world: World, feed: FeedId, items: number) =>
  world.time.during(
    world.publish(
      world.node('library'),
      feed,
      Array.from({ length: items }, (_, i) => ({
        item: `item ${world.acknowledged.length + i}`,
        body: { payload: canary(feed) },
      })),
    ),
  );

/** How long it took until the subscriber had the next entry. */
async function delayOfNext(world: World, feed: FeedId): Promise<number | undefined> {
  const { log } = world.node('platform').mesh.feeds.peek(feed)!;
  const before = log.size;
  await publish(world, feed, 1);
  return world.time.until(() => log.size > before, 10 * LIMITS.antiEntropyMs);
}

describe('an announcement that is lost', () => {
  it('is made up for by the next presence of its publisher', async () => {
    const { world, feed } = await subscribedWorld(1);
    const { mesh } = world.odcm.home.config;
    const variables = [...world.odcm.mesh.directory.state.contexts.keys()];
    const topics = variables.map((context) => contextTopic(mesh, context));
    world.network.loses = (topic) => topics.includes(topic);
    expect(await delayOfNext(world, feed)).toBeLessThanOrEqual(1.1 * LIMITS.presenceMs + 1_000);
    await expectSound(world);
  });

  it('is made up for by asking everybody from time to time when presence is lost too', async () => {
    const { world, feed } = await subscribedWorld(2);
    world.network.loses = () => true;
    const tookMs = await delayOfNext(world, feed);
    expect(tookMs).toBeGreaterThan(2 * LIMITS.presenceMs);
    expect(tookMs).toBeLessThanOrEqual(LIMITS.antiEntropyMs + 5_000);
    await expectSound(world);
  });

  it('of the directory is asked for once a later one was heard', async () => {
    for (let seed = 1; seed <= 12; seed++) {
      const { world } = await subscribedWorld(seed);
      world.network.weather = { delayMs: [1, 300], loss: 0.3, duplicates: 0 };
      for (const name of ['targets', 'releases', 'users'])
        await world.createFeed('library', name, ['payments']);
      const { log } = world.odcm.mesh.directory;
      const others = ['library', 'platform', 'payments'].map((name) => world.node(name).mesh);
      const isBehind = () => others.some(({ directory }) => directory.isBehind);
      await world.time.advance(1_500);
      expect(await world.time.until(() => !isBehind(), 15_000), `seed ${seed}`).toBeDefined();
      expect(log.size).toBeGreaterThan(0);
    }
  });

  it('of the directory costs no grant: the next dated head brings it', async () => {
    const { world } = await subscribedWorld(3);
    const { mesh } = world.odcm.home.config;
    world.network.loses = (topic) => topic === directoryTopic(mesh);
    const feed = await world.createFeed('library', 'targets', ['payments']);
    await world.time.advance(5_000);
    expect(world.node('payments').mesh.directory.state.feeds.has(feed)).toBe(false);
    world.network.loses = (topic) => topic === presenceTopic(mesh);
    const tookMs = await world.time.until(
      () => world.node('payments').mesh.directory.state.feeds.has(feed),
      10 * LIMITS.antiEntropyMs,
    );
    expect(tookMs).toBeLessThanOrEqual(LIMITS.timestampMs + 1_000);
  });
});

describe('a space that joins late', () => {
  it('gets everything from others while publisher and ODCM are gone', async () => {
    const { world, feed } = await subscribedWorld(4);
    await publish(world, feed, 600);
    await expectSound(world);
    const late = await world.join('ledger');
    await world.spread();
    for (const name of ['library', 'odcm']) await world.time.during(world.node(name).stop());
    await world.time.during(late.start());
    const open = await world.subscribe('ledger', feed);
    const tookMs = await world.time.until(() => open.view.applied === 601, 120_000);
    expect(tookMs).toBeDefined();
    for (const name of ['library', 'odcm']) await world.time.during(world.node(name).start());
    await expectSound(world);
  });

  it('gets around a carrier whose disk has rotted', async () => {
    const { world, feed } = await subscribedWorld(6);
    await publish(world, feed, 600);
    await world.subscribe('payments', feed);
    await expectSound(world);
    const { logs } = world.node('platform').disks;
    const segments = tableRange('s', logPrefix(uuidBytes(feed), 1));
    for await (const { key } of logs.rows.range(segments)) logs.rot(key);
    const late = await world.join('ledger');
    await world.spread();
    for (const name of ['library', 'odcm', 'payments'])
      await world.time.during(world.node(name).stop());
    await world.time.during(late.start());
    const open = await world.subscribe('ledger', feed);
    await world.time.advance(30_000);
    expect(open.log.size).toBeLessThan(601);
    expect(late.mesh.refusals.get('STORE_DAMAGED')).toBeGreaterThan(0);
    await world.time.during(world.node('payments').start());
    expect(await world.time.until(() => open.view.applied === 601, 120_000)).toBeDefined();
  });

  it('pulls on demand what it has only heard of', async () => {
    const { world, feed } = await subscribedWorld(5);
    const open = await world.subscribe('payments', feed, { mode: 'on-demand', via: 'manual' });
    // What it had carried for others before is its own now.
    const held = open.log.size;
    expect(held).toBeLessThanOrEqual(1);
    await publish(world, feed, 20);
    await world.time.advance(2 * LIMITS.antiEntropyMs);
    expect([open.head?.size, open.log.size]).toEqual([21, held]);
    const pulled = await world.time.during(world.node('payments').mesh.replicator.pull(feed));
    expect([pulled.state, open.view.applied]).toEqual(['level', 21]);
  });
});
