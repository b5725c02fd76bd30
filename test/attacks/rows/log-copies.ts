// A publisher that comes back as it was, and a machine beside its copy.

import { cp, rm } from 'node:fs/promises';
import { LIMITS } from '../../../protocols/limits.ts';
import { TestMesh, until } from '../../e2e/mesh.ts';
import { copiedWorld, feedOf, restoredWorld } from '../../sim/fork-scenes.ts';
import type { Row, Size } from '../row.ts';

const HEARTBEATS_MS = 2 * LIMITS.presenceMs;
const seedsOf = ({ isLong, seeds }: Size): number[] =>
  Array.from({ length: isLong ? Math.min(seeds, 1_000) : 3 }, (_, i) => i + 1);

async function restoredInSimulation(size: Size) {
  const seeds = seedsOf(size);
  let forks = 0;
  let lost = 0;
  for (const seed of seeds) {
    const [before, after] = [seed % 4, 1 + (seed % 5)];
    const { world, feed } = await restoredWorld(seed, before, after);
    for (const { mesh } of world.nodes.values()) forks += mesh.forks.all().length;
    if (feedOf(world, 'platform', feed).log.size !== before + after + 1) lost++;
  }
  const measured = `${forks} forks and ${lost} not caught up in ${seeds.length} restores`;
  return { measured, pass: forks === 0 && lost === 0 };
}

const publish = (mesh: TestMesh, item: string) =>
  mesh.ask('library', 'publishEvents', {
    query: { feed: 'variables' },
    body: { drafts: [{ item, payload: { item } }] },
  });

async function startedMesh(): Promise<TestMesh> {
  const mesh = new TestMesh();
  await mesh.init();
  await mesh.spaces('library', 'platform');
  await mesh.ask('library', 'createFeed', {
    body: { name: 'variables', context: 'variables', to: 'all' },
  });
  await mesh.subscribe('platform', { feed: 'library/variables' });
  await publish(mesh, 'one');
  await mesh.level('platform', 'library/variables', 1);
  return mesh;
}

async function restoredProcesses({ isLong, log }: Size) {
  const mesh = await startedMesh();
  const backup = `${mesh.home('library')}.backup`;
  let size = 1;
  let forks = 0;
  const rounds = isLong ? 3 : 1;
  try {
    for (let round = 0; round < rounds; round++) {
      await mesh.stop('library');
      await cp(mesh.home('library'), backup, { recursive: true });
      await mesh.start('library');
      for (let i = 0; i < 3; i++) await publish(mesh, `round ${round}, ${i}`);
      size += 3;
      await mesh.level('platform', 'library/variables', size);
      await mesh.kill('library');
      await rm(mesh.home('library'), { recursive: true });
      await cp(backup, mesh.home('library'), { recursive: true });
      await rm(backup, { recursive: true });
      await mesh.start('library');
      await publish(mesh, `round ${round}, from the backup`);
      size += 1;
      await mesh.level('platform', 'library/variables', size);
      forks += (await mesh.ask('platform', 'forks')).length;
      log(`restored ${round + 1} of ${rounds}`);
    }
  } finally {
    await mesh.close();
  }
  return { measured: `${forks} forks in ${rounds} restores, all caught up`, pass: forks === 0 };
}

async function clonedProcesses() {
  const mesh = await startedMesh();
  try {
    await mesh.stop('library');
    await cp(mesh.home('library'), mesh.home('copy'), { recursive: true });
    await mesh.start('library');
    await mesh.start('copy', '--listen', '/ip4/127.0.0.1/tcp/0');
    const connected = (name: string) =>
      until(
        `${name} is connected`,
        async () => (await mesh.ask(name, 'status')).peers.connected > 0,
      );
    await Promise.all([connected('library'), connected('copy')]);
    const startMs = performance.now();
    const told = (name: string) =>
      until(
        `${name} says that its key is in use twice`,
        async () => ((await mesh.ask(name, 'status')).keyInUseAt ?? []).length > 0,
      );
    await Promise.all([told('library'), told('copy')]);
    const tookMs = Math.round(performance.now() - startMs);
    await publish(mesh, 'two');
    const row = await mesh.feed('library', 'library/variables');
    const held = row?.heldBack ?? 0;
    const forks = (await mesh.ask('platform', 'forks')).length;
    return {
      measured: `both after ${tookMs} ms; ${held} entry held, ${forks} forks`,
      pass: tookMs <= HEARTBEATS_MS && held === 1 && forks === 0,
    };
  } finally {
    await mesh.close();
  }
}

export const rows: readonly Row[] = [
  {
    id: 'L05',
    what: 'a publisher restored from an earlier image publishes at once',
    how: 'simulated',
    expected: '0 forks, all caught up',
    run: restoredInSimulation,
  },
  {
    id: 'L05',
    what: 'a node killed, its folder put back from a backup, started, and published to at once',
    how: 'processes',
    expected: '0 forks, all caught up',
    onlyLong: 'starts seven processes',
    run: restoredProcesses,
  },
  {
    id: 'L06',
    what: 'a copy of a machine starts beside its original',
    how: 'simulated',
    expected: `both know <= ${HEARTBEATS_MS} ms after contact, 0 forks`,
    run: async () => {
      const { world, tookMs } = await copiedWorld(6);
      const forks = [...world.nodes.values()].flatMap(({ mesh }) => mesh.forks.all()).length;
      return {
        measured: `both after ${tookMs ?? 'never'} ms, ${forks} forks`,
        pass: tookMs !== undefined && tookMs <= HEARTBEATS_MS && forks === 0,
      };
    },
  },
  {
    id: 'L06',
    what: 'a copy of a node folder runs beside its original',
    how: 'processes',
    expected: `both say so <= ${HEARTBEATS_MS} ms after contact; what is published is held, 0 forks`,
    onlyLong: 'starts four processes and waits for heartbeats',
    run: clonedProcesses,
  },
];
