// Metrics for Prometheus over HTTP. Nothing is measured before it is started: a node that nobody measures pays nothing.

import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Registry } from 'prom-client';
import type { RouteName } from '../../protocols/control-api.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { MeshNode } from '../node.ts';
import { Turn } from '../turn.ts';
import { VERSION } from '../version.ts';
import { parseMetricsAddress } from './address.ts';
import { createMetrics, type Metrics } from './catalogue.ts';
import { carry, collect } from './collect.ts';
import { countExchanges } from './exchange-counts.ts';
import { countGossip } from './gossip-counts.ts';
import { TcpBytes } from './tcp-bytes.ts';

// An `import` asks for each name of the module, and one of them loads a whole web client.
const { createServer } = process.getBuiltinModule('node:http');

export interface MetricsOptions {
  /** HOST:PORT. */
  readonly address: string;
  /** Others than this machine may be let in. */
  readonly isOpen: boolean;
}

export interface MetricsServer {
  /** Where they are read. */
  readonly url: string;
  stop(): Promise<void>;
}

const PUBLISHES: ReadonlySet<RouteName> = new Set<RouteName>([
  ...(['publishEvents', 'publishContent', 'withdraw'] as const),
  ...(['reportInventoryIn', 'reportDeploymentsIn'] as const),
]);
/** A scrape is a line of headers; whoever is slower than this is no scraper. */
const REQUEST_MS = 5_000;
const CONNECTIONS = 16;

export async function startMetrics(
  node: MeshNode,
  { address, isOpen }: MetricsOptions,
): Promise<MetricsServer> {
  const { host, port } = parseMetricsAddress(address, isOpen);
  const measuring = measure(node);
  let isLocal = true;
  const server = createServer((request, response) => {
    // Of a page in a browser on this machine, whose name somebody points here: it must not read what only this machine may.
    if (isLocal && !isLocalName(request.headers.host)) {
      response.writeHead(421, { 'content-type': 'text/plain' }).end('Ask for localhost.\n');
      return;
    }
    answer(node, measuring, request, response).catch((error: unknown) => {
      node.log.warn({ reason: String(error) }, 'metrics could not be read');
      response.destroy();
    });
  });
  server.maxConnections = CONNECTIONS;
  server.requestTimeout = REQUEST_MS;
  server.headersTimeout = REQUEST_MS;
  try {
    await listen(server, host, port);
  } catch (cause) {
    measuring.stop();
    throw new MeshError('BUSY', `metrics cannot be served at ${address}`, {
      next: 'Another process may use the port; stop it, or name another one.',
      cause,
    });
  }
  const bound = server.address() as AddressInfo;
  isLocal = LOOPBACK.test(bound.address);
  const name = bound.family === 'IPv6' ? `[${bound.address}]` : bound.address;
  const url = `http://${name}:${bound.port}/metrics`;
  node.log.info({ url }, 'metrics are served');
  return {
    url,
    stop: async () => {
      measuring.stop();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

const LOOPBACK = /^(127\.|::1$)/;

/** A name that cannot be made to mean this machine by somebody else. */
function isLocalName(host: string | undefined): boolean {
  return host !== undefined && /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host);
}

interface Measuring {
  /** Everything as it is now. */
  read(): Promise<{ readonly text: string; readonly type: string }>;
  stop(): void;
}

function measure(node: MeshNode): Measuring {
  const registry = new Registry();
  const metrics = createMetrics(registry);
  const { config } = node.home;
  metrics.info.set(
    { mesh: config.meshName, space: config.name, version: VERSION, role: config.role },
    1,
  );
  const tcp = new TcpBytes();
  tcp.start();
  const gossip = countGossip(node.host.gossip);
  const exchanges = countExchanges(node.host);
  const turn = new Turn();
  node.onAnswered = (route, tookMs, code) => count(metrics, route, tookMs, code !== null);
  return {
    // Two readers at once would see each other's half.
    read: () =>
      turn.take(async () => {
        await collect(node, metrics);
        carry(metrics.tcpBytes, { direction: 'in' }, tcp.totals.in);
        carry(metrics.tcpBytes, { direction: 'out' }, tcp.totals.out);
        for (const [result, total] of Object.entries(gossip?.counts ?? {}))
          carry(metrics.gossip, { result }, total);
        for (const [result, total] of Object.entries(exchanges.counts))
          carry(metrics.exchanges, { result }, total);
        return { text: await registry.metrics(), type: registry.contentType };
      }),
    stop: () => {
      node.onAnswered = undefined;
      gossip?.stop();
      exchanges.stop();
      tcp.stop();
      registry.clear();
    },
  };
}

function count(metrics: Metrics, route: RouteName, tookMs: number, isRefused: boolean): void {
  metrics.controlSeconds.observe({ route }, tookMs / 1000);
  if (!PUBLISHES.has(route)) return;
  metrics.published.inc({ result: isRefused ? 'refused' : 'done' });
  if (!isRefused) metrics.publishSeconds.observe(tookMs / 1000);
}

async function answer(
  node: MeshNode,
  { read }: Measuring,
  { method, url = '' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [path] = url.split('?');
  if (path !== '/metrics') {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('Metrics are at /metrics.\n');
    return;
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  const { text, type } = await read();
  node.log.debug({ chars: text.length }, 'metrics read');
  response.writeHead(200, { 'content-type': type }).end(text);
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  const listening = once(server, 'listening');
  server.listen(port, host);
  // A port that is taken is told by an error, which the promise throws.
  await listening;
}
