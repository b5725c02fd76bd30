import { type DirectoryAge, freshnessOf } from '../../../node/directory/freshness.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import type { SimNode } from '../../sim/node.ts';
import type { Row } from '../row.ts';
import { lines, openScene, others, type Scene, seedsFrom } from '../trust/scene.ts';

const SPACES = ['library', 'platform', 'payments', 'shipping'];
const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const WEEK = LIMITS.directoryExpiredMs;

/** How far from the due age the state comes. The long part of the way nobody is awake: a week of heartbeats takes long. */
async function whenAge(
  { world }: Scene,
  node: SimNode,
  wanted: DirectoryAge,
  dueMs: number,
): Promise<number> {
  const ageMs = () => node.mesh.directory.ageMs ?? 0;
  // A node that starts goes by its own clock until it has heard others: that much its time may move.
  const isLong = dueMs - ageMs() > HOUR;
  const sleepMs = dueMs - ageMs() - (isLong ? 2 * LIMITS.clockSkewMs : 4_000);
  if (isLong) {
    await world.time.during(node.stop());
    await world.time.advance(sleepMs);
    await world.time.during(node.start());
  } else await world.time.advance(sleepMs);
  while (node.mesh.directory.age !== wanted && ageMs() < dueMs + 5_000)
    await world.time.advance(250);
  return node.mesh.directory.age === wanted ? Math.abs(ageMs() - dueMs) : dueMs;
}

/** ODCM's word no longer reaches a node: what it says of itself, when, and what it still takes. */
async function freeze(seed: number): Promise<{ offMs: number; taken: number }> {
  const scene = await openScene(seed, SPACES, ['platform']);
  const { world, say, held } = scene;
  const platform = world.node('platform');
  // The rest of the mesh goes on without ODCM: heads of the directory stay those of before.
  await world.time.during(world.odcm.stop());
  const stale = await whenAge(scene, platform, 'stale', LIMITS.directoryFreshMs);
  await say(1);
  await world.time.advance(2 * LIMITS.antiEntropyMs);
  const isTakenWhileStale = held('platform') === 4;
  // A week of heartbeats of everybody would only take long.
  for (const name of others(world, ['odcm', 'platform']))
    await world.time.during(world.node(name).stop());
  const expired = await whenAge(scene, platform, 'expired', WEEK);
  await world.time.during(world.node('library').start());
  await say(2);
  await world.time.advance(2 * LIMITS.antiEntropyMs);
  const taken = held('platform') - 4 + (isTakenWhileStale ? 0 : 1);
  return { offMs: Math.max(stale, expired), taken };
}

interface Jump {
  readonly name: string;
  readonly byMs: (second: number) => number;
}

const JUMPS: readonly Jump[] = [
  { name: '-1 d', byMs: () => -DAY },
  { name: '+1 d', byMs: () => DAY },
  { name: '-10 y', byMs: () => -3650 * DAY },
  { name: '+10 y', byMs: () => 3650 * DAY },
  {
    name: 'each second another',
    byMs: (second) => (second % 2 ? 1 : -1) * (1 + (second % 7)) * DAY,
  },
];

/** The clock of one node goes wrong for half an hour while others speak: what expires, and what begins again. */
async function leap(seed: number, { byMs }: Jump): Promise<{ expired: number; revived: number }> {
  const { world, feed, say, held } = await openScene(seed, SPACES, ['platform']);
  const platform = world.node('platform');
  const { directory, trustClock } = platform.mesh;
  const endsAt = new Date(world.time.nowMs() + 60_000).toISOString();
  await world.time.advance(2 * 60_000);
  const usualMs = platform.clockOffsetMs;
  const ended = { until: endsAt };
  let expired = 0;
  let revived = 0;
  for (let second = 0; second < 90; second++) {
    platform.clockOffsetMs = usualMs + byMs(second);
    await world.time.advance(1_000);
    if (directory.age === 'expired' || directory.age === 'unknown') expired += 1;
    if (Date.parse(ended.until) > trustClock.nowMs()) revived += 1;
    if (!platform.mesh.replicator.mayTake(feed)) expired += 1;
  }
  platform.clockOffsetMs = usualMs;
  await say(1);
  await world.time.advance(2 * LIMITS.antiEntropyMs);
  return { expired: expired + (held('platform') === 4 ? 0 : 1), revived };
}

/** Alone, expired, and then set back: also after a restart it stays what it was. */
async function setBackAlone(seed: number): Promise<number> {
  const scene = await openScene(seed, SPACES, ['platform']);
  const { world } = scene;
  const platform = world.node('platform');
  world.network.partition([lines(world, ['platform']), lines(world, others(world, ['platform']))]);
  for (const name of others(world, ['platform'])) await world.time.during(world.node(name).stop());
  await whenAge(scene, platform, 'expired', WEEK);
  let revived = 0;
  const usualMs = platform.clockOffsetMs;
  for (const byMs of [HOUR, DAY, 10 * WEEK]) {
    platform.clockOffsetMs = usualMs - byMs;
    for (const isRestarted of [false, true]) {
      if (isRestarted) {
        await world.time.during(platform.stop());
        await world.time.during(platform.start());
      }
      if (platform.mesh.directory.age !== 'expired') revived += 1;
    }
  }
  return revived;
}

/** ODCM's own clock is set back: it issues nothing until it is right again. */
async function odcmSetBack(seed: number): Promise<string> {
  const { world } = await openScene(seed, SPACES, []);
  const { odcm } = world;
  await world.time.advance(2 * 60_000);
  const before = odcm.mesh.directory.log.size;
  odcm.clockOffsetMs -= DAY;
  const order = odcm.desk.trust.grant({ subscriber: 'platform', publisher: 'library' });
  const code = await world.time.during(
    order.then(
      () => 'issued',
      (error) => String(error.code),
    ),
  );
  const grown = odcm.mesh.directory.log.size - before;
  odcm.clockOffsetMs += DAY;
  const again = odcm.desk.trust.grant({ subscriber: 'platform', publisher: 'library' });
  const after = await world.time.during(
    again.then(
      () => 'issued',
      (error) => String(error.code),
    ),
  );
  return `${code}, ${grown} entries; right again: ${after}`;
}

export const rows: readonly Row[] = [
  {
    id: 'T05',
    what: 'ODCM is silenced: its directory stays as it is for ever',
    how: 'simulated',
    expected: `stale after ${LIMITS.directoryFreshMs} ms, expired after ${WEEK} ms, +-1 s; nothing new is taken then`,
    run: async ({ seeds, isLong }) => {
      let offMs = 0;
      let taken = 0;
      for (const seed of seedsFrom(5_000, isLong ? Math.min(seeds, 20) : 1)) {
        const one = await freeze(seed);
        offMs = Math.max(offMs, one.offMs);
        taken += one.taken;
      }
      const measured = `off by ${offMs} ms at most, ${taken} taken after the end`;
      return { measured, pass: offMs <= 1_000 && taken === 0 };
    },
  },
  {
    id: 'T12',
    what: 'directory age on both sides of every limit, with a clock that is right or was set back',
    how: 'vectors',
    expected: 'the state of the rule, exactly',
    run: async () => {
      const { directoryFreshMs: fresh, directoryRegulatedMs: day } = LIMITS;
      const cases = [WEEK, day].flatMap((limitMs) =>
        [false, true].flatMap((isClockDoubtful) => {
          const early = isClockDoubtful ? 'stale' : 'fresh';
          return (
            [
              [0, early],
              [fresh, early],
              [fresh + 1, 'stale'],
              [limitMs, 'stale'],
              [limitMs + 1, 'expired'],
              [Number.MAX_SAFE_INTEGER, 'expired'],
              [null, 'unknown'],
            ] as const
          ).map(([ageMs, age]) => ({ ageMs, limitMs, isClockDoubtful, age }));
        }),
      );
      const wrong = cases.filter(({ age, ...freshness }) => freshnessOf(freshness) !== age);
      return {
        measured: `${cases.length - wrong.length} of ${cases.length} right`,
        pass: wrong.length === 0,
      };
    },
  },
  ...JUMPS.map(
    (jump): Row => ({
      id: 'C07',
      what: `the clock of a node leaps: ${jump.name}`,
      how: 'simulated',
      expected: '0 expire, 0 begin again',
      run: async ({ seeds, isLong }) => {
        let [expired, revived] = [0, 0];
        for (const seed of seedsFrom(9_000, isLong ? Math.min(seeds, 50) : 1)) {
          const one = await leap(seed, jump);
          expired += one.expired;
          revived += one.revived;
        }
        return {
          measured: `${expired} expired, ${revived} began again`,
          pass: expired + revived === 0,
        };
      },
    }),
  ),
  {
    id: 'C07',
    what: 'the clock of a node that is alone and expired is set back, and it is started again',
    how: 'simulated',
    expected: '0 begin again',
    run: async () => {
      const revived = await setBackAlone(9_100);
      return { measured: `${revived} of 6 began again`, pass: revived === 0 };
    },
  },
  {
    id: 'C07',
    what: "ODCM's own clock is set back by a day",
    how: 'simulated',
    expected: 'nothing is issued until it is right again',
    run: async () => {
      const measured = await odcmSetBack(9_200);
      return { measured, pass: measured === 'CLOCK_REGRESSED, 0 entries; right again: issued' };
    },
  },
];
