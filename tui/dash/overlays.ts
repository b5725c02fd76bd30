// What lies over the screen for a moment: the switcher, the help, the menus and the question for a name.

import { displayText } from '../format/display-text.ts';
import { formatAge } from '../format/duration.ts';
import { cut, displayWidth, pad } from '../format/width.ts';
import { CONDITION_SIGNS, CONDITION_TONES, withSign } from '../views/signs.ts';
import type { SpaceLine } from '../views/spaces.ts';
import type { Change } from './changes.ts';
import { editLine, number } from './chrome.ts';
import { appliesOn, BINDINGS, type Binding, keyLabel, SCOPE_TITLES, type Scope } from './keymap.ts';
import { box } from './layout.ts';
import { EMPTY_LINE, fitLine, type Line, restyle, type Span, words, wrapped } from './line.ts';
import type { Edit } from './line-editor.ts';
import type { ScreenId } from './state.ts';

/** One thing to choose from, with the reason when it cannot be chosen. */
export interface Choice {
  readonly title: string;
  readonly disabled?: string;
  readonly run: () => void;
}

export function choiceBox(
  title: string,
  choices: readonly Choice[],
  index: number,
  columns: number,
): Line[] {
  const lines = choices.map((choice, at): Line => {
    const text = `${at === index ? '>' : ' '} ${displayText(choice.title)}`;
    if (choice.disabled !== undefined)
      return [
        { text, tone: 'dim' },
        { text: `   ${choice.disabled}`, tone: 'dim' },
      ];
    return words(text, at === index ? 'cursor' : 'plain');
  });
  const none = words('Nothing can be done with what is selected.', 'dim');
  return box(
    { title, lines: lines.length === 0 ? [none] : lines, focused: true },
    Math.min(columns, 78),
  );
}

export function confirmBox(change: Change, edit: Edit, problem: string, columns: number): Line[] {
  const width = Math.min(columns, 78);
  const lines: Line[] = [
    ...change.effects
      .flatMap((text) => wrapped(displayText(text), width - 4))
      .map((text) => words(text)),
    EMPTY_LINE,
    [
      { text: 'Type ' },
      { text: displayText(change.name, 40), tone: 'strong' },
      { text: ' to go on:' },
    ],
    [{ text: '> ' }, ...editLine(edit, width - 10)],
    words(problem, 'warn'),
  ];
  return box({ title: displayText(change.title, width - 8), lines, focused: true }, width);
}

export interface Switchable {
  readonly line: SpaceLine;
  readonly group: 'favourites' | 'recent' | 'all';
}

/** Favourites and recents first while nothing is typed; then everything that holds the letters, best match first. */
export function switcherRows(
  spaces: readonly SpaceLine[],
  search: string,
  favourites: ReadonlySet<string>,
  recents: readonly string[],
): Switchable[] {
  const wanted = search.trim().toLowerCase();
  const found = spaces.filter(({ name }) => name.toLowerCase().includes(wanted));
  const rank = ({ name }: SpaceLine): number => {
    const recent = recents.indexOf(name);
    if (wanted !== '' && name.toLowerCase().startsWith(wanted)) return recent >= 0 ? -2 : -1;
    if (favourites.has(name)) return wanted === '' ? 0 : 1;
    return recent >= 0 ? 2 + recent : 1_000;
  };
  const groupOf = ({ name }: SpaceLine): Switchable['group'] =>
    favourites.has(name) ? 'favourites' : recents.includes(name) ? 'recent' : 'all';
  return found
    .toSorted((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1))
    .map((line) => ({ line, group: groupOf(line) }));
}

export function switcherBox(
  rows: readonly Switchable[],
  total: number,
  edit: Edit,
  index: number,
  favourites: ReadonlySet<string>,
  columns: number,
  height: number,
): Line[] {
  const width = Math.min(columns, 72);
  const room = Math.max(3, Math.min(14, height - 6));
  const top = Math.max(0, Math.min(index - room + 1, rows.length - room));
  const from = Math.min(index, top);
  const matching = `${number(rows.length)} of ${number(total)} match`;
  const search: Line = [{ text: '> ' }, ...editLine(edit, width - 30)];
  const used = search.reduce((sum, { text }) => sum + displayWidth(text), 0);
  const lines: Line[] = [
    [
      ...search,
      { text: ' '.repeat(Math.max(1, width - 4 - used - matching.length)) },
      { text: matching, tone: 'dim' },
    ],
    EMPTY_LINE,
  ];
  let group = '';
  for (const [at, row] of rows.slice(from, from + room).entries()) {
    if (edit.text === '' && row.group !== group) lines.push(words(row.group, 'dim'));
    group = row.group;
    const line = switchLine(row.line, favourites.has(row.line.name), width);
    lines.push(
      from + at === index
        ? restyle([{ text: '> ' }, ...line], 'cursor')
        : [{ text: '  ' }, ...line],
    );
  }
  if (rows.length === 0) lines.push(words('  no space has this in its name', 'dim'));
  return box({ title: 'Switch space', lines, focused: true }, width);
}

function switchLine(
  { name, status, serverVersion, heardAgoMs }: SpaceLine,
  isFavourite: boolean,
  width: number,
): Span[] {
  const nameColumns = Math.max(12, Math.min(24, width - 44));
  return [
    { text: isFavourite ? '★ ' : '  ' },
    { text: pad(cut(displayText(name), nameColumns), nameColumns) },
    {
      text: ` ${pad(withSign(CONDITION_SIGNS[status], status), 12)}`,
      tone: CONDITION_TONES[status],
    },
    { text: ` ${pad(displayText(serverVersion ?? '-', 12), 12)}` },
    { text: ` ${heardAgoMs === null ? 'never' : formatAge(heardAgoMs)}` },
  ];
}

/** All keys of this screen in three columns, or those that a search finds. */
export function helpLines(screen: ScreenId, search: string, columns: number): Line[] {
  const wanted = search.trim().toLowerCase();
  const matching = BINDINGS.filter(
    (binding) =>
      appliesOn(binding, screen) &&
      (wanted === '' ||
        `${binding.title} ${binding.action} ${binding.keys.join(' ')}`
          .toLowerCase()
          .includes(wanted)),
  );
  const scopes: readonly Scope[] = ['everywhere', 'lists', 'acting', 'screen'];
  const count = columns >= 100 ? 3 : columns >= 72 ? 2 : 1;
  const width = Math.floor((columns - 2) / count);
  const blocks = scopes
    .map((scope) => matching.filter((binding) => binding.scope === scope))
    .map((bindings, index): Line[] =>
      bindings.length === 0
        ? []
        : [
            words(SCOPE_TITLES[scopes[index] ?? 'everywhere'], 'strong'),
            ...bindings.map(helpLine),
            EMPTY_LINE,
          ],
    );
  const split: Line[][] =
    count === 1
      ? [blocks.flat()]
      : count === 2
        ? [blocks[0] ?? [], blocks.slice(1).flat()]
        : [blocks[0] ?? [], blocks[1] ?? [], blocks.slice(2).flat()];
  const rows = Math.max(0, ...split.map((block) => block.length));
  const table = Array.from(
    { length: rows },
    (_, row): Line => [
      { text: '  ' },
      ...split.flatMap((block): Span[] => {
        return [...fitLine(block[row] ?? EMPTY_LINE, width - 1), { text: ' ' }];
      }),
    ],
  );
  return [...table, ...HELP_TEXT.map((text) => words(`  ${text}`))];
}

const shortLabel = (key: string): string => keyLabel(key).replace(/^ctrl-/, '^');

const helpLine = ({ keys, title, action }: Binding): Line => [
  { text: pad(keys.map(shortLabel).join(' ') || `:${action}`, 10), tone: 'accent' },
  { text: title },
];

const HELP_TEXT = [
  'COMMANDS (:)  every action has one, so all of this can be typed',
  ':spaces /pay      :feeds behind>0     :report deployments 14d by project    :space ledger',
  ':export csv FILE  :theme light        :target FOLDER                        :quit',
  '',
  'FILTER  words match the name; tests on columns: status=offline  lag>60s  version<2026.3  !prod  a|b',
];
