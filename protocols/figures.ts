// The figures that stand above and below the rows: how many spaces are in which condition, how far feeds are behind, what
// runs out next. The node's overview, the reports and the screens all count with these, so that they cannot differ.

import type { z } from 'zod';
import { type Condition, conditionOf } from './condition.ts';
import type { AlertRow } from './control-alerts.ts';
import type { FeedRow } from './control-answers.ts';
import type { HealthRow, TrustRow } from './control-health.ts';

type Health = z.output<typeof HealthRow>;
type Feed = z.output<typeof FeedRow>;
type Trust = z.output<typeof TrustRow>;
type Alert = z.output<typeof AlertRow>;

const DAY_MS = 24 * 60 * 60 * 1000;
/** Spaces with this tag make a screen say that it is about production. */
export const PRODUCTION_TAG = 'production';

/** Each space is in exactly one condition; this node counts as online. */
export type SpaceFigures = Readonly<Record<Condition, number>> & {
  readonly total: number;
  /** Offline, and not heard of for a day. */
  readonly offlineLong: number;
  readonly production: number;
  /** Versions of Octopus Server, where they are reported. */
  readonly newest: string | null;
  readonly oldest: string | null;
};

export function spaceFigures(rows: readonly Health[]): SpaceFigures {
  const counts = {
    ...{ online: 0, lagging: 0, suspected: 0, offline: 0 },
    ...{ isolated: 0, unknown: 0, revoked: 0 },
  };
  const versions: string[] = [];
  let offlineLong = 0;
  let production = 0;
  for (const row of rows) {
    const condition = conditionOf(row);
    counts[condition] += 1;
    if (condition === 'revoked') continue;
    if (condition === 'offline' && (row.heardAgoMs ?? 0) > DAY_MS) offlineLong += 1;
    if (row.tags.includes(PRODUCTION_TAG)) production += 1;
    if (row.serverVersion !== null) versions.push(row.serverVersion);
  }
  const ordered = [...new Set(versions)].sort(compareVersions);
  return {
    ...counts,
    total: rows.length,
    offlineLong,
    production,
    newest: ordered.at(-1) ?? null,
    oldest: ordered[0] ?? null,
  };
}

let versions: Intl.Collator | undefined;

/** `2026.3` before `2026.10`. */
export function compareVersions(a: string, b: string): number {
  versions ??= new Intl.Collator('en', { numeric: true });
  return versions.compare(a, b);
}

export interface LagFigures {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly worstMs: number;
  /** Name of the space that it belongs to. */
  readonly worst: string;
}

/** Over the spaces of which the lag is known; null when it is of none. */
export function lagFigures(rows: readonly Health[]): LagFigures | null {
  const known = rows
    .filter(({ lagMs, state }) => lagMs !== null && state !== 'revoked')
    .map(({ lagMs, space }) => ({ lagMs: lagMs ?? 0, space }))
    .sort((a, b) => a.lagMs - b.lagMs);
  const at = (share: number) => known[Math.max(0, Math.ceil(known.length * share) - 1)];
  const [half, nearly, worst] = [at(0.5), at(0.99), known.at(-1)];
  if (half === undefined || nearly === undefined || worst === undefined) return null;
  return { p50Ms: half.lagMs, p99Ms: nearly.lagMs, worstMs: worst.lagMs, worst: worst.space };
}

export interface FeedFigures {
  readonly known: number;
  /** Feeds that this node holds or wants, of which nothing is missing. */
  readonly level: number;
  readonly behind: number;
  /** Entries missing in all of them. */
  readonly missing: number;
  readonly frozen: number;
  readonly deadLetters: number;
  readonly worst: { readonly feed: string; readonly behind: number } | null;
}

export function feedFigures(rows: readonly Feed[]): FeedFigures {
  const behind = rows.filter((row) => row.behind > 0);
  const worst = behind.reduce<Feed | null>(
    (most, row) => (most === null || row.behind > most.behind ? row : most),
    null,
  );
  return {
    known: rows.length,
    level: rows.filter((row) => row.behind === 0 && row.size !== null).length,
    behind: behind.length,
    missing: behind.reduce((sum, row) => sum + row.behind, 0),
    frozen: rows.filter(({ frozen }) => frozen).length,
    deadLetters: rows.reduce((sum, row) => sum + row.deadLetters, 0),
    worst: worst === null ? null : { feed: worst.feed, behind: worst.behind },
  };
}

export interface TrustFigures {
  readonly valid: number;
  readonly expiring: number;
  readonly expired: number;
  readonly revoked: number;
  /** What runs out first of all that is not over yet. */
  readonly next: { readonly subject: string; readonly leftMs: number } | null;
}

/** Keys and certificates alike. */
export function trustFigures(rows: readonly Trust[]): TrustFigures {
  const counts = { valid: 0, expiring: 0, expired: 0, revoked: 0 };
  let next: { subject: string; leftMs: number } | null = null;
  for (const { state, leftMs, subject } of rows) {
    counts[state] += 1;
    if (state === 'revoked' || state === 'expired' || leftMs === null) continue;
    if (next === null || leftMs < next.leftMs) next = { subject, leftMs };
  }
  return { ...counts, next };
}

export interface AlertFigures {
  readonly crit: number;
  readonly warn: number;
  readonly info: number;
  readonly acked: number;
}

/** The levels count what is open and nobody looks after. */
export function alertFigures(rows: readonly Alert[]): AlertFigures {
  const counts = { crit: 0, warn: 0, info: 0, acked: 0 };
  for (const { state, level } of rows) {
    if (state === 'open') counts[level] += 1;
    if (state === 'acked') counts.acked += 1;
  }
  return counts;
}
