import { describe, expect, it } from 'vitest';
import { open } from './bench.ts';
import { createWorld, nameOf } from './world.ts';

describe('names', () => {
  const HOSTILE = [
    '\x1b[2J\x1b[31mred',
    '\u202eflip',
    'z\u0301\u0301\u0301\u0301\u0301\u0301algo',
    'a\nb\tc',
    '\u009b2J',
    `${'x'.repeat(10_000)}`,
    '決済'.repeat(400),
    '=cmd|calc',
    '\x1b]52;c;AAAA\x07',
  ];

  it.each(HOSTILE)('change nothing but their own cell: %j', async (name) => {
    const world = createWorld(60);
    const { rows, asOf } = await world.client.get<{ rows: object[]; asOf: string }>('/v1/health');
    const mesh = await world.client.get<{ rows: object[]; asOf: string }>('/v1/mesh');
    const alerts = await world.client.get<{ rows: object[]; asOf: string }>('/v1/alerts');
    world.instead.set('/v1/health', () => ({
      asOf,
      rows: rows.map((row, index) =>
        index === 6
          ? { ...row, space: name, serverVersion: name, heardVia: name, tags: [name] }
          : row,
      ),
    }));
    world.instead.set('/v1/mesh', () => ({
      asOf,
      rows: mesh.rows.map((row, index) =>
        index === 23 ? { ...row, space: name, lastError: name, address: name } : row,
      ),
    }));
    world.instead.set('/v1/alerts', () => ({
      asOf,
      rows: alerts.rows.map((row) => ({ ...row, subject: name, what: name, evidence: name })),
    }));
    const bench = await open({ world });
    for (const keys of [
      ['1', ':sort -attention\r', 'g'],
      ['\r'],
      ['8', 'G'],
      ['7'],
      ['o'],
      ['\x1b', '1', 'y'],
      ['x'],
    ]) {
      await bench.type(...keys);
      await bench.advance(2_500);
      const screen = bench.screen();
      expect(screen).toHaveLength(30);
      expect(screen.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      expect(screen[0]).toMatch(/^ odcm {2}hq-odcm-1/);
    }
    const raw = bench.terminal.writes.filter((text) => !text.startsWith('\x1b]52;c;')).join('');
    expect(raw).not.toContain('\x1b[2J');
    expect(raw).not.toContain('\u202e');
  });
});

describe('the window', () => {
  it.each([
    [60, 15],
    [79, 24],
    [80, 24],
    [119, 40],
    [120, 40],
    [159, 45],
    [160, 45],
    [240, 70],
  ])('of %ix%i is filled exactly on every screen', async (columns, rows) => {
    const bench = await open({ columns, rows, world: createWorld(200) });
    for (const key of [
      '0',
      '\t',
      '1',
      '\r',
      '2',
      '3',
      '4',
      '5',
      '\t',
      '7',
      '8',
      'o',
      '\x1b',
      '?',
    ]) {
      await bench.type(key);
      const screen = bench.screen();
      expect(screen).toHaveLength(rows);
      expect(Math.max(...screen.map((line) => [...line].length))).toBeLessThanOrEqual(columns);
    }
  });

  it('of 80 columns has all that is drawn for it, not what is left on narrow ones', async () => {
    const bench = await open({ columns: 80, rows: 24 });
    await bench.type('1');
    for (const title of ['VERSION', 'HEARD', 'LAG', 'TARGETS', 'FAIL'])
      expect(bench.screen()[2]).toContain(title);
  });

  it('of 120 columns shows the detail beside the list, of 119 below it', async () => {
    const wide = await open({ columns: 120, rows: 30 });
    await wide.type('4');
    expect(wide.screen()[2]).toContain('SUBJECT');
    expect(wide.screen()[2]).toContain('╭─ hq-odcm-1');
    const less = await open({ columns: 119, rows: 30 });
    await less.type('4');
    expect(less.screen()[2]).not.toContain('╭─');
    expect(less.text()).toContain('╭─ hq-odcm-1');
  });

  it('of 60 columns shows below a short list the panels that fit', async () => {
    const bench = await open({ columns: 60, rows: 20 });
    expect(bench.text()).toContain('╭─ Spaces');
    expect(bench.text()).toContain('● online');
  });

  it('keeps what lies beside an overlay', async () => {
    const bench = await open();
    await bench.type('1');
    const behind = bench.screen()[9] ?? '';
    await bench.type('e');
    const row = bench.screen()[9] ?? '';
    expect(row).toContain(' │ ');
    expect(row.slice(0, 10)).toBe(behind.slice(0, 10));
    expect(row.slice(-8)).toBe(behind.slice(-8));
  });

  it('says a heading whole beside its arrow, and nothing of what a total does not know', async () => {
    const bench = await open();
    await bench.type('5');
    expect(bench.screen()[2]).toContain('PROJECTS ▼');
    expect(bench.text()).toMatch(/total of 1,000 +149,400/);
  });

  it('that is too small says so and says what still works', async () => {
    const bench = await open({ columns: 40, rows: 10 });
    expect(bench.text()).toContain('too small');
    expect(bench.text()).toContain('odcm overview');
    await bench.resize(100, 30);
    expect(bench.text()).toContain('Needs attention'.toUpperCase());
  });

  it('of production says so in every theme', async () => {
    const bench = await open();
    await bench.type(`:space ${nameOf(9)}\r`);
    await bench.advance(2_500);
    expect(bench.screen()[0]).toContain('PRODUCTION');
    await bench.type(`:space ${nameOf(8)}\r`);
    expect(bench.screen()[0]).not.toContain('PRODUCTION');
  });
});
