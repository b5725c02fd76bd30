// alerts.json: thresholds, who counts as critical, where messages go. Everything has a default, so that a node without
// the file still judges and shows; what is in the file is checked to the last key. Secrets are named here, never held.

import { z } from 'zod';
import { AlertLevel } from '../../protocols/control-alerts.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { routeSettings } from './route-settings.ts';
import { duration, type WithUnits, withUnits } from './time-settings.ts';

const pattern = z.string().min(1).max(300);
const patterns = z.array(pattern).max(200).default([]);
const percent = z.number().min(0).max(100);
const many = z.int().min(1).max(1_000_000_000);

/** A rule with what all rules have: how long it must be so before anybody is told, and how long well before it is over. */
function rule<Own extends z.ZodRawShape>(
  level: AlertLevel,
  [forText, clearText]: readonly [string, string],
  own: Own,
) {
  const shape = {
    on: z.boolean().default(true),
    level: AlertLevel.default(level),
    for: duration.prefault(forText),
    clear: duration.prefault(clearText),
    /** Subjects that the rule passes over. */
    except: patterns,
    ...own,
  };
  const schema = z.strictObject(shape).transform((value) => withUnits(value));
  return schema.prefault({} as z.input<typeof schema>);
}

const Rules = z.strictObject({
  'space-offline': rule('warn', ['15s', '30s'], {}),
  'space-suspected': rule('info', ['5m', '1m'], {}),
  'space-unheard': rule('info', ['10m', '1m'], {}),
  'feed-behind': rule('warn', ['2m', '1m'], {
    entries: many.default(1000),
    age: duration.prefault('10m'),
  }),
  /** At least so many for every feed, in place of what each says. */
  'feed-carriers': rule('warn', ['10m', '2m'], { wanted: many.optional() }),
  'certificate-expiring': rule('warn', ['0s', '0s'], {
    before: duration.prefault('14d'),
    critBefore: duration.prefault('7d'),
    /** Of spaces without a network: half of 13 months, since a courier may come twice a year; and a month for one who hurries. */
    beforeByFile: duration.prefault('198d'),
    critBeforeByFile: duration.prefault('30d'),
  }),
  'deployments-failed': rule('crit', ['0s', '10m'], {
    window: duration.prefault('1h'),
    /** At least this many failures, whatever is usual … */
    failed: many.default(20),
    /** … or this many times the usual number, once there are a few. */
    times: z.number().min(1).max(1000).default(5),
    least: many.default(3),
  }),
  'clock-wrong': rule('warn', ['0s', '1m'], {}),
  'directory-stale': rule('warn', ['2m', '30s'], {}),
  'fork-seen': rule('crit', ['0s', '0s'], {}),
  'key-in-use-twice': rule('crit', ['0s', '1m'], {}),
  /** A moment after a start is usual. */
  'feed-held': rule('warn', ['1m', '0s'], {}),
  'refusals-rising': rule('warn', ['0s', '10m'], {
    window: duration.prefault('10m'),
    count: many.default(100),
  }),
  'disk-nearly-full': rule('warn', ['1m', '1m'], {
    freePercent: percent.default(10),
    critPercent: percent.default(3),
  }),
  /** Most damage is repaired within seconds. */
  'store-damaged': rule('crit', ['30s', '10s'], {}),
  /** Whoever brought it usually has it approved at once. */
  'import-waiting': rule('warn', ['5m', '0s'], {}),
  /** Receipts that come together are taken in one after the other. */
  'receipt-missing': rule('warn', ['1m', '0s'], {}),
  'export-unacknowledged': rule('warn', ['0s', '0s'], { after: duration.prefault('14d') }),
  'route-failing': rule('warn', ['1m', '0s'], {}),
  'configuration-broken': rule('crit', ['0s', '0s'], {}),
});

/** What is not yet told is remembered on the disk: it must not pile up for days. */
const MAX_GROUP_MS = 3_600_000;

const Settings = z.strictObject({
  version: z.literal(1).default(1),
  /** What happens within this time is told in one message. */
  group: duration
    .refine((ms) => ms <= MAX_GROUP_MS, { error: 'is longer than an hour' })
    .prefault('20s'),
  /** From which level on a terminal rings. */
  bell: z.union([AlertLevel, z.literal('off')]).default('crit'),
  /** What is named here weighs one level more; so does a space with the tag `critical`. */
  critical: z.strictObject({ spaces: patterns, projects: patterns }).prefault({}),
  rules: Rules.prefault({}),
  routes: z
    .array(routeSettings)
    .max(LIMITS.alertRoutes)
    .refine((routes) => new Set(routes.map(({ name }) => name)).size === routes.length, {
      error: 'two routes have the same name',
    })
    .default([]),
});

type Read = z.output<typeof Settings>;
export type AlertSettings = Readonly<WithUnits<Read>>;
export type RuleName = keyof AlertSettings['rules'];
export type RuleSettings<R extends RuleName> = AlertSettings['rules'][R];

/** One thing that is wrong, and where: `rules.disk-nearly-full.freePercent`, `routes[0].host`. */
export interface SettingsProblem {
  readonly path: string;
  readonly problem: string;
}

export type SettingsVerdict =
  | { readonly settings: AlertSettings; readonly problems: readonly [] }
  | { readonly settings: null; readonly problems: readonly SettingsProblem[] };

/** Judges the text of alerts.json. */
export function checkSettings(text: string): SettingsVerdict {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const problem = `is not JSON${lineOf(error, text)}`;
    return { settings: null, problems: [{ path: 'the file', problem }] };
  }
  const result = Settings.safeParse(value);
  if (result.success) return { settings: withUnits(result.data), problems: [] };
  return { settings: null, problems: result.error.issues.flatMap(describeIssue) };
}

/** The parser's own words quote the text, which may hold what should not be shown: of them only the place is taken. */
function lineOf(error: unknown, text: string): string {
  const [, position] = / at position (\d+)/.exec(String(error)) ?? [];
  if (position === undefined) return '';
  return `: see line ${text.slice(0, Number(position)).split('\n').length}`;
}

export const defaultSettings: AlertSettings = withUnits(Settings.parse({}));

function describeIssue(issue: z.core.$ZodIssue): SettingsProblem[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      path: pathText([...issue.path, key]),
      problem: 'no such key',
    }));
  return [{ path: pathText(issue.path) || 'the file', problem: issue.message }];
}

function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part).slice(0, 100)}`))
    .join('')
    .replace(/^\./, '');
}
