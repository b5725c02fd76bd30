import { afterEach, describe, expect, it } from 'vitest';
import { type Bench, type BenchOptions, openBench } from './harness.ts';
import { createWorld, nameOf } from './world.ts';

const benches: Bench[] = [];
async function open(options: BenchOptions = {}): Promise<Bench> {
  const bench = await openBench(options);
  benches.push(bench);
  await bench.advance(1_000);
  return bench;
}
afterEach(async () => {
  for (const bench of benches.splice(0)) await bench.stop();
});

const cursorRow = (bench: Bench): string => bench.screen().find((line) => /^.> /.test(line)) ?? '';
const clipboard = ({ terminal }: Bench): string[] =>
  terminal.writes
    .filter((text) => text.startsWith('\x1b]52;c;'))
    .map((text) => Buffer.from(text.slice(7, -1), 'base64').toString());

describe('keys', () => {
  it('that come in one chunk are each heard', async () => {
    const bench = await open();
    await bench.type('1', 'jjj/pay status=offline\r');
    expect(bench.text()).toContain('filter: pay status=offline');
    expect(bench.text()).toContain(' 3 of 1,000');
  });

  it('in a filter are text, also q', async () => {
    const bench = await open();
    await bench.type('1', '/', 'q');
    expect(bench.text()).toContain(' /q▏');
    await bench.type('\x1b');
    expect(bench.text()).toContain('all 1,000');
  });

  it('lead there and back', async () => {
    const bench = await open();
    await bench.type('1', '\r');
    expect(bench.text()).toContain(' Spaces › ');
    await bench.type('2', '[');
    expect(bench.text()).toContain(' Spaces › ');
    await bench.type(']');
    expect(bench.text()).toContain(' Feeds ');
    await bench.type('-');
    expect(bench.text()).toContain(' Spaces › ');
    await bench.type('\x1b');
    expect(bench.text()).toContain('1,000');
  });

  it('of screens that do not exist do nothing', async () => {
    const bench = await open();
    const before = bench.text();
    await bench.type('6', '9');
    expect(bench.text()).toBe(before);
  });

  it('quit, also while something is typed', async () => {
    const bench = await open();
    await bench.type('/', 'abc');
    bench.terminal.type('\x03');
    await bench.running.ended;
    expect(bench.running.session.state.place.screen).toBe('overview');
  });

  it('of a paste fill a line, its line breaks and controls left out', async () => {
    const bench = await open();
    await bench.type('1', '/', '\x1b[200~led\x07ger\nrm -rf\x1b[201~');
    expect(bench.text()).toContain(' /ledger▏');
  });
});

describe('a list', () => {
  it('keeps its cursor on the row while rows come and go', async () => {
    const world = createWorld();
    const bench = await open({ world });
    await bench.type('8', 'jjjj');
    const [peer] = cursorRow(bench).slice(3).split(' ');
    const { rows } = await world.client.get<{ rows: { space: string }[] }>('/v1/mesh');
    const asOf = new Date(bench.clock.now()).toISOString();
    world.instead.set('/v1/mesh', () => ({
      asOf,
      rows: rows.filter((_, index) => index % 2 === 0 || rows[index]?.space === peer),
    }));
    await bench.advance(4_000);
    expect(cursorRow(bench)).toContain(peer);
    world.instead.set('/v1/mesh', () => ({
      asOf,
      rows: rows.filter(({ space }) => space !== peer),
    }));
    await bench.advance(4_000);
    expect(cursorRow(bench)).not.toContain(peer);
    expect(cursorRow(bench)).not.toBe('');
  });

  it('does not move while rows are marked', async () => {
    const world = createWorld();
    const bench = await open({ world });
    await bench.type('8', ' ');
    const before = bench.screen().slice(2, 12);
    const { rows } = await world.client.get<{ rows: object[] }>('/v1/mesh');
    const asOf = new Date(bench.clock.now()).toISOString();
    world.instead.set('/v1/mesh', () => ({
      asOf,
      rows: [{ ...rows[0], space: 'aaa-new', peerId: 'new', state: 'away' }, ...rows],
    }));
    await bench.advance(4_000);
    expect(bench.screen().slice(2, 12)).toEqual(before);
    await bench.type('\x1b');
    expect(bench.text()).toContain('aaa-new');
  });

  it('is sorted by the next column and the other way round', async () => {
    const bench = await open();
    await bench.type('1', ':sort name\r');
    expect(cursorRow(bench)).toBeDefined();
    await bench.type('g');
    expect(bench.text()).toContain('SPACE ▲');
    await bench.type('S');
    expect(bench.text()).toContain('SPACE ▼');
    await bench.type('s');
    expect(bench.text()).toContain('VERSION ▲');
  });

  it('is as quick with a thousand rows as it shows: never more lines than the terminal', async () => {
    const bench = await open({ rows: 20 });
    await bench.type('1', 'G');
    expect(bench.screen()).toHaveLength(20);
    expect(bench.text()).toContain('of 1,000');
    expect(cursorRow(bench)).not.toBe('');
  });

  it('holds still while paused', async () => {
    const world = createWorld();
    const bench = await open({ world });
    await bench.type('2', 'p');
    world.instead.set('/v1/feeds', () => ({
      asOf: new Date(bench.clock.now()).toISOString(),
      rows: [],
    }));
    await bench.advance(5_000);
    expect(bench.text()).toContain('behind 3 of 60');
    expect(bench.text()).toContain('paused');
    await bench.type('p');
    expect(bench.text()).toContain('behind 0 of 0');
  });
});

describe('the switcher', () => {
  it('shows favourites and recents first, and opens what is chosen', async () => {
    const bench = await open();
    await bench.type('o', 'ledger-0002', '\r');
    expect(bench.text()).toContain('Spaces › ledger-0002');
    await bench.type('f');
    expect(bench.text()).toContain('ledger-0002 is a favourite now');
    await bench.type('o', 'catalog-0004', '\r', 'o');
    const lines = bench.screen().filter((line) => /│ /.test(line));
    const text = lines.join('\n');
    expect(text.indexOf('favourites')).toBeLessThan(text.indexOf('★ ledger-0002'));
    expect(text.indexOf('recent')).toBeLessThan(text.indexOf('catalog-0004'));
    expect(text.indexOf('★ ledger-0002')).toBeLessThan(text.indexOf('recent'));
  });

  it('leads to the feeds of a space with tab', async () => {
    const bench = await open();
    await bench.type('o', 'mobile-0005', '\t');
    expect(bench.text()).toContain('filter: "mobile-0005/"');
    await bench.advance(2_000);
    expect(bench.text()).toContain('1 of 60');
  });
});

describe('copying and exporting', () => {
  it('puts the name on the clipboard and says so', async () => {
    const bench = await open();
    await bench.type('1', ':sort name\r', 'g', 'y');
    expect(clipboard(bench)).toEqual(['café-0012']);
    expect(bench.text()).toContain('copied: café-0012');
  });

  it('copies the command that prints the same', async () => {
    const bench = await open();
    await bench.type(':report deployments 30d by project\r', 'c');
    expect(clipboard(bench)).toEqual(['odcm report deployments --since 30d --by project']);
  });

  it('writes what is shown, filtered, as csv', async () => {
    const bench = await open();
    await bench.type('1', '/pay status=offline\r', ':export csv out.csv\r');
    expect(bench.files.get('out.csv')?.split('\r\n')).toHaveLength(5);
    expect(bench.text()).toContain('wrote out.csv');
  });

  it('writes only the marked rows when some are marked', async () => {
    const bench = await open();
    await bench.type('1', '  ', 'e', '\r');
    const [[name, text] = ['', '']] = [...bench.files];
    expect(name).toMatch(/^odcm-spaces-2026-11-21-10-42-\d\d\.csv$/);
    expect(text.split('\r\n')).toHaveLength(4);
  });

  it('says so when there is too much for a clipboard', async () => {
    const bench = await open();
    await bench.type('1', 'e', 'jjj', '\r');
    expect(clipboard(bench)).toEqual([]);
    expect(bench.text()).toContain('Too much for the clipboard');
  });
});

describe('changes', () => {
  it.each([':revoke ledger-0002\r', ':grant all ledger-0002/deployments\r', ':invite new-space\r'])(
    'are refused read-only: %s',
    async (line) => {
      const bench = await open();
      await bench.type(line);
      expect(bench.text()).toContain('read-only');
      expect(bench.world.sent).toEqual([]);
    },
  );

  it('need the name, exactly', async () => {
    const bench = await open({ allowChanges: true });
    expect(bench.text()).toContain('read-write');
    await bench.type(':revoke ledger-0002\r', 'ledger-000\r');
    expect(bench.text()).toContain('That is not the name; nothing was changed.');
    expect(bench.world.sent).toEqual([]);
    await bench.type('2', '\r');
    expect(bench.world.sent).toEqual([
      { method: 'POST', path: '/v1/revocations', body: { space: 'ledger-0002' } },
    ]);
    expect(bench.text()).toContain('ledger-0002 is revoked (directory entry 77)');
  });

  it('are given up with esc', async () => {
    const bench = await open({ allowChanges: true });
    await bench.type(':revoke ledger-0002\r', 'ledger-0002', '\x1b');
    expect(bench.text()).toContain('Nothing was changed.');
    expect(bench.world.sent).toEqual([]);
  });

  it('say what the node said when it refuses', async () => {
    const bench = await open({ allowChanges: true });
    bench.world.instead.set('/v1/revocations', () => ({ nonsense: true }));
    await bench.type(':revoke ledger-0002\r', 'ledger-0002\r');
    expect(bench.text()).toContain('INTERNAL: the answer of the node to POST /v1/revocations');
  });

  it('acknowledge an alert', async () => {
    const bench = await open({ allowChanges: true });
    await bench.type('7', 'a');
    expect(bench.world.sent).toEqual([
      {
        method: 'POST',
        path: '/v1/alerts/acknowledgements',
        body: { id: 'alert-0', by: 'barry', why: '' },
      },
    ]);
  });
});

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
