// What comes back from the control API: one shape for each kind of object or row. Times are ISO 8601 in UTC, ages and
// lengths of time are milliseconds, sizes are bytes, `size` of a log is its number of entries.

import { z } from 'zod';
import { carrierFields } from './control-carriers.ts';
import { StoreStatus } from './control-store.ts';

/** A number of things; never negative. */
export const count = z.int().min(0);
export const instant = z.iso.datetime();

/** `unknown`: in the directory, and not heard of since this node started. */
export const HEALTH_STATES = [
  'self',
  'online',
  'suspected',
  'offline',
  'unknown',
  'revoked',
] as const;

const directoryAge = z.object({
  size: count,
  /** Since ODCM last vouched for its newest directory; null when it never did as far as this node knows. */
  ageMs: count.nullable(),
  state: z.enum(['fresh', 'stale', 'expired', 'unknown']),
  /** Age from which on it has expired. */
  limitMs: count.optional(),
  /** A newer one is dated in the future, and waits until then. */
  heldUntil: instant.nullable().optional(),
});

/** This node's clock against what others signed: `regressed` when it was set back, `ahead` or `behind` when three others contradict it. */
const clockState = z.object({
  state: z.enum(['good', 'regressed', 'ahead', 'behind']),
  offByMs: z.int(),
  forMs: count,
});

export const StatusResult = z.object({
  version: z.string(),
  mesh: z.string(),
  meshName: z.string(),
  space: z.string(),
  name: z.string(),
  role: z.enum(['odcm', 'space']),
  pid: count,
  startedAt: instant,
  peerId: z.string(),
  addresses: z.array(z.string()),
  enrolment: z.string().nullable(),
  directory: directoryAge,
  clock: clockState.optional(),
  /** How many times longer than usual this node waits before it says of others that they are gone: more than 1 while its own timers are late or its lines are lost. */
  waits: z.int().min(1).optional(),
  peers: z.object({ connected: count, known: count }),
  feeds: z.object({ known: count, own: count, subscribed: count }),
  contexts: z.array(z.string()),
  store: StoreStatus,
  /** Where another machine that uses this space's key says it is; empty while there is none. */
  keyInUseAt: z.array(z.string()).optional(),
  /** Whether the private keys rest under a passphrase; without one, whoever reads the folder has them. */
  keyProtection: z.enum(['passphrase', 'none']),
  /** What was refused since the start, by code. */
  refusals: z.record(z.string(), count),
});

export const SpaceRow = z.object({
  name: z.string(),
  id: z.string(),
  status: z.enum(HEALTH_STATES),
  /** Since the space's own signed presence was last heard; null when never. */
  heardAgoMs: count.nullable(),
  connected: z.boolean(),
  feeds: count,
  addresses: z.array(z.string()),
  since: instant,
  /** Index of the directory entry that says so. */
  entry: count,
  revokedFor: z.string().nullable(),
});

export const PeerRow = z.object({
  space: z.string(),
  peerId: z.string(),
  connected: z.boolean(),
  gossip: z.boolean(),
  address: z.string().nullable(),
  attempts: count,
  nextTryMs: z.number().nullable(),
  lastError: z.string().nullable(),
});

export const FeedRow = z.object({
  feed: z.string(),
  id: z.string(),
  context: z.string(),
  sync: z.enum(['forced', 'chosen']),
  /** Only who was given its key can read it; others may carry it. */
  sealed: z.boolean().default(false),
  /** Why this node may have it: own, the grant's id, or null when it may not. */
  grant: z.string().nullable(),
  /** Entries of the newest signed head that is known here; null when none is. */
  size: count.nullable(),
  /** Of these, verified and stored here. */
  held: count,
  /** Of these, turned into items. */
  applied: count,
  behind: count,
  /** Age of the oldest entry that is missing; null where the feed is not taken or no head is known. */
  lagMs: count.nullable().default(null),
  deadLetters: count,
  ...carrierFields,
  subscribed: z.boolean(),
  /** When something new of it came last: nothing new since then. */
  lastChangeAt: instant.nullable().optional(),
  /** Since its publisher was heard last: nothing heard since then. */
  heardAgoMs: count.nullable().optional(),
  /** A contradiction under the publisher's key was seen: nothing new is accepted. */
  frozen: z.boolean(),
  /** Entries published here that are held until others have shown what they have; null when nothing is held. */
  heldBack: count.nullable().optional(),
  /** 1 at first; each new one goes on from a point of the last. */
  epoch: count.optional(),
  root: z.string().nullable(),
  entry: count,
});

export const SubscriptionRow = z.object({
  feed: z.string(),
  mode: z.enum(['auto', 'on-demand']),
  via: z.enum(['gossip', 'poll', 'manual']),
  everyMs: count.nullable(),
  /** `expired`: the directory is too old for anything new to be taken on its authority. */
  state: z.enum(['level', 'behind', 'requested', 'no grant', 'expired', 'waiting', 'frozen']),
  size: count.nullable(),
  held: count,
  applied: count,
  /** When something new came last, as long as this node runs: nothing new since then. */
  lastChangeAt: instant.nullable(),
  /** Since its publisher was heard last: nothing heard since then. */
  heardAgoMs: count.nullable().optional(),
  lastError: z.string().nullable(),
});

export const GrantRow = z.object({
  id: z.string(),
  subscriber: z.string(),
  publisher: z.string(),
  feed: z.string(),
  until: instant.nullable(),
  state: z.enum(['current', 'expired']),
  since: instant,
  entry: count,
});

export const InviteResult = z.object({ token: z.string(), space: z.string(), expiresAt: instant });

export const EnrolmentRow = z.object({
  space: z.string(),
  state: z.enum(['invited', 'joined', 'expired']),
  expiresAt: instant,
  /** Six words that must be the same on the other screen. */
  words: z.string().nullable(),
});

export const ItemRow = z.object({
  item: z.string(),
  version: count,
  sizeBytes: count,
  sha256: z.string(),
  time: instant,
  index: count,
  withdrawn: z.boolean(),
});

export const PublishedRow = z.object({
  item: z.string(),
  status: z.enum(['published', 'unchanged', 'withdrawn']),
  version: count,
  index: count,
});

export const HistoryRow = z.object({
  index: count,
  time: instant,
  item: z.string().nullable(),
  kind: z.string(),
  event: z.string(),
  version: count,
  sizeBytes: count,
  record: z.string().nullable(),
  leafHash: z.string(),
});

export const TailRow = z.object({
  feed: z.string(),
  index: count,
  time: instant,
  item: z.string(),
  event: z.string(),
  version: count,
  sizeBytes: count,
  id: z.string(),
  activityId: z.string(),
});

export const PullRow = z.object({
  feed: z.string(),
  from: count,
  to: count,
  applied: count,
  peer: z.string().nullable(),
  state: z.string(),
});
