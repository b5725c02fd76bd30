// The report as anybody would make it who has all deployments in one list: counted one by one, with the exact median. It
// shares with the product only where the parts of a trend begin and how wide a bin of durations is.

import type {
  DeploymentQuestion,
  DeploymentReport,
} from '../../../node/reports/deployment-report.ts';
import { binMiddle, binOf, trendStarts } from '../../../node/reports/spans.ts';
import type { Deployment } from '../../../protocols/reports.ts';

export interface Told {
  readonly space: string;
  readonly deployment: Deployment;
}

const share = (ok: number, failed: number) => (ok + failed === 0 ? null : ok / (ok + failed));

function sums(now: readonly Deployment[], before: readonly Deployment[], starts: number[]) {
  const count = (of: readonly Deployment[], outcome: string) =>
    of.filter((d) => d.outcome === outcome).length;
  const trendOf = (outcome: string) =>
    starts.map((start, i) => {
      const end = starts[i + 1] ?? Number.POSITIVE_INFINITY;
      return count(
        now.filter((d) => Date.parse(d.endedAt) >= start && Date.parse(d.endedAt) < end),
        outcome,
      );
    });
  const lengths = now
    .filter((d) => d.outcome !== 'cancelled')
    .map((d) => Date.parse(d.endedAt) - Date.parse(d.startedAt))
    .sort((a, b) => a - b);
  const median = lengths[Math.ceil(lengths.length / 2) - 1];
  const success = share(count(now, 'ok'), count(now, 'failed'));
  const successBefore = share(count(before, 'ok'), count(before, 'failed'));
  return {
    ok: count(now, 'ok'),
    failed: count(now, 'failed'),
    cancelled: count(now, 'cancelled'),
    success,
    before: successBefore,
    change: success === null || successBefore === null ? null : success - successBefore,
    medianMs: median === undefined ? null : binMiddle(binOf(median)),
    trend: trendOf('ok'),
    failedTrend: trendOf('failed'),
  };
}

/** @param spaces those that have a row even when they deployed nothing */
export function recount(
  all: readonly Told[],
  question: DeploymentQuestion,
  spaces: readonly string[],
): DeploymentReport {
  const { sinceMs, untilMs, by, project, environment } = question;
  const starts = trendStarts(sinceMs, untilMs);
  const within = (from: number, to: number) => (told: Told) => {
    const ms = Date.parse(told.deployment.endedAt);
    return ms >= from && ms < to;
  };
  const meant = all.filter(
    ({ deployment: d }) =>
      (project === undefined || d.project === project) &&
      (environment === undefined || d.environment === environment),
  );
  const now = meant.filter(within(sinceMs, untilMs));
  const before = meant.filter(within(Math.max(0, 2 * sinceMs - untilMs), sinceMs));
  const nameOf = ({ space, deployment }: Told) => (by === 'space' ? space : deployment[by]);
  const names = new Set([...(by === 'space' ? spaces : []), ...[...now, ...before].map(nameOf)]);
  const plain = (told: readonly Told[]) => told.map(({ deployment }) => deployment);
  const rows = [...names].sort().map((name) => {
    const own = (told: Told) => nameOf(told) === name;
    return { name, ...sums(plain(now.filter(own)), plain(before.filter(own)), starts) };
  });
  return {
    rows,
    total: sums(plain(now), plain(before), starts),
    buckets: starts.map((ms) => new Date(ms).toISOString()),
  };
}
