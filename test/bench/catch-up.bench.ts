// Catch-up between two real nodes, each `odcm run` in a process of its own: from the subscription of a feed that lies ready
// at its publisher until every entry is verified, stored and an item at the subscriber. Beside it, the same bytes over a
// bare stream, in turns.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { LIMITS } from '../../protocols/limits.ts';
import { TestMesh } from '../e2e/mesh.ts';
import { BEST_PIECE_BYTES, bareStream } from './bare-stream.ts';
import { reached } from './child.ts';
import { type BenchOptions, type Figure, median, sharedNowMs } from './measurement.ts';
import { CONTEXT, RECORD_BYTES, SampleFeed } from './sample-data.ts';

const MB = 1e6;
const GROWTH_TARGET_MB = 150;

interface Round {
  readonly perSecond: number;
  /** By how much each process had grown at most. */
  readonly publisherMb: number;
  readonly subscriberMb: number;
}

export async function* catchUp({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const entries = isQuick ? 2_000 : 100_000;
  const rounds: Round[] = [];
  const floors: number[] = [];
  const mesh = new TestMesh();
  try {
    await mesh.init();
    await mesh.enlist('reader');
    // It would be chosen to carry the feed for others, and have most of it before it subscribes.
    await mesh.start('reader', '--carry-quota', '0');
    for (let i = 0; i < (isQuick ? 1 : 3); i++) {
      const sample = new SampleFeed('odcm', `bulk-${i}`);
      await fillFeed(mesh, `bulk-${i}`, sample, entries);
      floors.push(await bareRate(entries, sample.packedBytes));
      rounds.push(await fetchFeed(mesh, `odcm/bulk-${i}`, entries));
    }
  } finally {
    await mesh.close();
  }
  const rates = rounds.map(({ perSecond }) => perSecond);
  const detail = { entries, recordBytes: RECORD_BYTES, rounds: rates };
  const rate = { ours: median(rates), floor: median(floors), target: 40_000, detail };
  yield { name: 'catch-up', unit: 'entries/s', better: 'higher', ...rate };
  for (const side of ['publisher', 'subscriber'] as const) {
    const grown = rounds.map((round) => round[`${side}Mb`]);
    const figure = { ours: Math.max(...grown), floor: null, target: GROWTH_TARGET_MB };
    const name = `catch-up-growth-${side}`;
    yield { name, unit: 'MB', better: 'lower', ...figure, detail: { entries, rounds: grown } };
  }
}

/** The same bytes as entries per second. */
async function bareRate(entries: number, packedBytes: number): Promise<number> {
  const totalBytes = entries * packedBytes;
  const plan = { isCorked: false, totalBytes, pieceBytes: BEST_PIECE_BYTES };
  return (await bareStream(plan)) / packedBytes;
}

async function fillFeed(
  mesh: TestMesh,
  name: string,
  sample: SampleFeed,
  entries: number,
): Promise<void> {
  await mesh.ask('odcm', 'createFeed', { body: { name, context: CONTEXT, to: 'all' } });
  for (let left = entries; left > 0; left -= LIMITS.batchEntries) {
    const drafts = sample.drafts(Math.min(left, LIMITS.batchEntries));
    await mesh.ask('odcm', 'publishEvents', { query: { feed: name }, body: { drafts } });
  }
  await reached(`the reader knows ${name} and its publisher`, async () => {
    const [row] = await mesh.ask('reader', 'peers');
    return row?.connected === true && (await mesh.feed('reader', `odcm/${name}`)) !== undefined;
  });
}

async function fetchFeed(mesh: TestMesh, feed: string, entries: number): Promise<Round> {
  const publisher = await Memory.of(mesh.pid('odcm'));
  const subscriber = await Memory.of(mesh.pid('reader'));
  const startedMs = sharedNowMs();
  await mesh.ask('reader', 'subscribe', { body: { feed } });
  await reached(`the reader has all of ${feed}`, async () => {
    const row = await mesh.subscription('reader', feed);
    await Promise.all([publisher.look(), subscriber.look()]);
    return row?.applied === entries;
  });
  const perSecond = (entries * 1000) / (sharedNowMs() - startedMs);
  const { grownMb: publisherMb } = publisher;
  return { perSecond, publisherMb, subscriberMb: subscriber.grownMb };
}

/** Resident memory of a process, from a moment on. */
class Memory {
  readonly #pid: number;
  readonly #first: number;
  #most: number;

  private constructor(pid: number, first: number) {
    this.#pid = pid;
    this.#first = first;
    this.#most = first;
  }

  static async of(pid: number): Promise<Memory> {
    return new Memory(pid, await residentBytes(pid));
  }

  async look(): Promise<void> {
    this.#most = Math.max(this.#most, await residentBytes(this.#pid));
  }

  get grownMb(): number {
    return (this.#most - this.#first) / MB;
  }
}

async function residentBytes(pid: number): Promise<number> {
  if (process.platform === 'linux') {
    const status = await readFile(`/proc/${pid}/status`, 'latin1');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout) * 1024;
}
