// What each action of the keymap does. Every one is reached by its key and by its name after `:`.

import { acknowledge, copyText, toggleFavourite } from './deeds.ts';
import type { Desk } from './desk.ts';
import { rowText } from './export.ts';
import type { ActionId } from './keymap.ts';
import { edit } from './line-editor.ts';
import { moveCursor, moveTo, nextSort, reversedSort } from './list.ts';
import {
  filterMode,
  GROUPS,
  go,
  goBack,
  goForward,
  goUp,
  type Place,
  type ScreenId,
  TIMEFRAMES,
} from './state.ts';

type Actions = Readonly<Record<ActionId, (desk: Desk) => void>>;

const to =
  (screen: ScreenId) =>
  ({ state }: Desk): void =>
    go(state, { screen });

const move =
  (by: (page: number) => number) =>
  (desk: Desk): void => {
    const view = desk.view();
    if (view.focus > 0 && !hasList(desk)) view.scroll = Math.max(0, view.scroll + by(5));
    else if (view.focus > 0) view.scroll = Math.max(0, view.scroll + Math.sign(by(1)));
    else withListing(desk, (listing) => moveCursor(listing, view, by(desk.page())));
  };

const hasList = (desk: Desk): boolean => desk.listing() !== undefined;

function withListing(
  desk: Desk,
  act: (listing: NonNullable<ReturnType<Desk['listing']>>) => void,
): void {
  const listing = desk.listing();
  if (listing !== undefined) act(listing);
}

/** `undefined` when nothing is chosen or it has no name. */
function selectedName(desk: Desk): string | undefined {
  const row = desk.selected();
  const content = desk.content();
  return row === undefined ? desk.state.place.subject : content.nameOf?.(row);
}

export const ACTIONS: Actions = {
  help: ({ state }) => {
    state.mode = { kind: 'help', edit: edit(), top: 0, typing: false };
  },
  command: ({ state }) => {
    state.mode = { kind: 'command', edit: edit(), at: state.commandHistory.length, problem: '' };
  },
  'up-level': (desk) => {
    const view = desk.view();
    if (view.focus > 0) view.focus = 0;
    else if (view.marks.size > 0) clearMarks(desk);
    else if (view.filter !== '') view.filter = '';
    else goUp(desk.state);
  },
  quit: ({ host }) => host.exit(),
  switcher: ({ state }) => {
    state.mode = { kind: 'switcher', edit: edit(), index: 0 };
  },
  back: ({ state }) => void goBack(state),
  forward: ({ state }) => void goForward(state),
  previous: ({ state }) => {
    if (state.previous !== undefined) go(state, state.previous);
  },
  'next-panel': (desk) => nextPanel(desk, 1),
  'previous-panel': (desk) => nextPanel(desk, -1),
  pause: (desk) => {
    desk.state.isPaused = !desk.state.isPaused;
    desk.store().freeze(desk.state.isPaused);
  },
  refresh: (desk) => desk.store().refresh(),
  repaint: ({ host }) => host.repaint(),
  suspend: ({ host }) => host.suspend(),
  overview: to('overview'),
  spaces: to('spaces'),
  feeds: to('feeds'),
  subscriptions: to('subscriptions'),
  trust: to('trust'),
  reports: to('inventory'),
  alerts: to('alerts'),
  mesh: to('mesh'),
  gap: to('gap'),
  log: to('log'),
  up: move(() => -1),
  down: move(() => 1),
  'page-up': move((page) => -page),
  'page-down': move((page) => page),
  first: (desk) => withListing(desk, (listing) => moveTo(listing, desk.view(), 0)),
  last: (desk) =>
    withListing(desk, (listing) => moveTo(listing, desk.view(), listing.rows.length - 1)),
  open: (desk) => {
    const place = whereEnterLeads(desk);
    if (place !== undefined) go(desk.state, place);
  },
  mark: (desk) => {
    withListing(desk, (listing) => {
      const view = desk.view();
      const row = listing.rows[listing.cursorAt];
      if (row === undefined) return;
      const id = listing.table.idOf(row);
      const marks = new Set(view.marks);
      if (!marks.delete(id)) marks.add(id);
      if (view.marks.size === 0)
        view.pinned = listing.rows.map((shown) => listing.table.idOf(shown));
      view.marks = marks;
      if (marks.size === 0) view.pinned = undefined;
      moveCursor(listing, view, 1);
    });
  },
  'mark-all': (desk) => {
    withListing(desk, ({ rows, table }) => {
      const view = desk.view();
      if (view.marks.size === rows.length) return clearMarks(desk);
      view.pinned = rows.map((row) => table.idOf(row));
      view.marks = new Set(view.pinned);
    });
  },
  filter: (desk) => {
    if (desk.listing() === undefined) return;
    desk.state.mode = filterMode(desk.view());
  },
  sort: (desk) =>
    withListing(desk, (listing) => {
      desk.view().sort = nextSort(listing);
    }),
  reverse: (desk) =>
    withListing(desk, (listing) => {
      desk.view().sort = reversedSort(listing);
    }),
  wide: ({ state }) => {
    const { screen } = state.place;
    if (!state.wide.delete(screen)) state.wide.add(screen);
  },
  timeframe: ({ state }) => {
    const at = (TIMEFRAMES as readonly string[]).indexOf(state.timeframe);
    state.timeframe = TIMEFRAMES[(at + 1) % TIMEFRAMES.length] ?? '14d';
  },
  group: ({ state }) => {
    state.groupBy = GROUPS[(GROUPS.indexOf(state.groupBy) + 1) % GROUPS.length] ?? 'space';
  },
  missing: (desk) => {
    const at = desk.panels().findIndex(({ id }) => id === 'missing');
    const view = desk.view();
    if (at < 0) desk.say('Every space is counted.');
    else view.focus = view.focus === at + 1 ? 0 : at + 1;
  },
  menu: ({ state }) => {
    state.mode = { kind: 'menu', index: 0 };
  },
  export: (desk) => {
    if (desk.listing() === undefined) desk.say('There is no list here to export.', 'warn');
    else desk.state.mode = { kind: 'export', index: 0 };
  },
  copy: (desk) => {
    const name = selectedName(desk);
    if (name === undefined) desk.say('Nothing is selected.', 'warn');
    else copyText(desk, name);
  },
  'copy-row': (desk) => {
    const [row, listing] = [desk.selected(), desk.listing()];
    if (row === undefined || listing === undefined) desk.say('Nothing is selected.', 'warn');
    else copyText(desk, rowText(listing, row));
  },
  'copy-command': (desk) => copyText(desk, desk.content().command),
  favourite: (desk) => {
    const { screen, subject } = desk.state.place;
    const name = screen === 'space' ? subject : selectedName(desk);
    if (name !== undefined) toggleFavourite(desk, name);
  },
  acknowledge,
  'all-alerts': ({ state }) => {
    state.allAlerts = !state.allAlerts;
  },
  deployments: (desk) =>
    openOfSpace(desk, (subject) => ({ screen: 'deployments', subject: `space ${subject}` })),
  'space-feeds': (desk) =>
    openOfSpace(desk, (name) => {
      desk.state.views.delete('feeds');
      return { place: { screen: 'feeds' }, filter: `"${name}/"` };
    }),
  certificate: (desk) =>
    openOfSpace(desk, (name) => ({ place: { screen: 'trust' }, filter: `"${name}"` })),
};

function openOfSpace(
  desk: Desk,
  make: (name: string) => Place | { readonly place: Place; readonly filter: string },
): void {
  const name = desk.state.place.screen === 'space' ? desk.state.place.subject : selectedName(desk);
  if (name === undefined) return;
  const made = make(name);
  go(desk.state, 'place' in made ? made.place : made);
  if ('filter' in made) desk.view().filter = made.filter;
}

function clearMarks(desk: Desk): void {
  const view = desk.view();
  view.marks = new Set();
  view.pinned = undefined;
}

function nextPanel(desk: Desk, by: 1 | -1): void {
  const { screen } = desk.state.place;
  // The two reports are one screen with two leaves.
  if (screen === 'inventory') {
    go(desk.state, { screen: 'report' });
    return;
  }
  if (screen === 'report') {
    go(desk.state, { screen: 'inventory' });
    return;
  }
  const view = desk.view();
  const first = hasList(desk) ? 0 : 1;
  const count = desk.panels().length + 1;
  view.scroll = 0;
  view.focus =
    first + ((((view.focus - first + by) % (count - first)) + (count - first)) % (count - first));
}

function whereEnterLeads(desk: Desk): Place | undefined {
  const view = desk.view();
  const panel = desk.panels()[view.focus - 1];
  if (panel !== undefined) return panel.opens;
  const row = desk.selected();
  return row === undefined ? undefined : desk.content().open?.(row);
}
