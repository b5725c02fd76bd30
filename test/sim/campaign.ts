// Many seeds of the nemesis, on several threads when asked, and the list of those that once failed.

import { readFile, writeFile } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { runSeed, type Verdict } from './nemesis.ts';

export interface Campaign {
  readonly count: number;
  readonly failed: readonly Verdict[];
  readonly acknowledged: number;
  readonly slowestLevelMs: number;
}

export interface CampaignOptions {
  readonly seeds: readonly number[];
  /** Threads; with one, everything runs in this thread. */
  readonly threads: number;
  readonly onVerdict?: (verdict: Verdict, done: number) => void;
}

export async function runSeeds({ seeds, threads, onVerdict }: CampaignOptions): Promise<Campaign> {
  const failed: Verdict[] = [];
  let [at, count, acknowledged, slowestLevelMs] = [0, 0, 0, 0];
  const note = (verdict: Verdict): void => {
    count++;
    acknowledged += verdict.acknowledged;
    slowestLevelMs = Math.max(slowestLevelMs, verdict.levelAfterMs ?? 0);
    if (verdict.wrong.length > 0) failed.push(verdict);
    onVerdict?.(verdict, count);
  };
  const lane = async (run: (seed: number) => Promise<Verdict>): Promise<void> => {
    for (let seed = seeds[at++]; seed !== undefined; seed = seeds[at++]) note(await run(seed));
  };
  if (threads === 1) await lane((seed) => runSeed(seed));
  else await Promise.all(Array.from({ length: threads }, () => onThread(lane)));
  return { count, failed, acknowledged, slowestLevelMs };
}

async function onThread(
  lane: (run: (seed: number) => Promise<Verdict>) => Promise<void>,
): Promise<void> {
  const worker = new Worker(new URL('./campaign-thread.ts', import.meta.url));
  try {
    await lane((seed) => {
      const { promise, resolve, reject } = Promise.withResolvers<Verdict>();
      worker.removeAllListeners();
      worker.once('message', resolve).once('error', reject);
      worker.postMessage(seed);
      return promise;
    });
  } finally {
    await worker.terminate();
  }
}

const LIST = new URL('./seeds.json', import.meta.url);

type SeedList = Record<string, number[]>;

const readList = async (): Promise<SeedList> =>
  JSON.parse(await readFile(LIST, 'utf8')) as SeedList;

/** Seeds that once failed: they run for ever. */
export const permanentSeeds = async (): Promise<readonly number[]> =>
  (await readList())['nemesis'] ?? [];

export async function makePermanent(seeds: readonly number[]): Promise<void> {
  const list = await readList();
  const known = new Set([...(list['nemesis'] ?? []), ...seeds]);
  list['nemesis'] = [...known].sort((a, b) => a - b);
  const rows = Object.entries(list).map(
    ([name, all]) => `  ${JSON.stringify(name)}: [${all.join(', ')}]`,
  );
  await writeFile(LIST, `{\n${rows.join(',\n')}\n}\n`);
}
