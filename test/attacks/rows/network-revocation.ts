import { LIMITS } from '../../../protocols/limits.ts';
import { measureRevocations } from '../../bench/revoke-mesh.ts';
import type { Row } from '../row.ts';
import { lines, openScene, others, percentile, seedsFrom, timeRevocation } from '../trust/scene.ts';

const SPACES = ['library', 'platform', 'payments', 'ledger', 'shipping', 'identity'];
const P50_MS = 1_000;
const P99_MS = 5_000;

/** Shut out while everybody is connected: when each of the others refuses it, and what it still gets. */
async function whileConnected(seed: number): Promise<{ tookMs: number[]; leaks: number }> {
  const { world, feed, say, held } = await openScene(seed, SPACES, ['platform', 'payments']);
  const rest = others(world, ['payments']).map((name) => world.node(name));
  const tookMs = await timeRevocation(world, 'payments', rest);
  world.forbid('payments', feed);
  const before = held('payments');
  await say(3);
  await world.time.advance(LIMITS.antiEntropyMs);
  return { tookMs, leaks: world.wrongs.length + held('payments') - before };
}

/**
 * Shut out while the ledger is away. The victim lacks entries that the ledger has; when the ledger comes back, the victim is
 * the first and for a while the only one that it reaches.
 */
async function whileAway(seed: number, how: 'stopped' | 'cut off'): Promise<number> {
  const takers = ['platform', 'payments', 'ledger'];
  const { world, feed, say, held } = await openScene(seed, SPACES, takers);
  const { network, time } = world;
  const ledger = world.node('ledger');
  network.partition([lines(world, ['payments']), lines(world, others(world, ['payments']))]);
  await say(5);
  await time.until(() => held('ledger') === 8, LIMITS.antiEntropyMs);
  if (how === 'stopped') await time.during(ledger.stop());
  else {
    network.partition(others(world, []).map((name) => lines(world, [name])));
    await time.until(() => ledger.mesh.host.connectedPeers().length === 0, LIMITS.antiEntropyMs);
    network.heal();
    network.partition([
      ...[lines(world, ['payments']), lines(world, ['ledger'])],
      lines(world, others(world, ['payments', 'ledger'])),
    ]);
  }
  await world.revoke('payments');
  await time.advance(20_000);
  world.forbid('payments', feed);
  network.heal();
  network.partition([
    lines(world, ['payments', 'ledger']),
    lines(world, others(world, ['payments', 'ledger'])),
  ]);
  if (how === 'stopped') await time.during(ledger.start());
  // Both dial each other as soon as they can.
  await time.until(() => ledger.mesh.host.isConnected(world.node('payments').peerId), 70_000);
  await time.advance(LIMITS.directoryFirstMs / 3);
  network.heal();
  await time.advance(LIMITS.antiEntropyMs);
  const { members } = ledger.mesh;
  const isInForce = members.isRevoked(world.node('payments').peerId);
  return world.wrongs.length + Math.max(0, held('payments') - 3) + (isInForce ? 0 : 1);
}

export const rows: readonly Row[] = [
  {
    id: 'N10',
    what: 'a space is shut out while it is connected to everybody',
    how: 'simulated',
    expected: `in force p50 <= ${P50_MS} ms, p99 <= ${P99_MS} ms; nothing served after`,
    run: async ({ seeds, isLong }) => {
      const tookMs: number[] = [];
      let leaks = 0;
      for (const seed of seedsFrom(7_100, isLong ? Math.min(seeds, 200) : 1)) {
        const one = await whileConnected(seed);
        tookMs.push(...one.tookMs);
        leaks += one.leaks;
      }
      const [p50, p99] = [percentile(tookMs, 0.5), percentile(tookMs, 0.99)];
      return {
        measured: `p50 ${p50} ms, p99 ${p99} ms of ${tookMs.length}, ${leaks} served after`,
        pass: p50 <= P50_MS && p99 <= P99_MS && leaks === 0,
      };
    },
  },
  ...(['stopped', 'cut off'] as const).map(
    (how): Row => ({
      id: 'N10',
      what: `a space is shut out while another is ${how}, and is the first to reach it afterwards`,
      how: 'simulated',
      expected: '0 data before the directory',
      run: async ({ seeds, isLong }) => {
        const all = seedsFrom(7_200, isLong ? Math.min(seeds, 200) : 1);
        let leaks = 0;
        for (const seed of all) leaks += await whileAway(seed, how);
        return { measured: `${leaks} served in ${all.length} returns`, pass: leaks === 0 };
      },
    }),
  ),
  {
    id: 'N10',
    what: 'spaces are shut out while connected to everybody, in real processes',
    how: 'processes',
    expected: `cut off p50 <= ${P50_MS} ms, p99 <= ${P99_MS} ms; 0 served after`,
    onlyLong: 'starts eleven processes',
    run: async () => {
      const { cutMs, leaked } = await measureRevocations(10, 4);
      const [p50, p99] = [percentile(cutMs, 0.5), percentile(cutMs, 0.99)];
      return {
        measured: `p50 ${p50} ms, p99 ${p99} ms of ${cutMs.length}, ${leaked} served after`,
        pass: p50 <= P50_MS && p99 <= P99_MS && leaked === 0,
      };
    },
  },
];
