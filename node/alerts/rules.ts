// The rules: facts in, findings out. A finding says that something is wrong now, or (`hold`) that it is between the
// thresholds or not known, which neither begins an alert nor ends one. Knows no time and no alert.

import type { AlertLevel } from '../../protocols/control-alerts.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  agoInWords,
  at,
  type Draft,
  each,
  type Finding,
  failedDraft,
  feedDraft,
  isCriticalSpace,
  spaceDraft,
} from './drafts.ts';
import type { Facts } from './facts.ts';
import { exportDrafts, importDrafts, receiptDrafts } from './gap-rules.ts';
import { matchesAny } from './glob.ts';
import type { AlertSettings, RuleName, RuleSettings } from './settings.ts';
import { inWords, sizeInWords } from './words.ts';

export interface Judgement {
  readonly findings: readonly Finding[];
  /** Rules whose facts are not known now: their alerts stay as they are. */
  readonly unknown: ReadonlySet<RuleName>;
}

type Judge<R extends RuleName> = (
  facts: Facts,
  rule: RuleSettings<R>,
  settings: AlertSettings,
) => Draft[] | null;

const raised = (level: AlertLevel): AlertLevel => (level === 'info' ? 'warn' : 'crit');

const CLOCK_WRONG = {
  regressed: (by: string) =>
    `the clock of this machine was set back by ${by}: nothing that had ended begins again`,
  ahead: (by: string) =>
    `the clock of this machine is ${by} ahead of what others sign: nothing expires by it`,
  behind: (by: string) =>
    `the clock of this machine is ${by} behind what others sign, who alone move no time here`,
} as const;

const JUDGES: { readonly [R in RuleName]: Judge<R> } = {
  'space-offline': (facts, _, settings) =>
    each(facts.spaces, (fact) => {
      if (fact.state === 'offline') {
        const what = `${fact.space} is offline, last heard ${agoInWords(fact.heardAgoMs)}`;
        return spaceDraft(fact, 'raise', what, settings);
      }
      // Somebody doubts it, or this node sees nobody: no reason to say that it is back.
      const isOpen = fact.state === 'suspected' || fact.state === 'unknown';
      return isOpen ? spaceDraft(fact, 'hold', `${fact.space} is ${fact.state}`, settings) : null;
    }),

  'space-suspected': (facts, _, settings) =>
    each(facts.spaces, (fact) => {
      if (fact.state !== 'suspected') return null;
      const what = `${fact.space} is suspected of being away, last heard ${agoInWords(fact.heardAgoMs)}`;
      return spaceDraft(fact, 'raise', what, settings);
    }),

  'space-unheard': (facts, _, settings) => {
    // A node that hears nobody is alone itself: that says nothing of the others.
    const verdict = facts.spaces?.some(({ state }) => state === 'online') ? 'raise' : 'hold';
    return each(facts.spaces, (fact) => {
      if (fact.state !== 'unknown') return null;
      const what = `${fact.space} was not heard since this node started`;
      return spaceDraft(fact, verdict, what, settings);
    });
  },

  'feed-behind': ({ feeds }, { entries, ageMs }, settings) =>
    each(feeds, (fact) => {
      if (fact.isOwn || fact.behind === 0) return null;
      const isFar = fact.behind >= entries || (fact.lagMs !== null && fact.lagMs >= ageMs);
      // Well again only once it is clearly better than what raised it.
      const isNear = fact.behind * 2 >= entries || (fact.lagMs ?? 0) * 2 >= ageMs;
      if (!isFar && !isNear) return null;
      const age = fact.lagMs === null ? '' : `, the oldest ${inWords(fact.lagMs)} old`;
      const what = `${fact.feed} is behind by ${fact.behind} ${fact.behind === 1 ? 'entry' : 'entries'}${age}`;
      return feedDraft(fact, isFar ? 'raise' : 'hold', what, settings);
    }),

  'feed-carriers': ({ feeds }, { wanted: least }, settings) =>
    each(feeds, (fact) => {
      const { feed, carriersComplete: complete, carriersPossible: possible } = fact;
      const wanted = least ?? fact.carriersWanted;
      // A small mesh has fewer members than are wanted: with all of them it is as well as it can be.
      const aim = Math.max(Math.min(wanted, possible), Math.min(wanted, 1));
      const isUnknown = complete === null || complete + fact.carriersUnknown >= aim;
      if (complete !== null && complete >= aim) return null;
      const has = isUnknown ? 'is not known to have' : `has ${complete} of`;
      const what = `${feed} ${has} ${wanted} wanted carriers`;
      if (isUnknown) return feedDraft(fact, 'hold', what, settings);
      if (complete > 0) return feedDraft(fact, 'raise', what, settings);
      const alone = `nobody but its publisher has all of ${feed}; ${wanted} carriers are wanted`;
      return { ...feedDraft(fact, 'raise', alone, settings), level: 'crit' };
    }),

  'certificate-expiring': (facts, rule, settings) =>
    each(facts.spaces, (fact) => {
      const leftMs = fact.certificateLeftMs;
      const [beforeMs, critBeforeMs] = fact.isRenewedByFile
        ? [rule.beforeByFileMs, rule.critBeforeByFileMs]
        : [rule.beforeMs, rule.critBeforeMs];
      if (leftMs === null || leftMs >= beforeMs || fact.state === 'revoked') return null;
      const when =
        leftMs <= 0 ? `expired ${inWords(-leftMs)} ago` : `expires in ${inWords(leftMs)}`;
      const draft = spaceDraft(fact, 'raise', `the certificate of ${fact.space} ${when}`, settings);
      const isNear = leftMs < critBeforeMs;
      return { ...draft, opens: at('trust', fact.space), ...(isNear ? { level: 'crit' } : {}) };
    }),

  'deployments-failed': (facts, rule, settings) =>
    each(facts.deployments, (fact) => {
      const isCritical =
        fact.kind === 'space'
          ? isCriticalSpace(fact.name, facts, settings)
          : matchesAny(settings.critical.projects, fact.name);
      // Projects are counted in their spaces already: only those that were named are judged by themselves.
      if (fact.kind === 'project' && !isCritical) return null;
      return failedDraft(fact, rule, isCritical);
    }),

  'clock-wrong': ({ clock }) => {
    if (!clock) return null;
    const { state, offByMs, forMs } = clock;
    if (state === 'good') return [];
    const by = inWords(Math.abs(offByMs));
    const draft: Draft = {
      subject: 'clock',
      verdict: 'raise',
      what: CLOCK_WRONG[state](by),
      evidence: `it has been so for ${inWords(forMs)}`,
      opens: at('trust', 'clock'),
    };
    const isUrgent = state === 'regressed' || forMs >= LIMITS.clockGraceMs;
    return [isUrgent ? { ...draft, level: 'crit' } : draft];
  },

  'directory-stale': ({ directory }) => {
    if (!directory) return null;
    const { state, ageMs } = directory;
    if (state === 'fresh') return [];
    const age = ageMs === null ? 'never heard of' : `${inWords(ageMs)} old`;
    const draft: Draft = {
      subject: 'directory',
      verdict: state === 'unknown' ? 'hold' : 'raise',
      what: `the directory is ${state}: ODCM vouched for it last ${ageMs === null ? 'never' : `${inWords(ageMs)} ago`}`,
      evidence: `directory ${age}`,
      opens: at('trust', 'directory'),
    };
    return [state === 'expired' ? { ...draft, level: 'crit' } : draft];
  },

  'fork-seen': ({ feeds, forks = [] }, _, settings) => {
    const what = (log: string) =>
      `two histories of ${log} were seen under one key; nothing newer is accepted`;
    const taken = each(feeds, (fact) =>
      fact.isForked ? feedDraft(fact, 'raise', what(fact.feed), settings) : null,
    );
    const known = new Set(feeds?.map(({ feed }) => feed));
    const others = forks
      .filter((log) => !known.has(log))
      .map(
        (log): Draft => ({
          ...{ subject: log, verdict: 'raise', what: what(log) },
          evidence: `odcm forks show ${log}`,
          opens: log === 'directory' ? at('trust', log) : at('feeds', log),
        }),
      );
    return taken && [...taken, ...others];
  },

  'key-in-use-twice': ({ keyInUseAt = null }) =>
    keyInUseAt === null
      ? []
      : [
          {
            ...{ subject: 'key', verdict: 'raise' },
            what: 'another machine uses the key of this space: nothing new leaves this node before one of them is stopped',
            evidence: `it says that it is reached at ${keyInUseAt.join(', ') || 'no address'}`,
            opens: at('trust', 'key'),
          },
        ],

  'feed-held': ({ feeds }, _, settings) =>
    each(feeds, (fact) => {
      if ((fact.heldBack ?? 0) === 0) return null;
      const what = `${fact.heldBack} new entries of ${fact.feed} are held until others have shown what they have of it`;
      return feedDraft(fact, 'raise', what, settings);
    }),

  'refusals-rising': ({ refusals }, { count, windowMs }) =>
    each(refusals, (fact) => {
      if (fact.count * 2 < count) return null;
      return {
        subject: fact.code,
        verdict: fact.count >= count ? 'raise' : 'hold',
        what: `${fact.count} refusals ${fact.code} in ${inWords(windowMs)}`,
        evidence: 'counts of refusals of this node',
        opens: at('mesh', fact.code),
      };
    }),

  'store-damaged': ({ store }) => {
    if (!store) return null;
    const { damaged, isRefetching } = store;
    const [first] = damaged;
    if (!first && !isRefetching) return [];
    const more = damaged.length > 1 ? `, and ${damaged.length - 1} more` : '';
    const what = first
      ? `${first.what}${more}: no member could give it yet`
      : 'own feeds are not back from other members yet: nothing is published';
    return [
      {
        ...{ subject: 'store', verdict: 'raise', what },
        evidence: first ? `${first.tries} tries to repair it` : 'the logs were set aside',
        opens: at('mesh', 'store'),
      },
    ];
  },

  'disk-nearly-full': ({ disk }, { freePercent, critPercent }) => {
    if (!disk || disk.sizeBytes <= 0) return null;
    const percent = (100 * disk.freeBytes) / disk.sizeBytes;
    // Two points above the threshold it is over.
    if (percent >= freePercent + 2) return [];
    const draft: Draft = {
      subject: disk.path,
      verdict: percent < freePercent ? 'raise' : 'hold',
      what: `${percent.toFixed(1)} % of the disk is free (${sizeInWords(disk.freeBytes)})`,
      evidence: `${sizeInWords(disk.freeBytes)} of ${sizeInWords(disk.sizeBytes)} at ${disk.path}`,
      opens: at('overview', disk.path),
    };
    return [percent < critPercent ? { ...draft, level: 'crit' } : draft];
  },

  'import-waiting': ({ gap }) => importDrafts(gap),
  'receipt-missing': ({ gap }) => receiptDrafts(gap),
  'export-unacknowledged': ({ gap }, { afterMs }) => exportDrafts(gap, afterMs),

  'route-failing': ({ routes }) =>
    each(routes, (fact) => {
      if (fact.state === 'ok') return null;
      const why = fact.lastError === null ? '' : `: ${fact.lastError}`;
      return {
        subject: fact.name,
        // After a restart nothing was tried yet: that is no recovery.
        verdict: fact.state === 'failing' ? 'raise' : 'hold',
        what: `the alert route ${fact.name} fails${why}`,
        evidence: `${fact.queued} ${fact.queued === 1 ? 'message waits' : 'messages wait'}`,
        opens: at('alerts', fact.name),
      };
    }),

  'configuration-broken': ({ configurationProblem }) =>
    configurationProblem === null
      ? []
      : [
          {
            subject: 'alerts.json',
            verdict: 'raise',
            what: `alerts.json is not in force: ${configurationProblem}`,
            evidence: 'look with: odcm alerts check',
            opens: at('alerts', 'alerts.json'),
          },
        ],
};

/** Judges everything by every rule that is on. */
export function judge(facts: Facts, settings: AlertSettings): Judgement {
  const findings: Finding[] = [];
  const unknown = new Set<RuleName>();
  for (const name of Object.keys(JUDGES) as RuleName[]) {
    const rule = settings.rules[name];
    if (!rule.on) continue;
    const drafts = (JUDGES[name] as Judge<RuleName>)(facts, rule, settings);
    if (drafts === null) unknown.add(name);
    for (const draft of drafts ?? []) {
      if (matchesAny(rule.except, draft.subject)) continue;
      const { isCritical, level: stated, ...rest } = draft;
      const base = isCritical ? raised(rule.level) : rule.level;
      findings.push({ ...rest, rule: name, level: highest(base, stated) });
    }
  }
  return { findings, unknown };
}

const WEIGHT: Readonly<Record<AlertLevel, number>> = { info: 0, warn: 1, crit: 2 };
export const isAtLeast = (level: AlertLevel, least: AlertLevel): boolean =>
  WEIGHT[level] >= WEIGHT[least];
const highest = (base: AlertLevel, stated: AlertLevel | undefined): AlertLevel =>
  stated === undefined || isAtLeast(base, stated) ? base : stated;
