// The language after `:`: what can be typed, how it is completed, and what a line means. Knows the words; doing them is
// the business of whoever asks.

import { EXPORT_FORMATS, type ExportFormat } from './export.ts';
import { type ActionId, BINDINGS } from './keymap.ts';
import type { GroupBy } from './sources.ts';
import { THEMES, type ThemeName } from './theme.ts';

export type Order =
  | { readonly kind: 'action'; readonly action: ActionId; readonly filter?: string }
  | { readonly kind: 'space'; readonly name: string }
  | { readonly kind: 'feed'; readonly name: string }
  | { readonly kind: 'filter'; readonly text: string }
  | { readonly kind: 'sort'; readonly key: string }
  | { readonly kind: 'timeframe'; readonly text: string }
  | {
      readonly kind: 'report';
      readonly report: 'inventory' | 'deployments';
      readonly since?: string;
      readonly by?: GroupBy;
    }
  | { readonly kind: 'export'; readonly format: ExportFormat; readonly file?: string }
  | { readonly kind: 'theme'; readonly theme: ThemeName }
  | { readonly kind: 'ascii'; readonly isOn: boolean }
  | { readonly kind: 'target'; readonly home: string }
  | { readonly kind: 'change'; readonly change: ChangeWord; readonly args: readonly string[] };

export const CHANGE_WORDS = {
  grant: ['SUBSCRIBER', 'PUBLISHER/FEED'],
  ungrant: ['SUBSCRIBER', 'PUBLISHER/FEED'],
  revoke: ['SPACE'],
  subscribe: ['PUBLISHER/FEED'],
  unsubscribe: ['PUBLISHER/FEED'],
  invite: ['SPACE'],
  export: ['SPACE', 'FILE'],
  import: ['FILE'],
  approve: ['SPACE', 'BUNDLE'],
  refuse: ['SPACE', 'BUNDLE'],
} as const;
export type ChangeWord = keyof typeof CHANGE_WORDS;
/** Their last words are one, with its spaces: a file, or why. */
const OPEN_ENDED: Readonly<Partial<Record<ChangeWord, number>>> = {
  export: 2,
  import: 1,
  refuse: 3,
};

const ACTIONS = new Set(BINDINGS.map(({ action }) => action));
const WORDS = ['space', 'feed', 'sort', 'report', 'theme', 'ascii', 'target'];
const isChange = (word: string): word is ChangeWord => Object.hasOwn(CHANGE_WORDS, word);

export const allWords = (): string[] =>
  [...new Set([...ACTIONS, ...WORDS, ...Object.keys(CHANGE_WORDS)])].toSorted();

/** A line as what it asks for, or the sentence that says why it means nothing. */
export function parseOrder(line: string): Order | string {
  const [word = '', ...args] = line.trim().split(/\s+/);
  const rest = line.trim().slice(word.length).trim();
  if (word === '') return 'nothing was typed';
  if (word.startsWith('/')) return { kind: 'filter', text: line.trim().slice(1) };
  if (isChange(word) && !(word === 'export' && isListExport(args))) return change(word, rest);
  switch (word) {
    case 'space':
      return rest === '' ? 'space needs a name' : { kind: 'space', name: rest };
    case 'feed':
      return rest === '' ? 'feed needs a name' : { kind: 'feed', name: rest };
    case 'filter':
      return { kind: 'filter', text: rest };
    case 'sort':
      return rest === '' ? { kind: 'action', action: 'sort' } : { kind: 'sort', key: rest };
    case 'timeframe':
      return rest === '' ? { kind: 'action', action: 'timeframe' } : timeframe(rest);
    case 'report':
      return report(args);
    case 'export':
      return exportOrder(args);
    case 'theme':
      return oneOf(THEMES, rest, (theme) => ({ kind: 'theme', theme }), 'theme');
    case 'ascii':
      return oneOf(
        ['on', 'off'] as const,
        rest,
        (value) => ({ kind: 'ascii', isOn: value === 'on' }),
        'ascii',
      );
    case 'target':
      return rest === '' ? 'target needs the folder of a node' : { kind: 'target', home: rest };
    default:
      return action(word, rest);
  }
}

function change(word: ChangeWord, rest: string): Order | string {
  const wanted = CHANGE_WORDS[word];
  const most = OPEN_ENDED[word] ?? Number.POSITIVE_INFINITY;
  const args = wordsOf(rest, most);
  const isEnough = args.length === wanted.length || args.length === OPEN_ENDED[word];
  return isEnough
    ? { kind: 'change', change: word, args }
    : `${word} needs ${wanted.join(' and ')}`;
}

/** At most so many words; the last takes what is left. */
function wordsOf(text: string, most: number): string[] {
  const [, first, rest = ''] = /^(\S+)\s*(.*)$/.exec(text) ?? [];
  if (first === undefined) return [];
  return most === 1 ? [text] : [first, ...wordsOf(rest, most - 1)];
}

/** `export csv FILE` is of the list on the screen, `export SPACE FILE` a bundle. */
const isListExport = ([first, second]: readonly string[]): boolean =>
  second === undefined || EXPORT_FORMATS.some((format) => format === first);

function action(word: string, rest: string): Order | string {
  const names: Readonly<Record<string, ActionId>> = { q: 'quit', exit: 'quit', events: 'alerts' };
  const found = (names[word] ?? word) as ActionId;
  if (!ACTIONS.has(found)) return `there is no command ${word}; ? lists them`;
  return rest === ''
    ? { kind: 'action', action: found }
    : { kind: 'action', action: found, filter: rest.replace(/^\//, '') };
}

/** As the node takes it: one number and one unit. */
const TIMEFRAME = /^[1-9]\d{0,5}[mhdw]$/;

function timeframe(text: string): Order | string {
  return TIMEFRAME.test(text)
    ? { kind: 'timeframe', text }
    : `${text} is no timeframe; write it like 24h, 7d or 30d`;
}

/** `deployments 14d by project`, `inventory`. */
function report(args: readonly string[]): Order | string {
  const [name = 'deployments', ...rest] = args;
  if (name === 'inventory') return { kind: 'report', report: 'inventory' };
  if (name !== 'deployments') return 'report knows inventory and deployments';
  const at = rest.indexOf('by');
  const by = at < 0 ? undefined : rest[at + 1];
  if (at >= 0 && by !== 'space' && by !== 'project' && by !== 'environment') {
    return 'by is space, project or environment';
  }
  const since = at === 0 ? undefined : rest[0];
  const checked = since === undefined ? undefined : timeframe(since);
  if (typeof checked === 'string') return checked;
  return {
    kind: 'report',
    report: 'deployments',
    ...(since === undefined ? {} : { since }),
    ...(by === undefined ? {} : { by: by as GroupBy }),
  };
}

function exportOrder([format, ...file]: readonly string[]): Order | string {
  if (format === undefined) return { kind: 'action', action: 'export' };
  const name = file.join(' ');
  return oneOf(
    EXPORT_FORMATS,
    format,
    (known) => ({ kind: 'export', format: known, ...(name === '' ? {} : { file: name }) }),
    'export',
  );
}

function oneOf<T extends string>(
  known: readonly T[],
  text: string,
  make: (value: T) => Order,
  word: string,
): Order | string {
  const found = known.find((value) => value === text);
  return found === undefined ? `${word} is one of: ${known.join(', ')}` : make(found);
}

/** Everything the typed text could go on to, shortest first. */
export function completions(
  line: string,
  names: { readonly spaces: readonly string[]; readonly feeds: readonly string[] },
): string[] {
  const [word = '', ...args] = line.split(/ +/);
  const candidates = args.length === 0 ? allWords() : argumentsOf(word, args.length, names);
  const last = args.at(-1) ?? word;
  const before = line.slice(0, line.length - last.length);
  return candidates
    .filter(
      (candidate) => candidate.toLowerCase().startsWith(last.toLowerCase()) && candidate !== last,
    )
    .toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1))
    .map((candidate) => before + candidate);
}

function argumentsOf(
  word: string,
  at: number,
  { spaces, feeds }: { readonly spaces: readonly string[]; readonly feeds: readonly string[] },
): readonly string[] {
  if (word === 'theme') return THEMES;
  if (word === 'ascii') return ['on', 'off'];
  if (word === 'export') return at === 1 ? [...EXPORT_FORMATS, ...spaces] : [];
  if (word === 'report')
    return at === 1
      ? ['deployments', 'inventory']
      : ['by', 'space', 'project', 'environment', '24h', '7d', '14d', '30d'];
  if (word === 'feed' || word === 'subscribe' || word === 'unsubscribe') return feeds;
  if (word === 'grant' || word === 'ungrant') return at === 1 ? ['all', ...spaces] : feeds;
  if (word === 'approve' || word === 'refuse') return at === 1 ? spaces : [];
  return word === 'space' || word === 'revoke' ? spaces : [];
}
