import { describe, expect, it } from 'vitest';
import { BINDINGS, bindingOf, hintsFor, keysMarkdown } from '../../../tui/dash/keymap.ts';
import { completions, parseOrder } from '../../../tui/dash/palette.ts';
import { SCREENS } from '../../../tui/dash/state.ts';

describe('a command line', () => {
  it.each([
    ['spaces /pay', { kind: 'action', action: 'spaces', filter: 'pay' }],
    ['feeds behind>0', { kind: 'action', action: 'feeds', filter: 'behind>0' }],
    ['/lag>60s', { kind: 'filter', text: 'lag>60s' }],
    ['space ledger 0003', { kind: 'space', name: 'ledger 0003' }],
    [
      'report deployments 14d by project',
      { kind: 'report', report: 'deployments', since: '14d', by: 'project' },
    ],
    ['report inventory', { kind: 'report', report: 'inventory' }],
    ['report', { kind: 'report', report: 'deployments' }],
    ['export csv ./x y.csv', { kind: 'export', format: 'csv', file: './x y.csv' }],
    [
      'export vault /media/my stick/b',
      { kind: 'change', change: 'export', args: ['vault', '/media/my stick/b'] },
    ],
    ['import /media/my stick/b', { kind: 'change', change: 'import', args: ['/media/my stick/b'] }],
    ['approve library 17', { kind: 'change', change: 'approve', args: ['library', '17'] }],
    ['refuse library 17', { kind: 'change', change: 'refuse', args: ['library', '17'] }],
    [
      'refuse library 17 not agreed yet',
      { kind: 'change', change: 'refuse', args: ['library', '17', 'not agreed yet'] },
    ],
    ['theme light', { kind: 'theme', theme: 'light' }],
    ['ascii on', { kind: 'ascii', isOn: true }],
    ['target /srv/odcm', { kind: 'target', home: '/srv/odcm' }],
    ['timeframe 30d', { kind: 'timeframe', text: '30d' }],
    ['q', { kind: 'action', action: 'quit' }],
    [
      'grant all library/variables',
      { kind: 'change', change: 'grant', args: ['all', 'library/variables'] },
    ],
  ])('%s is understood', (line, order) => {
    expect(parseOrder(line)).toEqual(order);
  });

  it.each([
    ['', 'nothing was typed'],
    ['nosuch', 'there is no command nosuch; ? lists them'],
    ['constructor', 'there is no command constructor; ? lists them'],
    ['space', 'space needs a name'],
    ['report everything', 'report knows inventory and deployments'],
    ['report deployments soon', 'soon is no timeframe; write it like 24h, 7d or 30d'],
    ['report deployments 14d by colour', 'by is space, project or environment'],
    ['export xml', 'export is one of: csv, json, text'],
    ['theme pink', 'theme is one of: dark, light, mono'],
    ['revoke', 'revoke needs SPACE'],
    ['import', 'import needs FILE'],
    ['approve library', 'approve needs SPACE and BUNDLE'],
    ['approve library 17 18', 'approve needs SPACE and BUNDLE'],
    ['refuse library', 'refuse needs SPACE and BUNDLE'],
    ['grant all', 'grant needs SUBSCRIBER and PUBLISHER/FEED'],
  ])('%j is refused with a sentence', (line, sentence) => {
    expect(parseOrder(line)).toBe(sentence);
  });

  it('accepts every action by its name', () => {
    for (const { action } of BINDINGS)
      expect(parseOrder(action)).toMatchObject({ kind: expect.any(String) });
  });

  it('is completed from commands, names and values', () => {
    const names = { spaces: ['ledger-1', 'library'], feeds: ['library/users'] };
    expect(completions('spa', names)).toContain('spaces');
    expect(completions('space l', names)).toEqual(['space library', 'space ledger-1']);
    expect(completions('grant all lib', names)).toEqual(['grant all library/users']);
    expect(completions('theme l', names)).toEqual(['theme light']);
    expect(completions('xyz', names)).toEqual([]);
  });
});

describe('the table of keys', () => {
  it('gives a key at most one meaning on each screen', () => {
    for (const screen of SCREENS) {
      const special = BINDINGS.filter(({ on }) => on?.includes(screen)).flatMap(({ keys }) => keys);
      expect(new Set(special).size).toBe(special.length);
    }
    const shared = BINDINGS.filter(({ on }) => on === undefined).flatMap(({ keys }) => keys);
    expect(new Set(shared).size).toBe(shared.length);
  });

  it('uses no key that is another one in a terminal', () => {
    const used = BINDINGS.flatMap(({ keys }) => keys);
    for (const key of ['ctrl-s', 'ctrl-q', 'ctrl-i', 'ctrl-m', 'ctrl-h', 'ctrl-j'])
      expect(used).not.toContain(key);
  });

  it('says help and quit on every screen', () => {
    for (const screen of SCREENS) {
      const last = hintsFor(screen, true).slice(-2);
      expect(last.map(({ action }) => action)).toEqual(['help', 'quit']);
    }
  });

  it('hints at no key that does nothing on a node that may only be read', () => {
    const hinted = (isReadOnly: boolean) =>
      hintsFor('alerts', isReadOnly).map(({ action }) => action);
    expect(hinted(true)).not.toContain('acknowledge');
    expect(hinted(false)).toContain('acknowledge');
  });

  it('has titles that fit a third of 100 columns, so that the help cuts none', () => {
    for (const { title } of BINDINGS) expect(title.length).toBeLessThanOrEqual(21);
  });

  it('finds what a screen makes of a key', () => {
    expect(bindingOf('c', 'space')?.action).toBe('certificate');
    expect(bindingOf('c', 'report')?.action).toBe('copy-command');
    expect(bindingOf('c', 'mesh')).toBeUndefined();
    expect(bindingOf('esc', 'spaces')?.action).toBe('up-level');
    expect(bindingOf('6', 'spaces')).toBeUndefined();
    expect(bindingOf('9', 'spaces')?.action).toBe('gap');
  });

  it('is a document with every action', () => {
    const text = keysMarkdown();
    for (const { action } of BINDINGS) expect(text).toContain(`\`:${action}\``);
  });
});
