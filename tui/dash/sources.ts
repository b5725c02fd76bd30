// What the screens ask the node, each with how often it is asked while it can be seen. Every answer is checked against
// the table of routes before anything is drawn from it.

import type { RouteName, RouteQuery, RouteResult, Rows } from '../../protocols/control-api.ts';
import { ROUTES } from '../../protocols/control-api.ts';
import { isMeshError } from '../../protocols/errors.ts';
import { ask, askRows, type ObjectRoute, queryOf, type RowsRoute } from '../ask.ts';
import type { MeshClient } from '../client.ts';
import type { Answer } from '../views/answers.ts';
import type { WaitingImport } from '../views/gap-panels.ts';

export interface Asker {
  readonly client: MeshClient;
  readonly signal: AbortSignal;
}

export interface Source<T> {
  /** The same key is the same question. */
  readonly key: string;
  readonly everyMs: number;
  readonly ask: (asker: Asker) => Promise<T>;
  /** When this text becomes another, all that is shown is worth a look. */
  digest?(data: T): string;
}

/** Things that come by themselves, newest last. */
export interface StreamSource<T> {
  readonly key: string;
  readonly open: (asker: Asker) => AsyncGenerator<T, void, undefined>;
}

const OFTEN_MS = 2_000;
const SELDOM_MS = 10_000;
/** Longest silence that a question is waited for; it is called slow long before. */
const ANSWER_TIMEOUT_MS = 10_000;

function rows<R extends RowsRoute>(
  route: R,
  everyMs: number,
  query?: RouteQuery<R>,
): Source<Rows<R>> {
  return {
    key: keyOf(route, query),
    everyMs,
    ask: (asker) =>
      askRows(asker, route, {
        timeoutMs: ANSWER_TIMEOUT_MS,
        ...(query === undefined ? {} : { query }),
      }),
  };
}

function object<R extends ObjectRoute>(
  route: R,
  everyMs: number,
  query?: RouteQuery<R>,
): Source<RouteResult<R>> {
  return {
    key: keyOf(route, query),
    everyMs,
    ask: (asker) =>
      ask(asker, route, {
        timeoutMs: ANSWER_TIMEOUT_MS,
        ...(query === undefined ? {} : { query }),
      }),
  };
}

function keyOf(route: RouteName, query: unknown): string {
  return query === undefined ? route : `${route} ${JSON.stringify(query)}`;
}

/** Bundles that wait are few, and each was checked when it came: only then is what it changes asked for. */
const MOST_WAITING = 5;
/** While a bundle is being let in the node says nothing of the others. */
const DETAIL_TIMEOUT_MS = 2_000;

async function askWaiting(asker: Asker): Promise<Answer<WaitingImport>> {
  const { asOf, rows: all } = await askRows(asker, 'crossings', { timeoutMs: ANSWER_TIMEOUT_MS });
  const waiting = all.filter(({ way, state }) => way === 'in' && state === 'waiting');
  const isBusy = all.some(({ state }) => state === 'applying');
  const rows: WaitingImport[] = [];
  for (const { space, sequence } of waiting.slice(0, MOST_WAITING)) {
    const query = { exporter: space, sequence };
    const question = { query, timeoutMs: DETAIL_TIMEOUT_MS };
    const answer = isBusy ? BUSY : await ask(asker, 'importDetail', question).catch(whyNot);
    rows.push(
      typeof answer === 'string'
        ? { space, sequence, detail: null, why: answer }
        : { space, sequence, detail: answer, why: null },
    );
  }
  return { asOf, rows };
}

const BUSY = 'the node is at work on another bundle; this one is looked at after it';
/** A refusal is worth reading; a node that is away is another matter. */
function whyNot(error: unknown): string {
  if (!isMeshError(error) || error.code === 'NODE_UNREACHABLE') throw error;
  return error.code === 'TIMEOUT' ? BUSY : error.line;
}

export type GroupBy = 'space' | 'project' | 'environment';

export const SOURCES = {
  status: object('status', OFTEN_MS),
  overview: {
    ...object('overview', OFTEN_MS),
    digest: ({ spaces, feeds }: RouteResult<'overview'>) => JSON.stringify([spaces, feeds]),
  },
  health: rows('health', OFTEN_MS),
  feeds: rows('feeds', OFTEN_MS),
  subscriptions: rows('subscriptions', OFTEN_MS),
  grants: rows('grants', SELDOM_MS),
  trust: rows('trust', SELDOM_MS),
  revocations: rows('revocations', OFTEN_MS, { limit: 5 }),
  inventory: rows('reportInventory', SELDOM_MS),
  alerts: rows('alerts', OFTEN_MS),
  alertRoutes: rows('alertRoutes', SELDOM_MS),
  mesh: rows('mesh', OFTEN_MS),
  crossings: rows('crossings', OFTEN_MS),
  receipts: rows('receipts', SELDOM_MS),
  waitingImports: { key: 'waitingImports', everyMs: SELDOM_MS, ask: askWaiting },
} as const;

/** Open ones, or those of the past as well. */
export const alertsSource = (isAll: boolean): Source<Rows<'alerts'>> =>
  isAll ? ALL_ALERTS : SOURCES.alerts;
const ALL_ALERTS = rows('alerts', OFTEN_MS, { state: 'all' });

export const historyOf = (feed: string): Source<Rows<'history'>> =>
  rows('history', SELDOM_MS, { feed, limit: 100 });

export const receiptsOf = (space: string): Source<Rows<'receipts'>> =>
  rows('receipts', SELDOM_MS, { space });

export const deploymentReport = (
  since: string,
  by: GroupBy,
  space?: string,
): Source<RouteResult<'reportDeployments'>> =>
  object('reportDeployments', SELDOM_MS, { since, by, ...(space === undefined ? {} : { space }) });

export const deploymentsOf = (
  of: Readonly<Partial<Record<GroupBy, string>>>,
  since: string,
): Source<Rows<'deployments'>> => rows('deployments', SELDOM_MS, { ...of, since, limit: 500 });

export type TailEvent = RouteResult<'tail'>;

export const TAIL: StreamSource<TailEvent> = {
  key: 'tail',
  open: ({ client, signal }) => {
    const { path, result } = ROUTES.tail;
    return client.stream<TailEvent>(path, {
      signal,
      query: queryOf<'tail'>({}),
      parse: (value) => result.parse(value),
    });
  },
};
