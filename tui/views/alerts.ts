// What is wrong, most urgent first, and whether messages about it arrive.

import { alertFigures } from '../../protocols/figures.ts';
import type { Column, Tone } from '../format/cell.ts';
import { formatAge } from '../format/duration.ts';
import { counted } from '../format/number.ts';
import { formatMoment, timeMs } from '../format/time.ts';
import type { AlertRouteRow, AlertRow, Answer } from './answers.ts';
import { type Line, type Panel, panel, type Room, span, type TableView } from './table.ts';

export const LEVEL_TONES: Readonly<Record<AlertRow['level'], Tone | undefined>> = {
  crit: 'bad',
  warn: 'warn',
  info: undefined,
};

export const ALERT_COLUMNS: readonly Column<AlertRow>[] = [
  {
    key: 'sinceAt',
    title: 'since',
    kind: 'time',
    priority: 2,
    width: 12,
    format: (_, { sinceAt }, { asOfMs }) => formatMoment(timeMs(sinceAt) ?? Number.NaN, asOfMs),
  },
  {
    key: 'level',
    title: 'level',
    priority: 0,
    width: 5,
    format: (_, { level }) => level.toUpperCase(),
    tone: (_, { level }) => LEVEL_TONES[level],
  },
  { key: 'subject', title: 'subject', priority: 0, width: 16 },
  { key: 'what', title: 'what', priority: 1, width: 24, grows: true, maxWidth: 72 },
  {
    key: 'state',
    title: 'state',
    priority: 1,
    width: 8,
    tone: (_, { state }) => (state === 'open' ? 'warn' : 'dim'),
  },
  {
    key: 'forMs',
    title: 'for',
    kind: 'duration',
    priority: 2,
    width: 8,
    format: (_, { forMs }) => formatAge(forMs),
  },
  { key: 'id', title: 'id', priority: 3, width: 12 },
  { key: 'rule', title: 'rule', wide: true, width: 20 },
  { key: 'ackedBy', title: 'looked after by', wide: true, width: 16 },
  { key: 'evidence', title: 'evidence', wide: true, width: 24 },
  { key: 'changedAt', title: 'changed', kind: 'time', wide: true, width: 20 },
  {
    key: 'opens',
    title: 'opens',
    wide: true,
    value: ({ opens }) => `${opens.screen} ${opens.subject}`,
  },
];

/** In the order that the node gives: most urgent first. */
export function alertsView({ rows, asOf }: Answer<AlertRow>): TableView<AlertRow> {
  const figures = alertFigures(rows);
  return {
    id: 'alerts',
    title: 'alerts',
    columns: ALERT_COLUMNS,
    rows,
    idOf: ({ id }) => id,
    asOf,
    empty: 'Nothing is wrong, as far as this node knows.',
    figures: {
      open: figures.crit + figures.warn + figures.info,
      ...figures,
      silenced: rows.filter(({ state }) => state === 'silenced').length,
    },
  };
}

const ROUTE_TONES: Readonly<Record<AlertRouteRow['state'], Tone>> = {
  ok: 'good',
  failing: 'bad',
  untried: 'dim',
};

export function routesPanel({ rows }: Answer<AlertRouteRow>, { nowMs }: Room): Panel {
  const lines = rows.map((row): Line => {
    const sinceMs = timeMs(row.since);
    const since = sinceMs === null ? '' : ` for ${formatAge(nowMs - sinceMs)}`;
    const error = row.lastError === null ? '' : ` (${row.lastError})`;
    const queued = row.queued === 0 ? '' : `   ${counted(row.queued, 'message')} waiting`;
    return [
      span(`${row.kind} ${row.name}  `),
      span(row.state === 'failing' ? 'FAILING' : row.state, ROUTE_TONES[row.state]),
      span(`${since}${error}${queued}`),
    ];
  });
  const none: Line[] = [[span('No route is set up: alerts are only shown here.', 'dim')]];
  return panel('routes', 'Where alerts go', lines.length === 0 ? none : lines);
}
