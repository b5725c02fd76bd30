import { describe, expect, it } from 'vitest';
import type { Column } from '../../../tui/format/cell.ts';
import { parseFilter } from '../../../tui/format/filter.ts';

const AS_OF_MS = Date.UTC(2026, 10, 20);
const ago = (ms: number): string => new Date(AS_OF_MS - ms).toISOString();

const COLUMNS: readonly Column[] = [
  { key: 'name', title: 'space' },
  { key: 'status', title: 'status' },
  { key: 'version', title: 'version' },
  { key: 'lagMs', title: 'lag', kind: 'duration' },
  { key: 'seenAt', title: 'seen', kind: 'age' },
  { key: 'joinedAt', title: 'joined', kind: 'time' },
  { key: 'sizeBytes', title: 'size', kind: 'bytes' },
  { key: 'targets', title: 'targets', kind: 'number' },
  { key: 'tags', title: 'tags' },
  { key: 'isStale', title: 'stale' },
];

const ROWS = [
  {
    name: 'payments-0001',
    status: 'online',
    version: '2026.3.24',
    lagMs: 9_000,
    seenAt: ago(1_000),
    joinedAt: '2026-01-05T00:00:00Z',
    sizeBytes: 10_485_760,
    targets: 542,
    tags: ['production', 'eu'],
    isStale: false,
  },
  {
    name: 'Ledger | old',
    status: 'offline',
    version: '2026.1.1000',
    lagMs: 2_460_000,
    seenAt: ago(2_460_000),
    joinedAt: '2025-06-01T00:00:00Z',
    sizeBytes: 100,
    targets: 0,
    tags: [],
    isStale: true,
  },
  { name: 'mobile', status: 'lagging', version: '2026.10.1', lagMs: null, tags: ['eu'] },
];

const P = 'payments-0001';
const L = 'Ledger | old';
const M = 'mobile';

function kept(filter: string): string[] {
  const test = parseFilter<object>(filter, COLUMNS);
  return ROWS.filter((row) => test(row, AS_OF_MS)).map(({ name }) => name);
}

describe('the filter language', () => {
  it.each([
    ['', [P, L, M]],
    ['   ', [P, L, M]],
    ['pay', [P]],
    ['LEDG', [L]],
    ['y a', [P]],
    ['pay|mob', [P, M]],
    ['!pay', [L, M]],
    ['!pay|mob', [L]],
    ['"Ledger |"', [L]],
    ['!"| old" e', [P, M]],
    ['status=offline', [L]],
    ['STATUS=Offline', [L]],
    ['status=offline|lagging', [L, M]],
    ['status!=offline|lagging', [P]],
    ['!status=offline', [P, M]],
    ['status=offline|targets>500', [P, L]],
    ['status=off', []],
    ['status="offline"', [L]],
    ['lag>60s', [L]],
    ['lag<=9s', [P]],
    ['lagMs>=9s', [P, L]],
    ['lag=', [M]],
    ['lag!=', [P, L]],
    ['lag=9s', [P]],
    ['seen>5m', [L]],
    ['seen<5m', [P]],
    ['joined<2026-01-01', [L]],
    ['joined>=2026-01-05T00:00Z', [P]],
    ['size>=10MiB', [P]],
    ['size<1KB', [L]],
    ['targets=0', [L]],
    ['targets>-1', [P, L]],
    ['version<2026.3', [L]],
    ['version>2026.3.9', [P, M]],
    ['tags=eu', [P, M]],
    ['tags!=eu', [L]],
    ['tags=eu|production', [P, M]],
    ['stale=yes', [L]],
    ['ledg status=offline lag>60s !pay', [L]],
    ['ledg lag<60s', []],
  ])('%s keeps %j', (filter, expected) => {
    expect(kept(filter)).toEqual(expected);
  });

  it.each([
    ['nosuch=1', /no column "nosuch"/],
    ['pay nosuch>1', /no column "nosuch"/],
    ['=offline', /no column before "="/],
    ['lag>', /no value after "lagMs>"/],
    ['lag>soon', /"soon" is not a duration/],
    ['lag>60', /"60" is not a duration/],
    ['seen>yesterday', /not a duration/],
    ['joined>yesterday', /not a time/],
    ['size>big', /not a size/],
    ['targets>many', /not a number/],
    ['targets=1e3', /not a number/],
    ['lag>1s|2s', /more than one value/],
    ['|pay', /empty part/],
    ['pay|', /empty part/],
    ['pay||mob', /empty part/],
    ['!', /empty part/],
    ['"pay', /quote that never ends/],
    ['status="off', /quote that never ends/],
    ['""', /empty part/],
  ])('refuses %s', (filter, message) => {
    expect(() => parseFilter(filter, COLUMNS)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringMatching(message) }),
    );
  });

  it('refuses a word where there is no name to look in', () => {
    expect(() => parseFilter('pay', [])).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('matches hostile names as they are shown', () => {
    const test = parseFilter<object>('payments', COLUMNS);
    expect(test({ name: 'pay\u200bme\u202ents' }, AS_OF_MS)).toBe(true);
  });

  it('reads a long text in one pass', () => {
    const test = parseFilter<object>('!x|'.repeat(20_000).slice(0, -1), COLUMNS);
    expect(test({ name: 'y' }, AS_OF_MS)).toBe(true);
  });
});
