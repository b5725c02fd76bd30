// The one table of keys: what the hints row shows, what `?` lists, what docs/KEYS.md says and what `:` accepts all come
// from here. Says what a key means; doing it is the business of actions.ts.

import type { ScreenId } from './state.ts';

export type ActionId =
  | 'help'
  | 'command'
  | 'up-level'
  | 'quit'
  | 'switcher'
  | 'back'
  | 'forward'
  | 'previous'
  | 'next-panel'
  | 'previous-panel'
  | 'pause'
  | 'refresh'
  | 'repaint'
  | 'suspend'
  | 'overview'
  | 'spaces'
  | 'feeds'
  | 'subscriptions'
  | 'trust'
  | 'reports'
  | 'alerts'
  | 'mesh'
  | 'gap'
  | 'log'
  | 'up'
  | 'down'
  | 'page-up'
  | 'page-down'
  | 'first'
  | 'last'
  | 'open'
  | 'mark'
  | 'mark-all'
  | 'filter'
  | 'sort'
  | 'reverse'
  | 'wide'
  | 'timeframe'
  | 'menu'
  | 'export'
  | 'copy'
  | 'copy-row'
  | 'copy-command'
  | 'favourite'
  | 'acknowledge'
  | 'all-alerts'
  | 'group'
  | 'deployments'
  | 'space-feeds'
  | 'certificate'
  | 'missing';

export type Scope = 'everywhere' | 'lists' | 'acting' | 'screen';

export interface Binding {
  readonly action: ActionId;
  readonly keys: readonly string[];
  readonly title: string;
  readonly scope: Scope;
  /** Screens on which it means something; all when absent. */
  readonly on?: readonly ScreenId[];
  /** Word in the hints row; not shown there when absent. */
  readonly hint?: string;
  /** Stands there in place of the first key. */
  readonly hintKeys?: string;
  /** Does nothing on a node that may only be read. */
  readonly changes?: boolean;
}

const REPORTS: readonly ScreenId[] = ['report', 'deployments', 'space'];

export const BINDINGS: readonly Binding[] = [
  { action: 'help', keys: ['?'], title: 'this help', scope: 'everywhere', hint: 'help' },
  { action: 'command', keys: [':'], title: 'command', scope: 'everywhere', hint: 'command' },
  {
    action: 'up-level',
    keys: ['esc'],
    title: 'back one level',
    scope: 'everywhere',
    on: ['space', 'feed', 'deployments', 'receipts', 'log'],
    hint: 'back',
  },
  { action: 'quit', keys: ['q', 'ctrl-c'], title: 'quit', scope: 'everywhere', hint: 'quit' },
  {
    action: 'overview',
    keys: ['0'],
    title: 'overview',
    scope: 'everywhere',
    hint: 'screens',
    hintKeys: '0-9',
  },
  { action: 'spaces', keys: ['1'], title: 'spaces', scope: 'everywhere' },
  { action: 'feeds', keys: ['2'], title: 'feeds and lag', scope: 'everywhere' },
  { action: 'subscriptions', keys: ['3'], title: 'subscriptions', scope: 'everywhere' },
  { action: 'trust', keys: ['4'], title: 'trust, certificates', scope: 'everywhere' },
  { action: 'reports', keys: ['5'], title: 'reports', scope: 'everywhere' },
  { action: 'alerts', keys: ['7'], title: 'alerts and events', scope: 'everywhere' },
  { action: 'mesh', keys: ['8'], title: 'mesh and peers', scope: 'everywhere' },
  { action: 'gap', keys: ['9'], title: 'air gap', scope: 'everywhere' },
  { action: 'log', keys: [], title: 'log of the dashboard', scope: 'everywhere' },
  {
    action: 'switcher',
    keys: ['o', 'ctrl-p'],
    title: 'switch space',
    scope: 'everywhere',
    hint: 'switch',
  },
  { action: 'back', keys: ['['], title: 'back', scope: 'everywhere' },
  { action: 'forward', keys: [']'], title: 'forward', scope: 'everywhere' },
  { action: 'previous', keys: ['-'], title: 'screen before', scope: 'everywhere' },
  { action: 'next-panel', keys: ['tab'], title: 'next panel', scope: 'everywhere', hint: 'panel' },
  { action: 'previous-panel', keys: ['shift-tab'], title: 'panel before', scope: 'everywhere' },
  { action: 'pause', keys: ['p'], title: 'pause live updates', scope: 'everywhere' },
  { action: 'refresh', keys: ['r'], title: 'refresh now', scope: 'everywhere' },
  { action: 'repaint', keys: ['ctrl-l'], title: 'repaint', scope: 'everywhere' },
  { action: 'suspend', keys: ['ctrl-z'], title: 'suspend to the shell', scope: 'everywhere' },
  { action: 'up', keys: ['up', 'k'], title: 'up', scope: 'lists' },
  { action: 'down', keys: ['down', 'j'], title: 'down', scope: 'lists' },
  { action: 'page-up', keys: ['pgup', 'ctrl-b'], title: 'a page up', scope: 'lists' },
  { action: 'page-down', keys: ['pgdn', 'ctrl-f'], title: 'a page down', scope: 'lists' },
  { action: 'first', keys: ['g', 'home'], title: 'first', scope: 'lists' },
  { action: 'last', keys: ['G', 'end'], title: 'last', scope: 'lists' },
  { action: 'open', keys: ['enter'], title: 'open', scope: 'lists', hint: 'open' },
  { action: 'mark', keys: ['space'], title: 'mark', scope: 'lists' },
  { action: 'mark-all', keys: ['*'], title: 'mark all shown', scope: 'lists' },
  { action: 'filter', keys: ['/'], title: 'filter, esc clears it', scope: 'lists', hint: 'filter' },
  { action: 'sort', keys: ['s'], title: 'next sort column', scope: 'lists', hint: 'sort' },
  { action: 'reverse', keys: ['S'], title: 'reverse the order', scope: 'lists' },
  { action: 'wide', keys: ['w'], title: 'all columns', scope: 'lists' },
  {
    action: 'menu',
    keys: ['x'],
    title: 'what can be done',
    scope: 'acting',
    hint: 'actions',
  },
  { action: 'export', keys: ['e'], title: 'export what is shown', scope: 'acting', hint: 'export' },
  { action: 'copy', keys: ['y'], title: 'copy the id', scope: 'acting' },
  { action: 'copy-row', keys: ['Y'], title: 'copy the row', scope: 'acting' },
  {
    action: 'copy-command',
    keys: ['c'],
    title: 'copy as a command',
    scope: 'acting',
    on: ['inventory', 'report', 'deployments'],
  },
  {
    action: 'favourite',
    keys: ['f'],
    title: 'favourite on or off',
    scope: 'acting',
    on: ['spaces', 'space'],
    hint: 'favourite',
  },
  {
    action: 'timeframe',
    keys: ['t'],
    title: 'timeframe',
    scope: 'screen',
    on: REPORTS,
    hint: 'timeframe',
  },
  {
    action: 'group',
    keys: ['b'],
    title: 'rows by what',
    scope: 'screen',
    on: ['report'],
    hint: 'by',
  },
  {
    action: 'missing',
    keys: ['m'],
    title: 'who is not counted',
    scope: 'screen',
    on: ['report'],
    hint: 'missing',
  },
  {
    action: 'acknowledge',
    keys: ['a'],
    title: 'acknowledge the alert',
    scope: 'screen',
    on: ['alerts', 'overview'],
    hint: 'acknowledge',
    changes: true,
  },
  {
    action: 'all-alerts',
    keys: ['A'],
    title: 'closed alerts too',
    scope: 'screen',
    on: ['alerts'],
    hint: 'all',
  },
  {
    action: 'space-feeds',
    keys: ['l'],
    title: 'its feeds',
    scope: 'screen',
    on: ['space', 'spaces'],
  },
  {
    action: 'certificate',
    keys: ['c'],
    title: 'its certificate',
    scope: 'screen',
    on: ['space', 'spaces'],
  },
  {
    action: 'deployments',
    keys: ['d'],
    title: 'its deployments',
    scope: 'screen',
    on: ['space', 'spaces'],
  },
];

export const appliesOn = ({ on }: Binding, screen: ScreenId): boolean =>
  on?.includes(screen) ?? true;

/** What a key does on a screen; what only this screen knows comes first. */
export function bindingOf(key: string, screen: ScreenId): Binding | undefined {
  const found = BINDINGS.filter((binding) => binding.keys.includes(key));
  return (
    found.find((binding) => binding.on !== undefined && appliesOn(binding, screen)) ??
    found.find((binding) => binding.on === undefined || binding.action === 'up-level')
  );
}

const KEY_NAMES: Readonly<Record<string, string>> = {
  up: '↑',
  down: '↓',
  pgup: 'PgUp',
  pgdn: 'PgDn',
};

export const keyLabel = (key: string): string => KEY_NAMES[key] ?? key;

/** Bindings of the hints row, the screen's own first, help and quit always last. */
export function hintsFor(screen: ScreenId, isReadOnly: boolean): Binding[] {
  const shown = BINDINGS.filter(
    (binding) =>
      binding.hint !== undefined &&
      appliesOn(binding, screen) &&
      !(isReadOnly && binding.changes === true),
  );
  const rank = ({ scope, action }: Binding): number => {
    if (action === 'help' || action === 'quit') return 9;
    if (action === 'up-level') return 0.5;
    if (action === 'overview') return screen === 'overview' ? -1 : 1.5;
    return scope === 'screen' ? 1 : scope === 'lists' ? 0 : scope === 'acting' ? 2 : 3;
  };
  return shown.toSorted((a, b) => rank(a) - rank(b));
}

export const SCOPE_TITLES: Readonly<Record<Scope, string>> = {
  everywhere: 'EVERYWHERE',
  lists: 'LISTS',
  acting: 'ACTING',
  screen: 'THIS SCREEN',
};

/** docs/KEYS.md without its heading. */
export function keysMarkdown(): string {
  const scopes: readonly Scope[] = ['everywhere', 'lists', 'acting', 'screen'];
  return scopes
    .map((scope) => {
      const rows = BINDINGS.filter((binding) => binding.scope === scope).map(
        ({ keys, title, action, on }) =>
          `| ${keys.map((key) => `\`${key}\``).join(' ')} | ${title} | \`:${action}\` | ${on?.join(', ') ?? 'all'} |`,
      );
      const heading = scope === 'screen' ? 'On some screens' : sentenceCase(SCOPE_TITLES[scope]);
      return `## ${heading}\n\n| keys | does | command | screens |\n| --- | --- | --- | --- |\n${rows.join('\n')}\n`;
    })
    .join('\n');
}

const sentenceCase = (text: string): string => text[0] + text.slice(1).toLowerCase();
