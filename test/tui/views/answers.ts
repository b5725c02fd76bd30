// Rows as the control API gives them, one of each kind, to be changed where a test needs it; and names that a peer could
// choose to do harm.

import type {
  AlertRow,
  DeploymentReport,
  DeploymentRow,
  FeedRow,
  GrantRow,
  HealthRow,
  InventoryRow,
  MeshRow,
  Overview,
  SubscriptionRow,
  TrustRow,
} from '../../../tui/views/answers.ts';

export const AS_OF = '2026-11-21T10:42:06.000Z';
export const NOW_MS = Date.parse('2026-11-21T10:42:07.000Z');
export const SINCE = '2026-11-01T00:00:00.000Z';
const DAY_MS = 86_400_000;

export const answer = <R>(...rows: R[]): { asOf: string; rows: R[] } => ({ asOf: AS_OF, rows });

/** Moves the cursor, turns the reading direction, hides, is far too long, starts a formula, breaks lines. */
export const HOSTILE = [
  '\x1b[2J\x1b[31mred\u009b2J',
  'abc\u202egnp.exe\u2066x',
  'a\u200bb\u2060c\ufeffd',
  `n${'a'.repeat(10_000)}`,
  '=HYPERLINK("http://x";"y")',
  '@SUM(1)\r\nsecond,"line"',
  '決済-0011 café',
  `z${'\u0301'.repeat(500)}`,
  '',
];

export const health = (changes: Partial<HealthRow> = {}): HealthRow => ({
  space: 'payments',
  id: 'id-payments',
  state: 'online',
  heardAgoMs: 400,
  heardAt: AS_OF,
  heardVia: null,
  suspectedBy: 0,
  nodeVersion: '1.0.0',
  serverVersion: '2026.3.24',
  feeds: 2,
  behind: 0,
  lagMs: 0,
  certificate: {
    serial: '3E1',
    issuedAt: SINCE,
    expiresAt: '2027-06-20T00:00:00.000Z',
    leftMs: 211 * DAY_MS,
    state: 'valid',
  },
  projects: 148,
  targets: 1_644,
  tags: [],
  entry: 3,
  ...changes,
});

export const feed = (changes: Partial<FeedRow> = {}): FeedRow => ({
  feed: 'payments/deployments',
  id: 'feed-1',
  context: 'deployments',
  sync: 'chosen',
  sealed: false,
  grant: 'g-1',
  size: 380,
  held: 380,
  applied: 380,
  behind: 0,
  lagMs: 0,
  deadLetters: 0,
  carriers: 3,
  carriersComplete: 3,
  carriersUnknown: 0,
  carriersWanted: 3,
  carriersPossible: 9,
  carrierSpaces: [],
  carrying: null,
  subscribed: true,
  frozen: false,
  root: 'a91c77',
  entry: 7,
  ...changes,
});

export const subscription = (changes: Partial<SubscriptionRow> = {}): SubscriptionRow => ({
  feed: 'library/variables',
  mode: 'auto',
  via: 'gossip',
  everyMs: null,
  state: 'level',
  size: 10,
  held: 10,
  applied: 10,
  lastChangeAt: '2026-11-21T10:00:00.000Z',
  lastError: null,
  ...changes,
});

export const trust = (changes: Partial<TrustRow> = {}): TrustRow => ({
  subject: 'payments',
  kind: 'space',
  serial: '3E1',
  fingerprint: 'ab'.repeat(32),
  issuedAt: SINCE,
  expiresAt: '2027-06-20T00:00:00.000Z',
  leftMs: 211 * DAY_MS,
  state: 'valid',
  issuer: 'issuing-1',
  ...changes,
});

export const inventory = (changes: Partial<InventoryRow> = {}): InventoryRow => ({
  space: 'payments',
  version: '2026.3.24',
  projects: 148,
  targets: 1_644,
  healthy: 1_640,
  unhealthy: 3,
  disabled: 1,
  takenAt: '2026-11-21T10:40:06.000Z',
  ageMs: 120_000,
  isStale: false,
  feed: 'payments/inventory',
  index: 12,
  ...changes,
});

const FIGURES = {
  ok: 164,
  failed: 31,
  cancelled: 2,
  success: 164 / 195,
  before: 0.953,
  change: 164 / 195 - 0.953,
  medianMs: 250_000,
  trend: [10, 12, 14, 30],
  failedTrend: [1, 1, 2, 27],
};

export const report = (changes: Partial<DeploymentReport> = {}): DeploymentReport => ({
  since: '2026-11-07T10:42:06.000Z',
  until: AS_OF,
  by: 'space',
  rows: [{ name: 'payments', ...FIGURES }],
  total: FIGURES,
  buckets: [SINCE],
  missing: [],
  ...changes,
});

export const deployment = (changes: Partial<DeploymentRow> = {}): DeploymentRow => ({
  feed: 'payments/deployments',
  index: 48_112,
  leafHash: 'cd'.repeat(32),
  space: 'payments',
  project: 'web',
  release: '4.12.0',
  environment: 'production',
  outcome: 'ok',
  startedAt: '2026-11-21T10:41:20.000Z',
  endedAt: '2026-11-21T10:41:58.000Z',
  durationMs: 38_000,
  by: 'Barry',
  reason: null,
  ...changes,
});

export const alert = (changes: Partial<AlertRow> = {}): AlertRow => ({
  id: 'a-1',
  rule: 'space-offline',
  level: 'crit',
  subject: 'payments',
  what: 'payments is offline',
  state: 'open',
  sinceAt: '2026-11-21T10:12:06.000Z',
  changedAt: '2026-11-21T10:12:06.000Z',
  forMs: 1_800_000,
  opens: { screen: 'spaces', subject: 'payments' },
  evidence: 'not heard of for 41 m',
  bell: false,
  ackedBy: null,
  ...changes,
});

export const peer = (changes: Partial<MeshRow> = {}): MeshRow => ({
  space: 'payments',
  peerId: '12D3KooWPayments',
  connected: true,
  gossip: true,
  address: '/ip4/10.1.0.5/tcp/4001',
  attempts: 0,
  nextTryMs: null,
  lastError: null,
  kind: 'space',
  via: 'direct',
  rttMs: 12,
  inBytesPerSecond: null,
  outBytesPerSecond: null,
  topics: 3,
  state: 'mesh',
  ...changes,
});

export const grant = (changes: Partial<GrantRow> = {}): GrantRow => ({
  id: 'g-1',
  subscriber: 'payments',
  publisher: 'library',
  feed: 'variables',
  until: null,
  state: 'current',
  since: SINCE,
  entry: 9,
  ...changes,
});

export const overview = (changes: Partial<Overview> = {}): Overview => ({
  asOf: AS_OF,
  name: 'library',
  spaces: {
    ...{ total: 1_000, online: 932, lagging: 41, suspected: 0, offline: 27, unknown: 0 },
    ...{ revoked: 0, offlineLong: 4, newest: '2026.4.6339', oldest: '2025.2.118', production: 1 },
  },
  feeds: {
    ...{ known: 3_204, level: 3_161, behind: 43, missing: 300, frozen: 0, deadLetters: 2 },
    worst: { feed: 'platform/variables', behind: 214 },
  },
  lag: { p50Ms: 400, p99Ms: 12_000, worstMs: 11_520_000, worst: 'platform' },
  deployments: {
    ...{ ok: 4_812, failed: 117, cancelled: 3, success: 0.976 },
    ...{ since: '2026-11-20T10:42:06.000Z', until: AS_OF, missing: 0 },
    before: { ok: 4_700, failed: 80, cancelled: 1, success: 0.984 },
    trend: [1, 2, 3, 4],
    failedTrend: [0, 0, 9, 0],
    worst: { space: 'ledger', failed: 31 },
  },
  trust: {
    ...{ valid: 1_000, expiring: 6, expired: 1, revoked: 2, invited: 3, requested: 0 },
    root: { fingerprint: '7f3a19c2', leftMs: 212 * DAY_MS },
    next: { subject: 'shipping', leftMs: 187_200_000 },
  },
  alerts: {
    ...{ crit: 1, warn: 0, info: 0, acked: 1 },
    open: [
      {
        ...{ id: 'a-1', level: 'crit', subject: 'ledger', what: '31 failed deployments in 1 h' },
        ...{ sinceAt: '2026-11-21T10:31:07.000Z', opens: { screen: 'reports', subject: 'ledger' } },
      },
    ],
  },
  peers: { connected: 18, known: 24 },
  directory: { size: 42, ageMs: 12_000, state: 'fresh' },
  refusals: { BAD_SIGNATURE: 3 },
  ...changes,
});

export const NOTHING_KNOWN: Partial<Overview> = {
  spaces: null,
  feeds: null,
  lag: null,
  deployments: null,
  trust: null,
  alerts: null,
};
