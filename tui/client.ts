// Speaks to a running node over its control API: HTTP with JSON on the Unix socket in the node's folder. Every way
// this can go wrong becomes one MeshError; what a command wants from the node is its own business.

import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { controlSocketPath } from '../protocols/control.ts';
import { LIMITS } from '../protocols/limits.ts';
import {
  answerFault,
  connectionFault,
  type Exchange,
  parseAnswer,
  refusalOf,
  streamErrorOf,
  timeoutFault,
} from './client-errors.ts';

// An `import` of node:http asks for each of its names, and one of them loads a whole web client: a quarter of the time that
// a command takes to start.
const { request } = process.getBuiltinModule('node:http');

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined;
  /** Longest silence of the node before it is given up; 0 waits for ever. */
  readonly timeoutMs?: number;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
}

/** Checks an answer and gives it a type, as the `parse` of a schema does; without it the answer is believed. */
export interface AnswerOptions<T> extends RequestOptions {
  readonly parse?: (value: unknown) => T;
}

export interface UploadOptions<T> extends AnswerOptions<T> {
  readonly contentType?: string;
  readonly sizeBytes?: number;
}

/** Content on its way: whoever asked for it reads all of it or leaves the loop, which lets the node go. */
export interface Download {
  readonly headers: IncomingHttpHeaders;
  readonly chunks: AsyncGenerator<Uint8Array, void, undefined>;
}

export interface MeshClient {
  /** The node's folder as an absolute path. */
  readonly home: string;
  get<T>(path: string, options?: AnswerOptions<T>): Promise<T>;
  post<T>(path: string, body?: unknown, options?: AnswerOptions<T>): Promise<T>;
  delete<T>(path: string, options?: AnswerOptions<T>): Promise<T>;
  /** Values that come one per line, as long as the node sends or until the loop is left. */
  stream<T>(path: string, options?: AnswerOptions<T>): AsyncGenerator<T, void, undefined>;
  /** The same for work that the node does and tells of. */
  follow<T>(
    path: string,
    body: unknown,
    options?: AnswerOptions<T>,
  ): AsyncGenerator<T, void, undefined>;
  /** Raw bytes, for content of any size. */
  download(path: string, options?: RequestOptions): Promise<Download>;
  upload<T>(path: string, body: AsyncIterable<Uint8Array>, options?: UploadOptions<T>): Promise<T>;
}

/** A path with its values encoded, since names of feeds hold slashes: apiPath`/v1/feeds/${name}/items`. */
export function apiPath(parts: TemplateStringsArray, ...values: (string | number)[]): string {
  return String.raw({ raw: parts }, ...values.map((value) => encodeURIComponent(value)));
}

export function createClient({ home }: { readonly home: string }): MeshClient {
  const folder = resolve(home);
  const socketPath = controlSocketPath(folder);
  const call = async <T>(
    method: string,
    path: string,
    options: UploadOptions<T> = {},
    body?: Body,
  ): Promise<T> => {
    const exchange = { home: folder, method, path };
    const response = await send(socketPath, exchange, options, body);
    return parseAnswer(exchange, await readJson(exchange, response, options.signal), options.parse);
  };
  async function* values<T>(
    exchange: Exchange,
    options: AnswerOptions<T>,
    body?: Body,
  ): AsyncGenerator<T, void, undefined> {
    const response = await send(socketPath, exchange, options, body);
    // The node must answer soon, but may then have nothing to say for hours.
    response.socket.setTimeout(options.timeoutMs ?? 0);
    for await (const line of readLines(exchange, response, options.signal)) {
      const value = parseLine(exchange, line);
      const error = streamErrorOf(exchange, value);
      if (error !== undefined) throw error;
      yield parseAnswer(exchange, value, options.parse);
    }
  }
  return {
    home: folder,
    get: (path, options) => call('GET', path, options),
    delete: (path, options) => call('DELETE', path, options),
    post: (path, body, options) =>
      call('POST', path, options, body === undefined ? undefined : { json: body }),
    upload: (path, stream, options) => call('POST', path, options, { stream }),
    stream: (path, options = {}) => values({ home: folder, method: 'GET', path }, options),
    follow: (path, body, options = {}) =>
      values({ home: folder, method: 'POST', path }, options, { json: body }),
    async download(path, options = {}) {
      const exchange = { home: folder, method: 'GET', path };
      const response = await send(socketPath, exchange, options);
      // The answer has begun; from here on a pager may hold the reading up for as long as a person reads.
      response.socket.setTimeout(0);
      return {
        headers: response.headers,
        chunks: readChunks(exchange, response, options.signal),
      };
    },
  };
}

type Body = { readonly json: unknown } | { readonly stream: AsyncIterable<Uint8Array> };

/** The answer once its headers are there and say success; any other answer is thrown as the error it describes. */
async function send(
  socketPath: string,
  exchange: Exchange,
  options: Omit<UploadOptions<unknown>, 'parse'>,
  body?: Body,
): Promise<IncomingMessage> {
  options.signal?.throwIfAborted();
  const json = body !== undefined && 'json' in body ? JSON.stringify(body.json) : undefined;
  const headers: Record<string, string | number> = {
    accept: 'application/json',
    // Lets the node answer an upload before it has read it: it would else close while this end still writes, and the
    // answer would be lost with the connection.
    connection: 'keep-alive',
  };
  if (json !== undefined) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = Buffer.byteLength(json);
  } else if (body !== undefined) {
    headers['content-type'] = options.contentType ?? 'application/octet-stream';
    if (options.sizeBytes !== undefined) headers['content-length'] = options.sizeBytes;
  }
  const timeoutMs = options.timeoutMs ?? LIMITS.requestTimeoutMs;
  const outgoing = request({
    socketPath,
    method: exchange.method,
    path: exchange.path + queryText(options.query),
    headers,
    // A connection kept for later could be one that the node closed in between.
    agent: false,
    timeout: timeoutMs,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  let answer: IncomingMessage | undefined;
  // Once the answer has begun, only an error of its own reaches whoever reads it.
  outgoing.on('timeout', () => (answer ?? outgoing).destroy(timeoutFault(exchange, timeoutMs)));
  const response = await exchangeOf(outgoing, json, body).catch((error: unknown) => {
    options.signal?.throwIfAborted();
    throw connectionFault(exchange, error);
  });
  answer = response;
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return response;
  throw refusalOf(exchange, status, await readBody(exchange, response, options.signal));
}

function queryText(query: RequestOptions['query']): string {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(pairs.map(([key, value]) => [key, String(value)])).toString();
  return text === '' ? '' : `?${text}`;
}

/** Writes the body and waits for the answer, which may come first: a node refuses an upload without reading all of it. */
function exchangeOf(
  outgoing: ClientRequest,
  json: string | undefined,
  body: Body | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.on('error', reject);
    outgoing.on('response', resolve);
    if (body === undefined || !('stream' in body)) {
      outgoing.end(json);
      return;
    }
    // After the answer has come nobody hears this reject; before it, the source's own error is the one to show.
    pipeline(body.stream, outgoing).catch(reject);
  });
}

async function* readChunks(
  exchange: Exchange,
  response: IncomingMessage,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer, void, undefined> {
  try {
    for await (const chunk of response) yield chunk as Buffer;
  } catch (error) {
    signal?.throwIfAborted();
    throw connectionFault(exchange, error);
  } finally {
    response.destroy();
  }
}

async function readBody(
  exchange: Exchange,
  response: IncomingMessage,
  signal: AbortSignal | undefined,
): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of readChunks(exchange, response, signal)) {
    sizeBytes += chunk.length;
    if (sizeBytes > LIMITS.controlBodyBytes) throw answerFault(exchange, 'is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readJson(
  exchange: Exchange,
  response: IncomingMessage,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const text = await readBody(exchange, response, signal);
  return response.statusCode === 204 ? undefined : parseLine(exchange, text);
}

function parseLine(exchange: Exchange, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw answerFault(exchange, 'is not JSON', error);
  }
}

/** Empty lines only say that the node is still there. */
async function* readLines(
  exchange: Exchange,
  response: IncomingMessage,
  signal: AbortSignal | undefined,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of readChunks(exchange, response, signal)) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LIMITS.controlBodyBytes) throw answerFault(exchange, 'has an endless line');
    for (const line of lines) if (line.trim() !== '') yield line;
  }
  if (rest.trim() !== '') yield rest;
}
