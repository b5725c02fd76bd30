// A mesh of a thousand spaces that never changes unless a test changes it, answering as a node does: by route, through
// the parser of whoever asks. What a test gives in place of an answer is thrown or sent as it is.

import { ROUTES, type RouteName } from '../../../protocols/control-api.ts';
import { MeshError } from '../../../protocols/errors.ts';
import type { AnswerOptions, MeshClient } from '../../../tui/client.ts';
import { parseAnswer } from '../../../tui/client-errors.ts';

export const WORLD_MS = Date.UTC(2026, 10, 21, 10, 42, 7);
const AS_OF = new Date(WORLD_MS - 1_000).toISOString();
const DAY_MS = 86_400_000;
const ago = (ms: number): string => new Date(WORLD_MS - ms).toISOString();

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

export interface World {
  readonly client: MeshClient;
  /** Answers in place of the world's own, by path; a function may throw or wait. */
  readonly instead: Map<string, () => unknown>;
  /** Paths asked, oldest first. */
  readonly asked: string[];
  readonly sent: { readonly method: string; readonly path: string; readonly body: unknown }[];
  readonly events: unknown[];
  /** From now on nobody answers. */
  leave(): void;
  comeBack(): void;
  /** Answers are from now on as old as this clock says, not from the one moment of the world. */
  tell(now: () => number): void;
}

const padded = (index: number): string => String(index).padStart(4, '0');
const uuid = (index: number): string =>
  `0d3cb7a0-0000-4000-8000-${String(index).padStart(12, '0')}`;
const wave = (index: number, at: number): number => (index * 7 + at * at * 3) % 11;

function healthRow(index: number) {
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

const sums = (index: number) => {
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

const FEEDS = 60;
function feedRow(index: number) {
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
  [
    'info',
    'platform-0007',
    'asks to subscribe to hq-odcm-1/deployments',
    'subscriptions',
    3_700_000,
  ],
] as const;

const alertRows = () =>
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

const rows = (list: readonly unknown[]) => ({ asOf: AS_OF, rows: list });
const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

const deploymentRow = (index: number, query: Query) => ({
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

type Query = Readonly<Record<string, unknown>>;

const ANSWERS: Readonly<Partial<Record<RouteName, (query: Query) => object>>> = {
  status: () => ({
    version: '0.1.0',
    mesh: uuid(1),
    meshName: 'acme',
    space: uuid(0),
    name: 'hq-odcm-1',
    role: 'odcm',
    pid: 4711,
    startedAt: ago(DAY_MS),
    peerId: '12D3KooWHq',
    addresses: ['/ip4/10.1.0.5/tcp/4001'],
    enrolment: null,
    directory: { size: 1_204, ageMs: 4_000, state: 'fresh' },
    peers: { connected: 18, known: 24 },
    feeds: { known: FEEDS, own: 1, subscribed: 6 },
    contexts: ['deployments'],
    refusals: { SIGNATURE_INVALID: 2, GRANT_MISSING: 1 },
  }),
  overview: () => ({
    asOf: AS_OF,
    name: 'hq-odcm-1',
    spaces: {
      total: 1_000,
      online: 932,
      lagging: 41,
      suspected: 0,
      offline: 27,
      unknown: 0,
      revoked: 2,
      offlineLong: 4,
      newest: '2026.4.6339',
      oldest: '2025.2.118',
      production: 100,
    },
    feeds: {
      known: 3_204,
      level: 3_161,
      behind: 43,
      missing: 512,
      frozen: 0,
      deadLetters: 2,
      worst: { feed: 'mobile-0006/deployments', behind: 241 },
    },
    lag: { p50Ms: 400, p99Ms: 12_000, worstMs: 11_520_000, worst: 'mobile-0006' },
    deployments: {
      ok: 4_812,
      failed: 117,
      cancelled: 9,
      success: 0.976,
      since: ago(DAY_MS),
      until: AS_OF,
      before: { ok: 4_700, failed: 76, cancelled: 3, success: 0.984 },
      trend: many(24, (at) => 100 + wave(3, at) * 20),
      failedTrend: many(24, (at) => (at === 8 ? 40 : 2)),
      worst: { space: 'ledger-0002', failed: 31 },
      missing: 27,
    },
    trust: {
      valid: 991,
      expiring: 6,
      expired: 1,
      revoked: 2,
      invited: 3,
      requested: 1,
      root: { fingerprint: '7f3a19c2aa0177', leftMs: 212 * DAY_MS },
      next: { subject: 'production-0009', leftMs: 187_200_000 },
    },
    alerts: {
      crit: 2,
      warn: 2,
      info: 1,
      acked: 1,
      open: alertRows().map(({ id, level, subject, what, sinceAt, opens }) => ({
        id,
        level,
        subject,
        what,
        sinceAt,
        opens,
      })),
    },
    peers: { connected: 18, known: 24 },
    directory: { size: 1_204, ageMs: 4_000, state: 'fresh' },
    refusals: { SIGNATURE_INVALID: 2 },
  }),
  health: ({ spaces }) => rows(many(Number(spaces), healthRow)),
  trust: () =>
    rows([
      {
        subject: 'acme root',
        kind: 'root',
        serial: null,
        fingerprint: '7f3a19c2aa0177',
        issuedAt: ago(150 * DAY_MS),
        expiresAt: ago(-212 * DAY_MS),
        leftMs: 212 * DAY_MS,
        state: 'valid',
        issuer: null,
      },
      {
        subject: 'issuing b2',
        kind: 'issuing',
        serial: 'b2',
        fingerprint: '0b2c11',
        issuedAt: ago(50 * DAY_MS),
        expiresAt: ago(-300 * DAY_MS),
        leftMs: 300 * DAY_MS,
        state: 'valid',
        issuer: 'acme root',
      },
      ...many(40, (index) => {
        const { certificate, space } = healthRow(index);
        return {
          subject: space,
          kind: 'space',
          serial: certificate.serial,
          fingerprint: `9c41${padded(index)}`,
          issuedAt: certificate.issuedAt,
          expiresAt: certificate.expiresAt,
          leftMs: certificate.leftMs,
          state: certificate.state,
          issuer: 'issuing b2',
        };
      }),
    ]),
  feeds: () => rows(many(FEEDS, feedRow)),
  grants: () =>
    rows(
      many(6, (index) => ({
        id: uuid(20_000 + index),
        subscriber: index === 0 ? 'all' : nameOf(0),
        publisher: nameOf(index),
        feed: 'variables/base',
        until: null,
        state: 'current',
        since: ago(DAY_MS),
        entry: index,
      })),
    ),
  subscriptions: () =>
    rows(
      many(6, (index) => ({
        feed: feedRow(index).feed,
        mode: 'auto',
        via: index === 2 ? 'poll' : 'gossip',
        everyMs: index === 2 ? 60_000 : null,
        state: (['level', 'behind', 'level', 'requested', 'no grant', 'level'] as const)[index],
        size: 1_000,
        held: index === 1 ? 988 : 1_000,
        applied: 988,
        lastChangeAt: ago(50_000 * (index + 1)),
        lastError: index === 4 ? 'GRANT_MISSING: nobody lets this space have it' : null,
      })),
    ),
  reportInventory: () =>
    rows(
      many(1_000, (index) => {
        const { space, serverVersion, projects, targets } = healthRow(index);
        const unhealthy = index % 7;
        return {
          space,
          version: serverVersion,
          projects,
          targets: Math.max(targets, unhealthy),
          healthy: Math.max(0, targets - unhealthy),
          unhealthy,
          disabled: 0,
          takenAt: ago(60_000 + index * 100),
          ageMs: 60_000 + index * 100,
          isStale: index % 37 === 6,
          feed: `${space}/inventory`,
          index,
        };
      }),
    ),
  reportDeployments: ({ by = 'space', space }) => {
    const names: readonly string[] =
      by === 'space'
        ? many(1_000, nameOf)
        : by === 'project'
          ? ['web', 'api', 'batch']
          : ['Production EU', 'Staging', 'Test'];
    const list = names
      .map((name, index) => ({ name, ...sums(index) }))
      .filter(({ name }) => space === undefined || name === space);
    return {
      since: ago(14 * DAY_MS),
      until: ago(0),
      by,
      rows: list,
      total: { ...sums(2), ok: 61_204, failed: 1_402, cancelled: 88 },
      buckets: many(14, (at) => ago((14 - at) * DAY_MS)),
      missing: [{ space: nameOf(6), why: 'offline since 41 m' }],
    };
  },
  deployments: (query) => rows(many(40, (index) => deploymentRow(index, query))),
  alerts: () => rows(alertRows()),
  alertRoutes: () =>
    rows([
      {
        name: 'pager',
        kind: 'webhook',
        state: 'ok',
        since: ago(DAY_MS),
        lastError: null,
        queued: 0,
        dropped: 0,
      },
      {
        name: 'mail',
        kind: 'smtp',
        state: 'failing',
        since: ago(640_000),
        lastError: 'connection refused',
        queued: 2,
        dropped: 0,
      },
    ]),
  mesh: () =>
    rows(
      many(24, (index) => ({
        space: nameOf(index + 1),
        peerId: `12D3KooW${padded(index)}`,
        connected: index < 18,
        gossip: index < 17,
        address: index < 18 ? `10.1.${index}.5:4001` : null,
        attempts: index < 18 ? 0 : 14,
        nextTryMs: index < 18 ? null : 12_000,
        lastError: index < 18 ? null : 'connection refused',
        kind: index === 0 ? 'odcm' : 'space',
        via: index < 18 ? 'direct' : null,
        rttMs: index < 18 ? 3 + index * 4 : null,
        inBytesPerSecond: index < 18 ? 41_000 - index * 2_000 : null,
        outBytesPerSecond: index < 18 ? 18_000 : null,
        topics: index < 18 ? 9 : 0,
        state: index < 17 ? 'mesh' : index === 17 ? 'deaf' : 'away',
      })),
    ),
  history: ({ feed }) =>
    rows(
      many(40, (index) => ({
        index: 999 - index,
        time: ago(index * 60_000),
        item: `web ${index}`,
        kind: 'event',
        event: 'DeploymentSucceededV1',
        version: 1,
        sizeBytes: 420 + index,
        record: null,
        leafHash: `${feed}`.length.toString(16).padStart(64, 'a'),
      })),
    ),
};

/** The world does not change: a thousand rows need to be made up only once. */
const MADE = new Map<string, object>();
function madeOnce(path: string, make: (query: Query) => object, query: Query): object {
  const key = `${path} ${JSON.stringify(query)}`;
  const known = MADE.get(key) ?? make(query);
  MADE.set(key, known);
  return known;
}

const EVENTS = [
  ['payments-0010', 'DeploymentSucceededV1', 'web 4.12.0'],
  ['ledger-0002', 'DeploymentFailedV1', 'gl 8.2.0'],
  ['shipping-0001', 'ReleaseCreatedV1', 'pick 12.0.1'],
] as const;

export function createWorld(size = 1_000): World {
  const instead = new Map<string, () => unknown>();
  const asked: string[] = [];
  const sent: World['sent'] = [];
  let isAway = false;
  let now: (() => number) | undefined;
  const events = EVENTS.map(([space, event, item], index) => ({
    feed: `${space}/deployments`,
    index: 100 + index,
    time: ago(900 * (3 - index)),
    item,
    event,
    version: 1,
    sizeBytes: 300,
    id: uuid(index),
    activityId: uuid(90 + index),
  }));
  const answer = async <T>(
    method: string,
    path: string,
    options: AnswerOptions<T> = {},
    body?: unknown,
  ): Promise<T> => {
    asked.push(path);
    const exchange = { home: '/nowhere', method, path };
    const own = instead.get(path);
    options.signal?.throwIfAborted();
    if (isAway) {
      const next = 'Start it with: odcm run --home /nowhere';
      throw new MeshError('NODE_UNREACHABLE', 'the node in /nowhere is not running', { next });
    }
    if (own !== undefined) return parseAnswer(exchange, await own(), options.parse);
    if (method !== 'GET') {
      sent.push({ method, path, body: body ?? options.query });
      return parseAnswer(exchange, CHANGED[`${method} ${path}`], options.parse);
    }
    const name = (Object.keys(ROUTES) as RouteName[]).find(
      (route) => ROUTES[route].path === path && ROUTES[route].method === 'GET',
    );
    const make = name === undefined ? undefined : ANSWERS[name];
    if (make === undefined) throw new MeshError('USAGE', `the control API has no GET ${path}`);
    const made = madeOnce(path, make, { ...options.query, spaces: size });
    const fresh = now === undefined ? {} : { asOf: new Date(now() - 1_000).toISOString() };
    return parseAnswer(exchange, { ...made, ...fresh }, options.parse);
  };
  const refuse = () => Promise.reject(new MeshError('INTERNAL', 'not part of this world'));
  const client: MeshClient = {
    home: '/nowhere',
    get: (path, options) => answer('GET', path, options),
    post: (path, body, options) => answer('POST', path, options, body),
    delete: (path, options) => answer('DELETE', path, options),
    async *stream<T>(path: string, options: AnswerOptions<T> = {}) {
      for (const event of events)
        yield parseAnswer({ home: '/nowhere', method: 'GET', path }, event, options.parse);
      await new Promise<void>((resolve) =>
        options.signal?.addEventListener('abort', () => resolve(), { once: true }),
      );
    },
    download: refuse,
    upload: refuse,
  };
  return {
    client,
    instead,
    asked,
    sent,
    events,
    leave: () => {
      isAway = true;
    },
    tell: (clock) => {
      now = clock;
    },
    comeBack: () => {
      isAway = false;
    },
  };
}

const CHANGED: Readonly<Record<string, unknown>> = {
  'POST /v1/revocations': { space: 'ledger-0002', entry: 77 },
  'POST /v1/grants': { grant: 'g-1' },
  'POST /v1/alerts/acknowledgements': { ...alertRows()[0], state: 'acked', ackedBy: 'dashboard' },
};
