import type { FeedId } from '../../../protocols/ids.ts';
import { turn } from '../../sim/hostile.ts';
import { canary, World } from '../../sim/world.ts';
import { type Outcome, type Row, type Size, seedsUpTo } from '../row.ts';

const NOTICED_MS = 120_000;
const LEVEL_MS = 10_000;
const MOST_SEEDS = 200;
const HOSTILE = ['platform', 'shipping', 'ledger', 'identity', 'billing'];
const HONEST = ['odcm', 'library'];
const VICTIM = 'payments';

async function publish(world: World, feed: FeedId, from: number, count: number): Promise<void> {
  const drafts = Array.from({ length: count }, (_, i) => ({
    item: `item ${from + i}`,
    body: { payload: { of: canary(feed), i: from + i } },
  }));
  await world.time.during(world.publish(world.node('library'), feed, drafts));
}

function cutOff(world: World, from: readonly string[]): void {
  world.network.partition([[world.node(VICTIM).line], from.map((name) => world.node(name).line)]);
}

/** From its next start on the node tells nobody who is there, itself included. */
function keepSilent(world: World, name: string): void {
  const node = world.node(name);
  const prepare = node.prepare;
  node.prepare = (host) => {
    prepare?.(host);
    const publish = host.gossip.publish.bind(host.gossip);
    host.gossip.publish = async (topic, data) =>
      topic.includes('/presence/') ? { recipients: [] } : publish(topic, data);
  };
}

/** When the victim noticed and was level again, in milliseconds; null for never. */
async function eclipse(seed: number): Promise<{ noticed: number | null; level: number | null }> {
  const world = await World.create({ seed, spaces: ['library', VICTIM, ...HOSTILE] });
  const feed = await world.createFeed('library', 'variables/base', 'all');
  await world.spread();
  for (const name of [VICTIM, ...HOSTILE]) await world.subscribe(name, feed);
  await publish(world, feed, 0, 20);
  const victim = world.node(VICTIM);
  const isAt = (size: number) => () => victim.mesh.feeds.peek(feed)?.view.applied === size;
  if ((await world.time.until(isAt(20), 60_000)) === undefined) throw new Error('it never began');
  for (const name of HOSTILE) {
    // They answer with what was true once, pass nothing on that is, and say that they hold the feed.
    turn(world, name, 'gives old heads');
    keepSilent(world, name);
    await world.time.during(world.node(name).crash('killed'));
    await world.time.during(world.node(name).start());
  }
  await world.time.advance(20_000);
  cutOff(world, HONEST);
  await publish(world, feed, 20, 50);
  const { board } = victim.mesh.health;
  const spaces = HONEST.map((name) => world.node(name).home.config.space);
  // A node that hears nobody doubts itself, too, and waits longer before it calls others dead: it shows both at once.
  const isNoticed = () => spaces.every((space) => board.of(space)?.state !== 'online');
  const noticed = (await world.time.until(isNoticed, NOTICED_MS)) ?? null;
  if (isAt(70)()) throw new Error('it was not cut off');
  // One honest path, and not the one to ODCM.
  world.network.heal();
  cutOff(world, ['odcm']);
  const peerId = world.node('library').peerId;
  const isJoined = () => victim.mesh.host.isConnected(peerId);
  if ((await world.time.until(isJoined, 120_000)) === undefined) return { noticed, level: null };
  const level = (await world.time.until(isAt(70), LEVEL_MS)) ?? null;
  for (const node of world.nodes.values()) await world.time.during(node.stop());
  return { noticed, level };
}

async function run({ log, ...size }: Size): Promise<Outcome> {
  const seeds = seedsUpTo(MOST_SEEDS, size);
  const noticed: number[] = [];
  const level: number[] = [];
  const failed: number[] = [];
  for (let seed = 1; seed <= seeds.count; seed++) {
    const one = await eclipse(seed);
    if (one.noticed === null || one.level === null) {
      failed.push(seed);
      log(`seed ${seed}: ${JSON.stringify(one)}`);
      continue;
    }
    noticed.push(one.noticed);
    level.push(one.level);
  }
  const worst = (of: readonly number[]) => (Math.max(0, ...of) / 1000).toFixed(0);
  return {
    measured: `noticed <= ${worst(noticed)} s, level <= ${worst(level)} s, ${failed.length} of ${seeds.told} failed ${failed.slice(0, 5).join(' ')}`,
    pass: failed.length === 0,
  };
}

export const rows: readonly Row[] = [
  {
    id: 'N05',
    what: 'five of seven peers lie, the two others are cut off, then one is back',
    how: 'simulated',
    expected: `noticed <= ${NOTICED_MS / 60_000} min, level <= ${LEVEL_MS / 1000} s after one honest path`,
    run,
  },
];
