// What the dashboard shows and how: the places one has been to, how each is looked at, and what the keyboard is typing
// into. Plain data and the functions that change it; nothing here draws or asks.

import type { Change } from './changes.ts';
import { type Edit, edit } from './line-editor.ts';
import type { GroupBy } from './sources.ts';
import type { ThemeName } from './theme.ts';

export const SCREENS = [
  'overview',
  'spaces',
  'space',
  'feeds',
  'feed',
  'subscriptions',
  'trust',
  'inventory',
  'report',
  'deployments',
  'alerts',
  'mesh',
  'gap',
  'receipts',
  'log',
] as const;
export type ScreenId = (typeof SCREENS)[number];

/** Where one is: a screen, and for some of them of what. */
export interface Place {
  readonly screen: ScreenId;
  readonly subject?: string;
}

/** How a place is looked at; kept for the way back. */
export interface View {
  cursorId: string | undefined;
  /** Where the cursor was, for when its row is gone. */
  cursorAt: number;
  top: number;
  sort: string | undefined;
  filter: string;
  marks: ReadonlySet<string>;
  /** Order and rows at the time of the first mark: nothing jumps while marking. */
  pinned: readonly string[] | undefined;
  /** 0 is the list, then the panels. */
  focus: number;
  scroll: number;
}

export type Mode =
  | { readonly kind: 'normal' }
  | { readonly kind: 'filter'; edit: Edit; before: string; problem: string }
  | { readonly kind: 'command'; edit: Edit; at: number; problem: string }
  | { readonly kind: 'switcher'; edit: Edit; index: number }
  | { readonly kind: 'help'; edit: Edit; top: number; typing: boolean }
  | { readonly kind: 'menu'; index: number }
  | { readonly kind: 'export'; index: number }
  | { readonly kind: 'confirm'; readonly change: Change; edit: Edit; problem: string };

export const TIMEFRAMES = ['24h', '7d', '14d', '30d', '90d'] as const;
export const GROUPS: readonly GroupBy[] = ['space', 'project', 'environment'];

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export interface State {
  past: Place[];
  place: Place;
  future: Place[];
  /** The screen before, for the key that goes to and fro. */
  previous: Place | undefined;
  views: Map<string, View>;
  mode: Mode;
  size: Size;
  isPaused: boolean;
  /** Wide columns by screen. */
  wide: Set<ScreenId>;
  timeframe: string;
  groupBy: GroupBy;
  allAlerts: boolean;
  theme: ThemeName;
  ascii: boolean;
  toast: { readonly text: string; readonly tone: 'good' | 'warn' | 'bad' } | undefined;
  favourites: Set<string>;
  recents: string[];
  commandHistory: string[];
  log: string[];
}

const HISTORY_MAX = 100;
const RECENTS_MAX = 12;
const LOG_MAX = 300;

export function initialState(size: Size, theme: ThemeName, ascii: boolean): State {
  return {
    past: [],
    place: { screen: 'overview' },
    future: [],
    previous: undefined,
    views: new Map(),
    mode: { kind: 'normal' },
    size,
    isPaused: false,
    wide: new Set(),
    timeframe: '14d',
    groupBy: 'space',
    allAlerts: false,
    theme,
    ascii,
    toast: undefined,
    favourites: new Set(),
    recents: [],
    commandHistory: [],
    log: [],
  };
}

export const placeKey = ({ screen, subject }: Place): string =>
  subject === undefined ? screen : `${screen} ${subject}`;

export function viewOf(state: State, place: Place = state.place): View {
  const key = placeKey(place);
  const known = state.views.get(key);
  if (known !== undefined) return known;
  const view: View = {
    cursorId: undefined,
    cursorAt: 0,
    top: 0,
    sort: undefined,
    filter: '',
    marks: new Set(),
    pinned: undefined,
    focus: 0,
    scroll: 0,
  };
  state.views.set(key, view);
  return view;
}

export function go(state: State, place: Place): void {
  state.mode = { kind: 'normal' };
  if (placeKey(place) === placeKey(state.place)) return;
  state.past = [...state.past, state.place].slice(-HISTORY_MAX);
  state.previous = state.place;
  state.future = [];
  state.place = place;
  if (place.screen === 'space' && place.subject !== undefined) {
    state.recents = [place.subject, ...state.recents.filter((name) => name !== place.subject)];
    state.recents = state.recents.slice(0, RECENTS_MAX);
  }
}

export function goBack(state: State): boolean {
  const place = state.past.at(-1);
  if (place === undefined) return false;
  state.past = state.past.slice(0, -1);
  state.future = [state.place, ...state.future];
  state.previous = state.place;
  state.place = place;
  return true;
}

export function goForward(state: State): boolean {
  const [place, ...rest] = state.future;
  if (place === undefined) return false;
  state.future = rest;
  state.past = [...state.past, state.place];
  state.previous = state.place;
  state.place = place;
  return true;
}

const PARENTS: Readonly<Partial<Record<ScreenId, ScreenId>>> = {
  space: 'spaces',
  feed: 'feeds',
  deployments: 'report',
  receipts: 'gap',
  log: 'overview',
};

/** One level up: back where one came from when that is the level above, else to the screen this belongs to. */
export function goUp(state: State): boolean {
  const parent = PARENTS[state.place.screen];
  if (parent === undefined) return false;
  if (state.past.length > 0) return goBack(state);
  go(state, { screen: parent });
  return true;
}

export function toast(state: State, text: string, tone: 'good' | 'warn' | 'bad' = 'good'): void {
  state.toast = { text, tone };
}

export function addLog(state: State, line: string): void {
  state.log = [...state.log, line].slice(-LOG_MAX);
}

export const filterMode = (view: View): Mode => ({
  kind: 'filter',
  edit: edit(view.filter),
  before: view.filter,
  problem: '',
});
