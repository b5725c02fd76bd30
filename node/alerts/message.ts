// What others are told: everything that began and ended within a moment, in one message. Five hundred spaces that go
// away together are one line with their number and the first few names.

import type { AlertLevel } from '../../protocols/control-alerts.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { isAtLeast } from './rules.ts';
import type { RuleName } from './settings.ts';
import { oneLine } from './words.ts';

/** An alert as it was when it was to be told. */
export interface Told {
  readonly alert: string;
  readonly kind: 'raised' | 'worse' | 'recovered';
  readonly rule: RuleName;
  readonly level: AlertLevel;
  readonly subject: string;
  readonly what: string;
  readonly sinceMs: number;
  readonly atMs: number;
}

export interface Message {
  readonly version: 1;
  /** The same whenever the message is sent again. */
  readonly id: string;
  readonly mesh: string;
  /** The node that speaks. */
  readonly from: string;
  readonly at: string;
  readonly level: AlertLevel;
  readonly title: string;
  readonly lines: readonly string[];
  readonly groups: readonly MessageGroup[];
}

export interface MessageGroup {
  readonly kind: Told['kind'];
  readonly rule: string;
  readonly level: AlertLevel;
  readonly count: number;
  readonly title: string;
  /** The first ones; `count` says how many there are. */
  readonly alerts: readonly {
    readonly id: string;
    readonly level: AlertLevel;
    readonly subject: string;
    readonly what: string;
    readonly since: string;
  }[];
}

/** One and many of what a rule speaks of. */
const NOUNS: Readonly<Record<RuleName, readonly [string, string]>> = {
  'space-offline': ['space offline', 'spaces offline'],
  'space-suspected': ['space suspected', 'spaces suspected'],
  'space-unheard': ['space never heard', 'spaces never heard'],
  'feed-behind': ['feed behind', 'feeds behind'],
  'feed-carriers': ['feed with too few carriers', 'feeds with too few carriers'],
  'certificate-expiring': ['certificate expiring', 'certificates expiring'],
  'deployments-failed': ['rise of failed deployments', 'rises of failed deployments'],
  'directory-stale': ['stale directory', 'stale directories'],
  'clock-wrong': ['wrong clock', 'wrong clocks'],
  'fork-seen': ['forked feed', 'forked feeds'],
  'key-in-use-twice': ['key in use twice', 'keys in use twice'],
  'feed-held': ['feed held back', 'feeds held back'],
  'refusals-rising': ['rise of refusals', 'rises of refusals'],
  'disk-nearly-full': ['disk nearly full', 'disks nearly full'],
  'store-damaged': ['damaged store', 'damaged stores'],
  'import-waiting': ['import waiting', 'imports waiting'],
  'receipt-missing': ['space with missing receipts', 'spaces with missing receipts'],
  'export-unacknowledged': ['export without a receipt', 'exports without a receipt'],
  'route-failing': ['alert route failing', 'alert routes failing'],
  'configuration-broken': ['broken alert configuration', 'broken alert configurations'],
};

const FIRST_NAMES = 5;
const SUBJECT_CHARS = 120;
/** Of all names of a title together: there is a title for each rule and kind that a disaster sets off. */
const NAMES_CHARS = 400;
const WHAT_CHARS = 300;
const LEVELS: readonly AlertLevel[] = ['crit', 'warn', 'info'];

export interface Origin {
  readonly id: string;
  readonly mesh: string;
  readonly from: string;
  readonly atMs: number;
}

/** Undefined when nothing in it is as urgent as the route wants it. */
export function buildMessage(
  { id, mesh, from, atMs }: Origin,
  all: readonly Told[],
  minLevel: AlertLevel,
): Message | undefined {
  const told = all.filter(({ level }) => isAtLeast(level, minLevel));
  if (told.length === 0) return undefined;
  const groups = groupsOf(told);
  const level = LEVELS.find((one) => told.some((alert) => alert.level === one))!;
  const [first, ...others] = groups;
  const more = others.length === 0 ? '' : `, and ${others.length} more`;
  return {
    ...{ version: 1, id, mesh, from, at: new Date(atMs).toISOString(), level },
    title: `${first!.title}${more}`,
    lines: groups.flatMap(linesOf),
    groups,
  };
}

function groupsOf(told: readonly Told[]): MessageGroup[] {
  const byKind = new Map<string, Told[]>();
  for (const one of told) {
    const key = `${one.kind}\0${one.rule}`;
    const list = byKind.get(key);
    if (list) list.push(one);
    else byKind.set(key, [one]);
  }
  const groups = [...byKind.values()].map(inOrder).sort(byUrgency);
  // A disaster sets off many rules at once: together they must not outgrow what the queue takes.
  let room: number = LIMITS.alertsPerMessage;
  return groups.map((told) => {
    const group = groupOf(told, room);
    room -= group.alerts.length;
    return group;
  });
}

const inOrder = (told: readonly Told[]): Told[] =>
  [...told].sort(
    (a, b) =>
      LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level) ||
      (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : 0),
  );

const ORDER = ['raised', 'worse', 'recovered'];
const byUrgency = (a: readonly Told[], b: readonly Told[]): number =>
  ORDER.indexOf(a[0]!.kind) - ORDER.indexOf(b[0]!.kind) ||
  LEVELS.indexOf(a[0]!.level) - LEVELS.indexOf(b[0]!.level) ||
  b.length - a.length;

function groupOf(told: readonly Told[], room: number): MessageGroup {
  const { kind, rule, level } = told[0]!;
  return {
    ...{ kind, rule, level, count: told.length },
    title: titleOf(told),
    alerts: told.slice(0, room).map((one) => ({
      id: one.alert,
      level: one.level,
      subject: oneLine(one.subject, SUBJECT_CHARS),
      what: oneLine(one.what, WHAT_CHARS),
      since: new Date(one.sinceMs).toISOString(),
    })),
  };
}

function titleOf(told: readonly Told[]): string {
  const { kind, rule } = told[0]!;
  const [one, many] = NOUNS[rule];
  const names = told.slice(0, FIRST_NAMES).map(({ subject }) => oneLine(subject, SUBJECT_CHARS));
  const rest = told.length - names.length;
  const named = `${oneLine(names.join(', '), NAMES_CHARS)}${rest > 0 ? ` and ${rest} more` : ''}`;
  const mark = kind === 'recovered' ? 'over: ' : kind === 'worse' ? 'worse: ' : '';
  return `${mark}${told.length} ${told.length === 1 ? one : many}: ${named}`;
}

function linesOf({ title, kind, count, alerts }: MessageGroup): string[] {
  const rest = count - alerts.length;
  return [
    title,
    ...alerts.map(({ level, what, since }) => {
      if (kind === 'recovered') return `  ${what} - over, it began ${since}`;
      return `  ${level.toUpperCase()} ${what} (since ${since})`;
    }),
    ...(rest > 0 ? [`  … and ${rest} more, see: odcm alerts`] : []),
    '',
  ];
}

export function testMessage({ id, mesh, from, atMs }: Origin): Message {
  const title = `test message from ${from}`;
  const lines = [`This is a test of the alert routes of ${from} in mesh ${mesh}.`, ''];
  const at = new Date(atMs).toISOString();
  return { version: 1, id, mesh, from, at, level: 'info', title, lines, groups: [] };
}
