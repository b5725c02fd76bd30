import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../protocols/limits.ts';
import { apiPath, createClient } from '../../tui/client.ts';

let home: string;
let stop: (() => Promise<void>) | undefined;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'odcm-client-'));
});
afterEach(async () => {
  await stop?.();
  stop = undefined;
  await rm(home, { recursive: true, force: true });
});

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A node that answers everything the same way. */
async function node(handler: Handler): Promise<Server> {
  const server = createServer((request, response) => {
    Promise.resolve(handler(request, response)).catch(() => response.destroy());
  });
  server.listen(join(home, 'control.sock'));
  await once(server, 'listening');
  stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  };
  return server;
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

describe('a request', () => {
  it('brings back what the node answers', async () => {
    await node((request, response) => json(response, { method: request.method, url: request.url }));
    const client = createClient({ home });
    const path = apiPath`/v1/feeds/${'library/variables/base'}/items/${'a b?ü'}`;
    expect(await client.get(path, { query: { limit: 5, after: undefined, all: true } })).toEqual({
      method: 'GET',
      url: '/v1/feeds/library%2Fvariables%2Fbase/items/a%20b%3F%C3%BC?limit=5&all=true',
    });
    expect(await client.delete('/v1/grants/1')).toEqual({ method: 'DELETE', url: '/v1/grants/1' });
  });

  it('carries a JSON body, and takes an answer without content', async () => {
    let received: unknown;
    await node(async (request, response) => {
      received = [request.headers['content-type'], JSON.parse(String(await bodyOf(request)))];
      response.writeHead(204).end();
    });
    expect(await createClient({ home }).post('/v1/feeds', { name: 'ü' })).toBeUndefined();
    expect(received).toEqual(['application/json', { name: 'ü' }]);
  });

  it('uploads and downloads bytes as a stream', async () => {
    const content = Buffer.alloc(3_000_000, 'odcm');
    await writeFile(join(home, 'file'), content);
    let stored: Uint8Array = new Uint8Array();
    await node(async (request, response) => {
      if (request.method === 'GET') return response.end(stored);
      stored = await bodyOf(request);
      return json(response, { sizeBytes: stored.length });
    });
    const client = createClient({ home });
    const answer = await client.upload('/v1/items', createReadStream(join(home, 'file')));
    expect(answer).toEqual({ sizeBytes: content.length });
    const { headers, chunks } = await client.download('/v1/items');
    expect(headers['content-length']).toBe('3000000');
    expect(Buffer.concat(await collect(chunks)).equals(content)).toBe(true);
  });

  it('gives the answer a type, or says that it is not understood', async () => {
    await node((_, response) => json(response, { rows: 7 }));
    const client = createClient({ home });
    const parse = (value: unknown): number => (value as { rows: number }).rows;
    expect(await client.get('/', { parse })).toBe(7);
    const fail = (): never => {
      throw new Error('rows must be a list');
    };
    await expect(client.get('/v1/spaces', { parse: fail })).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('GET /v1/spaces'),
    });
  });

  it('stops when it is told to', async () => {
    const server = await node(() => undefined);
    const abort = new AbortController();
    const answer = createClient({ home }).get('/', { signal: abort.signal, timeoutMs: 0 });
    await once(server, 'request');
    abort.abort();
    await expect(answer).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
    await expect(createClient({ home }).get('/', { signal: abort.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
  });
});

describe('a stream of lines', () => {
  it('gives one value per line, wherever the network cuts them', async () => {
    await node((_, response) => {
      const bytes = Buffer.from('{"a":"ü"}\n\n{"a":2}\n{"a":3}');
      response.write(bytes.subarray(0, 7));
      setImmediate(() => response.end(bytes.subarray(7)));
    });
    expect(await collect(createClient({ home }).stream('/v1/tail'))).toEqual([
      { a: 'ü' },
      { a: 2 },
      { a: 3 },
    ]);
  });

  it('lets the node go when the loop is left', async () => {
    const gone = Promise.withResolvers<void>();
    await node((_, response) => {
      response.on('close', () => gone.resolve());
      response.write('{"n":1}\n');
    });
    for await (const value of createClient({ home }).stream('/v1/tail')) {
      expect(value).toEqual({ n: 1 });
      break;
    }
    await gone.promise;
  });

  it.each([
    [
      'an error line',
      '{"n":1}\n{"error":{"code":"REVOKED","message":"x","next":"y"}}\n',
      'REVOKED',
    ],
    ['an error line without a name', '{"n":1}\n{"error":5}\n', 'INTERNAL'],
    ['nonsense', '{"n":1}\n<html>\n', 'INTERNAL'],
  ])('ends with an error after %s', async (_, text, code) => {
    await node((_request, response) => void response.end(text));
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const value of createClient({ home }).stream('/v1/tail')) seen.push(value);
    })();
    await expect(reading).rejects.toMatchObject({ code });
    expect(seen).toEqual([{ n: 1 }]);
  });

  it('ends with an error when the node dies in between', async () => {
    await node((_, response) => {
      response.write('{"n":1}\n', () => response.destroy());
    });
    await expect(collect(createClient({ home }).stream('/'))).rejects.toMatchObject({
      code: 'NODE_UNREACHABLE',
    });
  });

  it('does not take a row that has an error among other things for one', async () => {
    await node((_, response) => void response.end('{"error":"late","item":"web"}\n'));
    expect(await collect(createClient({ home }).stream('/'))).toHaveLength(1);
  });
});

describe('a node that is away', () => {
  const refused = (next: unknown) => ({ code: 'NODE_UNREACHABLE', next });

  it('is named by its folder, with the command that starts it', async () => {
    await writeFile(join(home, 'node.json'), '{}');
    await expect(createClient({ home }).get('/v1/status')).rejects.toMatchObject({
      ...refused(`Start it with: odcm run --home ${home}`),
      message: `the node in ${home} is not running`,
      detail: { home },
    });
  });

  it('was never there', async () => {
    const missing = join(home, "it's new");
    await expect(createClient({ home: missing }).get('/')).rejects.toMatchObject(
      refused(expect.stringContaining(`odcm init MESH --home '${home}/it'\\''s new'`)),
    );
  });

  it('left its socket behind', async () => {
    await writeFile(join(home, 'node.json'), '{}');
    await writeFile(join(home, 'control.sock'), '');
    await expect(createClient({ home }).get('/')).rejects.toMatchObject(
      refused(expect.stringContaining('odcm run')),
    );
  });

  it('goes away before, or in the middle of, its answer', async () => {
    await node((request, response) => {
      if (request.url === '/before') return response.destroy();
      response.writeHead(200, { 'content-length': 100 });
      return response.write('{"half', () => response.destroy());
    });
    for (const path of ['/before', '/middle']) {
      await expect(createClient({ home }).get(path)).rejects.toMatchObject({
        code: 'NODE_UNREACHABLE',
        message: expect.stringContaining(`while it answered GET ${path}`),
      });
    }
  });

  it('has a folder whose path is too long for a socket', () => {
    expect(() => createClient({ home: join(home, 'x'.repeat(100)) })).toThrow(
      expect.objectContaining({ code: 'USAGE' }),
    );
  });
});

describe('a slow node', () => {
  it('is given up when it says nothing', async () => {
    await node(() => undefined);
    await expect(createClient({ home }).get('/v1/spaces', { timeoutMs: 20 })).rejects.toMatchObject(
      {
        code: 'TIMEOUT',
        message: `the node in ${home} was silent for 20 ms on GET /v1/spaces`,
      },
    );
  });

  it('is given up when it falls silent in the middle', async () => {
    await node((_, response) => void response.write('{"half":'));
    await expect(createClient({ home }).get('/', { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'TIMEOUT',
    });
  });

  it('is given up when it does not take an upload', async () => {
    await node((request) => void request.pause());
    async function* endless() {
      for (;;) yield Buffer.alloc(65_536);
    }
    await expect(
      createClient({ home }).upload('/', endless(), { timeoutMs: 50 }),
    ).rejects.toMatchObject({ code: 'TIMEOUT' });
  });
});

describe('a refusal', () => {
  it('is the error that the node threw', async () => {
    const body = {
      code: 'FEED_UNKNOWN',
      message: 'there is no feed "library/x".',
      next: 'See: odcm feeds',
      detail: { feed: 'library/x' },
    };
    await node((_, response) => json(response, body, 404));
    await expect(createClient({ home }).get('/')).rejects.toMatchObject({
      ...body,
      message: 'there is no feed "library/x"',
    });
  });

  it('has its own advice when the node gives none, and nothing hostile in it', async () => {
    await node((_, response) =>
      json(response, { code: 'REVOKED', message: 'a\x1b[2J\u202eb' }, 403),
    );
    await expect(createClient({ home }).get('/')).rejects.toMatchObject({
      code: 'REVOKED',
      message: 'a[2Jb',
      next: expect.stringContaining('revoked'),
    });
  });

  it.each(['NEWER_CODE', 'constructor'])('of a code unknown here (%s) names it', async (code) => {
    await node((_, response) => json(response, { code, message: 'something new' }, 409));
    await expect(createClient({ home }).get('/')).rejects.toMatchObject({
      code: 'INTERNAL',
      message: `${code}: something new`,
    });
  });

  it('of an upload arrives although the node does not read all of it', async () => {
    await node((_, response) => {
      response.shouldKeepAlive = false;
      json(response, { code: 'TOO_LARGE', message: 'the file is too large' }, 413);
    });
    async function* endless() {
      for (;;) yield Buffer.alloc(65_536);
    }
    await expect(createClient({ home }).upload('/', endless())).rejects.toMatchObject({
      code: 'TOO_LARGE',
    });
  });

  it('to read the file shows before anything of the node', async () => {
    await node(() => undefined);
    const file = createReadStream(join(home, 'missing.json'));
    await expect(createClient({ home }).upload('/', file)).rejects.toMatchObject({
      code: 'FILE_UNREADABLE',
      message: expect.stringContaining('missing.json'),
    });
  });
});

describe('an answer that makes no sense', () => {
  it.each<[string, Handler]>([
    ['HTML', (_, response) => void response.end('<html>')],
    ['nothing', (_, response) => void response.end()],
    ['a page for an error', (_, response) => void response.writeHead(502).end('Bad Gateway')],
    ['an error without a name', (_, response) => json(response, { oops: 1 }, 500)],
    ['an error that is a list', (_, response) => json(response, [], 500)],
    ['a redirect', (_, response) => void response.writeHead(302, { location: '/x' }).end('{}')],
    [
      'more than a client takes',
      (_, response) => void response.end(Buffer.alloc(LIMITS.controlBodyBytes + 1, ' ')),
    ],
  ])('is a clear error: %s', async (_, handler) => {
    await node(handler);
    await expect(createClient({ home }).get('/v1/spaces')).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('GET /v1/spaces'),
      next: expect.stringContaining('same version'),
    });
  });

  it('is a clear error: another protocol', async () => {
    const server = createSocketServer((socket) => socket.resume().end('SSH-2.0-OpenSSH\r\n'));
    server.listen(join(home, 'control.sock'));
    await once(server, 'listening');
    stop = async () => {
      server.close();
      await once(server, 'close');
    };
    await expect(createClient({ home }).get('/')).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining('is not HTTP'),
    });
  });

  it('is a clear error: a line without end', async () => {
    await node((_, response) => void response.end(Buffer.alloc(LIMITS.controlBodyBytes + 1, 'x')));
    await expect(collect(createClient({ home }).stream('/'))).rejects.toMatchObject({
      code: 'INTERNAL',
    });
  });
});
