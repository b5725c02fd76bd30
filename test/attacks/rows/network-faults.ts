// Lines that are cut, lossy or one-way. Whatever they did, all logs are level soon after and nothing acknowledged is lost.

import { permanentSeeds, runSeeds } from '../../sim/campaign.ts';
import { differences, faults } from '../../sim/checks.ts';
import { explain } from '../../sim/nemesis.ts';
import { canary, World } from '../../sim/world.ts';
import type { Row } from '../row.ts';

const PARTITION_MS = 30 * 60_000;
const HEALED_MS = 150_000;
/** What the long run of N06 writes; the quick one writes a fiftieth in a twentieth of the time. */
const ENTRIES = 10_000;
const SPACES = ['library', 'platform', 'payments', 'shipping'];

interface Heal {
  readonly levelAfterMs: number | undefined;
  readonly wrong: readonly string[];
}

/** Both halves write without hearing of each other. */
async function splitAndHeal(seed: number, entries: number, cutMs: number): Promise<Heal> {
  const world = await World.create({ seed, spaces: SPACES });
  const feeds = new Map<string, Awaited<ReturnType<World['createFeed']>>>();
  for (const name of ['library', 'payments'])
    feeds.set(name, await world.createFeed(name, 'variables/base', 'all'));
  await world.spread();
  for (const feed of feeds.values())
    for (const name of SPACES) if (feeds.get(name) !== feed) await world.subscribe(name, feed);
  const lines = (names: readonly string[]) => names.map((name) => world.node(name).line);
  world.network.partition([
    lines(['odcm', 'library', 'platform']),
    lines(['payments', 'shipping']),
  ]);
  const steps = 10;
  const each = Math.ceil(entries / feeds.size / steps);
  for (let step = 0; step < steps; step++) {
    for (const [name, feed] of feeds) {
      const drafts = Array.from({ length: each }, (_, i) => ({
        item: `item ${i}`,
        body: { payload: { of: canary(feed), step, i } },
      }));
      for (let at = 0; at < each; at += 250)
        await world.time.during(world.publish(world.node(name), feed, drafts.slice(at, at + 250)));
    }
    await world.time.advance(cutMs / steps);
  }
  world.network.heal();
  let left: string[] = [];
  const levelAfterMs = await world.time.until(async () => {
    left = await differences(world);
    return left.length === 0;
  }, HEALED_MS);
  const wrong = left.length > 0 ? left : await world.time.during(faults(world));
  return { levelAfterMs, wrong };
}

export const rows: readonly Row[] = [
  {
    id: 'N06',
    what: 'half of the mesh cut from the other while both write, 30 minutes of virtual time',
    how: 'simulated',
    expected: 'level <= 10 s after the cut, nothing lost',
    async run({ isLong, seeds, log }) {
      const count = isLong ? Math.min(seeds, 20) : 1;
      const entries = isLong ? ENTRIES : ENTRIES / 50;
      const cutMs = isLong ? PARTITION_MS : PARTITION_MS / 20;
      let [worstMs, harmed] = [0, 0];
      for (let seed = 1; seed <= count; seed++) {
        const { levelAfterMs, wrong } = await splitAndHeal(seed, entries, cutMs);
        for (const line of wrong.slice(0, 5)) log(`seed ${seed}: ${line}`);
        if (isLong) log(`seed ${seed}: level after ${levelAfterMs} ms`);
        if (wrong.length > 0) harmed++;
        worstMs = Math.max(worstMs, levelAfterMs ?? Number.POSITIVE_INFINITY);
      }
      const measured = `cut for ${cutMs / 60_000} min, ${entries} entries: level after ${worstMs / 1000} s; ${harmed} of ${count} worlds harmed`;
      return { measured, pass: harmed === 0 && worstMs <= 10_000 };
    },
  },
  {
    id: 'N07',
    what: 'one-way lines, loss, jitter, duplicates, restarts, lost power, bad disks and clocks at random',
    how: 'simulated',
    expected: 'every seed level, nothing wrong',
    async run({ isLong, seeds, log }) {
      // The quick part has 200 seeds of its own in the tests of the simulator.
      const known = isLong ? await permanentSeeds() : [];
      const all = [...new Set([...known, ...Array.from({ length: seeds }, (_, i) => i + 1)])];
      const { failed, acknowledged, slowestLevelMs } = await runSeeds({
        ...{ seeds: all, threads: isLong ? 2 : 1 },
        onVerdict: (verdict, done) => {
          if (verdict.wrong.length > 0) log(explain(verdict));
          if (isLong && done % 500 === 0) log(`${done} of ${all.length} seeds`);
        },
      });
      const measured = `${failed.length} of ${all.length} seeds failed, ${acknowledged} entries, level after ${slowestLevelMs / 1000} s at most`;
      return { measured, pass: failed.length === 0 && acknowledged > 0 };
    },
  },
];
