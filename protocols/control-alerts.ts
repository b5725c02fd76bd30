// What the control API says of alerts: what is wrong, where messages about it go, and what is kept quiet. Times are ISO
// 8601 in UTC, lengths of time are milliseconds.

import { z } from 'zod';
import { count, instant } from './control-answers.ts';

/** From the least to the most urgent. */
export const ALERT_LEVELS = ['info', 'warn', 'crit'] as const;
export const AlertLevel = z.enum(ALERT_LEVELS);
export type AlertLevel = z.output<typeof AlertLevel>;

export const AlertRow = z.object({
  id: z.string(),
  rule: z.string(),
  level: AlertLevel,
  /** The space, feed, route or disk that it is about. */
  subject: z.string(),
  /** One sentence with the figures. */
  what: z.string(),
  /** `silenced`: open, and nobody is told of it. */
  state: z.enum(['open', 'acked', 'silenced', 'closed']),
  sinceAt: instant,
  changedAt: instant,
  /** How long it has lasted, or did until it closed. */
  forMs: count,
  /** Where a dashboard goes from here. */
  opens: z.object({ screen: z.string(), subject: z.string() }),
  /** What the judgement rests on. */
  evidence: z.string(),
  /** A terminal that shows it for the first time rings. */
  bell: z.boolean(),
  ackedBy: z.string().nullable(),
});

export const AlertRouteRow = z.object({
  name: z.string(),
  kind: z.enum(['smtp', 'webhook']),
  state: z.enum(['ok', 'failing', 'untried']),
  /** Since when it is in that state. */
  since: instant,
  lastError: z.string().nullable(),
  /** Messages that wait on the disk. */
  queued: count,
  /** Messages given up since the start, for want of room or after a day of failures. */
  dropped: count,
});

export const SilenceRow = z.object({
  id: z.string(),
  /** Name of a rule; `*` stands for any characters. */
  rule: z.string(),
  subject: z.string(),
  until: instant,
  by: z.string(),
  why: z.string(),
  since: instant,
});

/** One thing that is wrong with the configuration; none when it is sound. */
export const AlertProblemRow = z.object({ path: z.string(), problem: z.string() });

const reason = z.string().max(500);
const pattern = z.string().min(1).max(300);
const person = z.string().min(1).max(100);

export const AcknowledgeBody = z.object({
  id: z.string().min(1).max(64),
  by: person,
  why: reason.default(''),
});

export const SilenceBody = z.object({
  rule: pattern.default('*'),
  subject: pattern.default('*'),
  until: instant,
  by: person,
  why: reason.min(1),
});
