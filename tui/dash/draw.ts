// One whole screen as lines: chrome, banner, body and whatever lies over it for a moment. Always exactly as many lines
// as the terminal has rows, each exactly as wide.

import { displayText } from '../format/display-text.ts';
import type { SpaceLine } from '../views/spaces.ts';
import { bodyLines, filled } from './body.ts';
import { banner, crumbRow, hintsRow, type Identity, number, promptRow, topRow } from './chrome.ts';
import type { Desk } from './desk.ts';
import { overlay } from './layout.ts';
import { type Line, words } from './line.ts';
import type { Listing } from './list.ts';
import { choiceBox, confirmBox, helpLines, switcherBox } from './overlays.ts';
import { completions } from './palette.ts';
import type { Screen } from './screens/screen.ts';
import { SOURCES } from './sources.ts';
import type { View } from './state.ts';

export interface DrawInput {
  readonly desk: Desk;
  readonly screen: Screen;
  readonly spaces: readonly SpaceLine[];
}

export interface Drawn {
  readonly lines: readonly Line[];
  readonly page: number;
}

export const MIN_COLUMNS = 60;
export const MIN_ROWS = 15;

export function drawScreen({ desk, screen, spaces }: DrawInput): Drawn {
  const { state, clock } = desk;
  const { columns, rows } = state.size;
  if (columns < MIN_COLUMNS || rows < MIN_ROWS) return { lines: tooSmall(columns, rows), page: 1 };
  const nowMs = clock.now();
  const store = desk.store();
  const [primary] = screen.sources(state, state.place);
  const fact = store.get(primary);
  const connection = store.connection();
  const identity: Identity = {
    name: desk.targetName(),
    isReadOnly: desk.isReadOnly,
    isProduction: isProduction(
      spaces,
      state.place.screen === 'space' ? state.place.subject : undefined,
    ),
    overview: store.get(SOURCES.overview).data,
    connection,
    isPaused: state.isPaused,
    asOfMs: fact.asOfMs ?? store.get(SOURCES.status).asOfMs,
    nowMs,
  };
  const content = desk.content();
  const listing = desk.listing();
  const view = desk.view();
  const selected = listing?.rows[listing.cursorAt];
  const over = banner(connection, identity, columns);
  const bodyRows = rows - 4 - over.length;
  const isOld =
    connection.kind === 'lost' || connection.kind === 'odd' || fact.trouble !== undefined;
  const body =
    state.mode.kind === 'help'
      ? { lines: helpBody(desk, bodyRows, columns), page: 1 }
      : bodyLines({
          content,
          listing,
          selected,
          view,
          columns,
          rows: bodyRows,
          nowMs,
          ascii: state.ascii,
          isWide: state.wide.has(screen.id),
          isOld,
          favourites: state.favourites,
          trouble: fact.trouble,
        });
  // A summary is no list, unless somebody looks for something in it.
  const counted = screen.id === 'overview' && view.filter === '' ? undefined : listing;
  const crumb = {
    crumb: state.mode.kind === 'help' ? 'Help' : content.crumb,
    parts: state.mode.kind === 'help' ? [] : partsOf(content.parts, counted, view),
    position: state.mode.kind === 'help' ? '' : position(counted, view, body.page),
    asOfMs: fact.asOfMs,
    nowMs,
    everyMs: primary.everyMs,
  };
  const block = overlayOf(desk, columns, bodyRows, spaces.length);
  const middle = block === undefined ? body.lines : overlay(body.lines, block, columns);
  const lines = [
    topRow(identity, columns),
    crumbRow(crumb, columns),
    ...over,
    ...middle,
    promptRow(state, view.filter, view.marks.size, commandHint(desk), columns),
    hintsRow(state.mode, screen.id, columns, desk.isReadOnly),
  ];
  return { lines: filled(lines, rows, columns), page: body.page };
}

function tooSmall(columns: number, rows: number): Line[] {
  const text = [
    'This terminal is too small',
    `for the dashboard (${columns}x${rows};`,
    `${MIN_COLUMNS}x${MIN_ROWS} at least).`,
    'The text reports still work:',
    'odcm overview      q quits',
  ];
  return filled(
    text.map((line) => words(` ${line}`)),
    rows,
    columns,
  );
}

/** The node itself, or the space that is looked at, is one where a slip hurts. */
function isProduction(spaces: readonly SpaceLine[], subject: string | undefined): boolean {
  return spaces.some(
    ({ name, isSelf, tags }) => (isSelf || name === subject) && tags.includes('production'),
  );
}

function partsOf(own: readonly string[], listing: Listing | undefined, view: View): string[] {
  return [...own, ...listParts(listing, view)].filter((part) => part !== '');
}

function listParts(listing: Listing | undefined, view: View): string[] {
  if (listing === undefined) return [];
  const { table, rows, sort } = listing;
  const count =
    rows.length === table.rows.length
      ? `all ${number(rows.length)}`
      : `${number(rows.length)} of ${number(table.rows.length)}`;
  const key = view.sort === undefined ? '' : (sort?.split(',')[0] ?? '');
  const column = table.columns.find((candidate) => candidate.key === key.replace(/^-/, ''));
  const order =
    column === undefined
      ? ''
      : `sort ${displayText(column.title)} ${key.startsWith('-') ? '▼' : '▲'}`;
  return [count, order];
}

function position(listing: Listing | undefined, view: View, page: number): string {
  if (listing === undefined || listing.rows.length === 0) return '';
  const total = listing.rows.length;
  const last = Math.min(total, view.top + page);
  return `${number(view.top + 1)}-${number(last)} of ${number(total)}`;
}

function commandHint(desk: Desk): string {
  const { mode } = desk.state;
  if (mode.kind !== 'command' || mode.edit.text === '') return '';
  return completions(mode.edit.text, { spaces: desk.spaceNames(), feeds: desk.feedNames() })
    .slice(0, 4)
    .map((text) => displayText(text, 40))
    .join('  ');
}

function helpBody(desk: Desk, rows: number, columns: number): Line[] {
  const { mode, place } = desk.state;
  if (mode.kind !== 'help') return [];
  const lines = helpLines(place.screen, mode.edit.text, columns);
  const search =
    mode.typing || mode.edit.text !== ''
      ? [words(`  /${displayText(mode.edit.text)}${mode.typing ? '▏' : ''}`, 'accent')]
      : [];
  const room = rows - search.length - 1;
  mode.top = Math.max(0, Math.min(mode.top, lines.length - room));
  return filled([[], ...search, ...lines.slice(mode.top, mode.top + room)], rows, columns);
}

function overlayOf(desk: Desk, columns: number, rows: number, total: number): Line[] | undefined {
  const { mode, favourites } = desk.state;
  switch (mode.kind) {
    case 'switcher':
      return switcherBox(
        desk.switchable(),
        total,
        mode.edit,
        mode.index,
        favourites,
        columns,
        rows,
      );
    case 'menu':
      return choiceBox('Actions', desk.choices(), mode.index, columns);
    case 'export':
      return choiceBox('Export what is shown', desk.exportChoices(), mode.index, columns);
    case 'confirm':
      return confirmBox(mode.change, mode.edit, mode.problem, columns);
    default:
      return undefined;
  }
}
