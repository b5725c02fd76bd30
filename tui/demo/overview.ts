// The live overview as lines that fit the terminal: which promises were kept, the spaces, the feeds, what just happened.
// Pure: a world and a size in, lines out.

import type { Column } from '../format/cell.ts';
import { displayText } from '../format/display-text.ts';
import { formatAge, formatDuration } from '../format/duration.ts';
import { sparkline } from '../format/sparkline.ts';
import { paint, textTable } from '../format/table.ts';
import { formatTime } from '../format/time.ts';
import { cut, displayWidth, pad } from '../format/width.ts';
import { mark } from './result.ts';
import type { EventView, FeedView, SpaceView, World } from './world.ts';

export interface Frame {
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
  readonly ascii: boolean;
}

const MIN_COLUMNS = 50;
const MIN_ROWS = 12;
const WIDE = 90;
/** With fewer rows the promises become one line and nothing is left blank. */
const ROOMY_ROWS = 28;
const LEAST_EVENTS = 3;

const SIGNS = { online: '●', silent: '◐', ended: '○', 'not started': '·' } as const;
const ASCII_SIGNS = { online: '+', silent: '~', ended: '-', 'not started': '.' } as const;
const TONES = { online: 'good', silent: 'warn', ended: 'bad', 'not started': 'dim' } as const;

export function renderOverview(world: World, frame: Frame): string[] {
  if (frame.columns < MIN_COLUMNS || frame.rows < MIN_ROWS) return tooSmall(world, frame);
  const isRoomy = frame.rows >= ROOMY_ROWS;
  const gap = isRoomy ? [''] : [];
  const top = [
    headline(world, frame),
    ...gap,
    ...(isRoomy ? promiseLines(world, frame) : [promiseCount(world, frame)]),
    ...gap,
    ...table(spaceColumns(frame), world.spaces, frame),
    ...gap,
  ];
  // Two headings, and the blank line between the tables.
  const room = frame.rows - top.length - 2 - gap.length;
  const feedRows = Math.max(1, Math.min(world.feeds.length, room - LEAST_EVENTS));
  const eventRows = Math.max(0, room - feedRows);
  return [
    ...top,
    ...feedTable(world.feeds, feedRows, frame),
    ...gap,
    ...table(eventColumns(frame), world.events.slice(0, eventRows), frame),
  ].slice(0, frame.rows);
}

function tooSmall({ spaces }: World, { columns, rows }: Frame): string[] {
  const online = spaces.filter(({ state }) => state === 'online').length;
  return [`${online} of ${spaces.length} nodes online`, 'terminal too small', 'q stops all']
    .slice(0, rows)
    .map((text) => cut(text, columns));
}

function headline(world: World, { columns, colour }: Frame): string {
  const online = world.spaces.filter(({ state }) => state === 'online').length;
  const entries = world.feeds.reduce((sum, { size }) => sum + size, 0);
  const left = [
    displayText(`mesh ${world.meshName}`),
    `${online} of ${world.spaces.length} nodes online`,
    `${world.feeds.length} feeds, ${entries.toLocaleString('en-US')} entries`,
    `up ${formatDuration(world.upMs)}`,
  ].join('   ');
  const right = 'q stops all';
  const space = columns - displayWidth(left) - displayWidth(right);
  if (space < 2) return cut(left, columns);
  return left + ' '.repeat(space) + (colour ? paint(right, 'dim') : right);
}

function promiseLines({ outcomes }: World, { columns, colour, ascii }: Frame): string[] {
  const widest = Math.max(0, ...outcomes.map(({ title }) => displayWidth(displayText(title))));
  const titleColumns = Math.min(widest, Math.floor(columns / 2));
  return outcomes.map(({ title, outcome, summary }) => {
    const ok = outcome === 'ok';
    const shown = pad(displayText(title, titleColumns), titleColumns);
    const rest = displayText(ok ? summary : `FAILED: ${summary}`, columns - titleColumns - 4);
    const tone = ok ? 'dim' : 'bad';
    return `${mark(ok, { ascii, colour })} ${shown}  ${colour ? paint(rest, tone) : rest}`;
  });
}

function promiseCount({ outcomes }: World, frame: Frame): string {
  const kept = outcomes.filter(({ outcome }) => outcome === 'ok').length;
  const text = `${kept} of ${outcomes.length} promises kept`;
  return `${mark(kept === outcomes.length, frame)} ${cut(text, frame.columns - 2)}`;
}

function spaceColumns({ columns, ascii }: Frame): Column<SpaceView>[] {
  const signs = ascii ? ASCII_SIGNS : SIGNS;
  const chart = columns >= WIDE ? 24 : 8;
  const ago = (value: unknown): string =>
    typeof value === 'number' ? `${formatAge(value)} ago` : '';
  return [
    { key: 'name', title: 'space' },
    {
      key: 'status',
      title: 'status',
      format: (_, { state, status }) => `${signs[state]} ${status}`,
      tone: (_, { state }) => TONES[state],
    },
    { key: 'heardAgoMs', title: 'heard', align: 'right', format: ago },
    { key: 'peers', title: 'peers', kind: 'number' },
    { key: 'feeds', title: 'feeds', kind: 'number' },
    { key: 'held', title: 'entries', kind: 'number' },
    {
      key: 'rates',
      title: columns >= WIDE ? 'taken a second' : 'rate',
      // A row of spaces would be shown as one.
      format: (_, { rates }) =>
        sparkline(rates.slice(-chart), chart, { ascii }).replaceAll(' ', ascii ? ' ' : '·'),
    },
  ];
}

function feedTable(feeds: readonly FeedView[], rows: number, frame: Frame): string[] {
  // Where not all fit, those with most entries say most.
  const shown =
    feeds.length <= rows ? feeds : [...feeds].sort((a, b) => b.size - a.size).slice(0, rows);
  const hidden = feeds.length - shown.length;
  const title = hidden === 0 ? 'feed' : `feed (${hidden} more)`;
  return table(feedColumns(frame, title), shown, frame);
}

function feedColumns({ columns }: Frame, title: string): Column<FeedView>[] {
  return [
    { key: 'feed', title },
    { key: 'size', title: 'entries', kind: 'number' },
    {
      key: 'carriers',
      title: 'copies',
      align: 'right',
      format: (_, { carriers, takers }) => `${carriers} of ${takers}`,
      tone: (_, { carriers, takers }) => (carriers < takers ? 'warn' : undefined),
    },
    { key: 'context', title: 'context' },
    ...(columns >= WIDE
      ? [
          {
            key: 'root',
            title: 'root',
            format: (_: unknown, { root }: FeedView) => root?.slice(0, 16) ?? '',
            tone: () => 'dim' as const,
          },
        ]
      : []),
  ];
}

function eventColumns({ columns }: Frame): Column<EventView>[] {
  const wide: Column<EventView>[] = [{ key: 'entry', title: 'number', kind: 'number' }];
  return [
    {
      key: 'timeMs',
      title: 'time',
      format: (_, { timeMs }) => formatTime(timeMs).slice(11, 19),
      tone: () => 'dim',
    },
    { key: 'feed', title: 'entry of' },
    { key: 'item', title: 'item' },
    { key: 'version', title: 'version', kind: 'number' },
    ...(columns >= WIDE ? wide : []),
    { key: 'spaces', title: 'spaces', kind: 'number' },
    { key: 'withinMs', title: 'within', kind: 'duration' },
  ];
}

/** Numbers are never cut, so a table of very large ones may not fit: then it is cut as it stands, without colours. */
function table<R extends object>(
  columns: readonly Column<R>[],
  rows: readonly R[],
  { columns: maxColumns, colour }: Frame,
): string[] {
  const plain = linesOf(textTable(columns, rows, { asOfMs: 0, maxColumns }));
  if (plain.some((text) => displayWidth(text) > maxColumns)) {
    return plain.map((text) => cut(text, maxColumns));
  }
  return colour ? linesOf(textTable(columns, rows, { asOfMs: 0, maxColumns, colour })) : plain;
}

const linesOf = (text: string): string[] => text.trimEnd().split('\n');
