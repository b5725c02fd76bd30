// Scenes with two machines under one key: what the tests look at closely, and the attack catalogue counts.

import type { FeedId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { SimNode } from './node.ts';
import { expectSound } from './seeds.ts';
import { canary, World } from './world.ts';

export const SPACES = ['library', 'platform', 'payments', 'shipping'];

export const say = (world: World, node: SimNode, feed: FeedId, ...what: string[]) =>
  world.time.during(
    world.publish(
      node,
      feed,
      what.map((item) => ({ item, body: { payload: canary(feed) + item } })),
    ),
  );

/** A machine made from the image of another as it is now; it is not started. */
export async function imageOf(world: World, node: SimNode): Promise<SimNode> {
  const image = world.machine(node.home);
  await image.copyDisksOf(node);
  return image;
}

export const feedOf = (world: World, name: string, feed: FeedId) =>
  world.node(name).mesh.feeds.peek(feed)!;

/** Publisher and clone each publish on their side of a partition; then everybody meets. */
export async function forkedWorld(seed: number, one: string[], other: string[]) {
  const world = await World.create({ seed, spaces: SPACES });
  const forked = await world.createFeed('library', 'variables/base', 'all');
  const quiet = await world.createFeed('library', 'variables/other', 'all');
  const third = await world.createFeed('payments', 'targets', 'all');
  await world.spread();
  for (const name of ['platform', 'shipping'])
    for (const feed of [forked, quiet, third]) await world.subscribe(name, feed);
  const library = world.node('library');
  await say(world, library, forked, 'both know this', 'and this');
  await expectSound(world);
  const clone = await imageOf(world, library);
  const lines = (names: string[]) => names.map((name) => world.node(name).line);
  world.network.partition([
    lines(['odcm', 'library', 'platform']),
    [...lines(['payments', 'shipping']), clone.line],
  ]);
  await world.time.during(clone.start());
  await world.time.advance(30_000);
  await say(world, library, forked, ...one);
  await say(world, clone, forked, ...other);
  const size = (name: string) => feedOf(world, name, forked).log.size;
  const [a, b] = [2 + one.length, 2 + other.length];
  await world.time.until(() => size('platform') === a && size('shipping') === b, 100_000);
  if (size('platform') !== a || size('shipping') !== b)
    throw new Error(`seed ${seed}: the two halves do not hold the two histories`);
  world.network.heal();
  return { world, forked, quiet, third, clone, library };
}

/** A publisher that is replaced by an earlier image of itself, and publishes at once. */
export async function restoredWorld(seed: number, before: number, after: number) {
  const world = await World.create({ seed, spaces: SPACES });
  const feed = await world.createFeed('library', 'variables/base', 'all');
  await world.spread();
  await world.subscribe('platform', feed);
  const library = world.node('library');
  for (let i = 0; i < before; i++) await say(world, library, feed, `before ${i}`);
  await expectSound(world);
  const backup = await imageOf(world, library);
  for (let i = 0; i < after; i++) await say(world, library, feed, `after ${i}`);
  await expectSound(world);
  await world.time.during(library.stop());
  world.nodes.set('library', backup);
  await world.time.during(backup.start());
  await say(world, backup, feed, 'from the backup');
  await expectSound(world);
  return { world, feed };
}

/** A copy that starts beside its original; resolves with the time until both know, undefined when one never did. */
export async function copiedWorld(seed: number) {
  const world = await World.create({ seed, spaces: SPACES, clockErrorMs: 500 });
  const feed = await world.createFeed('library', 'variables/base', 'all');
  await world.spread();
  await world.subscribe('platform', feed);
  const library = world.node('library');
  await say(world, library, feed, 'one');
  await expectSound(world);
  const clone = await imageOf(world, library);
  await world.time.during(clone.start());
  const areBothTold = () => library.mesh.keyUse.isTwice && clone.mesh.keyUse.isTwice;
  const areConnected = () => clone.mesh.host.connectedPeers().length > 0;
  await world.time.until(areConnected, 60_000);
  const tookMs = await world.time.until(areBothTold, 60_000);
  return { world, feed, library, clone, areBothTold, tookMs };
}

/** ODCM and a copy of it each write on, for one half of the mesh each; then the halves meet. */
export async function twoDirectories(
  seed: number,
  one: number,
  other: number,
  meanwhile: (world: World, copy: SimNode) => Promise<void> = async () => {},
) {
  const world = await World.create({ seed, spaces: SPACES });
  const { odcm } = world;
  const copy = await imageOf(world, odcm);
  const lines = (names: string[]) => names.map((name) => world.node(name).line);
  world.network.partition([
    lines(['odcm', 'library', 'platform']),
    [...lines(['payments', 'shipping']), copy.line],
  ]);
  await world.time.during(copy.start());
  await world.time.advance(20_000);
  const write = async (node: SimNode, count: number, name: string) => {
    for (let i = 0; i < count; i++) {
      const space = world.node('library').home.config.space;
      const wish = { wish: 'feed', name: `${name}/${i}`, context: 'variables', sync: 'chosen' };
      await world.time.during(
        node.desk.trust.carryOut(space, { ...wish, to: 'all' } as Parameters<
          typeof node.desk.trust.carryOut
        >[1]),
      );
    }
  };
  await write(odcm, one, 'one');
  await write(copy, other, 'other');
  await meanwhile(world, copy);
  await world.time.advance(LIMITS.timestampMs);
  world.network.heal();
  const spaces = world.spaces;
  const isFrozen = () => spaces.every(({ mesh }) => mesh.directory.isFrozen);
  const tookMs = await world.time.until(isFrozen, 200_000);
  return { world, copy, tookMs };
}
