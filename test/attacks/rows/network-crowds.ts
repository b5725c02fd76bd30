import { setTimeout as sleep } from 'node:timers/promises';
import { Child } from '../../bench/child.ts';
import { percentile } from '../../bench/measurement.ts';
import { World } from '../../sim/world.ts';
import { SampleHeads } from '../net/heads.ts';
import { ms } from '../net/honest.ts';
import { arrivals, ready, tell } from '../net/told.ts';
import type { Outcome, Row, Size } from '../row.ts';

const FRESH_MS = 30_000;
/** Where tests run side by side only the order of magnitude means anything; below the floor a ratio means nothing. */
const STILL = { quickMs: 1_000, floorMs: 20, ratio: 1.2 };
/** The machine may be busy with something else for a while: what stands in the way does so every time. */
const TRIES = 3;

/** Everybody starts in the same moment, ODCM among them. */
async function crowd({ isLong, seeds, log }: Size): Promise<Outcome> {
  const count = isLong ? 100 : 12;
  const names = Array.from({ length: count }, (_, i) => `space-${i}`);
  let worstMs = 0;
  const runs = isLong ? Math.min(seeds, 10) : 1;
  for (let seed = 1; seed <= runs; seed++) {
    const world = await World.create({ seed, spaces: names });
    for (const node of world.nodes.values()) await world.time.during(node.stop());
    // Longer than a directory counts as fresh: nobody has more than an old one.
    await world.time.advance(400_000);
    const starts = [...world.nodes.values()].map((node) => node.start());
    await world.time.during(Promise.all(starts));
    const odcm = world.odcm.peerId;
    const isFresh = () =>
      world.spaces.every(
        ({ mesh }) => mesh.directory.age === 'fresh' && mesh.host.isConnected(odcm),
      );
    const tookMs = await world.time.until(isFresh, FRESH_MS);
    for (const node of world.nodes.values()) await world.time.during(node.stop());
    if (tookMs === undefined)
      return { measured: `seed ${seed}: not fresh after ${FRESH_MS / 1000} s`, pass: false };
    worstMs = Math.max(worstMs, tookMs);
    if (isLong) log(`seed ${seed}: fresh after ${tookMs} ms`);
  }
  return { measured: `${count} nodes fresh after ${(worstMs / 1000).toFixed(1)} s`, pass: true };
}

const [PUBLISHER, READER, STANDS_STILL] = [0, 1, 2];

async function standStill({ isLong }: Size): Promise<Outcome> {
  const sample = new SampleHeads(3);
  const children = sample.spaces.map(() => new Child('../attacks/net/victim.ts'));
  try {
    const addresses = await Promise.all(
      children.map((child, self) =>
        child.ask<string>('start', { spaces: 3, self, isMemberHost: true }),
      ),
    );
    const target = (n: number) => ({
      peerId: sample.spaces[n]!.peerId,
      address: addresses[n]!,
    });
    await children[PUBLISHER!]!.ask('connect', { peers: [target(1), target(2)] });
    await children[READER!]!.ask('connect', { peers: [target(2)] });
    for (const child of children) await ready(child, 2);
    let from = 1;
    const measure = async (count: number) => {
      const toldMs = await tell(children[PUBLISHER!]!, { self: PUBLISHER!, from, count });
      from += count;
      const heardMs = await arrivals(children[READER!]!, { self: PUBLISHER!, count });
      const tookMs = heardMs.map((atMs, i) => atMs - toldMs[i]!);
      return { lost: count - heardMs.length, p99Ms: percentile(tookMs, 0.99) };
    };
    // At 50 each second: as long as it stands still.
    const heads = isLong ? 1_500 : 50;
    await measure(50);
    const before = await measure(isLong ? 500 : 50);
    children[STANDS_STILL!]!.signal('SIGSTOP');
    const bound = isLong ? Math.max(STILL.ratio * before.p99Ms, STILL.floorMs) : STILL.quickMs;
    let during = await measure(heads);
    for (let tries = 1; !isLong && tries < TRIES && during.p99Ms > bound; tries++) {
      const again = await measure(heads);
      during = { lost: during.lost + again.lost, p99Ms: again.p99Ms };
    }
    children[STANDS_STILL!]!.signal('SIGCONT');
    await sleep(10);
    return {
      measured: `${during.lost} lost, p99 ${ms(before.p99Ms)} before, ${ms(during.p99Ms)} during ${heads / 50} s`,
      pass: before.lost + during.lost === 0 && during.p99Ms <= bound,
    };
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

export const rows: readonly Row[] = [
  {
    id: 'N08',
    what: 'a peer in the middle of gossip stands still (SIGSTOP)',
    how: 'processes',
    expected: `none lost; p99 <= ${STILL.ratio}x or ${STILL.floorMs} ms (quick: ${STILL.quickMs} ms)`,
    run: standStill,
  },
  {
    id: 'N09',
    what: 'every node starts in the same moment, after a night, ODCM too',
    how: 'simulated',
    expected: `all have a fresh directory and ODCM <= ${FRESH_MS / 1000} s`,
    run: crowd,
  },
];
