// What the mesh of the tests answers to each question, and what it says when something is changed.

import type { RouteName } from '../../../protocols/control-api.ts';
import { crossingRows, importDetail, REFUSED, receiptRows } from './world-gap.ts';
import {
  AS_OF,
  ago,
  alertRows,
  DAY_MS,
  deploymentRow,
  FEEDS,
  feedRow,
  healthRow,
  nameOf,
  padded,
  type Query,
  sums,
  uuid,
  wave,
} from './world-rows.ts';

const rows = (list: readonly unknown[]) => ({ asOf: AS_OF, rows: list });
const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => make(index));

export const ANSWERS: Readonly<Partial<Record<RouteName, (query: Query) => object>>> = {
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
    keyProtection: 'passphrase',
    refusals: { SIGNATURE_INVALID: 2, GRANT_MISSING: 1 },
    store: {
      ...{ damaged: 0, repaired: 0, refetching: false },
      ...{ disk: 'ok', freeBytes: 60 * 1024 ** 3, scrubbedAt: ago(DAY_MS) },
    },
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
      warn: 3,
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
  crossings: () => rows(crossingRows()),
  receipts: (query) => rows(receiptRows(query)),
  importDetail,
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

export const CHANGED: Readonly<Record<string, unknown>> = {
  'POST /v1/revocations': { space: 'ledger-0002', entry: 77 },
  'POST /v1/gap/refusals': REFUSED,
  'POST /v1/grants': { grant: 'g-1' },
  'POST /v1/alerts/acknowledgements': { ...alertRows()[0], state: 'acked', ackedBy: 'dashboard' },
};

export const EVENTS = [
  ['payments-0010', 'DeploymentSucceededV1', 'web 4.12.0'],
  ['ledger-0002', 'DeploymentFailedV1', 'gl 8.2.0'],
  ['shipping-0001', 'ReleaseCreatedV1', 'pick 12.0.1'],
] as const;
