// A report over a thousand spaces with a hundred deployments each in the last thirty days, as the overview and the report
// screen ask for it again and again: the first time after a start, and later ones. Beside it, reading every deployment.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CountedFeed,
  type DeploymentQuestion,
  reportDeployments,
} from '../../node/reports/deployment-report.ts';
import { FeedCounts } from '../../node/reports/feed-counts.ts';
import { RowCache } from '../../node/reports/row-cache.ts';
import { DAY_MS, HOUR_MS } from '../../node/reports/spans.ts';
import { logPrefix } from '../../node/store/keys.ts';
import { openLevelStore } from '../../node/store/level.ts';
import type { Store } from '../../node/store/store.ts';
import { sampleDeployments } from '../node/reports/sample-reports.ts';
import { type BenchOptions, type Figure, median, percentile, timed } from './measurement.ts';
import { recount } from './report.bench.ts';

const TARGET_MS = 200;
const NOW_MS = Date.parse('2026-11-01T10:37:12Z');
const ENTRIES = 100;
const WINDOWS_MS = [DAY_MS, 7 * DAY_MS, 14 * DAY_MS, 30 * DAY_MS];
/** Ten seconds: what the dashboard lets pass before it asks the same again. */
const STEP_MS = 10_000;

export async function* reportSpaces({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const spaces = isQuick ? 100 : 1_000;
  const rounds = isQuick ? 2 : 10;
  const folder = await mkdtemp(join(tmpdir(), 'odcm-bench-'));
  const store = await openLevelStore(join(folder, 'counts'));
  try {
    await fill(await feedsOf(store, spaces));
    const first: number[] = [];
    const later: number[] = [];
    const floor: number[] = [];
    for (const lengthMs of WINDOWS_MS) {
      const feeds = await feedsOf(store, spaces);
      for (let round = 0; round <= rounds; round++) {
        const question = ask(lengthMs, NOW_MS + round * STEP_MS);
        const samples = round === 0 ? first : later;
        samples.push(await timed(() => reportDeployments(feeds, question)));
      }
      floor.push(await timed(() => recount(feeds, ask(lengthMs, NOW_MS))));
    }
    const figure = {
      unit: 'ms',
      better: 'lower',
      target: TARGET_MS,
      floor: median(floor),
    } as const;
    const detail = {
      spaces,
      entries: spaces * ENTRIES,
      windowHours: WINDOWS_MS.map((ms) => ms / HOUR_MS),
    };
    yield {
      ...{ name: 'report-spaces-first', ...figure, ours: percentile(first, 1) },
      detail: { ...detail, byWindowMs: first },
    };
    yield {
      ...{ name: 'report-spaces', ...figure, unit: 'ms (p95)', ours: percentile(later, 0.95) },
      detail: { ...detail, medianMs: median(later), slowestMs: percentile(later, 1) },
    };
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
}

/** As they are after a start: what is counted is known, but no row of it is in memory. */
async function feedsOf(store: Store, spaces: number): Promise<CountedFeed[]> {
  const cache = new RowCache();
  const feeds = Array.from({ length: spaces }, (_, i): CountedFeed => {
    const id = Buffer.alloc(16);
    id.writeUInt32BE(i + 1);
    const counts = new FeedCounts(store, logPrefix(id, 1), 'deployments', cache);
    return { space: `space-${i}`, counts };
  });
  for (const { counts } of feeds) await counts.cursor();
  return feeds;
}

async function fill(feeds: readonly CountedFeed[]): Promise<void> {
  for (const [seed, { space, counts }] of feeds.entries()) {
    const span = { space, count: ENTRIES, fromMs: NOW_MS - 30 * DAY_MS, toMs: NOW_MS, seed };
    const changes = [...sampleDeployments(span)].map((payload, index) => ({
      ...{ index, item: payload.id, version: 1, timeMs: NOW_MS, body: { payload } },
    }));
    await counts.fold(changes, changes.length, Buffer.alloc(32));
  }
}

const ask = (lengthMs: number, untilMs: number): DeploymentQuestion => ({
  ...{ sinceMs: untilMs - lengthMs, untilMs, by: 'space' as const },
  ...{ project: undefined, environment: undefined },
});
