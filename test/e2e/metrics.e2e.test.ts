// What Prometheus would read: every metric that the dashboard for Grafana asks for, from real nodes while an entry is
// published at one and arrives at the other.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPOSITORY, TestMesh, until } from './mesh.ts';

const FEED = 'library/stock';
const mesh = new TestMesh();
const urls = new Map<string, string>();

beforeAll(async () => {
  await mesh.init();
  await Promise.all(['library', 'payments'].map((name) => mesh.enlist(name)));
  await Promise.all(
    ['library', 'payments'].map(async (name) => {
      await mesh.start(name, '--metrics', '127.0.0.1:0');
      urls.set(name, await urlOf(name));
    }),
  );
  await mesh.ask('library', 'createFeed', {
    body: { name: 'stock', context: 'targets', to: 'all' },
  });
  await mesh.subscribe('payments', { feed: FEED });
});
afterAll(() => mesh.close());

/** Port 0 is a free one: the log says which. */
async function urlOf(name: string): Promise<string> {
  const log = await readFile(join(mesh.home(name), 'node.log'), 'utf8');
  return /"url":"(http:\/\/127\.0\.0\.1:\d+\/metrics)"/.exec(log)![1]!;
}

const read = async (name: string): Promise<string> => (await fetch(urls.get(name)!)).text();

/** Values by name and labels. */
async function scrape(name: string): Promise<Map<string, number>> {
  const lines = (await read(name)).split('\n').filter((line) => /^\w/.test(line));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

interface Panel {
  readonly targets?: readonly { readonly expr: string }[];
}

describe('metrics of running nodes', () => {
  it('hold a value for all that the Grafana dashboard asks for', async () => {
    await mesh.ask('library', 'publishEvents', {
      query: { feed: 'stock' },
      body: { drafts: [{ item: 'first', payload: { n: 1 } }] },
    });
    await mesh.level('payments', FEED, 1);
    const board = JSON.parse(
      await readFile(join(REPOSITORY, 'docs/grafana/odcm-mesh.json'), 'utf8'),
    ) as { panels: Panel[] };
    const asked = board.panels.flatMap(({ targets = [] }) =>
      targets.flatMap(({ expr }) => expr.match(/\bodcm_\w+/g) ?? []),
    );
    expect(asked.length).toBeGreaterThan(20);
    const both = [...(await scrape('library')).keys(), ...(await scrape('payments')).keys()];
    const names = new Set(both.map((sample) => sample.replace(/\{.*$/, '')));
    // These have values only where something was refused or a route is configured; both are declared all the same.
    const declared = await read('library');
    const rare = ['odcm_refusals_total', 'odcm_alert_route_up', 'odcm_alert_route_queued'];
    for (const name of rare) expect(declared).toContain(`# TYPE ${name} `);
    expect(asked.filter((name) => !names.has(name) && !rare.includes(name))).toEqual([]);
  });

  it('move when an entry is published here and arrives there', async () => {
    const [published, arrived] = [await scrape('library'), await scrape('payments')];
    const gossip = 'odcm_gossip_messages_total{result="valid"}';
    const exchanges = 'odcm_exchanges_total{result="opened"}';
    // Too large to travel with its head: the other side opens a stream for it.
    const payload = { text: '.'.repeat(40_000) };
    await mesh.ask('library', 'publishEvents', {
      query: { feed: 'stock' },
      body: { drafts: [{ item: 'second', payload }] },
    });
    await mesh.level('payments', FEED, 2);
    const grown = async (name: string, before: Map<string, number>, sample: string) =>
      ((await scrape(name)).get(sample) ?? 0) - (before.get(sample) ?? 0);
    expect(await grown('library', published, 'odcm_publishes_total{result="done"}')).toBe(1);
    expect(await grown('library', published, `odcm_feed_entries{feed="${FEED}"}`)).toBe(1);
    for (const sample of [
      gossip,
      exchanges,
      `odcm_feed_applied_entries{feed="${FEED}"}`,
      'odcm_tcp_bytes_total{direction="in"}',
    ]) {
      await until(`${sample} moved`, async () => (await grown('payments', arrived, sample)) > 0);
    }
    expect((await scrape('payments')).get(`odcm_feed_behind_entries{feed="${FEED}"}`)).toBe(0);
  });

  it('count a space that is gone', async () => {
    await mesh.kill('library');
    await until('the metrics say so', async () => {
      const samples = await scrape('payments');
      return samples.get('odcm_peers{state="connected"}') === 1;
    });
  });

  it.each([
    ['127.0.0.1', /is no address with a port\. Write it like 127\.0\.0\.1:9464/],
    ['0.0.0.0:9464', /can be reached from other machines\. .*--metrics-open/],
  ])('are not served at %s, which is said before anything starts', async (address, line) => {
    const { code, stderr } = await mesh.odcm('library', 'run', '--metrics', address);
    expect([code, stderr]).toEqual([2, expect.stringMatching(line)]);
  });
});
