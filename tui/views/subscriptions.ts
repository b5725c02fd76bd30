// What this space takes from others, and whether it has it all.

import type { Column, Tone } from '../format/cell.ts';
import { formatAge } from '../format/duration.ts';
import { counted, formatNumber } from '../format/number.ts';
import { timeMs } from '../format/time.ts';
import type { Answer, SubscriptionRow } from './answers.ts';
import { type Panel, panel, type Room, span, type TableView } from './table.ts';

const TONES: Readonly<Record<SubscriptionRow['state'], Tone>> = {
  level: 'good',
  behind: 'warn',
  requested: 'warn',
  'no grant': 'bad',
  expired: 'bad',
  waiting: 'warn',
  frozen: 'bad',
};

export const SUBSCRIPTION_COLUMNS: readonly Column<SubscriptionRow>[] = [
  { key: 'feed', title: 'feed', priority: 0, width: 24, grows: true },
  { key: 'mode', title: 'mode', priority: 2, width: 9 },
  { key: 'via', title: 'via', priority: 2, width: 6 },
  { key: 'everyMs', title: 'every', kind: 'duration', priority: 2, width: 5 },
  { key: 'state', title: 'state', priority: 0, width: 9, tone: (_, { state }) => TONES[state] },
  { key: 'size', title: 'entries', kind: 'number', priority: 2, width: 9 },
  { key: 'held', title: 'held', kind: 'number', priority: 1, width: 9 },
  { key: 'applied', title: 'applied', kind: 'number', priority: 2, width: 9 },
  { key: 'lastChangeAt', title: 'last new', kind: 'age', priority: 1, width: 8 },
  {
    key: 'heardAgoMs',
    title: 'last heard',
    kind: 'duration',
    priority: 1,
    width: 10,
    format: (_, row) => heardText(row),
  },
  { key: 'lastError', title: 'last error', priority: 3, width: 24 },
];

export function missingOf({ size, held }: SubscriptionRow): number {
  return Math.max(0, (size ?? 0) - held);
}

export function subscriptionsView(answer: Answer<SubscriptionRow>): TableView<SubscriptionRow> {
  const { rows, asOf } = answer;
  const count = (state: SubscriptionRow['state']): number =>
    rows.filter((row) => row.state === state).length;
  return {
    id: 'subscriptions',
    title: 'subscriptions',
    columns: SUBSCRIPTION_COLUMNS,
    rows,
    idOf: ({ feed }) => feed,
    asOf,
    empty: 'There are no subscriptions. Take a feed with: odcm subscribe PUBLISHER/FEED',
    figures: {
      behind: rows.reduce((sum, row) => sum + missingOf(row), 0),
      notLevel: rows.length - count('level'),
      noGrant: count('no grant'),
      frozen: count('frozen'),
    },
  };
}

/** Of its publisher: without a word of it, `nothing new` says little. */
export function heardText({
  heardAgoMs,
}: {
  readonly heardAgoMs?: number | null | undefined;
}): string {
  return heardAgoMs === null || heardAgoMs === undefined ? 'never' : formatAge(heardAgoMs);
}

/** Two things that are not the same: when something came last, and when its publisher last spoke. */
export function silenceText(
  row: {
    readonly lastChangeAt?: string | null | undefined;
    readonly heardAgoMs?: number | null | undefined;
  },
  nowMs: number,
): string {
  const changedMs = timeMs(row.lastChangeAt ?? null);
  const news =
    changedMs === null
      ? 'nothing new since this node started'
      : `nothing new since ${formatAge(nowMs - changedMs)} ago`;
  const heard = heardText(row);
  return `${news}, nothing heard since ${heard === 'never' ? 'this node started' : `${heard} ago`}`;
}

const MEANING: Readonly<Record<SubscriptionRow['state'], string>> = {
  level: 'everything that the publisher signed is here',
  behind: 'the rest is fetched from whoever has it',
  requested: 'the publisher wants every space to take it; this space has not agreed yet',
  'no grant': 'ODCM lets this space have it no longer; what is held stays readable',
  expired: 'the directory is too old for anything new to be taken on its authority',
  waiting: 'nothing signed by the publisher has arrived yet',
  frozen: "two histories were seen under the publisher's key; nothing new is taken",
};

export function subscriptionPanel(row: SubscriptionRow, { nowMs }: Room): Panel {
  const missing = missingOf(row);
  return panel('subscription', row.feed, [
    [span('state      '), span(row.state, TONES[row.state]), span(`: ${MEANING[row.state]}`)],
    [
      span(
        `held       ${formatNumber(row.held)} of ${row.size === null ? 'an unknown number' : formatNumber(row.size)}`,
      ),
      ...(missing > 0 ? [span(`, ${counted(missing, 'entry', 'entries')} missing`, 'warn')] : []),
    ],
    [span(`applied    ${formatNumber(row.applied)}`)],
    [span(`publisher  ${silenceText(row, nowMs)}`)],
    [span('last error '), row.lastError === null ? span('none') : span(row.lastError, 'bad')],
  ]);
}
