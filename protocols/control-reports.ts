// Shapes of the control API's questions and answers about inventory and deployments. Times are ISO 8601 in UTC, ages and
// lengths of time are milliseconds, null is what is not known.

import { z } from 'zod';
import { count, instant } from './control-answers.ts';
import { LIMITS } from './limits.ts';
import { OUTCOMES } from './reports.ts';

const name = z.string().min(1).max(LIMITS.itemNameChars);
const share = z.number().min(0).max(1).nullable();

/** A point in time, or how long before now: 90m, 24h, 14d, 8w. */
const moment = z.union([instant, z.string().regex(/^[1-9]\d{0,5}[mhdw]$/)]);

export const ReportWindowQuery = z.object({
  since: moment.default('14d'),
  until: moment.optional(),
  by: z.enum(['space', 'project', 'environment']).default('space'),
  space: name.optional(),
  project: name.optional(),
  environment: name.optional(),
});

export const DeploymentsQuery = z.object({
  space: name.optional(),
  project: name.optional(),
  environment: name.optional(),
  outcome: z.enum(OUTCOMES).optional(),
  since: moment.optional(),
  until: moment.optional(),
  before: z
    .string()
    .max(400)
    .optional()
    .describe('go on behind this row: its endedAt, or endedAt~feed~index for the very row'),
  limit: z.coerce.number().int().min(1).max(LIMITS.pageRows).default(100),
});

export const ReportInventoryRow = z.object({
  space: z.string(),
  version: z.string().nullable(),
  projects: count,
  /** All of them: healthy, unhealthy, disabled, and those with warnings, unavailable or not known. */
  targets: count,
  healthy: count,
  unhealthy: count,
  disabled: count,
  takenAt: instant,
  ageMs: count,
  isStale: z.boolean(),
  feed: z.string(),
  /** Index of the entry that says so. */
  index: count,
});

export const DeploymentSums = z.object({
  ok: count,
  failed: count,
  cancelled: count,
  /** Of those that ended by themselves: ok / (ok + failed). */
  success: share,
  /** The same in the window of equal length before this one. */
  before: share,
  /** `success` minus `before`. */
  change: z.number().min(-1).max(1).nullable(),
  /** Of those that ended by themselves, within 1.6 % of the exact value. */
  medianMs: z.number().min(0).nullable(),
  trend: z.array(count),
  failedTrend: z.array(count),
});

export const ReportDeploymentsResult = z.object({
  since: instant,
  until: instant,
  by: z.enum(['space', 'project', 'environment']),
  rows: z.array(DeploymentSums.extend({ name: z.string() })),
  total: DeploymentSums,
  /** Where each part of the trend begins; the last one ends at `until`. */
  buckets: z.array(instant),
  /** Spaces of which something is not in the sums. */
  missing: z.array(z.object({ space: z.string(), why: z.string() })),
});

export const DeploymentRow = z.object({
  feed: z.string(),
  index: count,
  leafHash: z.string(),
  space: z.string(),
  project: z.string(),
  release: z.string(),
  environment: z.string(),
  outcome: z.enum(OUTCOMES),
  startedAt: instant,
  endedAt: instant,
  durationMs: count,
  by: z.string(),
  reason: z.string().nullable(),
});

export const ReportedResult = z.object({
  feed: z.string(),
  /** The feed was not there before. */
  created: z.boolean(),
  published: count,
  unchanged: count,
  refusedCount: count,
  /** The first of them. */
  refused: z.array(z.object({ line: count, code: z.string(), message: z.string() })),
  /** What to do so that others see it; null when that was done. */
  next: z.string().nullable(),
});
