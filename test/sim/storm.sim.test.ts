import { describe, expect, it } from 'vitest';
import { expectSound, seedsOf } from './seeds.ts';
import { calm, type Sown, storm } from './storm.ts';
import { World } from './world.ts';

const SPACES = ['library', 'platform', 'payments', 'shipping'];

async function stormyWorld(seed: number): Promise<World> {
  const world = await World.create({ seed, spaces: SPACES });
  const sow = async (publisher: string, name: string, to: 'all' | string[], items: number) => {
    const feed = await world.createFeed(publisher, name, to);
    sown.push({ publisher, feed, items });
  };
  const sown: Sown[] = [];
  await sow('library', 'variables/base', 'all', 30);
  await sow('library', 'variables/inner', ['platform'], 30);
  await sow('payments', 'targets', 'all', 3);
  await storm(world, sown, 60_000);
  await calm(world);
  return world;
}

describe('a mesh in a storm of faults', () => {
  it.each(seedsOf('storm', 16))('is level and whole soon after it (seed %i)', async (seed) => {
    const world = await stormyWorld(seed);
    await expectSound(world);
    expect(world.acknowledged.length).toBeGreaterThan(0);
  });

  it('goes the same way whenever it is told the same seed', async () => {
    const [once, again, other] = [
      await stormyWorld(1001),
      await stormyWorld(1001),
      await stormyWorld(1002),
    ];
    expect(again.network.fingerprint()).toBe(once.network.fingerprint());
    expect(again.acknowledged).toEqual(once.acknowledged);
    expect(other.network.fingerprint()).not.toBe(once.network.fingerprint());
  });
});
