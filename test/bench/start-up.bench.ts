// From starting the program to the line that says that the node is ready, with an empty store and with a full one. Beside
// it, a process that only loads libp2p.

import { spawn } from 'node:child_process';
import { LIMITS } from '../../protocols/limits.ts';
import { REPOSITORY, TestMesh } from '../e2e/mesh.ts';
import { type BenchOptions, type Figure, median, percentile, timed } from './measurement.ts';
import { CONTEXT, SampleFeed } from './sample-data.ts';

const TARGET_MS = 2_000;
/** The compile cache is what the program turns on for itself too. */
const FLOOR_PROGRAM =
  "import { enableCompileCache } from 'node:module'; enableCompileCache(); await import('libp2p');";

export async function* startUp({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const entries = isQuick ? 1_000 : 100_000;
  const rounds = isQuick ? 1 : 7;
  const mesh = new TestMesh();
  try {
    await mesh.init();
    await mesh.stop('odcm');
    yield await measure(mesh, 'start-up-empty', rounds, 0);
    await mesh.start('odcm');
    await fill(mesh, entries);
    await mesh.stop('odcm');
    yield await measure(mesh, 'start-up-full', rounds, entries);
  } finally {
    await mesh.close();
  }
}

async function measure(
  mesh: TestMesh,
  name: string,
  rounds: number,
  entries: number,
): Promise<Figure> {
  const ours: number[] = [];
  const floor: number[] = [];
  for (let round = 0; round < rounds; round++) {
    floor.push(await timed(loadLibp2p));
    ours.push(await timed(() => mesh.start('odcm')));
    await mesh.stop('odcm');
  }
  const figure = { ours: median(ours), floor: median(floor), target: TARGET_MS };
  const detail = { entries, slowestMs: percentile(ours, 1), rounds: ours };
  return { name, unit: 'ms', better: 'lower', ...figure, detail };
}

function loadLibp2p(): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', FLOOR_PROGRAM], {
      cwd: REPOSITORY,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`loading libp2p ended with ${code}`));
    });
  });
}

async function fill(mesh: TestMesh, entries: number): Promise<void> {
  const sample = new SampleFeed('odcm', 'bulk');
  await mesh.ask('odcm', 'createFeed', { body: { name: 'bulk', context: CONTEXT, to: 'all' } });
  for (let left = entries; left > 0; left -= LIMITS.batchEntries) {
    const drafts = sample.drafts(Math.min(left, LIMITS.batchEntries));
    await mesh.ask('odcm', 'publishEvents', { query: { feed: 'bulk' }, body: { drafts } });
  }
}
