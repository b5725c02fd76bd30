// One space for commands: panels as a page for people, one row with lists in it for machines.

import type { Figures } from '../fail-on.ts';
import type { Column } from '../format/cell.ts';
import type { Report } from '../format/report.ts';
import { PAGE_COLUMNS, pageText } from './page.ts';
import {
  alertsOf,
  publishedBy,
  readableBy,
  type SpaceDetail,
  spaceHead,
  spacePanels,
} from './space-detail.ts';
import { SPACE_COLUMNS, type SpaceLine, spaceLine } from './spaces.ts';

/** Counts of the last day stand in the list of spaces; here they would be another window beside the 30 days. */
const LEFT_OUT = ['ok24h', 'failed24h', 'trend', 'connected', 'since', 'revokedFor', 'addresses'];

function columnsOf(detail: SpaceDetail): readonly Column<SpaceLine>[] {
  const { health, feeds, grants, deployments, entries, alerts } = detail;
  const extra = (key: string, value: unknown): Column<SpaceLine> => ({
    key,
    title: key,
    value: () => value,
  });
  return [
    ...SPACE_COLUMNS.filter(({ key }) => !LEFT_OUT.includes(key)),
    extra('publishes', publishedBy(health.space, feeds)),
    extra('mayRead', readableBy(health.space, grants)),
    extra(
      'deployments',
      deployments === null
        ? null
        : { since: deployments.since, until: deployments.until, ...deployments.total },
    ),
    extra('lastDeployments', entries),
    extra('alerts', alerts === null ? null : alertsOf(health.space, alerts)),
  ];
}

export function spaceFigures({ health, feeds, deployments, alerts }: SpaceDetail): Figures {
  const own = publishedBy(health.space, feeds);
  return {
    behind: health.behind,
    lag: { value: health.lagMs, kind: 'duration' },
    heard: { value: health.heardAgoMs, kind: 'duration' },
    expiry: { value: health.certificate?.leftMs ?? null, kind: 'duration' },
    suspectedBy: health.suspectedBy,
    feeds: own.length,
    ok: deployments?.total.ok ?? null,
    failed: deployments?.total.failed ?? null,
    alerts:
      alerts === null
        ? null
        : alertsOf(health.space, alerts).filter(({ state }) => state === 'open').length,
  };
}

export function spaceReport(detail: SpaceDetail, target: string): Report<SpaceLine> {
  return {
    title: 'spaces',
    columns: columnsOf(detail),
    rows: [spaceLine(detail.health, undefined, null)],
    asOf: detail.asOf,
    target,
    layout: 'record',
    page: ({ nowMs, maxColumns, colour, ascii }) => {
      const columns = Math.min(PAGE_COLUMNS, (maxColumns ?? PAGE_COLUMNS) - 2);
      const room = { columns, ascii, nowMs };
      return pageText([spaceHead(detail, room), ...spacePanels(detail, room)], {
        maxColumns,
        colour,
        ascii,
      });
    },
  };
}
