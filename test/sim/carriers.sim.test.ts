import { describe, expect, it } from 'vitest';
import { standingOf } from '../../node/carry/standing.ts';
import { logPrefix, tableRange } from '../../node/store/keys.ts';
import { type FeedId, uuidBytes } from '../../protocols/ids.ts';
import { carrierCandidates, carriersWanted, chooseCarriers } from '../../protocols/rendezvous.ts';
import { expectSound, seedsOf } from './seeds.ts';
import { canary, World } from './world.ts';

const MEMBERS = ['library', 'platform', 'payments', 'shipping', 'ledger', 'identity'];
/** Entries large enough for their records to be blocks, among small ones. */
const publish = (world: World, feed: FeedId, items: number, fill = 20_000) =>
  world.time.during(
    world.publish(
      world.node('library'),
      feed,
      Array.from({ length: items }, (_, i) => ({
        item: `item ${world.acknowledged.length + i}`,
        body: { payload: { of: canary(feed), i, fill: 'z'.repeat(i % 3 ? 20 : fill) } },
      })),
    ),
  );

/** Names of those that the directory chooses, by ODCM's copy of it. */
function chosenOf(world: World, feed: FeedId): string[] {
  const { directory, home } = world.odcm.mesh;
  const row = directory.state.feeds.get(feed)!;
  const nowMs = world.time.nowMs();
  const candidates = carrierCandidates(directory.state, row, home.config.space, nowMs);
  return chooseCarriers(feed, candidates, carriersWanted(row)).map((id) => world.nameOf(id));
}

/** Names of those that have every entry and every block of a feed without taking it. */
function completeOf(world: World, feed: FeedId, size: number): string[] {
  return world.honest
    .filter(({ isRunning }) => isRunning)
    .filter(({ mesh }) => {
      const open = mesh.feeds.peek(feed);
      if (!open || open.publisher || mesh.subscriptions.get(feed)) return false;
      return open.log.size === size && mesh.carrying.carry.copies.whole(open) === size;
    })
    .map(({ name }) => name);
}

/** Rows on the disks of a node that belong to a feed. */
async function rowsOf(world: World, name: string, feed: FeedId): Promise<number> {
  const { logs, blockStore, views } = world.node(name).disks;
  const prefix = logPrefix(uuidBytes(feed), 1);
  let count = 0;
  for (const [disk, table] of [
    ...['h', 's', 't'].map((table) => [logs, table] as const),
    [blockStore, 'v'] as const,
    ...['i', 'o', 'd'].map((table) => [views, table] as const),
  ])
    for await (const _ of disk.rows.range(tableRange(table, prefix))) count++;
  return count;
}

async function expectCarried(world: World, feed: FeedId, size: number): Promise<void> {
  const wanted = chosenOf(world, feed).sort();
  const isSo = () => completeOf(world, feed, size).sort().join() === wanted.join();
  const tookMs = await world.time.until(isSo, 200_000);
  const running = world.honest.filter(({ isRunning }) => isRunning);
  const has = running.map(({ name, mesh }) => `${name} ${mesh.feeds.peek(feed)?.log.size}`);
  expect(tookMs, `seed ${world.seed}: wanted ${wanted}, found ${has}`).toBeDefined();
}

async function carriedWorld(seed: number, items = 30) {
  const world = await World.create({ seed, spaces: MEMBERS });
  const feed = await world.createFeed('library', 'variables/base', 'all');
  await world.spread();
  await publish(world, feed, items);
  await expectCarried(world, feed, items);
  return { world, feed };
}

describe('a feed that nobody takes', () => {
  it.each(seedsOf('carriers', 3))(
    'is copied by just those that are chosen (seed %i)',
    async (seed) => {
      const { world, feed } = await carriedWorld(seed);
      expect(chosenOf(world, feed)).toHaveLength(3);
      for (const name of MEMBERS) {
        if (name === 'library' || chosenOf(world, feed).includes(name)) continue;
        expect(await rowsOf(world, name, feed), name).toBe(0);
      }
      // Entries that come one by one travel by gossip, and their blocks are fetched.
      await publish(world, feed, 1);
      await publish(world, feed, 1);
      await expectCarried(world, feed, 32);
      for (const name of chosenOf(world, feed)) {
        const open = world.node(name).mesh.feeds.peek(feed)!;
        const item = await world.time.during(open.view.item('item 0'));
        expect([open.view.applied, item]).toEqual([0, undefined]);
      }
      await expectSound(world);
    },
  );

  it.each(seedsOf('carriers', 3))(
    'is had by a late subscriber from its carriers alone (seed %i)',
    async (seed) => {
      const { world, feed } = await carriedWorld(seed);
      const late = await world.join('orders');
      await world.spread();
      for (const name of ['library', 'odcm']) await world.time.during(world.node(name).stop());
      await world.time.during(late.start());
      const open = await world.subscribe('orders', feed);
      const tookMs = await world.time.until(() => open.view.applied === 30, 120_000);
      expect(tookMs, `${open.log.size} entries, ${open.view.applied} applied`).toBeDefined();
      for (const name of ['library', 'odcm']) await world.time.during(world.node(name).start());
      await expectSound(world);
    },
  );

  it('is readable at once where it was carried, when the space takes it with nobody there', async () => {
    const { world, feed } = await carriedWorld(4);
    const [carrier] = chosenOf(world, feed);
    for (const { name } of [...world.nodes.values()])
      if (name !== carrier) await world.time.during(world.node(name).stop());
    const open = await world.subscribe(carrier!, feed);
    expect(await world.time.until(() => open.view.applied === 30, 10_000)).toBeDefined();
    for (const { name } of [...world.nodes.values()])
      if (name !== carrier) await world.time.during(world.node(name).start());
    await expectSound(world);
  });
});

describe('carriers', () => {
  it.each(seedsOf('carriers', 3))(
    'hand over when members come and go, and there are enough in the end (seed %i)',
    async (seed) => {
      const { world, feed } = await carriedWorld(seed);
      for (const name of ['orders', 'billing', 'stock']) {
        await world.join(name);
        await world.time.during(world.node(name).start());
      }
      await world.spread();
      await expectCarried(world, feed, 30);
      const [gone] = chosenOf(world, feed);
      await world.revoke(gone!);
      await world.spread();
      await publish(world, feed, 3);
      await expectCarried(world, feed, 33);
      for (const { name } of world.spaces) {
        if (name === 'library' || name === gone || chosenOf(world, feed).includes(name)) continue;
        expect(await rowsOf(world, name, feed), name).toBe(0);
      }
      await expectSound(world);
    },
  );

  it('keep what nobody else has yet, however long that takes', async () => {
    const { world, feed } = await carriedWorld(2);
    const before = chosenOf(world, feed);
    const joined: string[] = [];
    while (chosenOf(world, feed).every((name) => before.includes(name))) {
      joined.push(`space-${joined.length}`);
      await world.join(joined.at(-1)!);
    }
    await world.spread();
    const leaving = before.find((name) => !chosenOf(world, feed).includes(name))!;
    await world.time.advance(300_000);
    expect(completeOf(world, feed, 30)).toContain(leaving);
    await world.time.during(world.node(joined.at(-1)!).start());
    await expectCarried(world, feed, 30);
    expect(await rowsOf(world, leaving, feed)).toBe(0);
  });

  it('change in number when the feed says so', async () => {
    const { world, feed } = await carriedWorld(5);
    const { trust } = world.odcm.desk;
    const { space } = world.node('library').home.config;
    for (const carriers of [5, 1, 0, 2]) {
      await world.time.during(trust.carryOut(space, { wish: 'policy', feed, carriers }));
      await world.spread();
      await expectCarried(world, feed, 30);
      expect(completeOf(world, feed, 30)).toHaveLength(carriers);
    }
    const other = world.node('payments').home.config.space;
    const wish = { wish: 'policy' as const, feed, carriers: 0 };
    await expect(world.time.during(trust.carryOut(other, wish))).rejects.toMatchObject({
      code: 'READ_ONLY',
    });
  });

  it('finish dropping a feed after their process was killed in the middle of it', async () => {
    const { world, feed } = await carriedWorld(6);
    const [carrier] = chosenOf(world, feed);
    const node = world.node(carrier!);
    const { trust } = world.odcm.desk;
    const { space } = world.node('library').home.config;
    await world.time.during(trust.carryOut(space, { wish: 'policy', feed, carriers: 0 }));
    const full = await rowsOf(world, carrier!, feed);
    // The first row that goes takes the process with it.
    await world.time.until(async () => (await rowsOf(world, carrier!, feed)) < full, 60_000);
    await world.time.during(node.crash('power'));
    await world.time.during(node.start());
    await world.time.until(async () => (await rowsOf(world, carrier!, feed)) === 0, 60_000);
    expect(await rowsOf(world, carrier!, feed)).toBe(0);
    await expectSound(world);
  });
});

const MiB = 2 ** 20;

describe('room for what is carried', () => {
  it('is never passed, and goes to the feeds that a node is the first choice for', async () => {
    const world = await World.create({ seed: 1, spaces: MEMBERS });
    const quotaBytes = 7 * MiB;
    for (const node of world.spaces) {
      node.carryBytes = quotaBytes;
      await world.time.during(node.stop());
      await world.time.during(node.start());
    }
    const passed: string[] = [];
    const look = () => {
      for (const { name, mesh, isRunning } of world.spaces)
        if (isRunning && mesh.carrying.carry.carriedBytes > quotaBytes) passed.push(name);
      return false;
    };
    for (let i = 0; i < 8; i++) {
      const feed = await world.createFeed('library', `variables/base-${i}`, 'all');
      await world.spread();
      await publish(world, feed, 90, 60_000);
      await world.time.until(look, 5_000);
    }
    await world.time.until(look, 120_000);
    expect(passed).toEqual([]);
    const states = new Map<string, number>();
    for (const { mesh } of world.spaces) {
      const { carry, duty } = mesh.carrying;
      const ranks = { kept: [] as number[], not: [] as number[] };
      for (const { id } of mesh.directory.state.feeds.values()) {
        const state = carry.carrying(id)?.state;
        if (state) states.set(state, (states.get(state) ?? 0) + 1);
        if (state === 'complete') ranks.kept.push(duty.rank(id));
        if (state === 'no room' && carry.carrying(id)!.bytes === 0) ranks.not.push(duty.rank(id));
      }
      if (ranks.kept.length > 0 && ranks.not.length > 0)
        expect(Math.min(...ranks.kept)).toBeLessThanOrEqual(Math.min(...ranks.not));
    }
    expect(states.get('complete')).toBeGreaterThan(5);
    expect(states.get('no room')).toBeGreaterThan(5);
    for (const { disks, mesh } of world.spaces) {
      let bytes = 0;
      for await (const { value } of disks.blockStore.rows.range(tableRange('v')))
        bytes += value.length;
      expect(bytes).toBeLessThanOrEqual(quotaBytes);
      expect(mesh.carrying.carry.quotaBytes).toBe(quotaBytes);
    }
  }, 120_000);

  it('of nought keeps nothing, and others see that copies are missing', async () => {
    const world = await World.create({ seed: 2, spaces: MEMBERS.slice(0, 3) });
    const node = world.node('payments');
    node.carryBytes = 0;
    await world.time.during(node.stop());
    await world.time.during(node.start());
    const feed = await world.createFeed('library', 'variables/base', 'all');
    await world.spread();
    await publish(world, feed, 5);
    await world.time.advance(150_000);
    expect(await rowsOf(world, 'payments', feed)).toBe(0);
    for (const viewer of ['library', 'odcm']) {
      const { mesh } = world.node(viewer);
      const standing = standingOf(mesh, mesh.directory.state.feeds.get(feed)!);
      expect(standing, viewer).toMatchObject({
        ...{ carriersWanted: 3, carriersPossible: 2, carriers: 1, carriersComplete: 1 },
        carriersUnknown: 0,
      });
      const shown = standing.carrierSpaces.map(({ space, state }) => `${space} ${state}`).sort();
      expect(shown).toEqual(['payments none', 'platform complete']);
    }
  });
});

describe('what is known of copies', () => {
  it('is nothing before anybody was asked, then who has how much, then that one is away', async () => {
    const { world, feed } = await carriedWorld(1);
    const row = world.odcm.mesh.directory.state.feeds.get(feed)!;
    const seenBy = (name: string) => standingOf(world.node(name).mesh, row);
    await world.time.advance(130_000);
    for (const name of ['library', 'odcm']) {
      expect(seenBy(name)).toMatchObject({ carriersComplete: 3, carriers: 3, carriersUnknown: 0 });
    }
    const [gone] = chosenOf(world, feed);
    await world.time.during(world.node(gone!).stop());
    await world.time.advance(1_000);
    expect(seenBy('library')).toMatchObject({ carriersComplete: 2, carriersUnknown: 0 });
    const away = seenBy('library').carrierSpaces.find(({ state }) => state === 'away');
    expect(away).toMatchObject({ space: gone, held: 30, chosen: true });
    for (const { name } of world.spaces)
      if (name !== 'library' && name !== gone) await world.time.during(world.node(name).stop());
    await world.time.during(world.odcm.stop());
    const library = world.node('library');
    await world.time.during(library.stop());
    await world.time.during(library.start());
    expect(seenBy('library')).toMatchObject({
      ...{ carriers: null, carriersComplete: null, carriersUnknown: 3 },
    });
  });
});
