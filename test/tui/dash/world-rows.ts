// Rows of the mesh of the tests: a thousand spaces made up from their number, so that each is always the same.

export const WORLD_MS = Date.UTC(2026, 10, 21, 10, 42, 7);
export const AS_OF = new Date(WORLD_MS - 1_000).toISOString();
export const DAY_MS = 86_400_000;
export const ago = (ms: number): string => new Date(WORLD_MS - ms).toISOString();

const KINDS = [
  'payments',
  'shipping',
  'ledger',
  'identity',
  'catalog',
  'mobile',
  'platform',
  'data',
  'library',
  'production',
];

export const padded = (index: number): string => String(index).padStart(4, '0');
export const uuid = (index: number): string =>
  `0d3cb7a0-0000-4000-8000-${String(index).padStart(12, '0')}`;
export const wave = (index: number, at: number): number => (index * 7 + at * at * 3) % 11;

export function healthRow(index: number) {
  const isOffline = index % 37 === 6;
  const isLagging = index % 25 === 5;
  const heardAgoMs = isOffline ? 2_460_000 + index * 1_000 : 1_000 + (index % 3) * 400;
  return {
    space: nameOf(index),
    id: uuid(index),
    state: index === 0 ? 'self' : isOffline ? 'offline' : 'online',
    heardAgoMs: index === 0 ? 0 : heardAgoMs,
    heardAt: ago(heardAgoMs),
    heardVia: index % 4 === 1 ? nameOf(index - 1) : null,
    suspectedBy: isOffline ? 3 : 0,
    nodeVersion: '0.1.0',
    serverVersion: `2026.${1 + (index % 4)}.${1000 + ((index * 317) % 8999)}`,
    feeds: 2 + (index % 3),
    behind: isLagging ? 14 + index : 0,
    lagMs: isLagging ? 180_000 : 0,
    certificate: {
      serial: (0x100 + index).toString(16),
      issuedAt: ago(100 * DAY_MS),
      expiresAt: ago(-(3 + index) * DAY_MS),
      leftMs: (3 + index) * DAY_MS,
      state: index < 10 ? 'expiring' : 'valid',
    },
    projects: (index * 37) % 300,
    targets: (index * 411) % 4_000,
    tags: index % 10 === 9 ? ['production'] : [],
    entry: index,
  };
}

export function nameOf(index: number): string {
  if (index === 0) return 'hq-odcm-1';
  if (index === 11) return '決済-0011';
  return index === 12 ? 'café-0012' : `${KINDS[index % KINDS.length]}-${padded(index)}`;
}

export const sums = (index: number) => {
  const trend = Array.from({ length: 14 }, (_, at) => 5 + wave(index, at));
  const failedTrend: number[] = trend.map((_, at) => (index % 9 === 3 && at > 11 ? 9 : 0));
  const ok = trend.reduce((sum, count) => sum + count, 0);
  const failed = failedTrend.reduce((sum, count) => sum + count, 0);
  const success = ok / (ok + failed);
  return {
    ok,
    failed,
    cancelled: index % 3,
    success,
    before: 0.98,
    change: success - 0.98,
    medianMs: 120_000 + index * 900,
    trend,
    failedTrend,
  };
};

export const FEEDS = 60;
export function feedRow(index: number) {
  const behind = index % 25 === 5 ? 214 : 0;
  const size = 1_000 + index * 97;
  return {
    feed: `${nameOf(index)}/${index % 2 === 0 ? 'deployments' : 'variables/base'}`,
    id: uuid(10_000 + index),
    context: 'deployments',
    sync: 'chosen',
    grant: index === 0 ? 'own' : uuid(20_000 + index),
    size,
    held: size - behind,
    applied: size - behind,
    behind,
    deadLetters: 0,
    carriers: 3 + (index % 5),
    carriersComplete: index % 7 === 5 ? 2 : 3,
    carriersUnknown: 0,
    carriersWanted: 3,
    carriersPossible: 20,
    carrierSpaces: [],
    carrying: null,
    subscribed: index < 6,
    frozen: false,
    root: 'a91c77',
    entry: index,
  };
}

const ALERTS = [
  ['crit', 'production-0009', 'certificate expires in 2 d 4 h', 'trust', 200_000],
  ['crit', 'ledger-0002', '31 failed deployments in 1 h (usual 1)', 'deployments', 640_000],
  ['warn', 'mobile-0006', 'offline 41 m, 3 subscribers behind', 'space', 1_800_000],
  ['warn', 'mobile-0005', 'feed variables/base is 214 entries behind', 'feeds', 2_640_000],
  ['warn', 'library-0008 17', 'bundle 17 of library-0008 waits, 1 of 2', 'gap', 720_000],
  [
    'info',
    'platform-0007',
    'asks to subscribe to hq-odcm-1/deployments',
    'subscriptions',
    3_700_000,
  ],
] as const;

export const alertRows = () =>
  ALERTS.map(([level, subject, what, screen, forMs], index) => ({
    id: `alert-${index}`,
    rule: screen,
    level,
    subject,
    what,
    state: index === 2 ? 'acked' : 'open',
    sinceAt: ago(forMs),
    changedAt: ago(forMs),
    forMs,
    opens: { screen, subject },
    evidence: 'as heard by 3 observers',
    bell: false,
    ackedBy: index === 2 ? 'Lisa' : null,
  }));

export const deploymentRow = (index: number, query: Query) => ({
  feed: `${query['space'] ?? nameOf(2)}/deployments`,
  index: 48_112 - index,
  leafHash: `${index}`.padStart(64, '0'),
  space: String(query['space'] ?? nameOf(2)),
  project: String(query['project'] ?? ['web', 'api', 'batch'][index % 3]),
  release: `4.${12 - (index % 4)}.0`,
  environment: String(query['environment'] ?? ['Production EU', 'Staging', 'Test'][index % 3]),
  outcome: index % 7 === 3 ? 'failed' : 'ok',
  startedAt: ago(index * 500_000 + 90_000),
  endedAt: ago(index * 500_000),
  durationMs: 90_000 + index * 1_000,
  by: ['Barry', 'Lisa', 'Bob'][index % 3],
  reason: index % 7 === 3 ? 'step 4 "migrate" ended with 1' : null,
});

export type Query = Readonly<Record<string, unknown>>;
