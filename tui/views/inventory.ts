// Projects and targets of each space, as the newest inventory entry of each says, with how old that is.

import type { Column } from '../format/cell.ts';
import { formatAge } from '../format/duration.ts';
import { counted, formatNumber } from '../format/number.ts';
import { bar } from '../format/sparkline.ts';
import { formatTime, timeMs } from '../format/time.ts';
import { pad } from '../format/width.ts';
import type { Answer, InventoryRow } from './answers.ts';
import { type Line, type Panel, type Room, span, type TableView } from './table.ts';

/** A row, or the total over all of them, for which there is no one entry. */
export interface InventoryLine extends Omit<InventoryRow, 'feed' | 'index' | 'takenAt'> {
  readonly takenAt: string | null;
  readonly feed: string | null;
  readonly index: number | null;
}

export const INVENTORY_COLUMNS: readonly Column<InventoryLine>[] = [
  { key: 'space', title: 'space', priority: 0, width: 16, grows: true, maxWidth: 40 },
  { key: 'version', title: 'version', priority: 2, width: 11 },
  { key: 'projects', title: 'projects', kind: 'number', priority: 1, width: 8 },
  { key: 'targets', title: 'targets', kind: 'number', priority: 1, width: 9 },
  { key: 'healthy', title: 'healthy', kind: 'number', priority: 2, width: 9 },
  {
    key: 'unhealthy',
    title: 'unhealthy',
    kind: 'number',
    priority: 2,
    width: 9,
    tone: (_, { unhealthy }) => (unhealthy > 0 ? 'warn' : undefined),
  },
  { key: 'disabled', title: 'disabled', kind: 'number', priority: 2, width: 8 },
  {
    key: 'takenAt',
    title: 'as of',
    kind: 'time',
    priority: 0,
    width: 15,
    // The total's row has no time of its own: the count of fresh spaces stands there.
    format: (_, row) => asOfText(row),
    tone: (_, { isStale }) => (isStale ? 'dim' : undefined),
  },
  { key: 'ageMs', title: 'age', kind: 'duration', wide: true, width: 8 },
  { key: 'isStale', title: 'stale', wide: true, width: 5 },
  { key: 'feed', title: 'feed', wide: true, width: 24 },
  { key: 'index', title: 'entry', kind: 'number', wide: true, width: 7 },
];

function asOfText({ takenAt, ageMs, isStale }: InventoryLine): string {
  const ms = timeMs(takenAt);
  if (ms === null) return '-';
  return isStale ? `stale, ${formatAge(ageMs)}` : formatTime(ms).slice(11);
}

export function inventoryView({ rows, asOf }: Answer<InventoryRow>): TableView<InventoryLine> {
  const stale = rows.filter(({ isStale }) => isStale).length;
  return {
    id: 'inventory',
    title: 'spaces',
    columns: INVENTORY_COLUMNS,
    rows,
    idOf: ({ space, feed }) => `${space} ${feed}`,
    sort: '-projects,space',
    asOf,
    ...(rows.length === 0 ? {} : { total: totalOf(rows) }),
    notes: rows.length === 0 ? [] : [`${rows.length - stale} fresh, ${stale} stale.`],
    empty:
      'No inventory is known here. Publish one (odcm inventory set FILE) or take one (odcm subscribe SPACE/inventory).',
    figures: {
      projects: sum(rows, 'projects'),
      targets: sum(rows, 'targets'),
      unhealthy: sum(rows, 'unhealthy'),
      disabled: sum(rows, 'disabled'),
      stale,
    },
  };
}

type Counted = 'projects' | 'targets' | 'healthy' | 'unhealthy' | 'disabled';

const sum = (rows: readonly InventoryRow[], key: Counted): number =>
  rows.reduce((total, row) => total + row[key], 0);

function totalOf(rows: readonly InventoryRow[]): InventoryLine {
  return {
    space: `total of ${formatNumber(rows.length)}`,
    version: null,
    projects: sum(rows, 'projects'),
    targets: sum(rows, 'targets'),
    healthy: sum(rows, 'healthy'),
    unhealthy: sum(rows, 'unhealthy'),
    disabled: sum(rows, 'disabled'),
    takenAt: null,
    ageMs: Math.max(...rows.map(({ ageMs }) => ageMs)),
    isStale: rows.some(({ isStale }) => isStale),
    feed: null,
    index: null,
  };
}

const EDGES: Readonly<Record<'projects' | 'targets', readonly number[]>> = {
  projects: [0, 50, 100, 200, 300],
  targets: [0, 500, 1_000, 2_000, 3_000],
};

/** How many spaces have how many of them. */
export function spreadPanel(
  { rows }: Answer<InventoryRow>,
  what: 'projects' | 'targets',
  { columns, ascii }: Room,
): Panel {
  const edges = EDGES[what];
  const labels = edges.map((from, at) => {
    const next = edges[at + 1];
    return next === undefined
      ? `${formatNumber(from)}+`
      : `${formatNumber(from)}-${formatNumber(next - 1)}`;
  });
  const counts = edges.map((from, at) => {
    const next = edges[at + 1] ?? Number.POSITIVE_INFINITY;
    return rows.filter((row) => row[what] >= from && row[what] < next).length;
  });
  const most = Math.max(1, ...counts);
  const barColumns = Math.max(0, columns - 20);
  const lines = counts.map((count, at): Line => {
    const blocks = bar(1, Math.ceil((count / most) * barColumns), { ascii });
    return [
      span(`${pad(labels[at]!, 11, 'right')} `),
      span(blocks, 'good'),
      span(` ${formatNumber(count)}`),
    ];
  });
  const title = what === 'projects' ? 'Projects per space' : 'Targets per space';
  return { id: what, title: `${title} (${counted(rows.length, 'space')})`, lines };
}
