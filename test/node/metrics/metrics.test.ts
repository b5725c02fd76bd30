import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { systemClock, systemRandom, systemTimers } from '../../../node/clock.ts';
import { type ControlServer, startControlServer } from '../../../node/control/server.ts';
import { openHome } from '../../../node/home/home.ts';
import { silentLog } from '../../../node/log.ts';
import { parseMetricsAddress } from '../../../node/metrics/address.ts';
import { type MetricsServer, startMetrics } from '../../../node/metrics/server.ts';
import { MeshNode } from '../../../node/node.ts';
import { repository } from '../../docs/repository.ts';
import { cleanUp } from '../enrol/mesh.ts';
import { makeSampleHome } from '../fsck/sample-home.ts';

let node: MeshNode;
let control: ControlServer;
let metrics: MetricsServer;

beforeAll(async () => {
  const { dir } = await makeSampleHome();
  const system = { clock: systemClock, timers: systemTimers, random: systemRandom };
  node = await MeshNode.create({ ...system, home: await openHome(dir), log: silentLog });
  await node.start();
  control = await startControlServer(node);
  metrics = await startMetrics(node, { address: '127.0.0.1:0', isOpen: false });
});
afterAll(async () => {
  await metrics.stop();
  await control.stop();
  await node.stop();
  await cleanUp();
});

/** Value by name and labels, as they stand in the text. */
async function scrape(): Promise<Map<string, number>> {
  const lines = (await (await fetch(metrics.url)).text()).split('\n');
  const samples = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    samples.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

async function ask(method: string, path: string, body?: object): Promise<number> {
  const asking = request({ socketPath: control.path, method, path });
  asking.setHeader('content-type', 'application/json');
  asking.end(body && JSON.stringify(body));
  return new Promise((resolve, reject) => {
    asking.once('error', reject);
    asking.once('response', (response) => {
      text(response).then(() => resolve(response.statusCode ?? 0), reject);
    });
  });
}

const sum = (samples: Map<string, number>, start: string): number =>
  [...samples].reduce((all, [name, value]) => all + (name.startsWith(start) ? value : 0), 0);

describe('metrics', () => {
  it('say which node it is, what it holds, and how it does', async () => {
    // How well the observer is depends on the machine: here it is said.
    const multiplier = vi.spyOn(node.health.local, 'multiplier', 'get').mockReturnValue(3);
    const samples = await scrape();
    multiplier.mockRestore();
    const info = [...samples.keys()].find((name) => name.startsWith('odcm_node_info'));
    expect(info).toContain(`space="${node.home.config.name}"`);
    for (const store of ['log', 'blocks', 'views', 'peers'])
      expect(samples.get(`odcm_store_bytes{store="${store}"}`)).toBeGreaterThan(0);
    expect(samples.get('odcm_spaces{state="self"}')).toBe(1);
    expect(samples.get('odcm_observer_waits')).toBe(3);
    expect(samples.get('odcm_peers{state="connected"}')).toBe(0);
    expect(samples.get('odcm_directory_entries')).toBe(node.directory.state.size);
    expect(samples.get('odcm_disk_free_bytes')).toBeGreaterThan(0);
    expect(samples.get('odcm_process_resident_memory_bytes')).toBeGreaterThan(0);
    expect(samples.has('odcm_nodejs_eventloop_lag_p99_seconds')).toBe(true);
  });

  it('have a line for each feed of this node', async () => {
    const own = [...node.directory.state.feeds.values()].filter(
      ({ space }) => space === node.home.config.space,
    );
    const samples = await scrape();
    for (const row of own) {
      const feed = node.directory.state.feedPath(row);
      const { log } = await node.feeds.open(row.id);
      expect(samples.get(`odcm_feed_held_entries{feed="${feed}"}`)).toBe(log.size);
      expect(samples.get(`odcm_feed_behind_entries{feed="${feed}"}`)).toBe(0);
    }
    expect(own.length).toBeGreaterThan(0);
  });

  it('count what is published and how long it took, and what is refused', async () => {
    const before = await scrape();
    const feed = [...node.directory.state.feeds.values()].find(
      ({ space }) => space === node.home.config.space,
    )!;
    const path = `/v1/events?feed=${encodeURIComponent(node.directory.state.feedPath(feed))}`;
    const drafts = [{ item: 'counted', payload: { n: 1 } }];
    expect(await ask('POST', path, { drafts })).toBe(200);
    expect(await ask('POST', '/v1/events?feed=nobody%2Fnothing', { drafts })).toBe(404);
    const after = await scrape();
    const grown = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    expect(grown('odcm_publishes_total{result="done"}')).toBe(1);
    expect(grown('odcm_publishes_total{result="refused"}')).toBe(1);
    expect(grown('odcm_publish_seconds_count')).toBe(1);
    expect(grown('odcm_control_seconds_count{route="publishEvents"}')).toBe(2);
    expect(grown(`odcm_feed_entries{feed="${node.directory.state.feedPath(feed)}"}`)).toBe(1);
  });

  it('count refusals by code, and bytes over TCP', async () => {
    const before = await scrape();
    node.countRefusal('BAD_SIGNATURE');
    node.countRefusal('BAD_SIGNATURE');
    const after = await scrape();
    const name = 'odcm_refusals_total{code="BAD_SIGNATURE"}';
    expect((after.get(name) ?? 0) - (before.get(name) ?? 0)).toBe(2);
    expect(sum(after, 'odcm_tcp_bytes_total')).toBeGreaterThan(sum(before, 'odcm_tcp_bytes_total'));
  });

  it('are the same for two who ask at once', async () => {
    const [one, other] = await Promise.all([scrape(), scrape()]);
    // A collection of garbage between the two may be the first of its kind, and what the process waits for is of other
    // kinds from one moment to the next: each kind has lines of its own.
    const ours = (samples: Map<string, number>): string[] =>
      [...samples.keys()].filter((name) => !/^odcm_nodejs_(gc|active)_/.test(name)).sort();
    expect(ours(one).length).toBeGreaterThan(100);
    expect(ours(one)).toEqual(ours(other));
  });

  it('are at one path and are only read', async () => {
    const { origin } = new URL(metrics.url);
    expect((await fetch(`${origin}/`)).status).toBe(404);
    expect((await fetch(`${origin}/metrics/../../etc/passwd`)).status).toBe(404);
    expect((await fetch(metrics.url, { method: 'POST', body: 'x' })).status).toBe(405);
    expect((await fetch(metrics.url, { method: 'HEAD' })).status).toBe(200);
  });

  it.each([
    ['localhost:9464', 200],
    ['127.0.0.1', 200],
    ['[::1]:1', 200],
    ['rebound.example:9464', 421],
    ['127.0.0.1.rebound.example', 421],
  ])('are on this machine given to who asks for %s: %i', async (host, status) => {
    const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
    request(metrics.url, { headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
    expect(await promise).toBe(status);
  });

  it('are not served where somebody else listens', async () => {
    const address = new URL(metrics.url).host;
    await expect(startMetrics(node, { address, isOpen: false })).rejects.toMatchObject({
      code: 'BUSY',
    });
  });
});

describe('the address of metrics', () => {
  it.each([
    ['127.0.0.1:9464', { host: '127.0.0.1', port: 9464 }],
    ['127.8.9.1:0', { host: '127.8.9.1', port: 0 }],
    ['localhost:1', { host: 'localhost', port: 1 }],
    ['[::1]:9464', { host: '::1', port: 9464 }],
  ])('%s is on this machine', (text, address) => {
    expect(parseMetricsAddress(text, false)).toEqual(address);
  });

  it.each(['0.0.0.0:9464', '10.0.0.1:9464', '[::]:9464', 'localhost.example:1', '127.example:1'])(
    '%s is refused unless it is opened on purpose',
    (text) => {
      expect(() => parseMetricsAddress(text, false)).toThrow(/can be reached from other machines/);
      expect(parseMetricsAddress(text, true).port).toBeGreaterThan(0);
    },
  );

  it.each([
    '',
    '9464',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '[zz]:1',
    'a b:1',
    '::1:9464',
  ])('%j is refused', (text) => {
    expect(() => parseMetricsAddress(text, true)).toThrow(/is no address with a port/);
  });
});

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string }[];
}

describe('the Grafana dashboard', () => {
  it('asks for nothing but metrics that exist', async () => {
    const file = join(repository, 'docs/grafana/odcm-mesh.json');
    const board = JSON.parse(await readFile(file, 'utf8')) as { panels: Panel[] };
    const told = await (await fetch(metrics.url)).text();
    const types = new Map(
      [...told.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]),
    );
    const names = new Set(
      [...types].flatMap(([name, type]) =>
        type === 'histogram' ? ['_bucket', '_sum', '_count'].map((end) => name + end) : [name],
      ),
    );
    const asked = board.panels.flatMap(({ targets = [] }) =>
      targets.map(({ expr }) => expr.match(/\bodcm_\w+/g) ?? []),
    );
    expect(asked.length).toBeGreaterThan(20);
    for (const ones of asked) expect(ones.length).toBeGreaterThan(0);
    const unknown = asked.flat().filter((name) => !names.has(name));
    expect(unknown).toEqual([]);
  });
});
