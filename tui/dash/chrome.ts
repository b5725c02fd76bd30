// The two rows on top and the two at the bottom, and the banner of a node that is away: whose data this is, how old it
// is, what is typed and which keys do something here.

import { displayText } from '../format/display-text.ts';
import { formatAge } from '../format/duration.ts';
import { isoTime } from '../format/time.ts';
import type { Overview } from '../views/answers.ts';
import { headline } from '../views/overview.ts';
import type { Connection } from './connection.ts';
import { hintsFor, keyLabel } from './keymap.ts';
import { box } from './layout.ts';
import { between, fitLine, joined, type Line, restyle, type Span, words } from './line.ts';
import type { Edit } from './line-editor.ts';
import type { Mode, ScreenId, State } from './state.ts';

const NUMBERS = new Intl.NumberFormat('en-US');
export const number = (value: number): string => NUMBERS.format(value);

/** Time of day in UTC. */
export const clockTime = (ms: number): string => `${isoTime(ms)?.slice(11, 19) ?? '-'}Z`;

export interface Identity {
  readonly name: string;
  readonly isReadOnly: boolean;
  readonly isProduction: boolean;
  readonly overview: Overview | undefined;
  readonly connection: Connection;
  readonly isPaused: boolean;
  readonly asOfMs: number | undefined;
  readonly nowMs: number;
}

export function topRow(identity: Identity, columns: number): Line {
  const { name, isReadOnly, isProduction, overview, connection } = identity;
  const isNarrow = columns < NARROW;
  const isKnown = connection.kind !== 'lost' && connection.kind !== 'connecting';
  const who: Span[] = [
    { text: isNarrow ? 'odcm ' : ' odcm  ' },
    { text: displayText(name, isNarrow ? 14 : 30), tone: 'strong' },
    ...(isProduction ? [{ text: isNarrow ? ' PROD' : '  PRODUCTION', tone: 'bad' as const }] : []),
    ...(isReadOnly
      ? isNarrow
        ? []
        : [{ text: '  read-only', tone: 'dim' as const }]
      : [{ text: '  read-write', tone: 'warn' as const }]),
  ];
  const left = joined([who, counts(overview, isKnown, isNarrow)], isNarrow ? '  ' : '      ');
  const open = overview?.alerts;
  const alerts = open ? open.crit + open.warn + open.info : undefined;
  const right = joined(
    [
      alerts === undefined
        ? []
        : [
            {
              text: `alerts ${number(alerts)}`,
              tone: (open?.crit ?? 0) > 0 ? 'bad' : alerts > 0 ? 'warn' : 'plain',
            },
          ],
      live(identity, isNarrow),
    ],
    isNarrow ? '  ' : '   ',
  );
  const line = between(left, [...right, { text: ' ' }], columns);
  return isProduction ? restyle(line, 'banner') : line;
}

const NARROW = 80;

/** The sum over all spaces says the same as the first line of the overview; where it is narrow only the signs stay. */
function counts(overview: Overview | undefined, isKnown: boolean, isNarrow: boolean): Line {
  if (!overview?.spaces) return [];
  const line = headline(overview, { ascii: false, isStale: !isKnown });
  return isNarrow ? line.slice(0, -1) : line;
}

function live({ connection, isPaused, asOfMs, nowMs }: Identity, isNarrow: boolean): Line {
  const at = asOfMs === undefined ? '' : ` ${clockTime(asOfMs)}`;
  if (connection.kind === 'lost')
    return words(`LOST ${minutes(nowMs - connection.sinceMs)}`, 'bad');
  if (connection.kind === 'connecting') return words('connecting', 'warn');
  if (isPaused) return words(`paused${at}`, 'warn');
  if (connection.kind === 'odd') return words('cannot read the node', 'bad');
  if (connection.kind === 'slow')
    return words(`slow, waiting ${formatAge(connection.waitingMs)}`, 'warn');
  if (connection.kind === 'stale') return words(`stale ${formatAge(connection.ageMs)}`, 'warn');
  return words(isNarrow ? at.trim() : `live${at}`, 'good');
}

const minutes = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, '0');
  return `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
};

export interface CrumbRow {
  readonly crumb: string;
  readonly parts: readonly string[];
  readonly position: string;
  readonly asOfMs: number | undefined;
  readonly nowMs: number;
  readonly everyMs: number;
}

export function crumbRow(row: CrumbRow, columns: number): Line {
  const isNarrow = columns < NARROW;
  const ageMs = row.asOfMs === undefined ? 0 : row.nowMs - row.asOfMs;
  const isOld = ageMs > row.everyMs + 10_000;
  const asOf =
    row.asOfMs === undefined
      ? []
      : [
          { text: `as of ${clockTime(row.asOfMs)}` },
          ...(isOld ? [{ text: ` (${formatAge(ageMs)} old)`, tone: 'warn' as const }] : []),
        ];
  const left = joined([
    words(displayText(row.crumb), 'strong'),
    ...row.parts.map((part) => words(part)),
  ]);
  const right = joined([words(row.position), isNarrow && !isOld ? [] : asOf]);
  return between([{ text: isNarrow ? '' : ' ' }, ...left], [...right, { text: ' ' }], columns);
}

/** A few lines in a frame when the node cannot be trusted to be there; nothing while all is well. */
export function banner(connection: Connection, identity: Identity, columns: number): Line[] {
  const { name, asOfMs, nowMs } = identity;
  const showing =
    asOfMs === undefined ? 'Nothing was received yet.' : `Showing data of ${clockTime(asOfMs)}.`;
  if (connection.kind === 'lost') {
    const leftMs = Math.max(0, connection.nextTryMs - nowMs);
    const next = leftMs === 0 ? 'Trying now' : `Next try in ${wholeSeconds(leftMs)}`;
    const sinceMs = nowMs - connection.sinceMs;
    const isNarrow = columns < NARROW;
    const away = isNarrow
      ? `DISCONNECTED ${minutes(sinceMs)}. ${next} (${connection.attempt}).`
      : `DISCONNECTED from ${displayText(name, 24)} for ${minutes(sinceMs)}. ${showing} ${next} (attempt ${connection.attempt}).`;
    const keys = isNarrow ? 'r now  q quit' : '  r try now   :target choose another node   q quit';
    return framed(
      [
        words(away, 'bad'),
        between(words(displayText(connection.message)), words(keys, 'dim'), columns - 4),
      ],
      columns,
    );
  }
  if (connection.kind === 'odd') {
    return framed(
      [
        words(`The answers of ${displayText(name, 24)} cannot be understood. ${showing}`, 'bad'),
        words(displayText(connection.message)),
        words(displayText(connection.next)),
      ],
      columns,
    );
  }
  return [];
}

const wholeSeconds = (ms: number): string => formatAge(Math.ceil(ms / 1000) * 1000);

const framed = (lines: readonly Line[], columns: number): Line[] =>
  box({ title: '', lines }, columns);

/** What is typed, what just happened, or which filter holds. */
export function promptRow(
  state: State,
  filter: string,
  marks: number,
  hint: string,
  columns: number,
): Line {
  const { mode, toast } = state;
  if (mode.kind === 'filter') return typed('/', mode.edit, mode.problem, '', columns);
  if (mode.kind === 'command') return typed(':', mode.edit, mode.problem, hint, columns);
  if (toast !== undefined)
    return fitLine([{ text: ' ' }, { text: displayText(toast.text), tone: toast.tone }], columns);
  const parts = [
    filter === '' ? '' : `filter: ${filter}`,
    marks === 0 ? '' : `${number(marks)} marked`,
    state.isPaused ? 'paused, p goes on' : '',
  ];
  return fitLine(
    [{ text: ' ' }, ...joined(parts.map((part) => words(displayText(part))))],
    columns,
  );
}

function typed(prompt: string, edit: Edit, problem: string, hint: string, columns: number): Line {
  const side: Line = problem === '' ? words(hint, 'dim') : words(displayText(problem), 'warn');
  return between(
    [{ text: ` ${prompt}` }, ...editLine(edit, columns)],
    [...side, { text: ' ' }],
    columns,
  );
}

/** Typed text with the caret where the next letter goes; its end is seen when it is longer than the row. */
export function editLine({ text, at }: Edit, columns: number): Line {
  const chars = [...displayText(text)];
  const from = Math.max(0, at - Math.max(10, columns - 10));
  return [
    { text: chars.slice(from, at).join('') },
    { text: '▏', tone: 'accent' },
    { text: chars.slice(at).join('') },
  ];
}

const MODE_HINTS: Readonly<Record<Exclude<Mode['kind'], 'normal'>, string>> = {
  filter: 'words, a|b, !not, lag>60s, status=offline  enter keep  esc clear',
  command: 'type a command  tab complete  ↑↓ history  enter run  esc close',
  switcher: 'type to search  ↑↓ choose  enter open  tab its feeds  ctrl-f favourite  esc close',
  help: '/ search  ↑↓ scroll  esc close',
  menu: '↑↓ choose  enter run  esc close',
  export: '↑↓ choose  enter export  esc close',
  confirm: 'type the name  enter do it  esc cancel',
};

export function hintsRow(mode: Mode, screen: ScreenId, columns: number, isReadOnly: boolean): Line {
  const hints =
    mode.kind === 'normal'
      ? hintsFor(screen, isReadOnly).map(
          ({ keys, hint, hintKeys }) => `${hintKeys ?? keyLabel(keys[0] ?? '')} ${hint}`,
        )
      : MODE_HINTS[mode.kind].split('  ');
  const tail = hints.slice(-2).join('  ');
  let text = ' ';
  for (const hint of hints.slice(0, -2)) {
    if (text.length + hint.length + 4 + tail.length > columns) break;
    text += `${hint}  `;
  }
  return fitLine(words(text + tail, 'dim'), columns);
}
