import type { FeedId } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import type { Row } from '../row.ts';
import { lines, openScene, others, type Scene, seedsFrom } from '../trust/scene.ts';

const SPACES = ['library', 'platform', 'payments', 'shipping'];

/** The open feed is for everybody; what is taken away here is that. */
async function endGrant({ world, feed }: Scene): Promise<void> {
  const { trust } = world.odcm.desk;
  const { name, space } = world.odcm.mesh.directory.state.feeds.get(feed)!;
  const publisher = world.odcm.mesh.directory.state.spaces.get(space)!.name;
  await world.time.during(trust.ungrant({ subscriber: 'all', publisher, feed: name }));
}

const forbidAll = ({ world }: Scene, feed: FeedId, names: readonly string[]) => {
  for (const name of names) world.forbid(name, feed);
};

/** Taken back: what is published after is neither sent to the space nor applied by it. */
async function afterRevoke(seed: number, isCutOff: boolean): Promise<number> {
  const scene = await openScene(seed, SPACES, ['platform', 'payments']);
  const { world, feed, say, applied } = scene;
  if (isCutOff)
    world.network.partition([
      lines(world, ['platform']),
      lines(world, others(world, ['platform'])),
    ]);
  await endGrant(scene);
  if (isCutOff) await world.time.advance(30_000);
  else await world.spread();
  forbidAll(scene, feed, ['platform', 'payments']);
  await say(4);
  await world.time.advance(30_000);
  world.network.heal();
  await world.time.advance(2 * LIMITS.antiEntropyMs);
  return world.wrongs.length + applied('platform') - 3 + applied('payments') - 3;
}

/** Ended by its own date, which needs no word of ODCM: also while the space is cut off from everybody but the publisher. */
async function afterItsEnd(seed: number): Promise<number> {
  const scene = await openScene(seed, SPACES, ['platform']);
  const { world, feed, say, applied } = scene;
  await endGrant(scene);
  const untilMs = world.time.nowMs() + 90_000;
  const { state } = world.odcm.mesh.directory;
  await world.time.during(
    world.odcm.desk.trust.grant({
      ...{ subscriber: 'platform', publisher: 'library' },
      feed: state.feeds.get(feed)!.name,
      until: new Date(untilMs).toISOString(),
    }),
  );
  await world.spread();
  await say(1);
  await world.time.until(() => applied('platform') === 4, LIMITS.antiEntropyMs);
  const isTakenBefore = applied('platform') === 4;
  world.network.partition([
    lines(world, ['platform', 'library']),
    lines(world, others(world, ['platform', 'library'])),
  ]);
  // Clocks are wrong by up to twenty seconds here.
  await world.time.advance(Math.max(0, untilMs - world.time.nowMs()) + 45_000);
  world.forbid('platform', feed);
  await say(4);
  await world.time.advance(2 * LIMITS.antiEntropyMs);
  return world.wrongs.length + applied('platform') - 4 + (isTakenBefore ? 0 : 1);
}

const CASES: readonly (readonly [string, (seed: number) => Promise<number>])[] = [
  ['is used after it was taken back', (seed) => afterRevoke(seed, false)],
  ['is used by a space that was cut off when it was taken back', (seed) => afterRevoke(seed, true)],
  ['is used after the end that stands in it, far from ODCM', afterItsEnd],
];

export const rows: readonly Row[] = CASES.map(([what, attack]) => ({
  id: 'G01',
  what: `a grant ${what}`,
  how: 'simulated',
  expected: '0 applied, 0 served',
  run: async ({ seeds, isLong }) => {
    const all = seedsFrom(6_000, isLong ? Math.min(seeds, 200) : 1);
    let applied = 0;
    for (const seed of all) applied += await attack(seed);
    return { measured: `${applied} applied or served in ${all.length} runs`, pass: applied === 0 };
  },
}));
