// Keys while something is typed or chosen: in these modes single letters are text, not commands.

import { asMeshError } from '../../protocols/errors.ts';
import { parseFilter } from '../format/filter.ts';
import { ACTIONS } from './actions.ts';
import { exportTo, toggleFavourite } from './deeds.ts';
import type { Desk } from './desk.ts';
import type { Key } from './keys.ts';
import { edit, editKey } from './line-editor.ts';
import { changeOf } from './menu.ts';
import { completions, type Order, parseOrder } from './palette.ts';
import { go, type Mode, type State } from './state.ts';

type In<K extends Mode['kind']> = Extract<Mode, { kind: K }>;

const close = (state: State): void => {
  state.mode = { kind: 'normal' };
};

export function pressWhileTyping(desk: Desk, key: Key): void {
  const { mode } = desk.state;
  switch (mode.kind) {
    case 'normal':
      return;
    case 'filter':
      inFilter(desk, mode, key);
      return;
    case 'command':
      inCommand(desk, mode, key);
      return;
    case 'switcher':
      inSwitcher(desk, mode, key);
      return;
    case 'help':
      inHelp(desk, mode, key);
      return;
    case 'menu':
      inChoices(desk, mode, key, desk.choices());
      return;
    case 'export':
      inChoices(desk, mode, key, desk.exportChoices());
      return;
    case 'confirm':
      inConfirm(desk, mode, key);
      return;
  }
}

function inFilter(desk: Desk, mode: In<'filter'>, key: Key): void {
  const view = desk.view();
  if (key.name === 'enter') {
    close(desk.state);
    return;
  }
  if (key.name === 'esc') {
    view.filter = '';
    close(desk.state);
    return;
  }
  const next = editKey(mode.edit, key);
  if (next === undefined) return;
  mode.edit = next;
  const columns = desk.content().table?.columns ?? [];
  try {
    parseFilter(next.text, columns);
    view.filter = next.text.trim();
    mode.problem = '';
  } catch (error) {
    // The last filter that made sense stays while this one is being typed.
    mode.problem = asMeshError(error).message;
  }
}

function inCommand(desk: Desk, mode: In<'command'>, key: Key): void {
  const { state } = desk;
  const names = { spaces: desk.spaceNames(), feeds: desk.feedNames() };
  if (key.name === 'esc') {
    close(state);
    return;
  }
  if (key.name === 'tab') {
    const [first] = completions(mode.edit.text, names);
    if (first !== undefined) mode.edit = edit(first);
  } else if (key.name === 'up' || key.name === 'down') {
    const at = Math.max(
      0,
      Math.min(state.commandHistory.length, mode.at + (key.name === 'up' ? -1 : 1)),
    );
    mode.at = at;
    mode.edit = edit(state.commandHistory[at] ?? '');
  } else if (key.name === 'enter') {
    runLine(desk, mode);
  } else {
    mode.edit = editKey(mode.edit, key) ?? mode.edit;
    mode.problem = '';
  }
}

function runLine(desk: Desk, mode: In<'command'>): void {
  const line = mode.edit.text.trim();
  if (line === '') {
    close(desk.state);
    return;
  }
  const order = parseOrder(line);
  if (typeof order === 'string') {
    mode.problem = order;
    return;
  }
  desk.state.commandHistory = [
    ...desk.state.commandHistory.filter((known) => known !== line),
    line,
  ].slice(-100);
  close(desk.state);
  try {
    runOrder(desk, order);
  } catch (error) {
    desk.say(asMeshError(error).line, 'warn');
  }
}

export function runOrder(desk: Desk, order: Order): void {
  const { state } = desk;
  switch (order.kind) {
    case 'action':
      ACTIONS[order.action](desk);
      if (order.filter !== undefined) setFilter(desk, order.filter);
      return;
    case 'space':
      go(state, { screen: 'space', subject: order.name });
      return;
    case 'feed':
      go(state, { screen: 'feed', subject: order.name });
      return;
    case 'filter':
      setFilter(desk, order.text);
      return;
    case 'sort':
      desk.view().sort = order.key;
      return;
    case 'timeframe':
      state.timeframe = order.text;
      return;
    case 'report':
      if (order.since !== undefined) state.timeframe = order.since;
      if (order.by !== undefined) state.groupBy = order.by;
      go(state, { screen: order.report === 'inventory' ? 'inventory' : 'report' });
      return;
    case 'export':
      exportTo(desk, order.format, order.file);
      return;
    case 'theme':
      state.theme = order.theme;
      return;
    case 'ascii':
      state.ascii = order.isOn;
      return;
    case 'target':
      desk.connect(order.home);
      return;
    case 'change':
      if (desk.isReadOnly) {
        desk.say('Nothing was changed: this is read-only, start with --allow-changes', 'warn');
        return;
      }
      desk.confirm(changeOf(desk, order.change, order.args));
      return;
  }
}

/** Checked as soon as there are columns to check it against; until then it is kept as it is. */
function setFilter(desk: Desk, text: string): void {
  const columns = desk.content().table?.columns;
  if (columns !== undefined) parseFilter(text, columns);
  desk.view().filter = text.trim();
}

function inSwitcher(desk: Desk, mode: In<'switcher'>, key: Key): void {
  const { state } = desk;
  const rows = desk.switchable();
  const chosen = rows[mode.index]?.line.name;
  const moved = movedIndex(key, mode.index, rows.length);
  if (moved !== undefined) mode.index = moved;
  else if (key.name === 'esc') close(state);
  else if (key.name === 'enter') {
    if (chosen !== undefined) go(state, { screen: 'space', subject: chosen });
  } else if (key.name === 'tab') {
    if (chosen === undefined) return;
    go(state, { screen: 'feeds' });
    desk.view().filter = `"${chosen}/"`;
  } else if (key.name === 'ctrl-f') {
    if (chosen !== undefined) toggleFavourite(desk, chosen);
  } else {
    const next = editKey(mode.edit, key);
    if (next === undefined) return;
    if (next.text !== mode.edit.text) mode.index = 0;
    mode.edit = next;
  }
}

function movedIndex(key: Key, index: number, count: number): number | undefined {
  const last = Math.max(0, count - 1);
  if (key.name === 'up' || key.name === 'ctrl-p') return Math.max(0, index - 1);
  if (key.name === 'down' || key.name === 'ctrl-n') return Math.min(last, index + 1);
  if (key.name === 'pgup') return Math.max(0, index - 10);
  return key.name === 'pgdn' ? Math.min(last, index + 10) : undefined;
}

function inHelp({ state }: Desk, mode: In<'help'>, key: Key): void {
  if (mode.typing) {
    if (key.name === 'esc' || key.name === 'enter') mode.typing = false;
    else mode.edit = editKey(mode.edit, key) ?? mode.edit;
    mode.top = 0;
    return;
  }
  if (key.name === '/') mode.typing = true;
  else if (key.name === 'down' || key.name === 'j') mode.top += 1;
  else if (key.name === 'up' || key.name === 'k') mode.top = Math.max(0, mode.top - 1);
  else if (key.name === 'pgdn' || key.name === 'space') mode.top += 10;
  else if (key.name === 'pgup') mode.top = Math.max(0, mode.top - 10);
  else if (key.name === 'esc' && mode.edit.text !== '') mode.edit = edit();
  else if (['esc', 'q', '?', 'enter'].includes(key.name)) close(state);
}

function inChoices(
  desk: Desk,
  mode: In<'menu'> | In<'export'>,
  key: Key,
  choices: ReturnType<Desk['choices']>,
): void {
  const letters: Readonly<Record<string, string>> = { j: 'down', k: 'up' };
  const moved = movedIndex(
    { ...key, name: letters[key.name] ?? key.name },
    mode.index,
    choices.length,
  );
  if (moved !== undefined) mode.index = moved;
  else if (key.name === 'esc' || key.name === 'q' || key.name === 'x') close(desk.state);
  else if (key.name === 'enter') {
    const choice = choices[mode.index];
    if (choice?.disabled !== undefined) {
      desk.say(choice.disabled, 'warn');
      return;
    }
    close(desk.state);
    choice?.run();
  }
}

function inConfirm(desk: Desk, mode: In<'confirm'>, key: Key): void {
  const { change } = mode;
  if (key.name === 'esc') {
    close(desk.state);
    desk.say('Nothing was changed.', 'warn');
    return;
  }
  if (key.name === 'enter') {
    if (mode.edit.text !== change.name) {
      mode.problem = 'That is not the name; nothing was changed.';
      return;
    }
    close(desk.state);
    desk.attempt(change.run);
    return;
  }
  mode.edit = editKey(mode.edit, key) ?? mode.edit;
  mode.problem = '';
}
