// A node of canned answers on a real Unix socket. It refuses every request that the table of routes does not allow and
// every canned answer that the table does not promise, so that tests speak of the real contract.

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { z } from 'zod';
import { ROUTES, type RouteName, type RouteResult } from '../../../protocols/control-api.ts';
import { asMeshError, CODES, MeshError } from '../../../protocols/errors.ts';
import { loadCommands } from '../../../tui/command-source.ts';
import { remoteCommands } from '../../../tui/commands.ts';
import { createProgram } from '../../../tui/program.ts';
import { type TestContext, testContext } from '../streams.ts';

export interface Received {
  readonly route: RouteName;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  /** Bytes of an upload, when the answer read them. */
  readonly content: () => Promise<Buffer>;
  readonly response: ServerResponse;
}

/** What a route answers: a value, or something that makes it, throws a refusal, or writes the answer itself. */
type Canned = unknown | ((received: Received) => unknown);
export type Answers = Partial<Record<RouteName, Canned>>;

export const AS_OF = '2026-11-20T10:41:58.000Z';
export const ANSWERED: unique symbol = Symbol('the answer is written');

export interface CannedNode {
  readonly home: string;
  readonly answers: Answers;
  readonly received: Received[];
  /** Requests as one line each: `grant {"subscriber":…}`; what many commands ask besides is left out. */
  asked(): string[];
  odcm(line: string | readonly string[], changes?: Partial<TestContext>): Promise<Transcript>;
  stop(): Promise<void>;
}

export interface Transcript {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

export async function startCannedNode(): Promise<CannedNode> {
  const home = await mkdtemp(join(tmpdir(), 'odcm-commands-'));
  const answers: Answers = { status: STATUS, revocations: [], exposure: NO_EXPOSURE };
  const received: Received[] = [];
  const server = createServer((request, response) => {
    serve(request, response, answers, received).catch((error: unknown) => refuse(response, error));
  });
  server.listen(join(home, 'control.sock'));
  await once(server, 'listening');
  return {
    home,
    answers,
    received,
    asked: () =>
      received
        .filter(({ route }) => !BESIDES.has(route))
        .map(
          ({ route, query, body }) => `${route} ${JSON.stringify({ ...query, ...asObject(body) })}`,
        ),
    odcm: async (line, changes = {}) => {
      const context = testContext({ env: { ODCM_HOME: home }, ...changes });
      const args = typeof line === 'string' ? line.split(' ') : line;
      const commands = await loadCommands(remoteCommands, args[0]);
      const program = createProgram({ version: '1', context, commands });
      const exitCode = await program.run(args);
      return { exitCode, out: context.stdout.text, err: context.stderr.text };
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
      await rm(home, { recursive: true });
    },
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  answers: Answers,
  received: Received[],
): Promise<void> {
  const url = new URL(request.url ?? '', 'http://node');
  const route = (Object.keys(ROUTES) as RouteName[]).find(
    (name) => ROUTES[name].method === request.method && ROUTES[name].path === url.pathname,
  );
  if (route === undefined)
    throw new MeshError('USAGE', `no route ${request.method} ${url.pathname}`);
  const declared: { query?: z.ZodObject; body?: z.ZodType; result?: z.ZodType; answer: string } =
    ROUTES[route];
  const query = check(
    (declared.query ?? z.object({})).strict(),
    Object.fromEntries(url.searchParams),
  );
  const content = async (): Promise<Buffer> =>
    Buffer.concat(await Readable.from(request).toArray());
  const body =
    declared.body === undefined
      ? undefined
      : check(strict(declared.body), JSON.parse(String(await content())));
  const call = { route, query: query as Received['query'], body, content, response };
  received.push(call);
  const canned = answers[route];
  if (canned === undefined) throw new MeshError('USAGE', `the test has no answer for ${route}`);
  const value: unknown = typeof canned === 'function' ? await canned(call) : canned;
  if (value === ANSWERED) return;
  const { answer, result } = declared;
  if (answer === 'bytes' || result === undefined) throw new MeshError('INTERNAL', 'not canned');
  response.setHeader('content-type', 'application/json');
  if (answer === 'lines') {
    response.end(
      z
        .array(result)
        .parse(value)
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(''),
    );
    return;
  }
  const checked =
    answer === 'rows' ? { asOf: AS_OF, rows: z.array(result).parse(value) } : result.parse(value);
  response.end(JSON.stringify(checked));
}

const strict = (schema: z.ZodType): z.ZodType =>
  schema instanceof z.ZodObject ? schema.strict() : schema;

function check(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new MeshError('USAGE', `against the contract: ${z.prettifyError(result.error)}`);
}

function refuse(response: ServerResponse, thrown: unknown): void {
  const { code, message, next } = asMeshError(thrown);
  response.writeHead(CODES[code].http, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ code, message, next }));
}

function asObject(body: unknown): object {
  return typeof body === 'object' && body !== null ? body : {};
}

export const refusal =
  (code: ConstructorParameters<typeof MeshError>[0], message: string) => () => {
    throw new MeshError(code, message);
  };

const BESIDES: ReadonlySet<RouteName> = new Set(['status', 'revocations', 'exposure']);

export const revocation = (
  changes: Partial<RouteResult<'revocations'>> = {},
): RouteResult<'revocations'> => ({
  ...{ entry: 44, at: AS_OF, kind: 'space', space: 'payments', what: 'the mesh', reason: 'stolen' },
  ...{ applied: 2, of: 4 },
  missing: [
    { space: 'shipping', state: 'offline', heardAgoMs: 3 * 3_600_000, size: 40 },
    { space: 'ledger', state: 'unknown', heardAgoMs: null, size: null },
  ],
  ...changes,
});

const NO_EXPOSURE: RouteResult<'exposure'> = {
  ...{ asOf: AS_OF, space: 'payments', revokedAt: null, feeds: [], rows: [] },
  ...{ total: 0, readable: 0, sensitive: 0 },
};

export const STATUS: RouteResult<'status'> = {
  version: '1.0.0',
  mesh: 'abcdefghijklmnopqrstuvwxyz',
  meshName: 'acme',
  space: '11111111-1111-4111-8111-111111111111',
  name: 'library',
  role: 'space',
  pid: 4711,
  startedAt: '2026-11-20T08:00:00.000Z',
  peerId: '12D3KooWLibrary',
  addresses: ['/ip4/10.1.0.5/tcp/4001'],
  enrolment: null,
  directory: { size: 42, ageMs: 12_000, state: 'fresh' },
  peers: { connected: 2, known: 3 },
  feeds: { known: 7, own: 2, subscribed: 3 },
  contexts: ['variables', 'step-templates'],
  keyProtection: 'passphrase',
  store: {
    damaged: 0,
    repaired: 0,
    refetching: false,
    disk: 'ok',
    freeBytes: null,
    scrubbedAt: null,
  },
  refusals: { BAD_SIGNATURE: 3 },
};
