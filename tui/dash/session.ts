// The dashboard without its terminal: keys and answers go in, lines of text come out. Holds the state, asks the store
// for what the screen in front needs, and hands each single key to whatever it is meant for.

import { asMeshError } from '../../protocols/errors.ts';
import type { MeshClient } from '../client.ts';
import { parseFilter } from '../format/filter.ts';
import { FeedSamples } from '../views/samples.ts';
import type { SpaceLine } from '../views/spaces.ts';
import { spacesView } from '../views/spaces.ts';
import { ACTIONS } from './actions.ts';
import { panelsOf } from './body.ts';
import type { Clock } from './clock.ts';
import { exportChoices } from './deeds.ts';
import type { Desk, Host } from './desk.ts';
import { drawScreen } from './draw.ts';
import { bindingOf } from './keymap.ts';
import type { Key } from './keys.ts';
import { edit } from './line-editor.ts';
import { createLister, type Listing } from './list.ts';
import { menuChoices } from './menu.ts';
import { switcherRows } from './overlays.ts';
import { createScreens } from './screens/all.ts';
import type { Content } from './screens/screen.ts';
import { type Asker, SOURCES, type Source } from './sources.ts';
import { addLog, initialState, placeKey, type Size, type State, toast, viewOf } from './state.ts';
import { createStore, type Store } from './store.ts';
import { paintLine, type ThemeName } from './theme.ts';
import { pressWhileTyping } from './typing.ts';

export interface SessionOptions {
  readonly home: string;
  readonly createClient: (options: { readonly home: string }) => MeshClient;
  readonly clock: Clock;
  readonly host: Host;
  readonly size: Size;
  readonly theme: ThemeName;
  readonly ascii: boolean;
  /** Without it nothing can be changed. */
  readonly allowChanges: boolean;
  /** No attributes at all in the lines, for tests. */
  readonly bare?: boolean;
  readonly onTarget?: (home: string) => void;
}

export interface Session {
  readonly state: State;
  /** As many lines as the terminal has rows, each as wide as it is. */
  lines(): readonly string[];
  press(key: Key): void;
  paste(text: string): void;
  resize(size: Size): void;
  subscribe(call: () => void): void;
  home(): string;
  /** Something that was asked for is not done yet. */
  isBusy(): boolean;
  stop(): void;
}

interface Target {
  readonly home: string;
  readonly client: MeshClient;
  readonly asker: Asker;
  readonly store: Store;
  readonly leave: AbortController;
}

/** Asked on every screen: the top row is made from them, and an alert rings wherever one is. */
const ALWAYS: readonly Source<unknown>[] = [SOURCES.overview, SOURCES.alerts];

export function createSession(options: SessionOptions): Session {
  const { clock, host } = options;
  const state = initialState(options.size, options.theme, options.ascii);
  const screens = createScreens();
  const lister = createLister();
  let samples = new FeedSamples();
  let sampled: unknown;
  let listener: () => void = () => undefined;
  let watching = '';
  let page = 1;
  let underWay = 0;
  let spaces: readonly SpaceLine[] = [];
  let spacesFrom: unknown;
  const rung = new Set<string>();

  const open = (home: string): Target => {
    const leave = new AbortController();
    const client = options.createClient({ home });
    const asker = { client, signal: leave.signal };
    const log = (line: string): void =>
      addLog(state, `${new Date(clock.now()).toISOString()} ${line}`);
    const store = createStore({ asker, clock, probe: SOURCES.status, log });
    store.subscribe(() => {
      look();
      listener();
    });
    return { home: client.home, client, asker, store, leave };
  };
  let target = open(options.home);

  /** Every new look at the feeds is measured against the ones before. */
  const look = (): void => {
    const { data, asOfMs } = target.store.get(SOURCES.feeds);
    if (data !== undefined && data !== sampled) {
      sampled = data;
      samples.add(asOfMs ?? clock.now(), data.rows);
    }
    allSpaces();
    ring();
    watch();
  };

  /** Once for each alert that asks for it, when it is seen for the first time. */
  const ring = (): void => {
    const rows = target.store.get(SOURCES.alerts).data?.rows ?? [];
    const fresh = rows.filter(({ id, bell, state: at }) => bell && at === 'open' && !rung.has(id));
    for (const { id } of fresh) rung.add(id);
    if (fresh.length > 0) host.write('\x07');
  };

  const screen = () => screens[state.place.screen];
  const content = (): Content =>
    screen().content({
      state,
      place: state.place,
      nowMs: clock.now(),
      get: target.store.get,
      tail: target.store.tail,
      samples,
    });
  const listing = (shown: Content = content()): Listing | undefined => {
    const { table } = shown;
    if (table === undefined) return undefined;
    const view = viewOf(state);
    dropUselessFilter(shown, view);
    return lister(table, view, clock.now());
  };

  const watch = (): void => {
    const sources = screen().sources(state, state.place);
    // Names to choose from and to complete; once at the start, to know whether this is production.
    const wantsNames =
      state.mode.kind === 'switcher' || state.mode.kind === 'command' || spacesFrom === undefined;
    const extra = wantsNames ? [SOURCES.health] : [];
    const all = [...sources, ...ALWAYS, ...extra];
    const key = all.map((source) => source.key).join('\n');
    if (key === watching) return;
    watching = key;
    target.store.watch(all, screen().streams ?? []);
  };

  /** Everybody, for the switcher and for completing names; from the last time health was asked for. */
  const allSpaces = (): readonly SpaceLine[] => {
    const health = target.store.get(SOURCES.health).data;
    if (health !== undefined && health !== spacesFrom) {
      spacesFrom = health;
      spaces = spacesView({ health }).rows;
    }
    return spaces;
  };

  const desk: Desk = {
    state,
    clock,
    host,
    isReadOnly: !options.allowChanges,
    store: () => target.store,
    asker: () => target.asker,
    client: () => target.client,
    view: () => viewOf(state),
    content,
    listing: () => listing(),
    selected: () => {
      const shown = listing();
      return shown?.rows[shown.cursorAt];
    },
    panels: () => {
      const shown = content();
      const rows = listing(shown);
      return panelsOf(shown, rows?.rows[rows.cursorAt]);
    },
    page: () => page,
    switchable: () => {
      const search = state.mode.kind === 'switcher' ? state.mode.edit.text : '';
      return switcherRows(allSpaces(), search, state.favourites, state.recents);
    },
    spaceNames: () => allSpaces().map(({ name }) => name),
    feedNames: () => target.store.get(SOURCES.feeds).data?.rows.map(({ feed }) => feed) ?? [],
    choices: () => menuChoices(desk),
    exportChoices: () => exportChoices(desk),
    targetName: () => target.store.get(SOURCES.status).data?.name ?? target.home,
    connect: (home) => {
      const next = open(home);
      target.leave.abort();
      target.store.stop();
      target = next;
      samples = new FeedSamples();
      state.recents = [];
      watching = '';
      spacesFrom = undefined;
      spaces = [];
      rung.clear();
      options.onTarget?.(next.home);
      watch();
    },
    confirm: (change) => {
      state.mode = { kind: 'confirm', change, edit: edit(), problem: '' };
    },
    attempt: (what) => {
      const asked = target;
      underWay += 1;
      what()
        .then((done) => {
          toast(state, done);
          asked.store.refresh();
        })
        .catch((error: unknown) => {
          if (!asked.leave.signal.aborted) toast(state, asMeshError(error).line, 'bad');
        })
        .finally(() => {
          underWay -= 1;
          listener();
        });
    },
    say: (text, tone = 'good') => toast(state, text, tone),
  };

  const act = (key: Key): void => {
    const place = placeKey(state.place);
    state.toast = undefined;
    if (key.name === 'ctrl-c') {
      host.exit();
      return;
    }
    if (key.name === 'ctrl-l') {
      host.repaint();
      return;
    }
    if (key.name === 'ctrl-z') {
      host.suspend();
      return;
    }
    if (state.mode.kind !== 'normal') pressWhileTyping(desk, key);
    else {
      const binding = bindingOf(key.name, state.place.screen);
      if (binding !== undefined) ACTIONS[binding.action](desk);
    }
    if (placeKey(state.place) !== place) viewOf(state).scroll = 0;
  };

  watch();
  return {
    state,
    home: () => target.home,
    isBusy: () => underWay > 0,
    lines: () => {
      const drawn = drawScreen({ desk, screen: screen(), spaces: allSpaces() });
      page = drawn.page;
      const paint = { theme: state.theme, ascii: state.ascii, bare: options.bare ?? false };
      return drawn.lines.map((line) => paintLine(line, paint));
    },
    press: (key) => {
      target.store.touch();
      try {
        act(key);
      } catch (error) {
        // A key must never end the dashboard: what went wrong is said, and the rest goes on.
        toast(state, asMeshError(error).line, 'bad');
        addLog(state, `${new Date(clock.now()).toISOString()} ${asMeshError(error).line}`);
      }
      watch();
      listener();
    },
    paste: (text) => {
      const { mode } = state;
      if (!('edit' in mode)) return;
      const [line = ''] = text.split(/[\r\n]/, 1);
      for (const char of line.replaceAll(/\p{Cc}/gu, ''))
        pressWhileTyping(desk, { name: char === ' ' ? 'space' : char, text: char });
      listener();
    },
    resize: (size) => {
      state.size = size;
      listener();
    },
    subscribe: (call) => {
      listener = call;
    },
    stop: () => {
      target.leave.abort();
      target.store.stop();
    },
  };
}

/** A filter that this table does not understand, as after a change of screen or of node, is let go. */
function dropUselessFilter({ table }: Content, view: { filter: string }): void {
  if (view.filter === '' || table === undefined) return;
  try {
    parseFilter(view.filter, table.columns);
  } catch {
    view.filter = '';
  }
}
