// The report of deployments over any window: sums by space, project or environment, with their trend and the window before.
// Made of kept sums and, at the ends that cut an hour, of single entries: equal to counting every entry.

import { setImmediate } from 'node:timers/promises';
import type { RouteResult } from '../../protocols/control-api.ts';
import { hasLength } from './counted.ts';
import type { FeedCounts } from './feed-counts.ts';
import { BINS, binMiddle, binOf, trendStarts } from './spans.ts';
import { binOfCell, groupOfCell, OUTCOME_NUMBERS } from './sums.ts';

/** One feed of deployments that is counted. */
export interface CountedFeed {
  readonly space: string;
  readonly counts: FeedCounts;
}

export interface DeploymentQuestion {
  readonly sinceMs: number;
  readonly untilMs: number;
  readonly by: 'space' | 'project' | 'environment';
  readonly project: string | undefined;
  readonly environment: string | undefined;
}

/** Reads of several feeds overlap; more than these only wait for the same disk. */
const FEEDS_AT_ONCE = 8;

const FEEDS_A_TURN = 50;

type Result = RouteResult<'reportDeployments'>;
export type Sums = Result['total'];
export type DeploymentReport = Pick<Result, 'rows' | 'total' | 'buckets'>;

/** What one row adds up. */
export class Tally {
  /** By outcome, in the window and in the one before. */
  readonly now = [0, 0, 0];
  readonly before = [0, 0, 0];
  readonly trend: number[];
  readonly failedTrend: number[];
  readonly #bins = new Uint32Array(BINS);

  constructor(parts: number) {
    this.trend = new Array<number>(parts).fill(0);
    this.failedTrend = new Array<number>(parts).fill(0);
  }

  add(part: number, outcome: number, count: number): void {
    this.now[outcome]! += count;
    if (outcome === OUTCOME_NUMBERS.ok) this.trend[part]! += count;
    if (outcome === OUTCOME_NUMBERS.failed) this.failedTrend[part]! += count;
  }

  addLength(bin: number, count: number): void {
    this.#bins[bin]! += count;
  }

  addAll(other: Tally): void {
    for (let i = 0; i < 3; i++) {
      this.now[i]! += other.now[i]!;
      this.before[i]! += other.before[i]!;
    }
    for (let i = 0; i < this.trend.length; i++) {
      this.trend[i]! += other.trend[i]!;
      this.failedTrend[i]! += other.failedTrend[i]!;
    }
    for (let i = 0; i < BINS; i++) this.#bins[i]! += other.#bins[i]!;
  }

  get isEmpty(): boolean {
    return [...this.now, ...this.before].every((count) => count === 0);
  }

  /** The middle of the bin in which the lower median lies. */
  get #medianMs(): number | null {
    const all = this.#bins.reduce((sum, count) => sum + count, 0);
    let left = Math.ceil(all / 2);
    if (all === 0) return null;
    const median = this.#bins.findIndex((count) => {
      left -= count;
      return left <= 0;
    });
    return binMiddle(median);
  }

  show(): Sums {
    const { ok, failed, cancelled } = OUTCOME_NUMBERS;
    const success = successOf(this.now);
    const before = successOf(this.before);
    return {
      ok: this.now[ok]!,
      failed: this.now[failed]!,
      cancelled: this.now[cancelled]!,
      success,
      before,
      change: success === null || before === null ? null : success - before,
      medianMs: this.#medianMs,
      trend: this.trend,
      failedTrend: this.failedTrend,
    };
  }
}

function successOf(counts: readonly number[]): number | null {
  const ok = counts[OUTCOME_NUMBERS.ok]!;
  const ended = ok + counts[OUTCOME_NUMBERS.failed]!;
  return ended === 0 ? null : ok / ended;
}

export async function reportDeployments(
  feeds: readonly CountedFeed[],
  question: DeploymentQuestion,
): Promise<DeploymentReport> {
  const { sinceMs, untilMs, by } = question;
  const starts = trendStarts(sinceMs, untilMs);
  const tallies = new Map<string, Tally>();
  const tallyOf = (name: string): Tally => {
    let tally = tallies.get(name);
    if (!tally) {
      tally = new Tally(starts.length);
      tallies.set(name, tally);
    }
    return tally;
  };
  // A space that deployed nothing has its row all the same.
  if (by === 'space') for (const { space } of feeds) tallyOf(space);
  const queue = feeds.values();
  let done = 0;
  const work = async (): Promise<void> => {
    for (const feed of queue) {
      await addFeed(feed, question, starts, tallyOf);
      done += 1;
      // What is in memory is read without a pause: others have their turn in between.
      if (done % FEEDS_A_TURN === 0) await setImmediate();
    }
  };
  await Promise.all(Array.from({ length: FEEDS_AT_ONCE }, work));
  const total = new Tally(starts.length);
  for (const tally of tallies.values()) total.addAll(tally);
  const rows = [...tallies]
    .filter(([, tally]) => by === 'space' || !tally.isEmpty)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, tally]) => ({ name, ...tally.show() }));
  const buckets = starts.map((ms) => new Date(ms).toISOString());
  return { rows, total: total.show(), buckets };
}

async function addFeed(
  { space, counts }: CountedFeed,
  { sinceMs, untilMs, by, project, environment }: DeploymentQuestion,
  starts: readonly number[],
  tallyOf: (name: string) => Tally,
): Promise<void> {
  const groups = await counts.groups();
  const tallies: (Tally | undefined)[] = [];
  // Groups may come while the sums are read.
  const tallyOfGroup = (number: number): Tally | undefined => {
    while (tallies.length <= number) {
      const group = groups[tallies.length];
      const isMeant =
        group !== undefined &&
        (project === undefined || project === group.project) &&
        (environment === undefined || environment === group.environment);
      tallies.push(isMeant ? tallyOf(by === 'space' ? space : group[by]) : undefined);
    }
    return tallies[number];
  };
  await counts.sum(starts, untilMs, (group, part, outcome, count) =>
    tallyOfGroup(group)?.add(part, outcome, count),
  );
  const beforeMs = Math.max(0, 2 * sinceMs - untilMs);
  await counts.sum([beforeMs], sinceMs, (group, _, outcome, count) => {
    const tally = tallyOfGroup(group);
    if (tally) tally.before[outcome]! += count;
  });
  await counts.lengths(
    sinceMs,
    untilMs,
    (cell, count) => tallyOfGroup(groupOfCell(cell))?.addLength(binOfCell(cell), count),
    ({ group, outcome, durationMs }) => {
      if (hasLength(outcome)) tallyOfGroup(group)?.addLength(binOf(durationMs), 1);
    },
  );
}
