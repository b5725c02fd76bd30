// The overview for commands: panels as a page for people, every figure in one row for machines and monitoring.

import type { Figures } from '../fail-on.ts';
import type { Column, Kind } from '../format/cell.ts';
import type { Report } from '../format/report.ts';
import type { Overview } from './answers.ts';
import { overviewPanels } from './overview.ts';
import { PAGE_COLUMNS, pageText } from './page.ts';

interface FigureColumn {
  readonly key: string;
  readonly kind?: Kind;
  readonly value: (overview: Overview) => unknown;
}

const FIGURES: readonly FigureColumn[] = [
  { key: 'spaces', value: ({ spaces }) => spaces?.total },
  { key: 'online', value: ({ spaces }) => spaces?.online },
  { key: 'lagging', value: ({ spaces }) => spaces?.lagging },
  { key: 'suspected', value: ({ spaces }) => spaces?.suspected },
  { key: 'offline', value: ({ spaces }) => spaces?.offline },
  { key: 'isolated', value: ({ spaces }) => spaces?.isolated },
  { key: 'unknown', value: ({ spaces }) => spaces?.unknown },
  { key: 'offlineLong', value: ({ spaces }) => spaces?.offlineLong },
  { key: 'feeds', value: ({ feeds }) => feeds?.known },
  { key: 'feedsBehind', value: ({ feeds }) => feeds?.behind },
  { key: 'behind', value: ({ feeds }) => feeds?.missing },
  { key: 'frozen', value: ({ feeds }) => feeds?.frozen },
  { key: 'deadLetters', value: ({ feeds }) => feeds?.deadLetters },
  { key: 'lag', kind: 'duration', value: ({ lag }) => lag?.worstMs },
  { key: 'lagP99', kind: 'duration', value: ({ lag }) => lag?.p99Ms },
  { key: 'ok', value: ({ deployments }) => deployments?.ok },
  { key: 'failed', value: ({ deployments }) => deployments?.failed },
  { key: 'cancelled', value: ({ deployments }) => deployments?.cancelled },
  { key: 'valid', value: ({ trust }) => trust?.valid },
  { key: 'expiring', value: ({ trust }) => trust?.expiring },
  { key: 'expired', value: ({ trust }) => trust?.expired },
  { key: 'revoked', value: ({ trust }) => trust?.revoked },
  { key: 'expiry', kind: 'duration', value: ({ trust }) => trust?.next?.leftMs },
  { key: 'requested', value: ({ trust }) => trust?.requested },
  { key: 'crit', value: ({ alerts }) => alerts?.crit },
  { key: 'warn', value: ({ alerts }) => alerts?.warn },
  { key: 'info', value: ({ alerts }) => alerts?.info },
  { key: 'acked', value: ({ alerts }) => alerts?.acked },
  { key: 'connected', value: ({ peers }) => peers.connected },
  { key: 'disconnected', value: ({ peers }) => Math.max(0, peers.known - peers.connected) },
  { key: 'directoryAge', kind: 'duration', value: ({ directory }) => directory.ageMs },
  {
    key: 'refused',
    value: ({ refusals }) => Object.values(refusals).reduce((sum, count) => sum + count, 0),
  },
];

/** What is no single number, for JSON and CSV. */
const DETAILS: readonly Column<Overview>[] = [
  { key: 'newest', title: 'newest', value: ({ spaces }) => spaces?.newest },
  { key: 'oldest', title: 'oldest', value: ({ spaces }) => spaces?.oldest },
  {
    key: 'success',
    title: 'success',
    kind: 'number',
    value: ({ deployments }) => deployments?.success,
  },
  {
    key: 'successBefore',
    title: 'success before',
    kind: 'number',
    value: ({ deployments }) => deployments?.before.success,
  },
  { key: 'directoryState', title: 'directory', value: ({ directory }) => directory.state },
  { key: 'attention', title: 'attention', value: ({ alerts }) => alerts?.open },
];

const COLUMNS: readonly Column<Overview>[] = [
  ...FIGURES.map(
    ({ key, kind = 'number', value }): Column<Overview> => ({ key, title: key, kind, value }),
  ),
  ...DETAILS,
];

export function overviewFigures(overview: Overview): Figures {
  return Object.fromEntries(
    FIGURES.map(({ key, kind, value }) => {
      const found = value(overview);
      const number = typeof found === 'number' ? found : null;
      return [key, kind === 'duration' ? { value: number, kind } : number];
    }),
  );
}

export function overviewReport(overview: Overview): Report<Overview> {
  return {
    title: 'overviews',
    columns: COLUMNS,
    rows: [overview],
    asOf: overview.asOf,
    target: overview.name,
    layout: 'record',
    page: ({ nowMs, maxColumns, colour, ascii }) => {
      const columns = Math.min(PAGE_COLUMNS, (maxColumns ?? PAGE_COLUMNS) - 2);
      return pageText(overviewPanels(overview, { columns, ascii, nowMs }), {
        maxColumns,
        colour,
        ascii,
      });
    },
  };
}
