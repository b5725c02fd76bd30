// What the control API answers about the mesh as a whole: its connections, and the overview that a person looks at
// first. Times are ISO 8601 in UTC, ages and lengths of time milliseconds; null is what this node does not know.

import { z } from 'zod';
import { count, instant, PeerRow } from './control-answers.ts';

/** `deaf`: a connection lives, no gossip passes. `away`: not connected, and nothing is being tried right now. */
export const MeshRow = PeerRow.extend({
  kind: z.enum(['odcm', 'space']),
  /** How the connection goes: there are no relays between members. */
  via: z.literal('direct').nullable(),
  rttMs: z.number().min(0).nullable(),
  inBytesPerSecond: z.number().min(0).nullable(),
  outBytesPerSecond: z.number().min(0).nullable(),
  /** Gossip topics that the peer shares with this node. */
  topics: count,
  state: z.enum(['mesh', 'connected', 'deaf', 'connecting', 'away']),
});

const share = z.number().min(0).max(1);

const outcomes = z.object({
  ok: count,
  failed: count,
  cancelled: count,
  success: share.nullable(),
});

/** Every part that this node cannot answer is null. */
export const OverviewResult = z.object({
  asOf: instant,
  name: z.string(),
  spaces: z
    .object({
      total: count,
      /** This node included. */
      online: count,
      lagging: count,
      suspected: count,
      offline: count,
      /** No network reaches them from here; what they sign comes in files. Absent in the answer of an older node. */
      isolated: count.optional(),
      unknown: count,
      revoked: count,
      offlineLong: count,
      newest: z.string().nullable(),
      oldest: z.string().nullable(),
      /** Spaces with the tag production. */
      production: count,
    })
    .nullable(),
  feeds: z
    .object({
      known: count,
      level: count,
      behind: count,
      missing: count,
      frozen: count,
      deadLetters: count,
      worst: z.object({ feed: z.string(), behind: count }).nullable(),
    })
    .nullable(),
  /** Over the spaces of which something is known. */
  lag: z
    .object({ p50Ms: z.number(), p99Ms: z.number(), worstMs: z.number(), worst: z.string() })
    .nullable(),
  deployments: outcomes
    .extend({
      since: instant,
      until: instant,
      before: outcomes,
      /** One number an hour. */
      trend: z.array(count),
      failedTrend: z.array(count),
      worst: z.object({ space: z.string(), failed: count }).nullable(),
      /** Spaces whose entries this node does not have. */
      missing: count,
    })
    .nullable(),
  trust: z
    .object({
      valid: count,
      expiring: count,
      expired: count,
      revoked: count,
      /** Invitations that nobody has used yet; null where this is not the ODCM node. */
      invited: count.nullable(),
      /** Feeds that their publishers want this space to take, and that wait for its yes. */
      requested: count,
      root: z
        .object({ fingerprint: z.string().nullable(), leftMs: z.number().nullable() })
        .nullable(),
      next: z.object({ subject: z.string(), leftMs: z.number() }).nullable(),
    })
    .nullable(),
  alerts: z
    .object({
      crit: count,
      warn: count,
      info: count,
      acked: count,
      /** Worst first; the longest list fits a screen. */
      open: z.array(
        z.object({
          id: z.string(),
          level: z.enum(['info', 'warn', 'crit']),
          subject: z.string(),
          what: z.string(),
          sinceAt: instant,
          opens: z.object({ screen: z.string(), subject: z.string() }),
        }),
      ),
    })
    .nullable(),
  peers: z.object({ connected: count, known: count }),
  directory: z.object({
    size: count,
    ageMs: count.nullable(),
    state: z.enum(['fresh', 'stale', 'expired', 'unknown']),
  }),
  refusals: z.record(z.string(), count),
});
