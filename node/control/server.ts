// The control API over HTTP on a Unix socket that only the folder's owner can open. Checks every request against the
// table of routes, hands it to its handler, and turns a refusal into its status and one JSON object.

import { chmod, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { type ControlError, controlSocketPath } from '../../protocols/control.ts';
import { ROUTES, type RouteName } from '../../protocols/control-api.ts';
import { asMeshError, CODES, type Code, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { fileError } from '../home/files.ts';
import type { MeshNode } from '../node.ts';
import { alertHandlers } from './alert-handlers.ts';
import { courierHandlers } from './courier-handlers.ts';
import { directoryHandlers } from './directory-handlers.ts';
import { feedHandlers } from './feed-handlers.ts';
import { feedListHandlers } from './feed-list-handlers.ts';
import { forkHandlers } from './fork-handlers.ts';
import { gapHandlers } from './gap-handlers.ts';
import type { ContentAnswer, Handlers } from './handler.ts';
import { healthHandlers } from './health-handlers.ts';
import { keyHandlers } from './key-handlers.ts';
import { meshHandlers } from './mesh-handlers.ts';
import { meshViewHandlers } from './mesh-view-handlers.ts';
import { describeApi } from './openapi.ts';
import { reportHandlers } from './report-handlers.ts';
import { revocationHandlers } from './revocation-handlers.ts';
import { storeHandlers } from './store-handlers.ts';
import { subscriptionHandlers } from './subscription-handlers.ts';
import { tailHandlers } from './tail-handlers.ts';

const HANDLERS: Handlers = {
  ...alertHandlers,
  ...storeHandlers,
  ...meshHandlers,
  ...healthHandlers,
  ...meshViewHandlers,
  ...feedHandlers,
  ...subscriptionHandlers,
  ...reportHandlers,
  ...keyHandlers,
  ...revocationHandlers,
  ...feedListHandlers,
  ...tailHandlers,
  ...directoryHandlers,
  ...forkHandlers,
  ...gapHandlers,
  ...courierHandlers,
};
/** Their bodies are read as they come, at the pace of what is done with them. */
const UPLOADS: ReadonlySet<RouteName> = new Set<RouteName>([
  'publishContent',
  'reportInventoryIn',
  'reportDeploymentsIn',
]);
/** Lines of an event stream that is silent: the reader learns that the node is still there. */
const HEARTBEAT_MS = 15_000;

const noSchema = (): never => {
  throw new Error(
    'a route of the control API has no schema for the server: what comes is parsed here',
  );
};
/** Without them the server would load its own, which takes longer than the rest of it. */
const NO_SCHEMAS = { buildValidator: noSchema, buildSerializer: noSchema };

export interface ControlServer {
  readonly path: string;
  stop(): Promise<void>;
}

export async function startControlServer(node: MeshNode): Promise<ControlServer> {
  const path = controlSocketPath(node.home.dir);
  const app = Fastify({
    ...{ bodyLimit: LIMITS.controlBodyBytes, forceCloseConnections: true },
    schemaController: { compilersFactory: NO_SCHEMAS },
  });
  app.setErrorHandler((error, _, reply) => refuse(node, reply, error));
  app.setNotFoundHandler((request, reply) => {
    return refuse(
      node,
      reply,
      new MeshError('USAGE', `the control API has no ${request.method} ${request.url}`),
    );
  });
  app.get('/v1/openapi.json', () => describeApi());
  for (const name of Object.keys(ROUTES) as RouteName[]) await addRoute(app, node, name);
  // The folder is locked by this process, so a socket that is still there belongs to nobody.
  await rm(path, { force: true });
  // The socket has its mode only after it is there: until then the folder keeps others out.
  await chmod(node.home.dir, 0o700).catch((cause) => {
    throw fileError('protect', node.home.dir, cause);
  });
  await app.listen({ path });
  await chmod(path, 0o600);
  return {
    path,
    stop: async () => {
      await app.close();
      await rm(path, { force: true });
    },
  };
}

type AnyRoute = { query?: z.ZodType; body?: z.ZodType };

async function addRoute(app: FastifyInstance, node: MeshNode, name: RouteName): Promise<void> {
  const { method, path: url } = ROUTES[name];
  const handler = (request: FastifyRequest, reply: FastifyReply) =>
    handle(node, name, request, reply);
  if (!UPLOADS.has(name)) {
    app.route({ method, url, handler });
    return;
  }
  await app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_, payload, done) => done(null, payload));
    scope.route({ method, url, bodyLimit: LIMITS.objectBytes, handler });
  });
}

async function handle(
  node: MeshNode,
  name: RouteName,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const { query, body } = ROUTES[name] as AnyRoute;
  const gone = new AbortController();
  reply.raw.on('close', () => gone.abort());
  const call = {
    node,
    query: parse(query, request.query ?? {}),
    body: body ? parse(body, request.body ?? {}) : undefined,
    stream: request.body instanceof Readable ? request.body : Readable.from([]),
    mediaType: (request.headers['content-type'] ?? '').replace(/;.*/s, '').trim().toLowerCase(),
    signal: gone.signal,
  };
  const handler = HANDLERS[name] as (call: unknown) => Promise<unknown>;
  const answer = await measured(node, name, () => handler(call));
  switch (ROUTES[name].answer) {
    case 'object':
      return answer;
    case 'rows':
      return { asOf: new Date(node.clock.nowMs()).toISOString(), rows: answer };
    case 'bytes': {
      const { headers, chunks } = answer as ContentAnswer;
      return reply.headers(headers).type('application/octet-stream').send(Readable.from(chunks));
    }
    case 'lines':
      return reply
        .type('application/x-ndjson')
        .send(Readable.from(lines(answer as AsyncIterable<unknown>)));
  }
}

/** Tells whoever measures this node how long an answer took, and what came of it. */
async function measured<T>(node: MeshNode, name: RouteName, work: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  const tell = (code: Code | null) => node.onAnswered?.(name, performance.now() - startedMs, code);
  try {
    const answer = await work();
    tell(null);
    return answer;
  } catch (error) {
    tell(asMeshError(error).code);
    throw error;
  }
}

function parse(schema: z.ZodType | undefined, value: unknown): unknown {
  if (!schema) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue?.path.join('.') || 'the request';
  throw new MeshError('USAGE', `${where}: ${issue?.message ?? 'invalid'}`);
}

/** One JSON object a line; an error after the beginning is the last line, an empty line is a sign of life. */
async function* lines(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  yield '\n';
  const iterator = values[Symbol.asyncIterator]();
  let next: Promise<IteratorResult<unknown>> | undefined;
  try {
    for (;;) {
      next ??= iterator.next();
      const beat = heartbeat();
      const result = await Promise.race([next, beat.promise]);
      beat.cancel();
      if (result === 'beat') {
        yield '\n';
        continue;
      }
      next = undefined;
      if (result.done) return;
      yield `${JSON.stringify(result.value)}\n`;
    }
  } catch (error) {
    yield `${JSON.stringify({ error: describe(asMeshError(error)) })}\n`;
  } finally {
    await iterator.return?.();
  }
}

function heartbeat(): { promise: Promise<'beat'>; cancel: () => void } {
  let timer: NodeJS.Timeout | undefined;
  const promise = new Promise<'beat'>((resolve) => {
    timer = setTimeout(() => resolve('beat'), HEARTBEAT_MS);
  });
  return { promise, cancel: () => clearTimeout(timer) };
}

const describe = ({ code, message, next, detail }: MeshError): ControlError => ({
  code,
  message,
  next,
  ...(detail ? { detail } : {}),
});

function refuse(node: MeshNode, reply: FastifyReply, thrown: unknown): FastifyReply {
  const error = ofFastify(thrown);
  if (error.code === 'INTERNAL')
    node.log.error({ reason: error.message, stack: (thrown as Error).stack }, 'a request failed');
  return reply.status(CODES[error.code].http).send(describe(error));
}

/** What the HTTP layer itself refuses: sizes, media types and JSON. */
function ofFastify(thrown: unknown): MeshError {
  const { statusCode, message } = thrown as { statusCode?: number; message?: string };
  if (thrown instanceof MeshError || statusCode === undefined || statusCode >= 500)
    return asMeshError(thrown);
  if (statusCode === 413)
    return new MeshError('TOO_LARGE', 'the body of the request is too large', { cause: thrown });
  return new MeshError('USAGE', `the request: ${message ?? 'invalid'}`, { cause: thrown });
}
