// The overview from its parts: figures over the rows that the other answers have, so that a screen and a report agree.
// Rows in, one object out; a part that could not be had is null. Knows no node.

import type { RouteResult } from '../../protocols/control-api.ts';
import {
  alertFigures,
  feedFigures,
  lagFigures,
  spaceFigures,
  trustFigures,
} from '../../protocols/figures.ts';

type Overview = RouteResult<'overview'>;
type Alert = RouteResult<'alerts'>;
type Trust = RouteResult<'trust'>;
type Report = RouteResult<'reportDeployments'>;

export interface OverviewParts {
  readonly asOf: string;
  readonly name: string;
  readonly health: readonly RouteResult<'health'>[] | null;
  readonly feeds: readonly RouteResult<'feeds'>[] | null;
  readonly trust: readonly Trust[] | null;
  readonly alerts: readonly Alert[] | null;
  /** Of the last 24 hours by space, and of the 24 hours before. */
  readonly deployments: { readonly last: Report; readonly before: Report } | null;
  readonly subscriptions: readonly RouteResult<'subscriptions'>[];
  /** Null where this is not the ODCM node. */
  readonly enrolments: readonly RouteResult<'enrolments'>[] | null;
  readonly peers: Overview['peers'];
  readonly directory: Overview['directory'];
  readonly refusals: Overview['refusals'];
}

/** More do not fit a screen. */
const MAX_OPEN = 20;

export function composeOverview(parts: OverviewParts): Overview {
  const { asOf, name, health, feeds, trust, alerts, deployments, peers, directory, refusals } =
    parts;
  return {
    ...{ asOf, name, peers, directory, refusals },
    spaces: health && { ...spaceFigures(health) },
    lag: health && lagFigures(health),
    feeds: feeds && { ...feedFigures(feeds) },
    deployments: deployments && deploymentPart(deployments.last, deployments.before),
    trust: trust && trustPart(trust, parts),
    alerts: alerts && alertPart(alerts),
  };
}

function deploymentPart(last: Report, before: Report): NonNullable<Overview['deployments']> {
  const { ok, failed, cancelled, success, trend, failedTrend } = last.total;
  const worst = last.rows.reduce<Report['rows'][number] | null>(
    (most, row) => (row.failed > (most?.failed ?? 0) ? row : most),
    null,
  );
  return {
    ...{ ok, failed, cancelled, success, trend, failedTrend },
    ...{ since: last.since, until: last.until, missing: last.missing.length },
    before: {
      ok: before.total.ok,
      failed: before.total.failed,
      cancelled: before.total.cancelled,
      success: before.total.success,
    },
    worst: worst === null ? null : { space: worst.name, failed: worst.failed },
  };
}

function trustPart(
  rows: readonly Trust[],
  { subscriptions, enrolments }: OverviewParts,
): NonNullable<Overview['trust']> {
  const root =
    rows.find(({ kind }) => kind === 'root') ?? rows.find(({ kind }) => kind === 'root-key');
  return {
    ...trustFigures(rows),
    invited:
      enrolments === null ? null : enrolments.filter(({ state }) => state === 'invited').length,
    requested: subscriptions.filter(({ state }) => state === 'requested').length,
    root: root === undefined ? null : { fingerprint: root.fingerprint, leftMs: root.leftMs },
  };
}

function alertPart(rows: readonly Alert[]): NonNullable<Overview['alerts']> {
  // In the order of the answer itself: most urgent first.
  const open = rows.filter(({ state }) => state === 'open');
  return {
    ...alertFigures(rows),
    open: open.slice(0, MAX_OPEN).map(({ id, level, subject, what, sinceAt, opens }) => ({
      id,
      level,
      subject,
      what,
      sinceAt,
      opens,
    })),
  };
}
