// Roots, keys and certificates: who vouches for whom, and what runs out when.

import { trustFigures } from '../../protocols/figures.ts';
import type { Column, Tone } from '../format/cell.ts';
import { formatAge } from '../format/duration.ts';
import { formatNumber } from '../format/number.ts';
import { bar } from '../format/sparkline.ts';
import { timeMs } from '../format/time.ts';
import { displayWidth, pad } from '../format/width.ts';
import type { Answer, RevocationRow, TrustRow } from './answers.ts';
import { notApplied } from './revocations.ts';
import { type Line, type Panel, panel, type Room, span, type TableView } from './table.ts';

const TONES: Readonly<Record<string, Tone>> = {
  valid: 'good',
  current: 'good',
  expiring: 'warn',
  expired: 'bad',
  revoked: 'bad',
};

const toneOfState = (state: string): Tone | undefined => TONES[state];

/** With the entries of the newest revocations that the space is not known to act on. */
export type TrustLine = TrustRow & { readonly notApplied: readonly number[] };

export const TRUST_COLUMNS: readonly Column<TrustLine>[] = [
  { key: 'subject', title: 'subject', priority: 0, width: 16, grows: true, maxWidth: 40 },
  { key: 'kind', title: 'kind', priority: 2, width: 8 },
  { key: 'serial', title: 'serial', priority: 2, width: 12 },
  { key: 'issuedAt', title: 'issued', kind: 'time', priority: 3, width: 20 },
  { key: 'expiresAt', title: 'expires', kind: 'time', priority: 1, width: 20 },
  {
    key: 'leftMs',
    title: 'left',
    kind: 'duration',
    priority: 1,
    width: 8,
    format: (_, { leftMs, state }) =>
      leftMs === null
        ? '-'
        : leftMs <= 0
          ? state === 'revoked'
            ? state
            : 'expired'
          : formatAge(leftMs),
    tone: (_, { state }) => (state === 'expiring' ? 'warn' : undefined),
  },
  {
    key: 'state',
    title: 'state',
    priority: 0,
    width: 9,
    tone: (_, { state }) => toneOfState(state),
  },
  { key: 'issuer', title: 'issuer', priority: 3, width: 16 },
  {
    key: 'notApplied',
    title: 'not applied',
    wide: true,
    format: (_, { notApplied }) => notApplied.join(', '),
    tone: () => 'warn',
  },
  { key: 'fingerprint', title: 'fingerprint', wide: true, width: 24 },
];

export function trustView(
  { rows, asOf }: Answer<TrustRow>,
  revocations: Answer<RevocationRow> | null = null,
): TableView<TrustLine> {
  const open = notApplied(revocations?.rows ?? []);
  const { next, ...counts } = trustFigures(rows);
  return {
    id: 'trust',
    title: 'keys and certificates',
    columns: TRUST_COLUMNS,
    rows: rows.map((row) => ({
      ...row,
      notApplied: row.kind === 'space' ? (open.get(row.subject) ?? []) : [],
    })),
    idOf: ({ kind, subject, serial, fingerprint }) =>
      [kind, subject, serial ?? fingerprint].join(' '),
    sort: 'leftMs,subject',
    asOf,
    figures: {
      ...counts,
      notApplied: revocations?.rows.filter(({ applied, of }) => applied < of).length ?? null,
      // Of the first that runs out; what is over already counts as expired.
      expiry: { value: next?.leftMs ?? null, kind: 'duration' },
    },
  };
}

const MONTHS = 6;
const MONTH_NAMES = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** How many certificates of spaces run out in each of the next months. */
export function expiryPanel({ rows }: Answer<TrustRow>, { columns, ascii, nowMs }: Room): Panel {
  const now = new Date(nowMs);
  const month = (date: Date): number => date.getUTCFullYear() * 12 + date.getUTCMonth();
  const ends = rows
    .filter(({ kind, state }) => kind === 'space' && state !== 'revoked')
    .map(({ expiresAt }) => timeMs(expiresAt))
    .filter((ms) => ms !== null && ms > nowMs)
    .map((ms) => month(new Date(ms!)) - month(now));
  const counts = Array.from({ length: MONTHS }, (_, at) => ends.filter((end) => end === at).length);
  const most = Math.max(1, ...counts);
  const later = ends.filter((end) => end >= MONTHS).length;
  const barColumns = Math.max(0, columns - 14);
  const lines = counts.map((count, at): Line => {
    const name = MONTH_NAMES[(now.getUTCMonth() + at) % MONTH_NAMES.length];
    const filled = Math.ceil((count / most) * barColumns);
    const blocks = bar(1, filled, { ascii });
    return [
      span(`${name} `),
      span(blocks, at === 0 && count > 0 ? 'warn' : 'good'),
      span(` ${formatNumber(count)}`),
    ];
  });
  const rest = later === 0 ? [] : [[span(`later ${formatNumber(later)}`)]];
  return panel('expiry', `Expiry, next ${MONTHS} months`, [...lines, ...rest]);
}

/** Digits of a fingerprint or a serial that are enough to tell two apart. */
const PRINT_DIGITS = 12;
const SERIAL_DIGITS = 8;

export function rootPanel({ rows }: Answer<TrustRow>, _room: Room): Panel {
  const shown = rows.filter(({ kind }) => kind !== 'space');
  const width = Math.max(0, ...shown.map(({ subject }) => displayWidth(span(subject).text)));
  const lines = shown.map(
    (row): Line => [
      span(`${pad(span(row.subject).text, width)}  `),
      span(`${(row.fingerprint ?? '-').slice(0, PRINT_DIGITS).padEnd(PRINT_DIGITS)}  `, 'dim'),
      span(leftText(row), toneOfState(row.state)),
    ],
  );
  const none: Line[] = [[span('No root is known here.', 'dim')]];
  return panel('root', 'Root and issuing keys', lines.length === 0 ? none : lines);
}

function leftText({ leftMs, state }: TrustRow): string {
  if (leftMs === null || leftMs <= 0 || state === 'revoked') return state;
  return state === 'expiring' ? `expires in ${formatAge(leftMs)}` : `${formatAge(leftMs)} left`;
}

/** From the root to the chosen one, as far as the issuers are known here. */
export function chainPanel(chosen: TrustRow, { rows }: Answer<TrustRow>, { nowMs }: Room): Panel {
  const chain = [chosen];
  for (let at = chosen; chain.length < 5; ) {
    const above = rows.find(({ subject, kind }) => subject === at.issuer && kind !== 'space');
    if (above === undefined || chain.includes(above)) break;
    chain.unshift(above);
    at = above;
  }
  const issuedMs = timeMs(chosen.issuedAt);
  const names = chain.map(
    (row) => `${row.kind} ${row.serial?.slice(0, SERIAL_DIGITS) ?? row.subject}`,
  );
  return panel('chain', chosen.subject, [
    [span(`chain   ${names.join(' > ')}`)],
    [span(`serial  ${chosen.serial ?? 'none'}`)],
    [
      span(`state   `),
      span(chosen.state, toneOfState(chosen.state)),
      span(issuedMs === null ? '' : `   issued ${formatAge(nowMs - issuedMs)} ago`),
      span(
        chosen.leftMs !== null && chosen.leftMs > 0 ? `   ${formatAge(chosen.leftMs)} left` : '',
      ),
    ],
    [span(`print   ${chosen.fingerprint ?? 'not known here'}`)],
  ]);
}
