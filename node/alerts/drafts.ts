// What a rule says of one thing: a draft, before it is known how much it weighs. Drafts of spaces, feeds and deployments are
// worded here, so that all rules about them speak alike.

import type { AlertLevel } from '../../protocols/control-alerts.ts';
import type { DeploymentFact, Facts, FeedFact, SpaceFact } from './facts.ts';
import { matchesAny } from './glob.ts';
import type { AlertSettings, RuleName, RuleSettings } from './settings.ts';
import { inWords } from './words.ts';

export interface Finding {
  readonly rule: RuleName;
  readonly subject: string;
  readonly level: AlertLevel;
  readonly verdict: 'raise' | 'hold';
  readonly what: string;
  readonly evidence: string;
  readonly opens: { readonly screen: string; readonly subject: string };
}

export type Draft = Omit<Finding, 'rule' | 'level'> & {
  /** At least this, whatever the rule says. */
  readonly level?: AlertLevel;
  /** Weighs one level more than the rule says. */
  readonly isCritical?: boolean;
};

export const at = (screen: string, subject: string) => ({ screen, subject });

export function each<Fact>(
  facts: readonly Fact[] | null,
  draft: (fact: Fact) => Draft | null,
): Draft[] | null {
  return facts === null ? null : facts.map(draft).filter((one) => one !== null);
}

export function spaceDraft(
  { space, state, heardAgoMs, heardVia, tags }: SpaceFact,
  verdict: Finding['verdict'],
  what: string,
  settings: AlertSettings,
): Draft {
  const isCritical = tags.includes('critical') || matchesAny(settings.critical.spaces, space);
  const via = heardVia === null ? '' : ` by way of ${heardVia}`;
  const evidence = `${state}, last heard ${agoInWords(heardAgoMs)}${via}`;
  return { subject: space, verdict, what, evidence, isCritical, opens: at('spaces', space) };
}

export function isCriticalSpace(
  name: string,
  { spaces }: Facts,
  { critical }: AlertSettings,
): boolean {
  if (matchesAny(critical.spaces, name)) return true;
  return spaces?.find(({ space }) => space === name)?.tags.includes('critical') ?? false;
}

export function feedDraft(
  fact: FeedFact,
  verdict: Finding['verdict'],
  what: string,
  { critical }: AlertSettings,
): Draft {
  return {
    subject: fact.feed,
    verdict,
    what,
    evidence: `behind ${fact.behind}, complete carriers ${fact.carriersComplete ?? 'unknown'}`,
    isCritical: matchesAny(critical.spaces, fact.feed.split('/')[0]!),
    opens: at('feeds', fact.feed),
  };
}

export function failedDraft(
  { kind, name, failed, usual }: DeploymentFact,
  rule: RuleSettings<'deployments-failed'>,
  isCritical: boolean,
): Draft | null {
  const isUnusual =
    usual !== null && failed >= rule.least && failed >= rule.times * Math.max(usual, 0.2);
  const isMany = failed >= rule.failed;
  const isHeld = failed > 0 && failed * 2 >= Math.min(rule.failed, rule.least);
  if (!isUnusual && !isMany && !isHeld) return null;
  const than = usual === null ? '' : ` (usual ${Number(usual.toFixed(1))})`;
  const plural = failed === 1 ? 'deployment' : 'deployments';
  return {
    subject: name,
    verdict: isUnusual || isMany ? 'raise' : 'hold',
    what: `${failed} failed ${plural} in ${inWords(rule.windowMs)}${than}`,
    evidence: `signed deployment entries of the ${kind}`,
    opens: at('deployments', name),
    isCritical,
  };
}

export const agoInWords = (ms: number | null): string =>
  ms === null ? 'never' : `${inWords(ms)} ago`;
