import { describe, expect, it } from 'vitest';
import { findContinuation } from '../../node/fork/continuation.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  copiedWorld,
  feedOf,
  forkedWorld,
  imageOf,
  restoredWorld,
  SPACES,
  say,
  twoDirectories,
} from './fork-scenes.ts';
import { expectSound, seedsOf } from './seeds.ts';
import { World } from './world.ts';

const KINDS = [
  ['of one size', ['one history'], ['another history']],
  ['of different sizes', ['one', 'two', 'three', 'four'], ['another']],
] as const;

describe.each(KINDS)('two machines with one key, with histories %s', (_, one, other) => {
  it.each(seedsOf('clone', 1))(
    'have the feed that both write frozen, everywhere, and no other (seed %i)',
    async (seed) => {
      const { world, forked, quiet, third, clone, library } = await forkedWorld(
        seed,
        [...one],
        [...other],
      );
      const nodes = [...world.nodes.values()];
      const { origin } = feedOf(world, 'platform', forked);
      const tookMs = await world.time.until(
        () => nodes.every((node) => node.mesh.forks.of(origin) !== undefined),
        200_000,
      );
      expect(tookMs, `seed ${seed} is never noticed`).toBeDefined();
      const common = () =>
        ['platform', 'shipping'].map((name) => world.node(name).mesh.forks.of(origin)?.commonSize);
      await world.time.until(() => common().every((size) => size === 2), 100_000);
      expect(common()).toEqual([2, 2]);

      const roots = () => ['platform', 'shipping'].map((n) => feedOf(world, n, forked).log.root());
      const before = roots();
      await world.time.during(clone.stop());
      // The key is in use once again: what was held goes on.
      await world.time.advance(LIMITS.presenceMs * 14);
      await say(world, library, forked, 'too late');
      expect(world.refused.get('CONFLICT')).toBe(1);
      await say(world, library, quiet, 'goes on');
      await say(world, world.node('payments'), third, 'goes on');
      await expectSound(world, { feeds: new Set([forked]), withinMs: 200_000 });
      expect(roots()).toEqual(before);

      await world.time.during(world.node('platform').crash('power'));
      await world.time.during(world.node('platform').start());
      expect(feedOf(world, 'platform', forked).isFrozen).toBe(true);
    },
  );

  it.each(seedsOf('clone', 0))(
    'go on in a new epoch from what both know (seed %i)',
    async (seed) => {
      const { world, forked, clone, library } = await forkedWorld(seed, [...one], [...other]);
      await world.time.until(() => feedOf(world, 'platform', forked).isFrozen, 200_000);
      await world.time.during(clone.stop());
      await world.time.advance(60_000);
      const { odcm } = world;
      const row = odcm.mesh.directory.state.feeds.get(forked)!;
      const point = await world.time.during(findContinuation(odcm.mesh, odcm.process.timers, row));
      expect(point.size).toBe(2);
      await world.time.during(odcm.desk.trust.startEpoch(forked, point));
      const isMoved = (name: string) =>
        world.node(name).mesh.feeds.peek(forked)?.row.epoch === 2 &&
        feedOf(world, name, forked).log.size === 2;
      const names = ['library', 'platform', 'shipping'];
      await world.time.until(() => names.every(isMoved), 100_000);
      expect(names.map(isMoved)).toEqual([true, true, true]);
      await say(world, library, forked, 'a new beginning');
      const isLevel = (name: string) => feedOf(world, name, forked).view.applied === 3;
      await world.time.until(() => names.every(isLevel), 100_000);
      expect(names.map(isLevel)).toEqual([true, true, true]);
      const root = feedOf(world, 'library', forked).log.root();
      for (const name of names) expect(feedOf(world, name, forked).log.root()).toEqual(root);

      for (const name of names) {
        await world.time.during(world.node(name).crash('power'));
        await world.time.during(world.node(name).start());
      }
      await world.time.until(() => names.every(isLevel), 100_000);
      expect(names.map(isLevel)).toEqual([true, true, true]);
    },
  );
});

describe('a fork', () => {
  it('is known at once to a space that comes long after it was told', async () => {
    const { world, forked } = await forkedWorld(1, ['one history'], ['another history']);
    const payments = world.node('payments');
    await world.time.during(payments.stop());
    const { origin } = feedOf(world, 'platform', forked);
    const others = ['odcm', 'platform', 'shipping'].map((name) => world.node(name));
    const areTold = () => others.every(({ mesh }) => mesh.forks.of(origin) !== undefined);
    await world.time.until(areTold, 200_000);
    expect(areTold()).toBe(true);
    await world.time.advance(LIMITS.presenceMs * 5);
    await world.time.during(payments.start());
    expect(payments.mesh.forks.of(origin)).toBeUndefined();
    await world.time.until(() => payments.mesh.host.connectedPeers().length > 0, 60_000);
    const isTold = () => payments.mesh.forks.of(origin) !== undefined;
    expect(await world.time.until(isTold, 2 * LIMITS.presenceMs)).toBeDefined();
    expect(isTold()).toBe(true);
  });
});

describe('a machine that comes back as it was', () => {
  it.each(seedsOf('clone', 3))(
    'takes its own newest entries back before it releases any (seed %i)',
    async (seed) => {
      const count = seed % 3;
      const { world, feed } = await restoredWorld(seed, count, 3);
      expect([...world.refused]).toEqual([]);
      expect(feedOf(world, 'library', feed).log.size).toBe(count + 4);
      expect(feedOf(world, 'platform', feed).log.size).toBe(count + 4);
      for (const node of world.nodes.values()) expect(node.mesh.forks.all()).toEqual([]);
    },
  );

  it('holds what it publishes while it reaches nobody, and releases it on the first contact', async () => {
    const world = await World.create({ seed: 5, spaces: SPACES });
    const feed = await world.createFeed('library', 'variables/base', 'all');
    await world.spread();
    await world.subscribe('platform', feed);
    const library = world.node('library');
    await say(world, library, feed, 'one');
    await expectSound(world);
    await world.time.during(library.stop());
    const others = [...world.nodes.values()].filter((node) => node !== library);
    world.network.partition([[library.line], others.map(({ line }) => line)]);
    await world.time.during(library.start());
    await say(world, library, feed, 'two', 'three');
    const own = feedOf(world, 'library', feed);
    expect(own.log.size).toBe(3);
    expect(library.mesh.gate.held(own)).toBe(2);
    // Not in a file either.
    expect(() => library.mesh.gate.mayLeave(own)).toThrow(
      expect.objectContaining({ code: 'BUSY' }),
    );
    world.network.heal();
    await expectSound(world);
    expect(library.mesh.gate.held(own)).toBeNull();
    expect(feedOf(world, 'platform', feed).log.size).toBe(3);
  });

  it('goes on in a new epoch when what it published alone is not what others have', async () => {
    const world = await World.create({ seed: 5, spaces: SPACES });
    const feed = await world.createFeed('library', 'variables/base', 'all');
    await world.spread();
    await world.subscribe('platform', feed);
    const library = world.node('library');
    await say(world, library, feed, 'one');
    await expectSound(world);
    const backup = await imageOf(world, library);
    await say(world, library, feed, 'two', 'three', 'four');
    await expectSound(world);
    await world.time.during(library.stop());
    world.nodes.set('library', backup);
    const others = [...world.nodes.values()].filter((node) => node !== backup);
    world.network.partition([[backup.line], others.map(({ line }) => line)]);
    await world.time.during(backup.start());
    await world.time.advance(LIMITS.releaseAskMs + 1_000);
    const own = feedOf(world, 'library', feed).publisher!;
    // Nobody is promised that this one is kept: it was written over a past that is not that of the others.
    await world.time.during(own.publish([{ item: 'alone', body: { payload: 1 } }]));
    world.network.heal();
    await world.time.advance(60_000);
    expect(feedOf(world, 'library', feed).log.size).toBe(2);

    const { odcm } = world;
    const row = odcm.mesh.directory.state.feeds.get(feed)!;
    const point = await world.time.during(findContinuation(odcm.mesh, odcm.process.timers, row));
    expect(point.size).toBe(4);
    await world.time.during(odcm.desk.trust.startEpoch(feed, point));
    const size = () => feedOf(world, 'library', feed).log.size;
    await world.time.until(() => size() === 4, 200_000);
    expect(size()).toBe(4);
    await say(world, backup, feed, 'a new beginning');
    await expectSound(world);
    const roots = ['library', 'platform'].map((name) => feedOf(world, name, feed).log.root());
    expect(roots[0]).toEqual(roots[1]);
    for (const node of world.nodes.values()) expect(node.mesh.forks.all()).toEqual([]);
  });

  it('and its copy both say so when they hear each other, and neither releases anything', async () => {
    const { world, feed, library, clone, areBothTold, tookMs } = await copiedWorld(6);
    expect(tookMs).toBeDefined();
    await say(world, library, feed, 'two');
    const copied = clone.mesh.feeds.peek(feed)!.publisher!;
    // Nobody is promised that this one is kept: its machine is thrown away.
    await world.time.during(copied.publish([{ item: 'another two', body: { payload: 1 } }]));
    await world.time.advance(30_000);
    expect(areBothTold()).toBe(true);
    const own = library.mesh.feeds.peek(feed)!;
    expect(() => library.mesh.gate.mayLeave(own)).toThrow(
      expect.objectContaining({ code: 'CONFLICT' }),
    );
    expect(feedOf(world, 'platform', feed).log.size).toBe(1);
    for (const node of world.nodes.values()) expect(node.mesh.forks.all()).toEqual([]);
    await world.time.during(clone.stop());
    await expectSound(world);
    expect(feedOf(world, 'platform', feed).log.size).toBe(2);
  });
});

describe('ODCM that comes back as it was', () => {
  const restored = async () => {
    const world = await World.create({ seed: 11, spaces: SPACES });
    const backup = await imageOf(world, world.odcm);
    await world.createFeed('library', 'variables/base', 'all');
    await world.spread();
    const { size } = world.odcm.mesh.directory.log;
    await world.time.during(world.odcm.stop());
    world.nodes.set('odcm', backup);
    return { world, backup, size };
  };

  it('takes its own newest entries back before it writes any', async () => {
    const { world, backup, size } = await restored();
    await world.time.during(backup.start());
    expect(backup.mesh.directory.log.size).toBeLessThan(size);
    await world.createFeed('library', 'variables/other', 'all');
    expect(backup.mesh.directory.log.size).toBeGreaterThan(size);
    await world.spread();
    const root = backup.mesh.directory.log.root();
    for (const { mesh } of world.nodes.values()) {
      expect(mesh.directory.log.root()).toEqual(root);
      expect([mesh.directory.isFrozen, mesh.directory.age]).toEqual([false, 'fresh']);
    }
  });

  it('writes nothing and vouches for nothing while it reaches nobody', async () => {
    const { world, backup } = await restored();
    const others = world.spaces.map(({ line }) => line);
    world.network.partition([[backup.line], others]);
    await world.time.during(backup.start());
    const { size, note } = backup.mesh.directory.log;
    const written = world.createFeed('library', 'variables/other', 'all');
    await expect(written).rejects.toMatchObject({ code: 'BUSY' });
    await expect(backup.desk.writer.renew()).rejects.toMatchObject({ code: 'BUSY' });
    expect([backup.mesh.directory.log.size, backup.mesh.directory.log.note]).toEqual([size, note]);
    world.network.heal();
    await world.time.until(() => backup.mesh.directoryGate.isOpen, 200_000);
    await world.createFeed('library', 'variables/other', 'all');
    await world.spread();
    for (const { mesh } of world.nodes.values()) expect(mesh.forks.all()).toEqual([]);
  });
});

describe('ODCM that shows two directories', () => {
  it.each([
    [1, 1, 1],
    [2, 3, 1],
  ])('is proven to do so as soon as the two halves meet (seed %i)', async (seed, one, other) => {
    const { world, tookMs } = await twoDirectories(seed, one, other);
    expect(tookMs, `seed ${seed} is never noticed`).toBeDefined();
    const { mesh } = world.node('platform');
    const [fork, ...others] = mesh.forks.all();
    expect(others).toEqual([]);
    expect(fork?.origin).toBe(mesh.directory.origin);
    // Not even ODCM adds to one of them, or dates it.
    const { odcm } = world;
    await world.time.until(() => odcm.mesh.directory.isFrozen, 60_000);
    const { size } = odcm.mesh.directory.log;
    const more = world.createFeed('library', 'one/more', 'all');
    await expect(more).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(odcm.desk.writer.renew()).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(odcm.mesh.directory.log.size).toBe(size);
    // Nobody's word about it counts any more, so that its age runs.
    await world.time.advance(LIMITS.directoryFreshMs + LIMITS.timestampMs);
    for (const { mesh: node } of world.spaces) expect(node.directory.age).toBe('stale');
  });
});
