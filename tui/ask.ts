// Questions to a node by the name of the route: typed both ways by the one table of routes, and every answer checked
// against it. Knows no command.

import { z } from 'zod';
import {
  ROUTES,
  type RouteBody,
  type RouteName,
  type RouteQuery,
  type RouteResult,
  type Rows,
} from '../protocols/control-api.ts';
import { isMeshError } from '../protocols/errors.ts';
import { LIMITS } from '../protocols/limits.ts';
import type { AnswerOptions, RequestOptions } from './client.ts';
import type { Invocation } from './command-context.ts';

type RoutesThatAnswer<Answer> = {
  [R in RouteName]: (typeof ROUTES)[R]['answer'] extends Answer ? R : never;
}[RouteName];

export type RowsRoute = RoutesThatAnswer<'rows'>;
export type ObjectRoute = RoutesThatAnswer<'object'>;

export interface Question<R extends RouteName> {
  readonly query?: RouteQuery<R>;
  readonly body?: RouteBody<R>;
  /** Longest silence of the node; 0 waits for ever. */
  readonly timeoutMs?: number;
}

type Asker = Pick<Invocation, 'client' | 'signal'>;

/** What a node does with other nodes' help takes longer than what it knows by itself. */
const ACTION_TIMEOUT_MS = LIMITS.streamIdleMs;

export async function ask<R extends ObjectRoute>(
  asker: Asker,
  route: R,
  question: Question<R> = {},
): Promise<RouteResult<R>> {
  const schema: z.ZodType = ROUTES[route].result;
  return await send(asker, route, question, (value) => schema.parse(value) as RouteResult<R>);
}

export async function askRows<R extends RowsRoute>(
  asker: Asker,
  route: R,
  question: Question<R> = {},
): Promise<Rows<R>> {
  const row: z.ZodType = ROUTES[route].result;
  const schema = z.object({ asOf: z.iso.datetime(), rows: z.array(row) });
  return await send(asker, route, question, (value) => schema.parse(value) as Rows<R>);
}

const NO_ROUTE = /^the control API has no /;
/** A part that a node may be without: an older one has no such route, a young one may not be ready. */
export async function askPart<T>(asked: Promise<T>): Promise<T | null> {
  return await asked.catch((error: unknown) => {
    const isOlder = isMeshError(error, 'USAGE') && NO_ROUTE.test(error.message);
    if (isOlder || isMeshError(error, 'BUSY')) return null;
    throw error;
  });
}

/** Rows with the node's own account of itself, which says whose knowledge they are and how old its directory is. */
export async function askKnown<R extends RowsRoute>(
  asker: Asker,
  route: R,
  question: Question<R> = {},
): Promise<Rows<R> & { readonly status: RouteResult<'status'> }> {
  const [answer, status] = await Promise.all([
    askRows(asker, route, question),
    ask(asker, 'status'),
  ]);
  return { ...answer, status };
}

/** Query values as a client sends them: whatever the schema turns into a number or a truth is plain text on the way. */
export function queryOf<R extends RouteName>(
  query: RouteQuery<R>,
): NonNullable<RequestOptions['query']> {
  return query as NonNullable<RequestOptions['query']>;
}

function send<R extends RouteName, T>(
  { client, signal }: Asker,
  name: R,
  question: Question<R>,
  parse: (value: unknown) => T,
): Promise<T> {
  const { method, path } = ROUTES[name];
  const timeoutMs =
    question.timeoutMs ?? (method === 'GET' ? LIMITS.requestTimeoutMs : ACTION_TIMEOUT_MS);
  const options: AnswerOptions<T> = {
    signal,
    timeoutMs,
    parse,
    ...(question.query === undefined ? {} : { query: queryOf<R>(question.query) }),
  };
  if (method === 'GET') return client.get(path, options);
  if (method === 'DELETE') return client.delete(path, options);
  return client.post(path, question.body, options);
}
