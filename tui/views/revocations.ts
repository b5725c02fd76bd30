// Access that was taken away: who acts on it, by signed statements, and who is not known to; and what the space could read.

import type { Column } from '../format/cell.ts';
import { formatAge } from '../format/duration.ts';
import { counted, formatNumber } from '../format/number.ts';
import { timeMs } from '../format/time.ts';
import type { Answer, ExposureResult, ExposureRow, RevocationRow } from './answers.ts';
import { type Line, type Panel, panel, type Room, span, type TableView } from './table.ts';

const isComplete = ({ applied, of }: RevocationRow): boolean => applied >= of;

export const REVOCATION_COLUMNS: readonly Column<RevocationRow>[] = [
  { key: 'entry', title: 'entry', kind: 'number', priority: 1, width: 7 },
  { key: 'at', title: 'when', kind: 'age', priority: 1, width: 6 },
  { key: 'kind', title: 'kind', priority: 2, width: 5 },
  { key: 'space', title: 'space', priority: 0, width: 16, grows: true },
  { key: 'what', title: 'shut out of', priority: 1, width: 24 },
  {
    key: 'applied',
    title: 'applied',
    kind: 'number',
    priority: 0,
    width: 9,
    format: (_, row) => appliedText(row),
    tone: (_, row) => (isComplete(row) ? 'good' : 'warn'),
  },
  { key: 'of', title: 'of', kind: 'number', wide: true },
  {
    key: 'missing',
    title: 'not applied',
    priority: 1,
    width: 32,
    format: (_, row) => missingText(row),
    tone: (_, row) => (isComplete(row) ? undefined : 'warn'),
  },
  { key: 'reason', title: 'reason', priority: 3, width: 24 },
];

const appliedText = ({ applied, of }: RevocationRow): string =>
  `${formatNumber(applied)} of ${formatNumber(of)}`;

/** `shipping (offline, heard 3 h ago), ledger (unknown, not heard)`: of many the first few. */
export function missingText({ missing }: Pick<RevocationRow, 'missing'>, most = 5): string {
  const named = missing.slice(0, most).map(({ space, state, heardAgoMs }) => {
    const heard = heardAgoMs === null ? 'not heard' : `heard ${formatAge(heardAgoMs)} ago`;
    return `${space} (${state}, ${heard})`;
  });
  const rest = missing.length - named.length;
  return [...named, ...(rest > 0 ? [`${formatNumber(rest)} more`] : [])].join(', ') || 'nobody';
}

export function revocationsView(answer: Answer<RevocationRow>): TableView<RevocationRow> {
  const { rows, asOf } = answer;
  const open = rows.filter((row) => !isComplete(row));
  return {
    id: 'revocations',
    title: 'revocations',
    columns: REVOCATION_COLUMNS,
    rows,
    idOf: ({ entry }) => String(entry),
    asOf,
    empty: 'Nobody was shut out, and no grant was taken back.',
    figures: {
      notApplied: open.length,
      missing: new Set(open.flatMap(({ missing }) => missing.map(({ space }) => space))).size,
    },
  };
}

/** One sentence for each of the newest. */
export function revocationNotes(rows: readonly RevocationRow[], most = 5): string[] {
  return rows.slice(0, most).map((row) => {
    const who = row.kind === 'space' ? `${row.space} is shut out of the mesh` : grantText(row);
    const left = isComplete(row) ? '' : `; not yet by ${missingText(row)}`;
    return `Entry ${row.entry}: ${who}, applied by ${appliedText(row)}${left}.`;
  });
}

const grantText = ({ space, what }: RevocationRow): string =>
  `${space === 'all' ? 'every space' : space} lost its grant for ${what}`;

/** Spaces with the entries that they are not known to act on. */
export function notApplied(rows: readonly RevocationRow[]): ReadonlyMap<string, number[]> {
  const bySpace = new Map<string, number[]>();
  for (const { entry, missing } of rows)
    for (const { space } of missing) bySpace.set(space, [...(bySpace.get(space) ?? []), entry]);
  return bySpace;
}

export function revocationPanel({ rows }: Answer<RevocationRow>, { nowMs }: Room): Panel {
  const lines = rows.flatMap((row): Line[] => {
    const ms = timeMs(row.at);
    const age = ms === null ? '' : `, ${formatAge(nowMs - ms)} ago`;
    const head: Line = [
      span(`${row.space} `),
      span(row.kind === 'space' ? 'shut out' : `lost ${row.what}`, 'dim'),
      span(`${age}   `),
      span(`applied ${appliedText(row)}`, isComplete(row) ? 'good' : 'warn'),
    ];
    const { readable = 0, sensitive = 0 } = row;
    return [
      head,
      ...(isComplete(row) ? [] : [[span(`  not by ${missingText(row)}`, 'warn')]]),
      ...(readable > 0 ? [changeLine(row.space, readable, sensitive)] : []),
    ];
  });
  const none: Line[] = [[span('Nobody was shut out, and no grant was taken back.', 'dim')]];
  return panel('revocations', 'Revocations', lines.length === 0 ? none : lines);
}

function changeLine(space: string, readable: number, sensitive: number): Line {
  return [
    span(`  ${counted(readable, 'item')} of this space to change at the source`, 'warn'),
    span(`, ${formatNumber(sensitive)} sensitive`, sensitive > 0 ? 'bad' : undefined),
    span(`: odcm exposure ${space}`),
  ];
}

export const EXPOSURE_COLUMNS: readonly Column<ExposureRow>[] = [
  { key: 'item', title: 'item', priority: 0, width: 24, grows: true },
  { key: 'feed', title: 'feed', priority: 1, width: 24 },
  { key: 'owner', title: 'owner', priority: 2, width: 16 },
  {
    key: 'isSensitive',
    title: 'sensitive',
    priority: 0,
    width: 9,
    format: (_, { isSensitive }) => (isSensitive ? 'yes' : '-'),
    tone: (_, { isSensitive }) => (isSensitive ? 'bad' : undefined),
  },
  {
    key: 'state',
    title: 'state',
    priority: 0,
    width: 20,
    format: (_, { state }) => (state === 'changed' ? 'changed since' : 'change at its source'),
    tone: (_, { state }) => (state === 'changed' ? 'good' : 'warn'),
  },
  { key: 'ageMs', title: 'age', kind: 'duration', priority: 1, width: 6, format: ageText },
  { key: 'version', title: 'version', kind: 'number', priority: 2, width: 7 },
  { key: 'publishedAt', title: 'published', kind: 'time', wide: true },
];

function ageText(_: unknown, { ageMs }: ExposureRow): string {
  return formatAge(ageMs);
}

export function exposureView(exposure: ExposureResult): TableView<ExposureRow> {
  const { rows, asOf, space, total, readable, sensitive } = exposure;
  const others = exposure.feeds.filter(({ isOwn }) => !isOwn);
  const owners = [...new Set(others.map(({ owner }) => owner))];
  return {
    id: 'exposure',
    title: 'items',
    columns: EXPOSURE_COLUMNS,
    rows,
    idOf: ({ feed, item }) => `${feed} ${item}`,
    asOf,
    empty: `${space} could read nothing that this space publishes.`,
    notes: [
      ...(rows.length < total
        ? [`The first ${formatNumber(rows.length)} of ${total} are shown.`]
        : []),
      ...(readable === 0
        ? []
        : [
            `${counted(readable, 'item')} (${formatNumber(sensitive)} sensitive) that ${space} could read are in use: change them at their source and publish them anew.`,
          ]),
      ...(owners.length === 0
        ? []
        : [
            `It could also read ${others.map(({ feed }) => feed).join(', ')}: ask ${owners.join(', ')} for odcm exposure ${space}.`,
          ]),
    ],
    figures: { readable, sensitive, changed: total - readable, feeds: exposure.feeds.length },
  };
}
