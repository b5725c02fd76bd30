import { describe, expect, it } from 'vitest';
import { cursorRow, open } from './bench.ts';
import { createWorld } from './world.ts';

describe('a node', () => {
  it('that goes away leaves its rows with their age, and the keys work', async () => {
    const bench = await open();
    await bench.type('1');
    bench.world.leave();
    await bench.advance(14_000);
    expect(bench.text()).toMatch(/DISCONNECTED from hq-odcm-1 for 00:1\d/);
    expect(bench.text()).toMatch(/Next try in \d+ s \(attempt \d\)/);
    expect(bench.text()).toContain('old)');
    const before = cursorRow(bench);
    await bench.type('j');
    expect(cursorRow(bench)).not.toBe(before);
    bench.world.comeBack();
    await bench.type('r');
    await bench.advance(1_000);
    expect(bench.text()).not.toContain('DISCONNECTED');
  });

  it('that was never there says so on every screen', async () => {
    const world = createWorld();
    world.leave();
    const bench = await open({ world });
    for (const key of [
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
      '\t',
      '7',
      '8',
      'o',
      '\x1b',
      ':space x\r',
      ':feed x/y\r',
    ]) {
      await bench.type(key);
      expect(bench.text()).toContain('DISCONNECTED');
    }
  });

  it('that is slow is called slow', async () => {
    const bench = await open();
    bench.world.instead.set('/v1/overview', () => new Promise(() => undefined));
    await bench.advance(8_000);
    expect(bench.text()).toMatch(/slow, waiting \d/);
  });

  it.each([
    ['text', 'x'],
    ['a number', 7],
    ['nothing', null],
    ['an array', []],
    ['an empty object', {}],
    ['rows that are none', { asOf: 'yesterday', rows: 'many' }],
  ])('that answers %s everywhere leaves a screen that says so', async (_, answer) => {
    const bench = await open({ world: createWorld(60) });
    for (const path of [
      'overview',
      'status',
      'health',
      'feeds',
      'trust',
      'mesh',
      'alerts',
      'subscriptions',
      'grants',
      'deployments',
      'reports/inventory',
      'reports/deployments',
      'history',
      'alerts/routes',
    ]) {
      bench.world.instead.set(`/v1/${path}`, () => answer);
    }
    for (const key of [
      '0',
      '1',
      '\r',
      '2',
      '\r',
      '3',
      '4',
      '5',
      '\t',
      '\r',
      '7',
      '8',
      'o',
      'x',
      '\x1b',
      '?',
      '\x1b',
    ]) {
      await bench.type(key);
      await bench.advance(2_500);
      expect(bench.text()).toMatch(/cannot be understood|cannot read the node/);
      expect(bench.screen()).toHaveLength(30);
    }
  });

  it('that is older says which part it does not know', async () => {
    const world = createWorld();
    const { MeshError } = await import('../../../protocols/errors.ts');
    world.instead.set('/v1/health', () => {
      throw new MeshError('USAGE', 'the control API has no GET /v1/health');
    });
    const bench = await open({ world });
    await bench.type('1');
    expect(bench.text()).toContain(
      'The node is older than this dashboard and does not know this part.',
    );
    await bench.type('2');
    expect(bench.text()).toContain('behind 3 of 60');
  });

  it('can be changed for another one', async () => {
    const bench = await open();
    await bench.type(':target /srv/other\r');
    await bench.advance(1_000);
    expect(bench.text()).toContain('live');
  });
});
