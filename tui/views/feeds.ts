// The feeds of the mesh: how far the publisher is, how much of it is here, for how long something has been missing.

import { feedFigures } from '../../protocols/figures.ts';
import type { Column } from '../format/cell.ts';
import { formatAge } from '../format/duration.ts';
import { counted, formatNumber } from '../format/number.ts';
import { bar, sparkline } from '../format/sparkline.ts';
import type { Answer, FeedRow } from './answers.ts';
import { carrierColumns, carrierLines, copiesText, isBelowWanted } from './carriers.ts';
import type { FeedSamples } from './samples.ts';
import { heardText, silenceText } from './subscriptions.ts';
import { type Line, type Panel, panel, type Room, span, type TableView } from './table.ts';

/** A feed with what only several looks can tell, which is null or empty after one look. */
export interface FeedLine extends FeedRow {
  /** Entries a second that the publisher adds. */
  readonly rate: number | null;
  readonly trend: readonly (number | null)[];
}

const TREND_GLYPHS = 10;

export function feedColumns(
  hasSamples: boolean,
  rows: readonly FeedRow[],
): readonly Column<FeedLine>[] {
  return [
    { key: 'feed', title: 'feed', priority: 0, width: 24, grows: true, maxWidth: 48 },
    { key: 'size', title: 'head', kind: 'number', priority: 2, width: 9 },
    { key: 'held', title: 'ours', kind: 'number', priority: 2, width: 9 },
    {
      key: 'behind',
      title: 'behind',
      kind: 'number',
      priority: 0,
      width: 7,
      tone: (_, { behind }) => (behind > 0 ? 'warn' : undefined),
    },
    {
      key: 'lagMs',
      title: 'lag',
      kind: 'duration',
      priority: 1,
      width: 7,
      format: (_, { lagMs }) => (lagMs === null ? '-' : formatAge(lagMs)),
      tone: (_, { behind }) => (behind > 0 ? 'warn' : undefined),
    },
    {
      key: 'rate',
      title: 'rate/s',
      kind: 'number',
      priority: 2,
      width: 6,
      wide: !hasSamples,
      format: (_, { rate }) => (rate === null ? '-' : rate.toFixed(1)),
    },
    ...carrierColumns<FeedLine>(),
    {
      key: 'grant',
      title: 'access',
      priority: 1,
      width: 7,
      format: (_, { grant }) => (grant === null ? 'none' : grant === 'own' ? 'own' : 'granted'),
      tone: (_, { grant }) => (grant === null ? 'dim' : undefined),
    },
    { key: 'subscribed', title: 'taken', priority: 3, width: 5 },
    { key: 'lastChangeAt', title: 'last new', kind: 'age', priority: 3, width: 8 },
    {
      key: 'heardAgoMs',
      title: 'last heard',
      kind: 'duration',
      priority: 3,
      width: 10,
      format: (_, row) => (row.grant === 'own' ? '-' : heardText(row)),
    },
    { key: 'sealed', title: 'sealed', priority: 3, width: 6 },
    {
      key: 'deadLetters',
      title: 'dead',
      kind: 'number',
      priority: 2,
      width: 4,
      tone: (_, { deadLetters }) => (deadLetters > 0 ? 'bad' : undefined),
    },
    {
      key: 'trend',
      title: '5 min',
      priority: 2,
      width: TREND_GLYPHS,
      wide: !hasSamples,
      format: (_, { trend }, { ascii }) =>
        sparkline(trend, TREND_GLYPHS, { ascii: ascii ?? false }),
    },
    { key: 'context', title: 'context', priority: 3, width: 16 },
    {
      key: 'frozen',
      title: 'frozen',
      wide: rows.every((row) => !row.frozen),
      priority: 2,
      width: 6,
      tone: (_, { frozen }) => (frozen ? 'bad' : undefined),
    },
    {
      key: 'heldBack',
      title: 'held',
      kind: 'number',
      wide: rows.every(({ heldBack }) => (heldBack ?? null) === null),
      priority: 2,
      width: 5,
      tone: () => 'warn',
    },
    { key: 'epoch', title: 'epoch', kind: 'number', wide: true, width: 5 },
    { key: 'sync', title: 'sync', wide: true, width: 6 },
    { key: 'applied', title: 'applied', kind: 'number', wide: true, width: 9 },
    { key: 'id', title: 'id', wide: true, width: 36 },
    { key: 'root', title: 'root', wide: true, width: 16 },
    { key: 'entry', title: 'directory entry', kind: 'number', wide: true },
  ];
}

export function feedsView(answer: Answer<FeedRow>, samples?: FeedSamples): TableView<FeedLine> {
  const rows = answer.rows.map((row) => feedLine(row, samples));
  const { missing, behind, deadLetters, frozen } = feedFigures(answer.rows);
  const lags = rows.map(({ lagMs }) => lagMs).filter((ms) => ms !== null);
  return {
    id: 'feeds',
    title: 'feeds',
    columns: feedColumns(samples !== undefined, rows),
    rows,
    idOf: ({ id }) => id,
    sort: '-lagMs,-behind,feed',
    asOf: answer.asOf,
    empty: 'There are no feeds. Make one with: odcm feed create NAME --context CONTEXT',
    figures: {
      behind: missing,
      feedsBehind: behind,
      lag: { value: lags.length === 0 ? null : Math.max(...lags), kind: 'duration' },
      deadLetters,
      frozen,
      belowWanted: rows.filter(isBelowWanted).length,
    },
  };
}

function feedLine(row: FeedRow, samples: FeedSamples | undefined): FeedLine {
  return {
    ...row,
    rate: samples?.rate(row.id) ?? null,
    trend: samples?.trend(row.id) ?? [],
  };
}

/** One feed: how much is here, since when something is missing, and how long the rest may take. */
export function feedPanel(line: FeedLine, { columns, ascii, nowMs }: Room): Panel {
  const { feed, size, held, behind, lagMs, carriers, deadLetters, frozen, root, rate } = line;
  const share = size === null || size === 0 ? 0 : held / size;
  const barColumns = Math.max(0, Math.min(24, columns - 40));
  const lag = behind > 0 && lagMs !== null ? `, for ${formatAge(lagMs)}` : '';
  const lines: Line[] = [
    [
      span(
        `ours ${formatNumber(held)}  head ${size === null ? 'not known yet' : formatNumber(size)}`,
      ),
      span(
        `   copies ${copiesText(carriers, line)}   access ${line.grant === null ? 'none' : line.grant === 'own' ? 'own' : 'granted'}`,
      ),
    ],
    [
      span(`behind      ${barColumns === 0 ? '' : `${bar(share, barColumns, { ascii })}  `}`),
      span(
        behind === 0 ? 'nothing is missing' : `${counted(behind, 'entry', 'entries')}${lag}`,
        behind > 0 ? 'warn' : 'good',
      ),
    ],
    [
      span(
        `checkpoint  ${root === null ? 'nothing is held' : `size ${formatNumber(held)}  root ${root}`}`,
      ),
    ],
    [
      span(
        `publisher   ${rate === null ? 'rate not measured yet' : `${rate.toFixed(1)} entries a second`}`,
      ),
      ...(deadLetters > 0 ? [span(`   ${counted(deadLetters, 'dead letter')}`, 'bad')] : []),
      ...(frozen ? [span('   frozen: two histories were seen', 'bad')] : []),
      ...((line.heldBack ?? null) === null
        ? []
        : [span(`   held (${formatNumber(line.heldBack ?? 0)})`, 'warn')]),
    ],
    ...carrierLines(line),
    ...(line.grant === 'own' ? [] : [[span(`heard       ${silenceText(line, nowMs)}`)]]),
  ];
  return panel('feed', feed, lines);
}

/** The longest time that a feed had something missing, minute by minute. */
export function lagPanel(samples: FeedSamples, { columns, ascii }: Room): Panel {
  const minutes = samples.worstPerMinute();
  const known = minutes.filter((ms) => ms !== null);
  const now = known.at(-1);
  const text =
    now === undefined
      ? 'not looked at yet'
      : `now ${formatAge(now)}   worst ${formatAge(Math.max(...known))}   seen for ${counted(known.length, 'minute')}`;
  return panel('lag', 'Lag over 60 min, worst feed per minute', [
    [span(sparkline(minutes, columns, { ascii }))],
    [span(text)],
  ]);
}
