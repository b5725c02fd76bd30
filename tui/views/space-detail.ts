// Everything about one space on one page: who it is, how it is, what it publishes and may read, what it deployed.

import { conditionOf } from '../../protocols/condition.ts';
import { formatAge } from '../format/duration.ts';
import { counted, formatNumber } from '../format/number.ts';
import { formatTime, timeMs } from '../format/time.ts';
import { displayWidth, pad } from '../format/width.ts';
import { LEVEL_TONES } from './alerts.ts';
import type {
  AlertRow,
  DeploymentReport,
  DeploymentRow,
  FeedRow,
  GrantRow,
  HealthRow,
} from './answers.ts';
import { copiesText } from './carriers.ts';
import { chartPanel } from './deployments.ts';
import { CONDITION_SIGNS, CONDITION_TONES, withSign } from './signs.ts';
import { certificateText } from './spaces.ts';
import { type Line, type Panel, panel, type Room, span } from './table.ts';

export interface SpaceDetail {
  readonly asOf: string;
  readonly health: HealthRow;
  /** All feeds of the mesh; those of this space are picked here. */
  readonly feeds: readonly FeedRow[];
  readonly grants: readonly GrantRow[];
  /** Of this space over the last 30 days; null where there is no such report. */
  readonly deployments: DeploymentReport | null;
  /** Its newest deployments. */
  readonly entries: readonly DeploymentRow[] | null;
  readonly alerts: readonly AlertRow[] | null;
}

export const publishedBy = (space: string, feeds: readonly FeedRow[]): FeedRow[] =>
  feeds.filter(({ feed }) => feed.slice(0, feed.indexOf('/')) === space);

export const readableBy = (space: string, grants: readonly GrantRow[]): GrantRow[] =>
  grants.filter(
    ({ subscriber, publisher }) =>
      (subscriber === space || subscriber === 'all') && publisher !== space,
  );

export const alertsOf = (space: string, alerts: readonly AlertRow[]): AlertRow[] =>
  alerts.filter(
    ({ subject, opens }) =>
      subject === space || opens.subject === space || subject.startsWith(`${space}/`),
  );

export function spaceHead({ health }: SpaceDetail, { ascii }: Room): Panel {
  const condition = conditionOf(health);
  const { certificate, heardAgoMs, heardVia, byFile, suspectedBy, behind, lagMs } = health;
  const heard =
    health.state === 'self'
      ? 'this node'
      : heardAgoMs === null
        ? byFile
          ? `signed ${byFile.what} ${formatAge(byFile.agoMs)} ago, which came in a file`
          : 'never heard'
        : `heard ${formatAge(heardAgoMs)} ago${heardVia === null ? '' : ` through ${heardVia}`}`;
  const tags = health.tags.length === 0 ? '' : `   tags ${health.tags.join(', ')}`;
  const certificateTone =
    certificate === null || certificate.state === 'valid' ? undefined : 'warn';
  return panel('head', health.space, [
    [
      span(withSign(CONDITION_SIGNS[condition], condition, ascii), CONDITION_TONES[condition]),
      span(`   ${health.serverVersion ?? 'version not reported'}   ${heard}${tags}`),
      ...(suspectedBy > 0 ? [span(`   suspected by ${formatNumber(suspectedBy)}`, 'warn')] : []),
    ],
    [
      span('certificate '),
      span(
        certificate === null
          ? 'not known'
          : `${certificate.state}, ${certificateText(certificate.state, certificate.leftMs)}${certificate.leftMs > 0 ? ' left' : ''}`,
        certificateTone,
      ),
      span(certificate === null ? '' : `   serial ${certificate.serial}`),
      span(`   node ${health.nodeVersion ?? 'version not known'}`),
    ],
    [
      span(`projects ${known(health.projects)}   targets ${known(health.targets)}   `),
      behind === 0
        ? span('nothing missing here', 'good')
        : span(
            `${counted(behind, 'entry', 'entries')} missing here${lagMs === null ? '' : `, for ${formatAge(lagMs)}`}`,
            'warn',
          ),
      span(`   id ${health.id}`, 'dim'),
    ],
  ]);
}

const known = (count: number | null): string =>
  count === null ? 'not reported' : formatNumber(count);

export function spacePanels(detail: SpaceDetail, room: Room): Panel[] {
  return [
    publishesPanel(detail),
    readsPanel(detail),
    spaceDeployments(detail, room),
    entriesPanel(detail),
    spaceAlerts(detail),
  ];
}

const NAME_COLUMNS = 16;

function publishesPanel({ health, feeds }: SpaceDetail): Panel {
  const own = publishedBy(health.space, feeds);
  const lines = own.map((row): Line => {
    const name = span(row.feed.slice(health.space.length + 1)).text;
    const size = row.size === null ? 'head not known' : formatNumber(row.size);
    return [
      span(`${pad(name, NAME_COLUMNS)} ${size.padStart(7)}  `),
      row.grant === null
        ? span('not granted here', 'dim')
        : row.behind > 0
          ? span(`${formatNumber(row.behind)} behind`, 'warn')
          : span('level', 'good'),
      span(`  ${copiesText(row.carriers, row)} ${row.carriers === 1 ? 'copy' : 'copies'}`),
    ];
  });
  return panel(
    'publishes',
    'Feeds it publishes',
    lines.length === 0 ? [[span('none', 'dim')]] : lines,
  );
}

function readsPanel({ health, grants }: SpaceDetail): Panel {
  const lines = readableBy(health.space, grants).map((row): Line => {
    const until = timeMs(row.until);
    const feed = row.feed === 'all' ? `${row.publisher}/*` : `${row.publisher}/${row.feed}`;
    return [
      span(`${pad(span(feed).text, NAME_COLUMNS + 14)} `),
      row.state === 'expired' ? span('expired', 'bad') : span('granted', 'good'),
      span(until === null ? '' : ` until ${formatTime(until)}`),
    ];
  });
  return panel('reads', 'Feeds it may read', lines.length === 0 ? [[span('none', 'dim')]] : lines);
}

function spaceDeployments({ deployments }: SpaceDetail, room: Room): Panel {
  if (deployments === null)
    return panel('deployments', 'Deployments', [[span('not known here', 'dim')]]);
  return { ...chartPanel(deployments, room), id: 'deployments' };
}

function entriesPanel({ entries }: SpaceDetail): Panel {
  const what = ({ project, release, environment }: DeploymentRow): string =>
    span(`${project} ${release} > ${environment}`).text;
  const width = Math.min(40, Math.max(0, ...(entries ?? []).map((row) => displayWidth(what(row)))));
  const lines = (entries ?? []).map(
    (row): Line => [
      span(`${`#${row.index}`.padStart(8)}  ${timeText(row.endedAt)}  `),
      span(
        row.outcome.padEnd(9),
        row.outcome === 'failed' ? 'bad' : row.outcome === 'ok' ? 'good' : 'dim',
      ),
      span(
        `  ${pad(what(row), width)}   ${row.by}${row.reason === null ? '' : `   ${row.reason}`}`,
      ),
    ],
  );
  const none = entries === null ? 'not known here' : 'none';
  return panel('entries', 'Last deployments', lines.length === 0 ? [[span(none, 'dim')]] : lines);
}

const timeText = (iso: string): string => formatTime(timeMs(iso) ?? Number.NaN);

function spaceAlerts({ health, alerts }: SpaceDetail): Panel {
  const own = alerts === null ? [] : alertsOf(health.space, alerts);
  const lines = own.map(
    (row): Line => [
      span(
        `${row.level.toUpperCase().padEnd(5)} ${formatAge(row.forMs).padStart(8)}  `,
        LEVEL_TONES[row.level],
      ),
      span(`${row.what}   ${row.state}`),
    ],
  );
  const none = alerts === null ? 'not known here' : 'none';
  return panel('alerts', 'Alerts', lines.length === 0 ? [[span(none, 'dim')]] : lines);
}
