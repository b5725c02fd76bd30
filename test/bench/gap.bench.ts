// Bundles across an air gap: written, and checked and let in, on real databases; beside `tar` and `sha256sum` over the same
// bytes. Memory is the most that the process had while it worked, less what it had before; both sites are in one process.

import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLevelStore } from '../../node/store/level.ts';
import { Packs } from '../../node/store/packs.ts';
import type { FeedId } from '../../protocols/ids.ts';
import { type Disks, type Site, Sites } from '../node/gap/sites.ts';
import { type BenchOptions, type Figure, timed } from './measurement.ts';

interface Load {
  readonly name: string;
  readonly unit: string;
  readonly count: number;
  readonly recordBytes: number;
  readonly target: number;
  /** What is counted, of so many entries in so many bytes. */
  readonly amount: (entries: number, bytes: number) => number;
}

const megabytes = (_: number, bytes: number): number => bytes / 1e6;
const entries = (count: number): number => count;

const large = { unit: 'MB/s', recordBytes: 60_000, target: 100, amount: megabytes };
const small = { unit: 'entries/s', recordBytes: 330, target: 40_000, amount: entries };

export async function* gap({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const scale = isQuick ? 0.02 : 1;
  yield* measure({ ...large, name: 'gap-60k', count: Math.ceil(1_000 * scale) });
  yield* measure({ ...large, name: 'gap-60k-more', count: Math.ceil(4_000 * scale) });
  yield* measure({ ...small, name: 'gap-512', count: Math.ceil(100_000 * scale) });
}

/** How much memory the export of 2 GB takes. */
export async function* gapLarge({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const load = { ...large, name: 'gap-2gb', count: isQuick ? 1_000 : 34_000 };
  const folder = await mkdtemp(join(tmpdir(), 'odcm-bench-'));
  const sites = await Sites.create(folder, undefined, (name) => openDisks(join(folder, name)));
  try {
    const feed = await sites.feed('library', 'variables', ['vault']);
    await fill(sites, sites.site('library'), feed, load);
    const memory = watchMemory();
    const startMs = performance.now();
    const { crossing } = await sites.export('library', 'vault');
    const exportMs = performance.now() - startMs;
    yield {
      ...{ name: `${load.name}-memory`, unit: 'MiB', ours: Math.round(memory.stop()), floor: null },
      ...{ better: 'lower', target: 300, detail: { bytes: crossing.sizeBytes, exportMs } },
    };
  } finally {
    await sites.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function* measure(load: Load): AsyncGenerator<Figure> {
  const folder = await mkdtemp(join(tmpdir(), 'odcm-bench-'));
  const sites = await Sites.create(folder, undefined, (name) => openDisks(join(folder, name)));
  try {
    const [library, vault] = [sites.site('library'), sites.site('vault')];
    const feed = await sites.feed('library', 'variables', ['vault']);
    await fill(sites, library, feed, load);
    const memory = watchMemory();
    let exported: Awaited<ReturnType<Sites['export']>> | undefined;
    const exportMs = await timed(async () => {
      exported = await sites.export('library', 'vault');
    });
    const { path, crossing } = exported!;
    const exportMiB = Math.round(memory.most());
    const stageMs = await timed(() => vault.import(path));
    const applyMs = await timed(() => vault.import(path, 'Bob'));
    const mostMiB = Math.round(memory.stop());
    const floorMs = await timed(async () => tarAndSum(path));
    const amount = load.amount(crossing.entries, crossing.sizeBytes);
    const rate = (ms: number): number => (amount * 1000) / ms;
    const common = { unit: load.unit, better: 'higher', target: load.target } as const;
    const detail = { entries: crossing.entries, bytes: crossing.sizeBytes, exportMiB, mostMiB };
    const floor = rate(floorMs);
    yield { ...common, name: `${load.name}-export`, ours: rate(exportMs), floor, detail };
    // Brought and checked, then approved and let in: as two people do it.
    const importMs = stageMs + applyMs;
    yield {
      ...{ ...common, name: `${load.name}-import`, ours: rate(importMs), floor },
      detail: { ...detail, stageMs, applyMs },
    };
  } finally {
    await sites.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function openDisks(dir: string): Promise<Disks> {
  const open = async (name: string) => {
    await mkdir(join(dir, name), { recursive: true });
    return openLevelStore(join(dir, name));
  };
  const packs = new Packs(join(dir, 'packs'));
  const [logs, views] = [await open('log'), await open('views')];
  return { logs, views, blockStore: await open('blocks'), packs };
}

async function fill(sites: Sites, site: Site, feed: FeedId, { count, recordBytes }: Load) {
  const batch = Math.min(1_000, Math.ceil(20_000_000 / recordBytes));
  for (let at = 0; at < count; at += batch) {
    const drafts = Array.from({ length: Math.min(batch, count - at) }, (_, i) => ({
      item: `item ${at + i}`,
      body: { payload: { value: `${at + i}`.padEnd(recordBytes, '.') } },
    }));
    await sites.publish(site, feed, drafts);
  }
}

function tarAndSum(path: string): void {
  const car = `${path}.car`;
  execFileSync('tar', ['-cf', `${path}.tar`, car], { stdio: 'ignore' });
  execFileSync('sha256sum', [`${path}.tar`], { stdio: 'ignore' });
}

/** Mebibytes above what there was. */
function watchMemory() {
  const before = process.memoryUsage.rss();
  let most = 0;
  const look = (): number => {
    most = Math.max(most, (process.memoryUsage.rss() - before) / 2 ** 20);
    return most;
  };
  const timer = setInterval(look, 50);
  return {
    most: look,
    stop: () => {
      clearInterval(timer);
      return look();
    },
  };
}
