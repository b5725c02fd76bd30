import { describe, expect, it } from 'vitest';
import { cursorRow, open } from './bench.ts';
import { createWorld } from './world.ts';

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
    await bench.type('6', 'Q');
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
