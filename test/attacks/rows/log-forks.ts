// Two histories under one key: shown to two halves of a mesh, proven at any sizes, never proven against an honest log; and
// the same for ODCM and its directory.

import { LIMITS } from '../../../protocols/limits.ts';
import { accuseHonest, provePairs } from '../../protocols/fork-claims.ts';
import { forkedWorld, twoDirectories } from '../../sim/fork-scenes.ts';
import type { Row, Size } from '../row.ts';

const TWO_HEARTBEATS_MS = 2 * LIMITS.presenceMs;
const seedsOf = ({ isLong, seeds }: Size): number[] =>
  Array.from({ length: isLong ? Math.min(seeds, 100) : 1 }, (_, i) => i + 1);

/** Longest time from the first contact between the halves until everybody has the proof, both machines under the key included. */
async function toldWithin(size: Size, one: string[], other: string[]) {
  const seeds = seedsOf(size);
  let worstMs = 0;
  let missed = 0;
  for (const seed of seeds) {
    const { world, forked, clone } = await forkedWorld(seed, one, other);
    const [platform, shipping] = [world.node('platform'), world.node('shipping')];
    const { origin } = platform.mesh.feeds.peek(forked)!;
    await world.time.until(() => platform.mesh.host.isConnected(shipping.peerId), 200_000);
    const all = [...world.nodes.values(), clone];
    const isTold = () => all.every(({ mesh }) => mesh.forks.of(origin) !== undefined);
    const tookMs = await world.time.until(isTold, 200_000);
    if (tookMs === undefined) missed++;
    worstMs = Math.max(worstMs, tookMs ?? 0);
  }
  const pass = missed === 0 && worstMs <= TWO_HEARTBEATS_MS;
  return { measured: `${missed} of ${seeds.length} missed, the slowest after ${worstMs} ms`, pass };
}

export const rows: readonly Row[] = [
  {
    id: 'L01',
    what: 'two histories of one size, each shown to half of a mesh that then meets',
    how: 'simulated',
    expected: `proof on every node, both under the key included, <= ${TWO_HEARTBEATS_MS} ms after contact`,
    run: (size) => toldWithin(size, ['one'], ['other']),
  },
  {
    id: 'L02',
    what: 'two histories of different sizes, each shown to half of a mesh that then meets',
    how: 'simulated',
    expected: `proof on every node, both under the key included, <= ${TWO_HEARTBEATS_MS} ms after contact`,
    run: (size) => toldWithin(size, ['one', 'two', 'three', 'four'], ['other']),
  },
  {
    id: 'L02',
    what: 'two histories that part at a random entry, of random sizes',
    how: 'vectors',
    expected: 'every pair proven, every proof <= 2560 bytes',
    run: async ({ isLong }) => {
      const count = isLong ? 10_000 : 500;
      const { proven, bytes } = await provePairs(count);
      return {
        measured: `${proven} of ${count} proven, the longest proof ${bytes} bytes`,
        pass: proven === count && bytes <= LIMITS.forkProofBytes,
      };
    },
  },
  {
    id: 'L03',
    what: 'proofs against a log with one history, forged in every way',
    how: 'fuzz',
    expected: '0 accusations, 0 unknown errors',
    run: async ({ isLong, mutations }) => {
      const count = isLong ? 1_000_000 : Math.min(mutations, 10_000);
      const { accused, strange } = await accuseHonest(count);
      const measured = `${accused} of ${count} accuse it, ${strange} unknown errors`;
      return { measured, pass: accused === 0 && strange === 0 };
    },
  },
  {
    id: 'L09',
    what: 'ODCM shows two directories to two halves of a mesh that then meets',
    how: 'simulated',
    expected: 'proof against ODCM on every node, and nothing of it is followed any more',
    run: async (size) => {
      const seeds = seedsOf(size);
      let missed = 0;
      let worstMs = 0;
      for (const seed of seeds) {
        const { tookMs } = await twoDirectories(seed, 1 + (seed % 3), 1);
        if (tookMs === undefined) missed++;
        worstMs = Math.max(worstMs, tookMs ?? 0);
      }
      const measured = `${missed} of ${seeds.length} missed, the slowest ${worstMs} ms after the network healed`;
      return { measured, pass: missed === 0 };
    },
  },
];
