// Power that goes, disks that are full or fail, and nodes on them: nothing that was answered may be lost.

import { LIMITS } from '../../../protocols/limits.ts';
import { differences, faults } from '../../sim/checks.ts';
import type { SimNode } from '../../sim/node.ts';
import { World } from '../../sim/world.ts';
import { type Row, seedsUpTo } from '../row.ts';

const SPACES = ['library', 'platform'];
const ROUNDS = 6;
const LEVEL_MS = 4 * LIMITS.antiEntropyMs;
const GOES_ON_MS = 5_000;
const MOST_SEEDS = 200;

interface Told {
  readonly acknowledged: number;
  readonly wrong: readonly string[];
  readonly slowestMs: number;
}

async function begun(seed: number) {
  const world = await World.create({ seed, spaces: SPACES });
  const feed = await world.createFeed('library', 'variables/base', 'all');
  await world.spread();
  await world.subscribe('platform', feed);
  let count = 0;
  /** Requests that nobody waits for: whatever happens to the publisher happens in the middle of them. */
  const publishSome = (node: SimNode): void => {
    for (let i = 0; i < 5; i++) {
      const item = `item ${count++ % 40}`;
      const body = { payload: { text: `${count}`.repeat(count % 7 === 0 ? 6_000 : 5) } };
      void world.publish(node, feed, [{ item, body }]).catch(() => {});
    }
  };
  return { world, feed, publishSome };
}

/** What is wrong once everything is well again; a mesh that does not become level counts as such. */
async function wrongOf(world: World): Promise<string[]> {
  let left: string[] = [];
  const isLevel = await world.time.until(async () => {
    left = await differences(world);
    return left.length === 0;
  }, LEVEL_MS);
  return isLevel === undefined ? left : await world.time.during(faults(world));
}

async function powerCuts(seed: number): Promise<Told> {
  const { world, publishSome } = await begun(seed);
  for (let round = 0; round < ROUNDS; round++) {
    const node = world.node(round % 3 === 2 ? 'platform' : 'library');
    for (let i = 0; i < 4; i++) {
      publishSome(world.node('library'));
      await world.time.advance(world.dice.below(60));
    }
    await node.crash('power');
    await world.time.during(node.start());
    await world.time.advance(2_000);
  }
  return told(world, await wrongOf(world), 0);
}

/** Reads and writes fail now and then, then the power goes, with everything whose sync failed. */
async function failedSyncs(seed: number): Promise<Told> {
  const { world, publishSome } = await begun(seed);
  const node = world.node('library');
  for (let round = 0; round < ROUNDS; round++) {
    for (const disk of Object.values(node.disks)) disk.failing = 0.15;
    for (let i = 0; i < 6; i++) {
      publishSome(node);
      await world.time.advance(world.dice.below(80));
    }
    for (const disk of Object.values(node.disks)) disk.failing = 0;
    if (round % 2 === 0) {
      await node.crash('power');
      await world.time.during(node.start());
    }
    await world.time.advance(3_000);
  }
  return told(world, await wrongOf(world), 0);
}

async function fullDisks(seed: number): Promise<Told> {
  const { world, feed, publishSome } = await begun(seed);
  let slowestMs = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const node = world.node(round % 2 === 0 ? 'library' : 'platform');
    publishSome(world.node('library'));
    node.fill(true);
    publishSome(world.node('library'));
    await world.time.advance(2_000);
    node.fill(false);
    const before = world.acknowledged.length;
    const goesOn = async () => {
      publishSome(world.node('library'));
      const held = node.mesh.feeds.peek(feed);
      const isLevel = held?.view.isLevel === true && !held.log.damage;
      return world.acknowledged.length > before && isLevel;
    };
    const tookMs = await world.time.until(goesOn, 60_000);
    slowestMs = Math.max(slowestMs, tookMs ?? 60_000);
  }
  return told(world, await wrongOf(world), slowestMs);
}

const told = (world: World, wrong: readonly string[], slowestMs: number): Told => ({
  acknowledged: world.acknowledged.length,
  wrong,
  slowestMs,
});

const simulated = (
  id: string,
  what: string,
  expected: string,
  campaign: (seed: number) => Promise<Told>,
): Row => ({
  ...{ id, what, how: 'simulated', expected },
  run: async ({ log, ...size }) => {
    const seeds = seedsUpTo(MOST_SEEDS, size);
    let acknowledged = 0;
    let slowestMs = 0;
    const bad: string[] = [];
    for (let seed = 1; seed <= seeds.count; seed++) {
      const outcome = await campaign(seed);
      acknowledged += outcome.acknowledged;
      slowestMs = Math.max(slowestMs, outcome.slowestMs);
      if (outcome.wrong.length > 0) bad.push(`seed ${seed}: ${outcome.wrong[0]}`);
    }
    for (const line of bad) log(line);
    const time = slowestMs > 0 ? `, goes on after ${slowestMs} ms` : '';
    return {
      measured: `${bad.length} of ${seeds.told} lost any of ${acknowledged}${time}`,
      pass: bad.length === 0 && acknowledged > 0 && slowestMs <= GOES_ON_MS,
    };
  },
});

export const rows: readonly Row[] = [
  simulated(
    'C02',
    'power cuts at publisher and subscriber while they write, with all that was not synced',
    '0 lost',
    powerCuts,
  ),
  simulated(
    'C05',
    'disks full and free again at publisher and subscriber, no restart',
    '0 lost, goes on <= 5 s',
    fullDisks,
  ),
  simulated(
    'C06',
    'reads and syncs that fail, then the power goes',
    '0 answered after a failed sync',
    failedSyncs,
  ),
];
