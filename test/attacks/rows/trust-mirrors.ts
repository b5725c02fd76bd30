// Carriers that serve old data, none, or something else: with publisher and ODCM gone, one that is honest is enough.

import type { FeedId } from '../../../protocols/ids.ts';
import { turn } from '../../sim/hostile.ts';
import { canary, World } from '../../sim/world.ts';
import type { Row } from '../row.ts';

const MIRRORS = ['platform', 'payments', 'shipping', 'ledger', 'identity'];
/** What four of the five do; which is the honest one differs from seed to seed. */
const WAYS = ['gives old heads', 'keeps entries back', 'never answers', 'keeps blocks back'];
const ENTRIES = 120;

/** Every third one has a record that is a block. */
const fill = (world: World, feed: FeedId, count: number) =>
  world.time.during(
    world.publish(
      world.node('library'),
      feed,
      Array.from({ length: count }, (_, i) => ({
        item: `item ${world.acknowledged.length + i}`,
        body: { payload: { of: canary(feed), i, fill: 'z'.repeat(i % 3 ? 20 : 20_000) } },
      })),
    ),
  );

const wholeAt = (world: World, name: string, feed: FeedId): number => {
  const { mesh } = world.node(name);
  const open = mesh.feeds.peek(feed);
  return open ? mesh.carrying.carry.copies.whole(open) : 0;
};

/** Resolves to how long the late subscriber took, or undefined when it never had everything. */
async function lateAmongLiars(seed: number): Promise<number | undefined> {
  const world = await World.create({ seed, spaces: ['library', ...MIRRORS] });
  const feed = await world.createFeed('library', 'variables/base', 'all');
  const { space } = world.node('library').home.config;
  const wish = { wish: 'policy' as const, feed, carriers: MIRRORS.length };
  await world.time.during(world.odcm.desk.trust.carryOut(space, wish));
  await world.spread();
  await fill(world, feed, ENTRIES / 2);
  const honest = seed % MIRRORS.length;
  const liars = MIRRORS.filter((_, i) => i !== honest);
  for (const [i, name] of liars.entries()) {
    turn(world, name, WAYS[i]!);
    await world.time.during(world.node(name).stop());
    await world.time.during(world.node(name).start());
  }
  await fill(world, feed, ENTRIES / 2);
  const isThere = () => MIRRORS.every((name) => wholeAt(world, name, feed) === ENTRIES);
  if ((await world.time.until(isThere, 400_000)) === undefined) return undefined;
  const late = await world.join('orders');
  await world.spread();
  for (const name of ['library', 'odcm']) await world.time.during(world.node(name).stop());
  await world.time.during(late.start());
  const open = await world.subscribe('orders', feed);
  return world.time.until(() => open.view.applied === ENTRIES, 600_000);
}

export const rows: readonly Row[] = [
  {
    id: 'T06',
    what: 'four of five carriers serve old heads, no entries, no blocks or nothing; publisher and ODCM are gone',
    how: 'simulated',
    expected: 'a late subscriber has everything from the fifth, in every run',
    run: async ({ isLong, seeds, log }) => {
      const count = isLong ? Math.min(seeds, 50) : 1;
      const took: number[] = [];
      for (let seed = 1; seed <= count; seed++) {
        const tookMs = await lateAmongLiars(seed);
        log(`seed ${seed}: ${tookMs ?? 'never'}`);
        if (tookMs !== undefined) took.push(tookMs);
      }
      const slowest = Math.round(Math.max(0, ...took) / 1000);
      const measured = `${took.length} of ${count} runs complete, the slowest after ${slowest} s`;
      return { measured, pass: took.length === count };
    },
  },
];
