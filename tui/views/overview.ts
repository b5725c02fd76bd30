// The first screen: what is wrong, how old that knowledge is, and where to look. Five panels from one answer.

import type { Condition } from '../../protocols/condition.ts';
import type { Tone } from '../format/cell.ts';
import { formatAge } from '../format/duration.ts';
import { counted, formatChange, formatNumber, formatShare } from '../format/number.ts';
import { bar, sparkline } from '../format/sparkline.ts';
import { pad } from '../format/width.ts';
import type { Overview } from './answers.ts';
import { attentionPanel } from './attention.ts';
import { changeTone } from './deployments.ts';
import { CONDITION_SIGNS, CONDITION_TONES, glyph, withSign } from './signs.ts';
import { type Line, type Panel, panel, type Room, type Span, span } from './table.ts';

const UNKNOWN: Line = [span('not known: this node has no such report', 'dim')];

type Spaces = NonNullable<Overview['spaces']>;

/** Those that stand there even when there are none. */
const ALWAYS: readonly Condition[] = ['online', 'lagging', 'offline'];
const CONDITIONS: readonly Condition[] = [
  'online',
  'lagging',
  'suspected',
  'offline',
  'isolated',
  'unknown',
  'revoked',
];

/** `●932 ◐41 ○27 of 1,000 spaces`, for the top row. Suspected ones count with those that lag, until it is sure. */
export function headline(
  { spaces }: Pick<Overview, 'spaces'>,
  options: { readonly ascii: boolean; readonly isStale?: boolean },
): Span[] {
  if (spaces === null) return [span('spaces not known', 'dim')];
  const part = (name: Condition, count: number): Span => {
    const sign = options.isStale ? '?' : glyph(CONDITION_SIGNS[name], options.ascii);
    return span(`${sign}${formatNumber(count)} `, options.isStale ? 'dim' : CONDITION_TONES[name]);
  };
  return [
    part('online', spaces.online),
    part('lagging', spaces.lagging + spaces.suspected),
    part('offline', spaces.offline),
    ...(spaces.isolated ? [part('isolated', spaces.isolated)] : []),
    ...(spaces.unknown > 0 ? [part('unknown', spaces.unknown)] : []),
    span(`of ${counted(spaces.total, 'space')}`),
  ];
}

export function overviewPanels(overview: Overview, room: Room): Panel[] {
  return [
    spacesPanel(overview, room),
    deploymentsPanel(overview, room),
    meshPanel(overview, room),
    trustPanel(overview),
    attentionPanel(overview, room),
  ];
}

export function spacesPanel({ spaces }: Overview, { columns, ascii }: Room): Panel {
  if (spaces === null) return panel('spaces', 'Spaces', [UNKNOWN]);
  const barColumns = Math.max(0, columns - 24);
  const lines = CONDITIONS.filter((name) => (spaces[name] ?? 0) > 0 || ALWAYS.includes(name)).map(
    (name): Line => {
      const count = spaces[name] ?? 0;
      const filled = spaces.total === 0 ? 0 : Math.ceil((count / spaces.total) * barColumns);
      return [
        span(pad(withSign(CONDITION_SIGNS[name], name, ascii), 12), CONDITION_TONES[name]),
        span(`${formatNumber(count).padStart(7)}  `),
        span(bar(1, filled, { ascii }), CONDITION_TONES[name]),
      ];
    },
  );
  return panel('spaces', 'Spaces', [...lines, ...versionLines(spaces)]);
}

function versionLines({ newest, oldest, offlineLong }: Spaces): Line[] {
  const versions: Line =
    newest === null
      ? [span('versions not reported yet', 'dim')]
      : [
          span(
            oldest === null || oldest === newest
              ? `version ${newest}`
              : `versions ${oldest} to ${newest}`,
          ),
        ];
  return [
    versions,
    [span(`offline > 24 h  ${formatNumber(offlineLong)}`, offlineLong > 0 ? 'bad' : undefined)],
  ];
}

export function deploymentsPanel({ deployments }: Overview, { columns, ascii }: Room): Panel {
  const title = 'Deployments, last 24 h';
  if (deployments === null) return panel('deployments', title, [UNKNOWN]);
  const { ok, failed, cancelled, success, before, trend, failedTrend, worst, missing } =
    deployments;
  const glyphs = Math.max(0, Math.min(24, columns - 18));
  const row = (label: string, count: number, values: readonly number[], tone: Tone): Line => [
    span(`${label.padEnd(7)} ${formatNumber(count).padStart(7)}  `),
    span(sparkline(values, glyphs, { ascii }), tone),
  ];
  const change = success === null || before.success === null ? null : success - before.success;
  return panel('deployments', title, [
    row('ok', ok, trend, 'good'),
    row('failed', failed, failedTrend, 'bad'),
    [
      span(`success ${formatShare(success)}  before ${formatShare(before.success)}  `),
      span(formatChange(change, ascii), changeTone(change)),
    ],
    worst === null
      ? [span(`none failed   cancelled ${formatNumber(cancelled)}`)]
      : [span(`worst: ${worst.space} (${formatNumber(worst.failed)} failed)`, 'bad')],
    ...(missing === 0 ? [] : [[span(`not all counted for ${counted(missing, 'space')}`, 'dim')]]),
  ]);
}

export function meshPanel(overview: Overview, { columns }: Pick<Room, 'columns'>): Panel {
  const { peers, feeds, lag, directory, refusals } = overview;
  const refused = Object.values(refusals).reduce((sum, count) => sum + count, 0);
  const isShort = peers.connected < peers.known;
  const age = directory.ageMs === null ? 'not vouched for' : `${formatAge(directory.ageMs)} old`;
  return panel('mesh', 'Mesh and feeds', [
    [
      span('peers      '),
      span(
        `${formatNumber(peers.connected)}/${formatNumber(peers.known)} connected`,
        isShort ? 'warn' : undefined,
      ),
    ],
    ...feedLines(feeds, columns),
    lagLine(lag, columns),
    [
      span('directory  '),
      span(
        directory.state,
        directory.state === 'fresh' ? 'good' : directory.state === 'expired' ? 'bad' : 'warn',
      ),
      span(
        columns < NARROW ? `, ${age}` : `, ${counted(directory.size, 'entry', 'entries')}, ${age}`,
      ),
    ],
    [
      span('refused    '),
      span(formatNumber(refused), refused > 0 ? 'warn' : undefined),
      span(' since the start'),
    ],
  ]);
}

/** Columns from which on there is room to name the space that is furthest behind. */
const ROOM_FOR_NAMES = 64;
/** Below so many, as beside another panel on 80 columns, only what matters most of a line is said. */
const NARROW = 44;

function lagLine(lag: Overview['lag'], columns: number): Line {
  if (lag === null) return [span('lag        not known', 'dim')];
  const { p50Ms, p99Ms, worstMs, worst } = lag;
  const name = worstMs === 0 || columns < ROOM_FOR_NAMES ? '' : ` (${worst})`;
  return [
    span(
      `lag        ${columns < NARROW ? '' : `p50 ${formatAge(p50Ms)}  `}p99 ${formatAge(p99Ms)}  worst ${formatAge(worstMs)}`,
    ),
    span(name),
  ];
}

function feedLines(feeds: Overview['feeds'], columns: number): Line[] {
  if (feeds === null) return [[span('feeds      not known', 'dim')]];
  const { known, level, behind, missing, frozen, deadLetters, worst } = feeds;
  return [
    [
      span(`feeds      ${formatNumber(known)}   `),
      span(columns < NARROW ? '' : `level ${formatNumber(level)}   `),
      span(`behind ${formatNumber(behind)}`, behind > 0 ? 'warn' : undefined),
    ],
    [
      span(
        `missing    ${worst === null ? 'nothing' : counted(missing, 'entry', 'entries')}`,
        missing > 0 ? 'warn' : undefined,
      ),
      ...(frozen > 0 ? [span(`   frozen ${formatNumber(frozen)}`, 'bad')] : []),
      ...(deadLetters > 0 ? [span(`   dead ${formatNumber(deadLetters)}`, 'bad')] : []),
    ],
    ...(worst === null
      ? []
      : [[span(`most of it ${worst.feed} (${formatNumber(worst.behind)})`, 'warn')]]),
  ];
}

export function trustPanel({ trust }: Overview): Panel {
  if (trust === null) return panel('trust', 'Trust', [UNKNOWN]);
  const { valid, expiring, expired, revoked, requested, invited, root, next } = trust;
  const rootText =
    root === null
      ? 'not known'
      : `${root.fingerprint?.slice(0, 12) ?? '-'}  ${root.leftMs === null ? 'no end' : `${formatAge(root.leftMs)} left`}`;
  return panel('trust', 'Trust', [
    [span(`root CA   ${rootText}`)],
    [
      span(`valid     ${formatNumber(valid)}   `),
      span(`${formatNumber(expiring)} expire soon`, expiring > 0 ? 'warn' : undefined),
    ],
    [
      span('          '),
      span(`${formatNumber(expired)} expired`, expired > 0 ? 'bad' : undefined),
      span(`   ${formatNumber(revoked)} revoked`),
    ],
    next === null
      ? []
      : [
          span(
            `next      ${next.subject} in ${formatAge(next.leftMs)}`,
            expiring > 0 ? 'warn' : undefined,
          ),
        ],
    [
      span(`waiting   ${counted(requested, 'feed')}`, requested > 0 ? 'warn' : undefined),
      span(invited === null ? '' : `, ${counted(invited, 'invitation')}`),
    ],
  ]);
}
