// What is wrong, as one list: on the first screen with a cursor, in `odcm overview` as the lines of a panel.

import type { Column } from '../format/cell.ts';
import { formatNumber } from '../format/number.ts';
import { LEVEL_TONES } from './alerts.ts';
import type { Overview } from './answers.ts';
import {
  fitColumns,
  type Line,
  type Panel,
  panel,
  type Room,
  rowSpans,
  span,
  type TableView,
} from './table.ts';

/** Names of the screens that an alert leads to, with their keys. */
const SCREENS: Readonly<Record<string, string>> = {
  overview: '0 Overview',
  spaces: '1 Spaces',
  space: '1 Spaces',
  feeds: '2 Feeds',
  subscriptions: '3 Subscr.',
  trust: '4 Trust',
  reports: '5 Reports',
  inventory: '5 Reports',
  deployments: '5 Reports',
  alerts: '7 Alerts',
  mesh: '8 Mesh',
  gap: '9 Air gap',
};

type Attention = NonNullable<Overview['alerts']>['open'][number];

const ATTENTION_COLUMNS: readonly Column<Attention>[] = [
  {
    key: 'level',
    title: 'level',
    priority: 0,
    width: 5,
    format: (_, { level }) => level.toUpperCase(),
    tone: (_, { level }) => LEVEL_TONES[level],
  },
  { key: 'sinceAt', title: 'for', kind: 'age', priority: 1, width: 8 },
  { key: 'subject', title: 'subject', priority: 0, width: 16 },
  { key: 'what', title: 'needs attention', priority: 0, width: 24, grows: true, maxWidth: 72 },
  {
    key: 'opens',
    title: 'enter opens',
    priority: 1,
    width: 11,
    value: ({ opens }) => opens.screen,
    format: (_, { opens }) => `[${SCREENS[opens.screen] ?? opens.screen}]`,
    tone: () => 'dim',
  },
];

/** What is wrong, worst first, as far as the node tells of it here; null when it has no alerts. */
export function attentionView({ alerts, asOf }: Overview): TableView<Attention> | null {
  if (alerts === null) return null;
  const { open, acked } = alerts;
  const looked = acked === 0 ? '' : `, ${formatNumber(acked)} looked after`;
  return {
    id: 'attention',
    title: 'alerts',
    columns: ATTENTION_COLUMNS,
    rows: open,
    idOf: ({ id }) => id,
    asOf,
    notes: moreOf(alerts),
    empty: `Nothing is wrong, as far as this node knows${looked}.`,
    figures: {},
  };
}

function moreOf({ open, crit, warn, info }: NonNullable<Overview['alerts']>): string[] {
  const more = crit + warn + info - open.length;
  return more > 0 ? [`and ${formatNumber(more)} more: odcm alerts`] : [];
}

/** The same rows without a heading, in the room of a panel. */
export function attentionPanel(overview: Overview, { columns, nowMs, ascii }: Room): Panel {
  const title = 'Needs attention';
  const view = attentionView(overview);
  if (view === null)
    return panel('attention', title, [[span('not known: this node has no alerts', 'dim')]]);
  const fitted = fitColumns(view.columns, columns);
  const lines = view.rows.map((row): Line => {
    const cells = rowSpans(fitted, row, { asOfMs: nowMs, ascii });
    return cells.flatMap((cell, at) => (at === 0 ? [cell] : [span(' '), cell]));
  });
  const empty: Line[] = lines.length > 0 ? [] : [[span(view.empty ?? '', 'good')]];
  const notes = (view.notes ?? []).map((note): Line => [span(note, 'dim')]);
  return panel('attention', title, [...lines, ...empty, ...notes]);
}
