// A report over a million deployments of six spaces in one year, for windows from an hour to the whole year, from the counts
// that are kept while entries come in. Beside it, the same report made by reading every deployment of both its windows.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Change } from '../../node/reports/counted.ts';
import {
  type CountedFeed,
  type DeploymentQuestion,
  reportDeployments,
} from '../../node/reports/deployment-report.ts';
import { FeedCounts } from '../../node/reports/feed-counts.ts';
import { DAY_MS, HOUR_MS } from '../../node/reports/spans.ts';
import { decodeShare, OUTCOME_NAMES } from '../../node/reports/sums.ts';
import { logPrefix } from '../../node/store/keys.ts';
import { openLevelStore } from '../../node/store/level.ts';
import { dice, SPACES, sampleDeployments } from '../node/reports/sample-reports.ts';
import { type BenchOptions, type Figure, percentile, timed } from './measurement.ts';

const TARGET_MS = 200;
const END_MS = Date.parse('2026-11-01T00:00:00Z');
const START_MS = END_MS - 365 * DAY_MS;
const FOLD_ENTRIES = 1000;
const WINDOWS_MS = [
  HOUR_MS,
  DAY_MS,
  7 * DAY_MS,
  14 * DAY_MS,
  30 * DAY_MS,
  90 * DAY_MS,
  365 * DAY_MS,
];
const BY = ['space', 'project', 'environment'] as const;

export async function* report({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const entries = isQuick ? 20_000 : 1_000_000;
  const rounds = isQuick ? 21 : 210;
  const folder = await mkdtemp(join(tmpdir(), 'odcm-bench-'));
  const store = await openLevelStore(join(folder, 'counts'));
  try {
    const feeds = Object.keys(SPACES).map((space, i): CountedFeed => {
      const prefix = logPrefix(Buffer.alloc(16, i + 1), 1);
      return { space, counts: new FeedCounts(store, prefix, 'deployments') };
    });
    const foldMs = await timed(() => fillAll(feeds, entries));
    yield {
      ...{ name: 'report-fold', unit: 'entries/s', ours: (entries * 1000) / foldMs, floor: null },
      ...{ better: 'higher', target: null, detail: { entries, spaces: feeds.length } },
    };
    yield await measure(feeds, entries, rounds);
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
}

async function fillAll(feeds: readonly CountedFeed[], entries: number): Promise<void> {
  for (const [i, { space, counts }] of feeds.entries()) {
    const count =
      Math.floor(((i + 1) * entries) / feeds.length) - Math.floor((i * entries) / feeds.length);
    const span = { space, count, fromMs: START_MS, toMs: END_MS, seed: i };
    let changes: Change[] = [];
    let index = 0;
    const fold = async () => {
      await counts.fold(changes, index, Buffer.alloc(32));
      changes = [];
    };
    for (const payload of sampleDeployments(span)) {
      changes.push({
        index: index++,
        item: payload.id,
        version: 1,
        timeMs: END_MS,
        body: { payload },
      });
      if (changes.length === FOLD_ENTRIES) await fold();
    }
    await fold();
  }
}

async function measure(
  feeds: readonly CountedFeed[],
  entries: number,
  rounds: number,
): Promise<Figure> {
  const random = dice(7);
  const samples: number[] = [];
  const byWindow = WINDOWS_MS.map((): number[] => []);
  const recounts: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const question = ask(random, round);
    let total = { ok: 0, failed: 0, cancelled: 0 };
    const ms = await timed(async () => {
      total = (await reportDeployments(feeds, question)).total;
    });
    samples.push(ms);
    byWindow[round % WINDOWS_MS.length]!.push(ms);
    // Every tenth is counted again: often enough for every length of window, and it must agree.
    if (round % 10 !== 0) continue;
    let counted: typeof total | undefined;
    recounts.push(
      await timed(async () => {
        counted = await recount(feeds, question);
      }),
    );
    for (const name of OUTCOME_NAMES)
      if (counted![name] !== total[name]) throw new Error(`the report has other sums: ${name}`);
  }
  const detail = {
    ...{ entries, rounds, medianMs: percentile(samples, 0.5), slowestMs: percentile(samples, 1) },
    p95ByWindowMs: byWindow.map((ms) => percentile(ms, 0.95)),
    windowHours: WINDOWS_MS.map((ms) => ms / HOUR_MS),
  };
  return {
    ...{ name: 'report', unit: 'ms (p95)', better: 'lower', target: TARGET_MS },
    ...{ ours: percentile(samples, 0.95), floor: percentile(recounts, 0.95), detail },
  };
}

/** Ends that cut an hour, as those of real questions do. */
function ask(random: () => number, round: number): DeploymentQuestion {
  const lengthMs = WINDOWS_MS[round % WINDOWS_MS.length]!;
  const untilMs = END_MS - Math.floor(random() * (365 * DAY_MS - lengthMs));
  const by = BY[Math.floor(random() * BY.length)]!;
  return { sinceMs: untilMs - lengthMs, untilMs, by, project: undefined, environment: undefined };
}

/** Reads what the report sums up: the deployments of its window and of the one before. */
export async function recount(
  feeds: readonly CountedFeed[],
  { sinceMs, untilMs }: DeploymentQuestion,
): Promise<{ ok: number; failed: number; cancelled: number }> {
  const sums = { ok: 0, failed: 0, cancelled: 0 };
  for (const { counts } of feeds) {
    for await (const { timeMs, value } of counts.happened(2 * sinceMs - untilMs, untilMs)) {
      const { outcome } = decodeShare(value);
      if (timeMs >= sinceMs) sums[OUTCOME_NAMES[outcome]!]++;
    }
  }
  return sums;
}
