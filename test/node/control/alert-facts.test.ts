import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RecentCounts } from '../../../node/alerts/recent-counts.ts';
import { defaultSettings } from '../../../node/alerts/settings.ts';
import { AlertWatch } from '../../../node/alerts/watch.ts';
import { systemClock, systemRandom, systemTimers } from '../../../node/clock.ts';
import { AlertFacts } from '../../../node/control/alert-facts.ts';
import { type ControlServer, startControlServer } from '../../../node/control/server.ts';
import { openHome } from '../../../node/home/home.ts';
import { silentLog } from '../../../node/log.ts';
import { MeshNode } from '../../../node/node.ts';
import { cleanUp } from '../enrol/mesh.ts';
import { makeSampleHome } from '../fsck/sample-home.ts';

const system = { clock: systemClock, timers: systemTimers, random: systemRandom };
let node: MeshNode;
let control: ControlServer;

beforeAll(async () => {
  const { dir } = await makeSampleHome();
  node = await MeshNode.create({ ...system, home: await openHome(dir), log: silentLog });
  await node.start();
  control = await startControlServer(node);
});
afterAll(async () => {
  await node.alerts?.stop();
  await control.stop();
  await node.stop();
  await cleanUp();
});

async function ask(method: string, path: string, body?: object) {
  const asking = request({ socketPath: control.path, method, path });
  if (body) asking.setHeader('content-type', 'application/json');
  asking.end(body && JSON.stringify(body));
  return new Promise<{ status: number; answer: Record<string, unknown> }>((resolve, reject) => {
    asking.once('error', reject);
    asking.once('response', (response) => {
      text(response).then(
        (content) => resolve({ status: response.statusCode ?? 0, answer: JSON.parse(content) }),
        reject,
      );
    });
  });
}

describe('the facts of a running node', () => {
  it('are what its screens say', async () => {
    const facts = await new AlertFacts(node).gather(defaultSettings);
    const { name } = node.home.config;
    expect(facts.spaces).toContainEqual(
      expect.objectContaining({ space: name, state: 'self', heardAgoMs: 0 }),
    );
    const own = [...node.directory.state.feeds.values()].filter(
      ({ space }) => space === node.home.config.space,
    );
    expect(facts.feeds?.map(({ feed }) => feed).sort()).toEqual(
      own.map((row) => node.directory.state.feedPath(row)).sort(),
    );
    expect(facts.deployments).toEqual([]);
    expect(facts.directory).toMatchObject({ state: node.directory.age });
    expect(facts.disk?.sizeBytes).toBeGreaterThan(facts.disk?.freeBytes ?? 0);
  });

  it('count refusals of the window only', async () => {
    const facts = new AlertFacts(node);
    await facts.gather(defaultSettings);
    for (let n = 0; n < 3; n += 1) node.countRefusal('CONFLICT');
    const { refusals } = await facts.gather(defaultSettings);
    expect(refusals).toContainEqual({ code: 'CONFLICT', count: 3 });
  });
});

describe('counts of a window', () => {
  it('begin with the first sample, and forget what is older than the window', () => {
    const counts = new RecentCounts();
    expect(counts.grow({ a: 5 }, 60_000, 0)).toEqual([{ name: 'a', count: 5 }]);
    expect(counts.grow({ a: 5 }, 60_000, 1000)).toEqual([]);
    expect(counts.grow({ a: 9, b: 2 }, 60_000, 30_000)).toEqual([
      { name: 'a', count: 4 },
      { name: 'b', count: 2 },
    ]);
    expect(counts.grow({ a: 9, b: 2 }, 60_000, 95_000)).toEqual([]);
    expect(counts.grow({ a: 1 }, 60_000, 96_000)).toEqual([{ name: 'a', count: 1 }]);
  });
});

describe('the control API of alerts', () => {
  it('says that the watch has not begun before it has', async () => {
    expect(await ask('GET', '/v1/alerts')).toMatchObject({ status: 429, answer: { code: 'BUSY' } });
  });

  it('shows, acknowledges, silences and tests', async () => {
    const facts = new AlertFacts(node);
    node.alerts = await AlertWatch.open({
      ...{ home: node.home.dir, mesh: 'acme', name: 'library', env: {}, log: silentLog, ...system },
      gather: async (settings) => ({
        ...(await facts.gather(settings)),
        spaces: null,
        feeds: [
          {
            ...{ feed: 'library/a', isOwn: false, behind: 0, lagMs: 0 },
            ...{ carriersWanted: 3, carriersPossible: 9, carriersComplete: 3, carriersUnknown: 0 },
            isForked: true,
          },
        ],
      }),
    });
    await node.alerts.look();
    const { answer } = await ask('GET', '/v1/alerts');
    const [alert] = answer['rows'] as Record<string, unknown>[];
    expect(alert).toMatchObject({
      ...{ rule: 'fork-seen', level: 'crit', subject: 'library/a', state: 'open', bell: true },
      ...{ opens: { screen: 'feeds', subject: 'library/a' }, ackedBy: null },
    });
    const ack = { id: alert?.['id'], by: 'Lisa' };
    expect((await ask('POST', '/v1/alerts/acknowledgements', ack)).answer).toMatchObject({
      ...{ state: 'acked', ackedBy: 'Lisa', bell: false },
    });
    const until = new Date(Date.now() + 60_000).toISOString();
    const silence = { subject: 'library/*', until, by: 'Bob', why: 'known' };
    const made = await ask('POST', '/v1/silences', silence);
    expect(made).toMatchObject({ status: 200, answer: { rule: '*', until } });
    expect((await ask('GET', '/v1/silences')).answer['rows']).toHaveLength(1);
    const id = String(made.answer['id']);
    expect((await ask('DELETE', `/v1/silences?id=${id}`)).status).toBe(200);
    expect((await ask('GET', '/v1/alerts/routes')).answer['rows']).toEqual([]);
    expect((await ask('POST', '/v1/alerts/routes', {})).answer['rows']).toEqual([]);
    expect((await ask('GET', '/v1/alerts/configuration')).answer['rows']).toEqual([]);
  });

  it.each<[string, string, object | undefined, number, string]>([
    ['GET', '/v1/alerts?state=some', undefined, 400, 'USAGE'],
    ['POST', '/v1/alerts/acknowledgements', { id: 'nope', by: 'Lisa' }, 404, 'ALERT_UNKNOWN'],
    ['POST', '/v1/alerts/acknowledgements', { id: 'nope' }, 400, 'USAGE'],
    ['POST', '/v1/silences', { subject: 'a', until: 'soon', by: 'Bob', why: 'x' }, 400, 'USAGE'],
    [
      ...(['POST', '/v1/silences'] as const),
      { subject: 'a', until: '2020-01-01T00:00:00Z', by: 'Bob', why: 'x' },
      ...([400, 'USAGE'] as const),
    ],
    ['DELETE', '/v1/silences?id=nope', undefined, 404, 'SILENCE_UNKNOWN'],
    ['POST', '/v1/alerts/routes', { route: 'nope' }, 400, 'USAGE'],
  ])('refuses %s %s %j', async (method, path, body, status, code) => {
    expect(await ask(method, path, body)).toMatchObject({ status, answer: { code } });
  });
});
