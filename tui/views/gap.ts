// The air gap: bundles that crossed it, what one of them changes, receipts with those that are missing.

import type { RouteResult } from '../../protocols/control-api.ts';
import { formatBytes } from '../format/bytes.ts';
import type { Column } from '../format/cell.ts';
import { counted, formatNumber } from '../format/number.ts';
import type { Answer } from './answers.ts';
import type { TableView } from './table.ts';

export type CrossingRow = RouteResult<'crossings'>;
export type ReceiptRow = RouteResult<'receipts'>;
export type AuditRow = RouteResult<'gapAudit'>;
export type ImportDetail = RouteResult<'importDetail'>;

const WAITING = new Set(['waiting', 'writing', 'applying']);
const GOOD = new Set(['acknowledged', 'applied']);
const BAD = new Set(['failed', 'refused']);

const stateTone = (state: string) =>
  GOOD.has(state) ? 'good' : BAD.has(state) ? 'bad' : WAITING.has(state) ? 'warn' : undefined;

const CROSSING_COLUMNS: readonly Column<CrossingRow>[] = [
  { key: 'at', title: 'when', kind: 'age', priority: 1, width: 6 },
  { key: 'way', title: 'way', priority: 0, width: 4 },
  { key: 'space', title: 'space', priority: 0, width: 16, grows: true },
  { key: 'sequence', title: 'bundle', kind: 'number', priority: 0, width: 7 },
  { key: 'base', title: 'goes on from', kind: 'number', priority: 3, width: 12 },
  { key: 'entries', title: 'entries', kind: 'number', priority: 1, width: 8 },
  { key: 'sizeBytes', title: 'size', kind: 'bytes', priority: 2, width: 9 },
  {
    key: 'state',
    title: 'state',
    priority: 0,
    width: 13,
    format: (_, row) => stateText(row),
    tone: (state) => stateTone(String(state)),
  },
  { key: 'by', title: 'by', priority: 2, width: 10 },
  {
    key: 'approvals',
    title: 'approved by',
    priority: 3,
    width: 16,
    value: (row) => row.approvals.map(({ by }) => by).join(', '),
  },
  { key: 'missing', title: 'missing', kind: 'number', wide: true },
  { key: 'blocks', title: 'blocks', kind: 'number', wide: true },
  { key: 'created', title: 'made', kind: 'time', wide: true },
  { key: 'manifest', title: 'manifest', wide: true },
  { key: 'reason', title: 'reason', wide: true },
];

/** What was written and is not acknowledged has arrived nowhere as far as anybody knows. */
function stateText({ way, state }: CrossingRow): string {
  return way === 'out' && state === 'written' ? 'no receipt' : state;
}

export function ledgerView({ rows, asOf }: Answer<CrossingRow>): TableView<CrossingRow> {
  const open = rows.filter(({ way, state }) => way === 'out' && state === 'written');
  const waiting = rows.filter(({ way, state }) => way === 'in' && state === 'waiting');
  return {
    ...{ id: 'ledger', title: 'bundles', columns: CROSSING_COLUMNS, rows, asOf },
    idOf: ({ way, space, sequence }) => `${way} ${space} ${sequence}`,
    // By age: the newest on top.
    sort: 'at',
    notes: [
      ...(waiting.length > 0
        ? [`${counted(waiting.length, 'import')} to approve: odcm gap approve SPACE BUNDLE`]
        : []),
      ...(open.length > 0 ? [`${counted(open.length, 'export')} without a receipt`] : []),
    ],
    empty: 'No bundle has crossed yet. Make one with: odcm export FILE --to SPACE',
    figures: { bundles: rows.length, waiting: waiting.length, unacknowledged: open.length },
  };
}

const RECEIPT_COLUMNS: readonly Column<ReceiptRow>[] = [
  { key: 'space', title: 'space', priority: 0, width: 16 },
  { key: 'index', title: 'number', kind: 'number', priority: 0, width: 7 },
  {
    key: 'kind',
    title: 'kind',
    priority: 2,
    width: 11,
    format: (_, row) => (row.isMissing ? '' : row.kind),
  },
  {
    key: 'at',
    title: 'when',
    kind: 'age',
    priority: 1,
    width: 6,
    value: (row) => (row.isMissing ? null : row.at),
  },
  {
    key: 'what',
    title: 'what',
    priority: 0,
    width: 24,
    grows: true,
    tone: (_, row) => (row.isMissing ? 'bad' : undefined),
  },
  {
    key: 'outcome',
    title: 'outcome',
    priority: 1,
    width: 9,
    tone: (outcome) => (outcome === 'failed' ? 'bad' : outcome === null ? undefined : 'good'),
  },
  { key: 'by', title: 'by', priority: 2, width: 12 },
  {
    key: 'bundle',
    title: 'bundle',
    priority: 3,
    width: 14,
    value: ({ bundle }) => (bundle ? `${bundle.exporter} ${bundle.sequence}` : null),
  },
  { key: 'isMissing', title: 'missing', wide: true },
];

export function receiptsView({ rows, asOf }: Answer<ReceiptRow>): TableView<ReceiptRow> {
  const missing = rows.filter(({ isMissing }) => isMissing).length;
  const failed = rows.filter(({ outcome }) => outcome === 'failed').length;
  return {
    ...{ id: 'receipts', title: 'receipts', columns: RECEIPT_COLUMNS, rows, asOf },
    idOf: ({ space, index }) => `${space} ${index}`,
    sort: 'space,index',
    ...(missing > 0
      ? { notes: [`${counted(missing, 'receipt')} missing: ask the space for them`] }
      : {}),
    empty: 'There is no receipt. They come with: odcm receipts import FILE',
    figures: { receipts: rows.length - missing, missing, failed },
  };
}

const AUDIT_COLUMNS: readonly Column<AuditRow>[] = [
  { key: 'at', title: 'when', kind: 'time' },
  { key: 'what', title: 'what' },
  { key: 'subject', title: 'of', maxWidth: 50 },
  { key: 'code', title: 'code' },
  { key: 'text', title: 'text', maxWidth: 60 },
  { key: 'by', title: 'by' },
];

export function auditView({ rows, asOf }: Answer<AuditRow>): TableView<AuditRow> {
  return {
    ...{ id: 'gap-audit', title: 'audited actions', columns: AUDIT_COLUMNS, rows, asOf },
    idOf: ({ at, subject }) => `${at} ${subject}`,
    empty: 'Nothing has crossed the gap yet.',
    figures: {
      actions: rows.length,
      refused: rows.filter(({ what }) => what === 'refused').length,
    },
  };
}

/** What a bundle changes, as lines for people, before anybody lets it in. */
export function diffLines({ crossing, diff, needed }: ImportDetail): string[] {
  const { directory, feeds, missing } = diff;
  const names = (what: string, list: readonly string[]) =>
    list.length > 0 ? [`  ${what}: ${listed(list)}`] : [];
  const approved = crossing.approvals.map(({ by }) => by);
  return [
    `bundle ${crossing.sequence} of ${crossing.space}: ${counted(crossing.entries, 'new entry', 'new entries')}, ${formatBytes(crossing.sizeBytes)}, made ${crossing.created}`,
    `directory: ${counted(directory.entries, 'new entry', 'new entries')}, ODCM vouched for it at ${directory.vouchedAt ?? 'no time'}`,
    ...names('spaces that join', directory.joined),
    ...names('spaces that are shut out', directory.revoked),
    ...names('new feeds', directory.feeds),
    ...(directory.grants + directory.grantsEnded > 0
      ? [`  grants: ${directory.grants} new, ${directory.grantsEnded} ended`]
      : []),
    ...(directory.rootVersions > 0
      ? [`  root metadata: ${counted(directory.rootVersions, 'new version')}`]
      : []),
    ...feeds.flatMap((feed) => [
      `${feed.feed}: ${formatNumber(feed.added)} new, ${formatNumber(feed.changed)} changed, ${formatNumber(feed.withdrawn)} withdrawn${feed.sealed ? ', sealed' : ''}`,
      ...names('items', feed.items),
    ]),
    ...(missing.length > 0 ? [`${counted(missing.length, 'record')} did not come along`] : []),
    `state: ${crossing.state}${crossing.state === 'waiting' ? `, ${approved.length} of ${counted(needed, 'approval')}` : ''}${approved.length > 0 ? `, approved by ${listed(approved)}` : ''}`,
  ];
}

/** Of many the first few. */
function listed(names: readonly string[], most = 8): string {
  const rest = names.length - most;
  return [...names.slice(0, most), ...(rest > 0 ? [`${formatNumber(rest)} more`] : [])].join(', ');
}
