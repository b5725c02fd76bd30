import { describe, expect, it } from 'vitest';
import { checkFailOn, type Figures } from '../../tui/fail-on.ts';

const FIGURES: Figures = {
  offline: 3,
  rows: 0,
  expiry: { value: 6 * 86_400_000, kind: 'duration' },
  memory: { value: 2048, kind: 'bytes' },
  oldest: null,
};

describe('--fail-on', () => {
  it.each([
    ['offline>0', ['offline']],
    ['offline>3', []],
    ['offline>=3', ['offline']],
    ['OFFLINE=3', ['offline']],
    ['offline!=3', []],
    ['rows=0', ['rows']],
    ['expiry<14d', ['expiry']],
    ['expiry<5d', []],
    ['offline>0, expiry<14d', ['offline', 'expiry']],
    ['offline>9,memory>1KiB', ['memory']],
    ['oldest>0', []],
    ['oldest<1', []],
  ])('%s is met by %j', (text, names) => {
    expect(checkFailOn(text, FIGURES).map(({ name }) => name)).toEqual(names);
  });

  it('gives the figure as people read it', () => {
    expect(checkFailOn('expiry<14d', FIGURES)).toEqual([
      { test: 'expiry<14d', name: 'expiry', value: '6 d' },
    ]);
  });

  it.each(['', 'offline', 'offline>', '>0', 'offline>0,', 'nosuch>0', 'offline>many', 'expiry<14'])(
    'refuses %j',
    (text) => {
      expect(() => checkFailOn(text, FIGURES)).toThrow(expect.objectContaining({ code: 'USAGE' }));
    },
  );

  it('refuses a slip in a later test although the first one is met', () => {
    expect(() => checkFailOn('offline>0,nosuch>1', FIGURES)).toThrow(
      expect.objectContaining({ next: 'Figures: offline, rows, expiry, memory, oldest.' }),
    );
  });
});
