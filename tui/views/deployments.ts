// Deployments: the report over a window with its trend against the window before, and the entries a figure opens to.

import type { Column, Tone } from '../format/cell.ts';
import { formatDuration } from '../format/duration.ts';
import { counted, formatChange, formatNumber, formatShare } from '../format/number.ts';
import { sparkline } from '../format/sparkline.ts';
import { formatTime, timeMs } from '../format/time.ts';
import type { Answer, DeploymentGroup, DeploymentReport, DeploymentRow } from './answers.ts';
import { type Panel, panel, type Room, span, type TableView } from './table.ts';

const TREND_GLYPHS = 14;
const HOW_TO_FEED =
  'Publish some (odcm deployments add FILE) or take some (odcm subscribe SPACE/deployments).';

export const changeTone = (change: number | null): Tone | undefined =>
  change === null || Math.abs(change) < 0.0005 ? undefined : change > 0 ? 'good' : 'bad';

function reportColumns(report: DeploymentReport): readonly Column<DeploymentGroup>[] {
  return [
    { key: 'name', title: report.by, priority: 0, width: 16, grows: true, maxWidth: 40 },
    { key: 'ok', title: 'ok', kind: 'number', priority: 1, width: 7 },
    {
      key: 'failed',
      title: 'failed',
      kind: 'number',
      priority: 0,
      width: 7,
      tone: (_, { failed }) => (failed > 0 ? 'bad' : undefined),
    },
    { key: 'cancelled', title: 'cancelled', kind: 'number', priority: 2, width: 9 },
    {
      key: 'success',
      title: 'success',
      kind: 'number',
      priority: 1,
      width: 7,
      format: (_, { success }) => formatShare(success),
    },
    {
      key: 'change',
      title: 'vs before',
      kind: 'number',
      priority: 2,
      width: 9,
      format: (_, { change }, { ascii }) => formatChange(change, ascii),
      tone: (_, { change }) => changeTone(change),
    },
    {
      key: 'medianMs',
      title: 'median',
      kind: 'duration',
      priority: 2,
      width: 9,
      format: (_, { medianMs }) => (medianMs === null ? '-' : formatDuration(medianMs)),
    },
    {
      key: 'trend',
      title: `trend ${windowText(report)}`,
      priority: 2,
      width: TREND_GLYPHS,
      format: (_, { trend, failedTrend }, { ascii }) =>
        sparkline(all(trend, failedTrend), TREND_GLYPHS, { ascii: ascii ?? false }),
    },
    {
      key: 'before',
      title: 'before',
      kind: 'number',
      priority: 3,
      width: 7,
      format: (_, { before }) => formatShare(before),
    },
    { key: 'failedTrend', title: 'failed trend', wide: true, width: TREND_GLYPHS },
  ];
}

const all = (trend: readonly number[], failed: readonly number[]): number[] =>
  trend.map((ok, at) => ok + (failed[at] ?? 0));

/** `14 d`: how long the window of the report is. */
export function windowText({ since, until }: Pick<DeploymentReport, 'since' | 'until'>): string {
  return formatDuration((timeMs(until) ?? 0) - (timeMs(since) ?? 0));
}

/** `until` is when the report was true, unless it ends before it was asked for. */
export function reportView(report: DeploymentReport, asOf: string): TableView<DeploymentGroup> {
  const { rows, total, missing, since, until, by } = report;
  const title = `${by}s`;
  return {
    id: 'report-deployments',
    title,
    columns: reportColumns(report),
    rows,
    idOf: ({ name }) => name,
    sort: 'success,name',
    asOf,
    ...(rows.length === 0
      ? {}
      : { total: { name: `total of ${formatNumber(rows.length)}`, ...total } }),
    notes: [
      `Deployments from ${timeText(since)} to ${timeText(until)}, compared with the same length of time before.`,
      ...missingLines(missing),
    ],
    empty: `No deployment ended in that time, as far as this node knows. ${HOW_TO_FEED}`,
    figures: {
      ok: total.ok,
      failed: total.failed,
      cancelled: total.cancelled,
      success: total.success === null ? null : total.success * 100,
      before: total.before === null ? null : total.before * 100,
      change: total.change === null ? null : total.change * 100,
      median: { value: total.medianMs, kind: 'duration' },
      missing: missing.length,
    },
  };
}

const timeText = (iso: string): string => formatTime(timeMs(iso) ?? Number.NaN);

const MAX_NAMED = 5;

/** Who is not counted and why, a line each; a few of many. */
export function missingLines(missing: DeploymentReport['missing'], most = MAX_NAMED): string[] {
  if (missing.length === 0) return [];
  const named = missing.slice(0, most).map(({ space, why }) => `  ${space}: ${why}`);
  const more = missing.length > most ? [`  and ${formatNumber(missing.length - most)} more`] : [];
  return [`Not all counted for ${counted(missing.length, 'space')}:`, ...named, ...more];
}

/** What happened over the window, in two rows: all that ended, and what failed. */
export function chartPanel(report: DeploymentReport, { columns, ascii }: Room): Panel {
  const { total } = report;
  const glyphs = Math.max(0, columns - 17);
  const row = (label: string, count: number, values: readonly number[], tone: Tone) => [
    span(`${label.padEnd(7)}${formatNumber(count).padStart(8)}  `),
    span(sparkline(values, glyphs, { ascii }), tone),
  ];
  return panel('chart', `Deployments, ${windowText(report)}`, [
    row('ok', total.ok, total.trend, 'good'),
    row('failed', total.failed, total.failedTrend, 'bad'),
    total.before === null
      ? [span(`success ${formatShare(total.success)}   nothing ended before to compare with`)]
      : [
          span(`success ${formatShare(total.success)}   before ${formatShare(total.before)}   `),
          span(formatChange(total.change, ascii), changeTone(total.change)),
        ],
  ]);
}

const OUTCOME_TONES: Readonly<Record<DeploymentRow['outcome'], Tone>> = {
  ok: 'good',
  failed: 'bad',
  cancelled: 'dim',
};

export const DEPLOYMENT_COLUMNS: readonly Column<DeploymentRow>[] = [
  { key: 'endedAt', title: 'ended', kind: 'time', priority: 1, width: 20 },
  { key: 'space', title: 'space', priority: 2, width: 14 },
  { key: 'project', title: 'project', priority: 0, width: 14, grows: true, maxWidth: 32 },
  { key: 'release', title: 'release', priority: 1, width: 10 },
  { key: 'environment', title: 'environment', priority: 2, width: 14 },
  {
    key: 'outcome',
    title: 'outcome',
    priority: 0,
    width: 9,
    tone: (_, { outcome }) => OUTCOME_TONES[outcome],
  },
  { key: 'durationMs', title: 'took', kind: 'duration', priority: 2, width: 8 },
  { key: 'by', title: 'by', priority: 3, width: 10 },
  { key: 'reason', title: 'reason', priority: 3, width: 24, grows: true },
  { key: 'feed', title: 'feed', wide: true, width: 24 },
  { key: 'index', title: 'entry', kind: 'number', wide: true, width: 7 },
  { key: 'leafHash', title: 'leaf hash', wide: true, width: 24 },
  { key: 'startedAt', title: 'started', kind: 'time', wide: true, width: 20 },
];

/** Newest first, as they come. */
export function deploymentsView({ rows, asOf }: Answer<DeploymentRow>): TableView<DeploymentRow> {
  const count = (outcome: DeploymentRow['outcome']): number =>
    rows.filter((row) => row.outcome === outcome).length;
  return {
    id: 'deployments',
    title: 'deployments',
    columns: DEPLOYMENT_COLUMNS,
    rows,
    idOf: ({ feed, index }) => `${feed} ${index}`,
    asOf,
    empty: `No deployment is known here that fits. ${HOW_TO_FEED}`,
    figures: { ok: count('ok'), failed: count('failed'), cancelled: count('cancelled') },
  };
}
