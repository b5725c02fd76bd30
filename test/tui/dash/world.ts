// A mesh of a thousand spaces that never changes unless a test changes it, answering as a node does: by route, through
// the parser of whoever asks. What a test gives in place of an answer is thrown or sent as it is.

import { ROUTES, type RouteName } from '../../../protocols/control-api.ts';
import { MeshError } from '../../../protocols/errors.ts';
import type { AnswerOptions, MeshClient } from '../../../tui/client.ts';
import { parseAnswer } from '../../../tui/client-errors.ts';
import { ANSWERS, CHANGED, EVENTS } from './world-answers.ts';
import { TOLD } from './world-gap.ts';
import { ago, type Query, uuid } from './world-rows.ts';

export { nameOf, WORLD_MS } from './world-rows.ts';

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

/** The world does not change: a thousand rows need to be made up only once. */
const MADE = new Map<string, object>();
function madeOnce(path: string, make: (query: Query) => object, query: Query): object {
  const key = `${path} ${JSON.stringify(query)}`;
  const known = MADE.get(key) ?? make(query);
  MADE.set(key, known);
  return known;
}

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
    async *follow<T>(path: string, body: unknown, options: AnswerOptions<T> = {}) {
      asked.push(path);
      sent.push({ method: 'POST', path, body });
      const lines = (await instead.get(path)?.()) ?? TOLD[path] ?? [];
      for (const line of lines as readonly unknown[])
        yield parseAnswer({ home: '/nowhere', method: 'POST', path }, line, options.parse);
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
