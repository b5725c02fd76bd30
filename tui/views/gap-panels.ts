// Panels of the air gap: what a bundle that waits would change, what became of one that crossed, and which receipts came
// and which did not.

import { formatBytes } from '../format/bytes.ts';
import { formatAge } from '../format/duration.ts';
import { counted, formatNumber } from '../format/number.ts';
import { type CrossingRow, diffLines, type ImportDetail, type ReceiptRow } from './gap.ts';
import { type Line, type Panel, panel, type Room, span } from './table.ts';

/** A bundle that waits: its detail, or why there is none just now. */
export interface WaitingImport {
  readonly space: string;
  readonly sequence: number;
  readonly detail: ImportDetail | null;
  readonly why: string | null;
}

export function waitingPanel({ space, sequence, detail, why }: WaitingImport): Panel {
  const title = `Bundle ${sequence} of ${space} waits: what it changes`;
  if (detail === null) return panel('import', title, [[span(why ?? 'not known yet', 'warn')]]);
  const [, ...lines] = diffLines(detail);
  const isLoss = (text: string): boolean => /shut out|did not come/.test(text);
  return panel('import', title, [
    ...lines.slice(0, -1).map((text): Line => [isLoss(text) ? span(text, 'warn') : span(text)]),
    approvalLine(detail),
  ]);
}

function approvalLine({ crossing, needed }: ImportDetail): Line {
  const by = crossing.approvals.map((one) => one.by).join(', ');
  return [
    span(`approved by ${crossing.approvals.length} of ${needed}`, 'warn'),
    span(by === '' ? '' : `: ${by}`),
  ];
}

/** What is known of one crossing, with the receipts that speak of it. */
export function crossingPanel(
  row: CrossingRow,
  receipts: readonly ReceiptRow[] | null,
  { nowMs }: Room,
): Panel {
  const { way, space, sequence, base, entries, blocks, sizeBytes, missing, manifest } = row;
  const from = base === 0 ? 'everything' : `what was new since bundle ${base}`;
  const holds = `${counted(entries, 'entry', 'entries')} in ${counted(blocks, 'block')}, ${formatBytes(sizeBytes)}`;
  const approvals = row.approvals.map(({ by }) => by).join(', ');
  return panel('crossing', `Bundle ${sequence} ${way === 'out' ? 'for' : 'of'} ${space}`, [
    [
      span(`made      ${row.created.slice(0, 16).replace('T', ' ')}, ${from}, `),
      span(`${way === 'out' ? 'exported' : 'brought'} by ${row.by}`),
    ],
    [
      span(`holds     ${holds}`),
      ...(missing > 0 ? [span(`, ${counted(missing, 'record')} missing`, 'warn')] : []),
    ],
    [span(`manifest  ${manifest === '' ? 'not written yet' : manifest}`)],
    ...(approvals === '' ? [] : [[span(`approved  by ${approvals}`)]]),
    ...(row.reason === null || row.reason === '' ? [] : [[span(`why       ${row.reason}`, 'bad')]]),
    ...receiptLines(row, receipts, nowMs),
  ]);
}

function receiptLines(
  row: CrossingRow,
  receipts: readonly ReceiptRow[] | null,
  nowMs: number,
): Line[] {
  if (receipts === null) return [[span('receipt   not known yet', 'dim')]];
  const own = receipts.filter((receipt) => speaksOf(receipt, row));
  if (own.length > 0) return own.slice(-MOST_LINES).map(receiptLine);
  if (row.way === 'in' || row.state !== 'written') return [];
  const ageMs = Math.max(0, nowMs - Date.parse(row.at));
  return [[span(`receipt   none came in ${formatAge(ageMs)}`, 'warn')]];
}

/** A bundle that went out is told of by its space, one that came in by this one. */
const speaksOf = ({ space, bundle }: ReceiptRow, row: CrossingRow): boolean =>
  bundle?.sequence === row.sequence &&
  (row.way === 'out' ? space === row.space : bundle.exporter === row.space);

const MOST_LINES = 4;

function receiptLine({ index, what, outcome, by, at }: ReceiptRow): Line {
  const when = at.slice(0, 16).replace('T', ' ');
  return [
    span(`receipt ${formatNumber(index)}  ${what}  `),
    span(outcome ?? '', outcome === 'failed' ? 'bad' : 'good'),
    span(`  ${when}${by === null ? '' : ` by ${by}`}`),
  ];
}

/** By space: how many receipts came, the newest of them, and the numbers that did not come. */
export function receiptsPanel(receipts: readonly ReceiptRow[] | null, { nowMs }: Room): Panel {
  const title = 'Receipts';
  if (receipts === null) return panel('receipts', title, [[span('not known yet', 'dim')]]);
  const spaces = [...new Set(receipts.map(({ space }) => space))];
  if (spaces.length === 0)
    return panel('receipts', title, [
      [span('none yet; they come back with: odcm receipts import')],
    ]);
  return panel(
    'receipts',
    title,
    spaces.map((space) => spaceLine(space, receipts, nowMs)),
  );
}

function spaceLine(space: string, receipts: readonly ReceiptRow[], nowMs: number): Line {
  const own = receipts.filter((row) => row.space === space);
  const came = own.filter(({ isMissing }) => !isMissing);
  const missing = own.filter(({ isMissing }) => isMissing).map(({ index }) => index);
  const newest = came.at(-1);
  const age =
    newest === undefined ? '' : `, newest ${formatAge(nowMs - Date.parse(newest.at))} old`;
  const numbers = missing.slice(0, MOST_LINES).join(', ');
  const more = missing.length > MOST_LINES ? ' …' : '';
  return [
    span(`${space}  ${counted(came.length, 'receipt')}${age}  `),
    missing.length > 0
      ? span(`${formatNumber(missing.length)} missing: number ${numbers}${more}`, 'bad')
      : span('none missing', 'good'),
  ];
}
