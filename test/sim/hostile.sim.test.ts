import { describe, expect, it } from 'vitest';
import type { FeedId } from '../../protocols/ids.ts';
import { askFor, TWISTS, turn } from './hostile.ts';
import { expectSound, seedsOf } from './seeds.ts';
import { calm, type Sown, storm } from './storm.ts';
import { canary, World } from './world.ts';

async function fill(world: World, publisher: string, feed: FeedId, count: number): Promise<void> {
  const node = world.node(publisher);
  const payload = (i: number) => ({ of: canary(feed), i, fill: 'z'.repeat(i % 50 ? 20 : 30_000) });
  const drafts = Array.from({ length: count }, (_, i) => ({
    item: `item ${i}`,
    body: { payload: payload(i) },
  }));
  await world.time.during(world.publish(node, feed, drafts));
}

/** Of those that hold a feed only the one that lies is there when another space comes that wants it. */
async function onlyALiar(seed: number, how: string) {
  const world = await World.create({
    seed,
    spaces: ['library', 'platform', 'payments', 'shipping'],
  });
  const feed = await world.createFeed('library', 'variables/base', 'all');
  await world.spread();
  await world.time.during(world.node('payments').stop());
  await world.time.during(world.node('shipping').stop());
  turn(world, 'shipping', how);
  await world.time.during(world.node('shipping').start());
  for (const name of ['platform', 'shipping']) await world.subscribe(name, feed);
  await fill(world, 'library', feed, 10);
  await world.time.advance(5_000);
  await world.time.during(askFor(world, { asker: 'platform', asked: 'shipping', feed }));
  await fill(world, 'library', feed, 700);
  await world.time.until(
    () => world.node('platform').mesh.feeds.peek(feed)?.view.applied === 700,
    150_000,
  );
  await world.time.advance(5_000);
  for (const name of ['library', 'odcm', 'platform'])
    await world.time.during(world.node(name).stop());
  await world.time.during(world.node('payments').start());
  const late = await world.subscribe('payments', feed);
  return { world, late };
}

describe('a member that breaks the rules', () => {
  it.each(Object.keys(TWISTS))(
    'makes nobody accept anything wrong, and is got around: %s',
    async (how) => {
      for (const seed of seedsOf('hostile', 2)) {
        const { world, late } = await onlyALiar(seed, how);
        await world.time.advance(60_000);
        expect(late.view.applied, `seed ${seed}`).toBeLessThan(700);
        await world.time.during(world.node('platform').start());
        const tookMs = await world.time.until(() => late.view.applied === 700, 200_000);
        expect(tookMs, `seed ${seed}: ${late.log.size} of 700 entries`).toBeDefined();
        for (const name of ['library', 'odcm']) await world.time.during(world.node(name).start());
        await expectSound(world);
      }
    },
  );

  it('is given nothing of an open feed that it has no grant for, however and whomever it asks', async () => {
    const spaces = ['library', 'platform', 'payments', 'shipping'];
    const world = await World.create({ seed: 1, spaces });
    const feed = await world.createFeed(
      ...(['library', 'variables/inner', ['platform', 'payments'], 'variables', false] as const),
    );
    await world.spread();
    for (const name of ['platform', 'payments']) await world.subscribe(name, feed);
    await fill(world, 'library', feed, 10);
    await expectSound(world);
    const ask = (asker: string, asked: string) =>
      world.time.during(askFor(world, { asker, asked, feed }));
    const nothing = ['NO_GRANT', 'NO_GRANT', 'NO_GRANT', 'NO_GRANT'];
    for (const asked of ['library', 'platform', 'payments', 'odcm'])
      expect(await ask('shipping', asked)).toEqual(nothing);
    expect(await ask('payments', 'platform')).toEqual(['given', 'given', 'given', 'given']);
    await world.ungrant('payments', feed);
    await world.spread();
    for (const asked of ['library', 'platform'])
      expect(await ask('payments', asked)).toEqual(nothing);
    await expectSound(world);
  });

  it.each(seedsOf('hostile', 4))('does no more harm in a storm (seed %i)', async (seed) => {
    const world = await World.create({
      seed,
      spaces: ['library', 'platform', 'payments', 'shipping'],
    });
    const kinds = Object.keys(TWISTS);
    turn(world, 'shipping', kinds[seed % kinds.length]!);
    await world.time.during(world.node('shipping').crash('killed'));
    await world.time.during(world.node('shipping').start());
    const sown: Sown[] = [];
    const feed = await world.createFeed('library', 'variables/base', 'all');
    sown.push({ publisher: 'library', feed, items: 20 });
    const inner = await world.createFeed('payments', 'inner', ['platform']);
    sown.push({ publisher: 'payments', feed: inner, items: 20 });
    await storm(world, sown, 40_000);
    await calm(world);
    await expectSound(world);
  });
});
