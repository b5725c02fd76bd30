import { describe, expect, it } from 'vitest';
import { expectSound, seedsOf } from './seeds.ts';
import { canary, World } from './world.ts';

describe('two machines with one key', () => {
  it.each(seedsOf('clone', 3))(
    'freeze the feed that both write, everywhere, and no other (seed %i)',
    async (seed) => {
      const spaces = ['library', 'platform', 'payments', 'shipping'];
      const world = await World.create({ seed, spaces });
      const forked = await world.createFeed('library', 'variables/base', 'all');
      const other = await world.createFeed('library', 'variables/other', 'all');
      const third = await world.createFeed('payments', 'targets', 'all');
      await world.spread();
      for (const name of ['platform', 'shipping'])
        for (const feed of [forked, other, third]) await world.subscribe(name, feed);
      const library = world.node('library');
      const say = (node: typeof library, feed: typeof forked, what: string) =>
        world.time.during(
          world.publish(node, feed, [{ item: what, body: { payload: canary(feed) + what } }]),
        );
      await say(library, forked, 'both know this');
      await expectSound(world);

      const clone = world.machine(library.home);
      await clone.copyDisksOf(library);
      const lines = (names: string[]) => names.map((name) => world.node(name).line);
      world.network.partition([
        lines(['odcm', 'library', 'platform']),
        [...lines(['payments', 'shipping']), clone.line],
      ]);
      await world.time.during(clone.start());
      await world.time.advance(30_000);
      await say(library, forked, 'one history');
      await say(clone, forked, 'another history');
      const size = (name: string) => world.node(name).mesh.feeds.peek(forked)?.log.size;
      await world.time.until(() => size('platform') === 2 && size('shipping') === 2, 100_000);
      const root = (name: string) => world.node(name).mesh.feeds.peek(forked)!.log.root();
      expect(root('platform').equals(root('shipping'))).toBe(false);

      world.network.heal();
      const isFrozen = (name: string) =>
        world.node(name).mesh.feeds.peek(forked)?.isFrozen === true;
      const tookMs = await world.time.until(
        () => isFrozen('platform') && isFrozen('shipping'),
        200_000,
      );
      expect(tookMs, `seed ${seed} is never noticed`).toBeDefined();
      expect(world.node('platform').mesh.refusals.get('CONFLICT')).toBeGreaterThan(0);

      const before = [root('platform'), root('shipping')];
      await say(library, forked, 'too late');
      await say(library, other, 'goes on');
      await say(world.node('payments'), third, 'goes on');
      await world.time.during(clone.stop());
      await expectSound(world, { feeds: new Set([forked]), withinMs: 200_000 });
      expect([root('platform'), root('shipping')]).toEqual(before);

      await world.time.during(world.node('platform').crash('power'));
      await world.time.during(world.node('platform').start());
      expect(isFrozen('platform')).toBe(true);
    },
  );
});
