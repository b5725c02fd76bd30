// Nodes that are there but not as they should be: silent, late, of another version, or talking nonsense now and then.

import { describe, expect, it, onTestFinished } from 'vitest';
import { MeshError } from '../../../protocols/errors.ts';
import { type Bench, openBench } from './harness.ts';
import { createWorld, type World } from './world.ts';

const PATHS = [
  ...['status', 'overview', 'health', 'trust', 'feeds', 'subscriptions', 'grants', 'mesh'],
  ...['alerts', 'alerts/routes', 'reports/inventory', 'reports/deployments', 'deployments'],
].map((name) => `/v1/${name}`);
const SCREENS = ['0', '1', '2', '3', '4', '5', '\t', '7', '8'];

async function open(world: World): Promise<Bench> {
  const bench = await openBench({ world });
  onTestFinished(() => bench.stop());
  world.tell(bench.clock.now);
  await bench.advance(1_000);
  return bench;
}

type Rows = { readonly rows: readonly object[] };

/** The first row of this answer is changed by hand. */
async function changeFirstRow(world: World, path: string, change: object): Promise<void> {
  const answer = await world.client.get<Rows>(path);
  const [first, ...others] = answer.rows;
  world.instead.set(path, () => ({ ...answer, rows: [{ ...first, ...change }, ...others] }));
}

describe('a node that is silent', () => {
  it('is called disconnected, keeps its rows on a screen whose keys work, and comes back', async () => {
    const world = createWorld(60);
    const bench = await open(world);
    await bench.type('1');
    await bench.advance(3_000);
    for (const path of PATHS) {
      world.instead.set(path, () => {
        throw new MeshError('TIMEOUT', `the node in /nowhere was silent for 10 s on GET ${path}`);
      });
    }
    await bench.advance(14_000);
    expect(bench.text()).toMatch(/DISCONNECTED from hq-odcm-1 for 00:1\d/);
    expect(bench.text()).toContain('was silent for 10 s');
    expect(bench.text()).toMatch(/identity-0043 .* offline/);
    await bench.type('/', 'ledger-0012\r');
    expect(bench.text()).toContain('filter: ledger-0012');
    world.instead.clear();
    await bench.type('\x1b', 'r');
    await bench.advance(3_000);
    expect(bench.text()).not.toContain('DISCONNECTED');
    expect(bench.text()).toMatch(/ live \d\d:\d\d:\d\dZ/);
  });
});

describe('a node that answers late', () => {
  it('is called slow until it answers, and is believed then', async () => {
    const world = createWorld(60);
    const bench = await open(world);
    await bench.type('2');
    await bench.advance(2_000);
    const answer = await world.client.get<Rows>('/v1/feeds');
    const rows = answer.rows.slice(0, 7);
    const late = Promise.withResolvers<object>();
    world.instead.set('/v1/feeds', () => late.promise);
    await bench.advance(7_000);
    expect(bench.text()).toMatch(/slow, waiting \d/);
    expect(bench.text()).toContain('of 60');
    await bench.type('8');
    expect(bench.text()).toContain(' Mesh');
    await bench.type('2');
    const asOf = new Date(bench.clock.now()).toISOString();
    late.resolve({ asOf, rows });
    world.instead.set('/v1/feeds', () => ({ asOf, rows }));
    await bench.advance(1_000);
    expect(bench.text()).toContain('of 7');
    expect(bench.text()).not.toContain('slow');
  });
});

describe('a node that is newer', () => {
  it('is understood when it says more than this version knows', async () => {
    const world = createWorld(60);
    const plain = await open(world);
    const newer = createWorld(60);
    for (const path of PATHS) {
      const answer = await world.client.get<Rows>(path, { query: { by: 'space' } });
      const rows = answer.rows?.map((row) => ({ ...row, mood: { colour: 'blue' } }));
      newer.instead.set(path, () => ({
        ...{ ...answer, ...(rows ? { rows } : {}), weather: ['rain'] },
        asOf: new Date(bench.clock.now() - 1_000).toISOString(),
      }));
    }
    const bench = await open(newer);
    for (const key of SCREENS) {
      await Promise.all([bench.type(key), plain.type(key)]);
      await Promise.all([bench.advance(2_500), plain.advance(2_500)]);
      expect(bench.text()).toMatch(/ live \d\d:\d\d:\d\dZ/);
      // Whatever it says besides changes no cell.
      const cells = (of: Bench) => of.text().replaceAll(/\d\d:\d\d:\d\dZ|\(\d+ s old\)/g, '');
      expect(cells(bench)).toBe(cells(plain));
    }
  });

  it.each([
    ['1', '/v1/health', { state: 'hibernating' }],
    ['2', '/v1/feeds', { sync: 'dreamt' }],
    ['3', '/v1/subscriptions', { state: 'pondering' }],
    ['4', '/v1/trust', { kind: 'oracle' }],
    ['7', '/v1/alerts', { level: 'apocalyptic' }],
    ['8', '/v1/mesh', { state: 'entangled' }],
  ])(
    'with a state nobody knows says so on its screen %s, keeps the rows, and spoils no other',
    async (key, path, change) => {
      const world = createWorld(60);
      const bench = await open(world);
      await bench.type(key);
      await bench.advance(2_500);
      const position = /1-\d+ of \d+/.exec(bench.text())![0];
      await changeFirstRow(world, path, change);
      await bench.advance(25_000);
      expect(bench.text()).toContain('The answers of hq-odcm-1 cannot be understood.');
      expect(bench.text()).toContain(`GET ${path} is not what this version understands`);
      expect(bench.text()).toContain('of the same version');
      expect(bench.text()).toContain('old)');
      expect(bench.text()).toContain(position.slice(position.indexOf('of')));
      expect(bench.screen()).toHaveLength(30);
      await bench.type('5');
      await bench.advance(12_000);
      expect(bench.text()).toMatch(/1-\d+ of 1,000/);
      expect(bench.text()).not.toContain('old)');
      world.instead.clear();
      await bench.type(key);
      await bench.advance(12_000);
      expect(bench.text()).toMatch(/ live \d\d:\d\d:\d\dZ/);
    },
  );
});

describe('a node that is older', () => {
  it('says on each screen what it lacks, and shows the rest', async () => {
    const world = createWorld(60);
    const lacking = PATHS.filter((path) => !/status|feeds|subscriptions|grants/.test(path));
    for (const path of lacking) {
      world.instead.set(path, () => {
        throw new MeshError('USAGE', `the control API has no GET ${path}`);
      });
    }
    const bench = await open(world);
    for (const key of SCREENS) {
      await bench.type(key);
      await bench.advance(2_500);
      const says = bench.text().includes('The node is older than this dashboard');
      expect([key, says]).toEqual([key, key !== '2' && key !== '3']);
      expect(bench.text()).not.toContain('DISCONNECTED');
    }
    await bench.type('2');
    expect(bench.text()).toContain('behind 3 of 60');
    await bench.type('o', 'ledger', '\x1b');
    expect(bench.text()).toContain('behind 3 of 60');
  });
});

describe('events that nobody understands', () => {
  it('are said to be that, and do not hide the alerts', async () => {
    const world = createWorld(60);
    world.events.splice(0, 3, { event: 7 });
    const bench = await open(world);
    await bench.type('7');
    await bench.advance(2_500);
    expect(bench.text()).toContain('GET /v1/tail is not what this version understands');
    expect(bench.text()).toContain('certificate expires in 2 d 4 h');
  });
});
