import { describe, expect, it } from 'vitest';
import type { Column } from '../../../tui/format/cell.ts';
import {
  createRowPrinter,
  type Format,
  type RenderOptions,
  type Report,
  renderReport,
} from '../../../tui/format/report.ts';
import { displayWidth } from '../../../tui/format/width.ts';

const NOW_MS = Date.UTC(2026, 10, 20, 10, 42, 10);
const AS_OF = '2026-11-20T10:41:58.000Z';
const ESC = '\x1b';

interface SpaceRow {
  readonly name: string;
  readonly status?: string | null;
  readonly lagMs?: number | null;
  readonly seenAt?: string | null;
  readonly sizeBytes?: number;
  readonly topics?: readonly string[];
}

const COLUMNS: readonly Column<SpaceRow>[] = [
  { key: 'name', title: 'space' },
  {
    key: 'status',
    title: 'status',
    tone: (value) => (value === 'offline' ? 'bad' : undefined),
  },
  { key: 'lagMs', title: 'lag', kind: 'duration' },
  { key: 'seenAt', title: 'seen', kind: 'age' },
  { key: 'sizeBytes', title: 'size', kind: 'bytes' },
  { key: 'topics', title: 'topics', wide: true },
];

const ROWS: readonly SpaceRow[] = [
  {
    name: 'payments',
    status: 'online',
    lagMs: 400,
    seenAt: '2026-11-20T10:41:57.000Z',
    sizeBytes: 42_000,
    topics: ['users', 'releases'],
  },
  { name: 'mobile', status: 'offline', lagMs: 2_460_000, seenAt: '2026-11-20T10:00:58.000Z' },
  { name: 'ledger', status: null, lagMs: null, seenAt: null, sizeBytes: 5 },
];

const report = (rows: readonly SpaceRow[] = ROWS): Report<SpaceRow> => ({
  title: 'spaces',
  columns: COLUMNS,
  rows,
  asOf: AS_OF,
  target: 'library',
});

const render = (
  format: Format,
  options: Partial<RenderOptions> = {},
  rows: readonly SpaceRow[] = ROWS,
): string => renderReport(report(rows), { format, nowMs: NOW_MS, ...options });

const names = (options: Partial<RenderOptions>): unknown =>
  JSON.parse(render('json', options)).rows.map((row: SpaceRow) => row.name);

describe('a report as text', () => {
  it('is an aligned table with its age and origin below', () => {
    expect(render('text')).toBe(
      [
        'SPACE     STATUS     LAG  SEEN    SIZE',
        'payments  online   0.4 s   1 s  41 KiB',
        'mobile    offline   41 m  41 m       -',
        'ledger    -            -     -     5 B',
        '',
        '3 spaces, as of 2026-11-20 10:41:58Z (12 s ago), from library',
        '',
      ].join('\n'),
    );
  });

  it('writes names in full without a terminal, however long', () => {
    const name = 'x'.repeat(500);
    expect(render('text', {}, [{ name }])).toContain(name);
  });

  it('fits the terminal by cutting names, never numbers', () => {
    const rows = [{ name: 'x'.repeat(500), status: 'online', lagMs: 2_460_000 }];
    const lines = render('text', { maxColumns: 60 }, rows).split('\n').slice(0, 2);
    expect(lines.map(displayWidth).every((width) => width <= 60)).toBe(true);
    expect(lines[1]).toContain('…  online');
    expect(lines[1]).toContain('41 m');
  });

  it('has colours only when asked for', () => {
    expect(render('text')).not.toContain(ESC);
    expect(render('text', { colour: true })).toContain(`${ESC}[31moffline`);
  });

  it('lets nothing hostile through', () => {
    const rows = [{ name: `a${ESC}[31m\u202e\n\u200bb`, status: `${ESC}]52;c;eA==\x07` }];
    for (const format of ['text', 'json', 'jsonl', 'csv'] as const) {
      const text = render(format, {}, rows);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the control characters are what must not be there
      expect(text).not.toMatch(/[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u202e]|\\u001b|\\u202e/);
    }
  });

  it('keeps columns aligned with wide characters', () => {
    const lines = render('text', {}, [
      { name: '日本', status: 'A' },
      { name: 'abcd', status: 'A' },
    ]);
    const [, wide, narrow] = lines.split('\n');
    expect(displayWidth(wide!.slice(0, wide!.indexOf('A')))).toBe(narrow!.indexOf('A'));
  });

  it('says in words that there is nothing', () => {
    expect(render('text', {}, [])).toMatch(/^There are no spaces\.\n/);
    expect(render('text', { filter: 'nobody' })).toMatch(/^Nothing matches the filter\.\n/);
    expect(render('text', { filter: 'nobody' })).toContain('0 of 3 spaces');
  });

  it('writes one thing as lines of heading and value', () => {
    const text = renderReport(
      { ...report(ROWS.slice(0, 1)), layout: 'record', notes: ['Read only.'] },
      { format: 'text', nowMs: NOW_MS, columns: 'name,lag' },
    );
    expect(text).toBe(
      'space  payments\nlag    0.4 s\n\nRead only.\nas of 2026-11-20 10:41:58Z (12 s ago), from library\n',
    );
  });
});

describe('a report as JSON', () => {
  it('has raw numbers, ISO times, every column, and says what it is', () => {
    expect(JSON.parse(render('json', {}, ROWS.slice(0, 1)))).toEqual({
      version: 1,
      generatedAt: '2026-11-20T10:42:10.000Z',
      asOf: AS_OF,
      target: 'library',
      rows: [
        {
          name: 'payments',
          status: 'online',
          lagMs: 400,
          seenAt: '2026-11-20T10:41:57.000Z',
          sizeBytes: 42_000,
          topics: ['users', 'releases'],
        },
      ],
    });
  });

  it('is one row per line as jsonl, and nothing at all without rows', () => {
    const lines = render('jsonl', { columns: 'name' }).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual(ROWS.map(({ name }) => ({ name })));
    expect(render('jsonl', {}, [])).toBe('');
  });

  it('does not take inherited properties for values', () => {
    const columns = [{ key: 'constructor', title: 'c' }];
    const text = renderReport({ ...report(), columns, rows: [{}] }, { format: 'jsonl', nowMs: 0 });
    expect(text).toBe('{"constructor":null}\n');
  });
});

describe('a report as CSV', () => {
  it('has one header row with the keys and raw values', () => {
    expect(render('csv', {}, ROWS.slice(0, 2))).toBe(
      'name,status,lagMs,seenAt,sizeBytes,topics\r\n' +
        'payments,online,400,2026-11-20T10:41:57.000Z,42000,users; releases\r\n' +
        'mobile,offline,2460000,2026-11-20T10:00:58.000Z,,\r\n',
    );
  });

  it.each([
    ['=1+1', `'=1+1`],
    ['+49 30', `'+49 30`],
    ['-2+3', `'-2+3`],
    ['@SUM(A1)', `'@SUM(A1)`],
    ['\t=1', `' =1`],
    ['\r=1', `' =1`],
    [' =1', `' =1`],
    ['\u200b=1', `'=1`],
    ['＝1', `'＝1`],
    ['=HYPERLINK("x","y")', `"'=HYPERLINK(""x"",""y"")"`],
    ['a=b', 'a=b'],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\nlines', 'two lines'],
  ])('writes the cell %j as %s', (name, field) => {
    expect(render('csv', { columns: 'name' }, [{ name }])).toBe(`name\r\n${field}\r\n`);
  });

  it('keeps a negative number a number', () => {
    expect(render('csv', { columns: 'lagMs' }, [{ name: 'x', lagMs: -5 }])).toBe('lagMs\r\n-5\r\n');
  });
});

describe('choosing columns and order', () => {
  it('shows the columns in the order asked for, by key or heading', () => {
    expect(render('csv', { columns: 'LAG, name,lagMs' }, ROWS.slice(0, 1))).toBe(
      'lagMs,name\r\n400,payments\r\n',
    );
    expect(render('text', { columns: 'name,topics' })).toContain('users, releases');
  });

  it.each([
    ['name', ['ledger', 'mobile', 'payments']],
    ['-name', ['payments', 'mobile', 'ledger']],
    ['lag', ['payments', 'mobile', 'ledger']],
    ['-lag', ['mobile', 'payments', 'ledger']],
    ['seen', ['payments', 'mobile', 'ledger']],
    ['-size,name', ['payments', 'ledger', 'mobile']],
  ])('--sort %s puts the unknown last', (sort, expected) => {
    expect(names({ sort })).toEqual(expected);
  });

  it('keeps the order of equal rows, reversed or not', () => {
    const rows = ['b', 'a', 'c'].map((name) => ({ name, status: 'online' }));
    for (const sort of ['status', '-status']) {
      expect(render('csv', { sort, columns: 'name' }, rows)).toBe('name\r\nb\r\na\r\nc\r\n');
    }
  });

  it('sorts numbers inside names as numbers', () => {
    const rows = ['v10', 'v9', 'V1'].map((name) => ({ name }));
    expect(render('csv', { sort: 'name', columns: 'name' }, rows)).toBe(
      'name\r\nV1\r\nv9\r\nv10\r\n',
    );
  });

  it.each([
    [{ columns: 'name,nosuch' }],
    [{ columns: '' }],
    [{ columns: 'name,' }],
    [{ sort: 'nosuch' }],
    [{ sort: '-' }],
    [{ sort: 'name,,lag' }],
  ])('refuses %j', (options) => {
    expect(() => render('json', options)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('names the columns there are when one is unknown', () => {
    expect(() => render('json', { columns: 'nosuch' })).toThrow(
      expect.objectContaining({ next: expect.stringContaining('name, status, lagMs') }),
    );
  });
});

describe('rows one after the other', () => {
  const print = (format: Format, filter?: string): string[] => {
    const row = createRowPrinter(COLUMNS, {
      format,
      filter,
      columns: 'name,lag',
      now: () => NOW_MS,
    });
    return ROWS.map(row);
  };

  it('have their headings once', () => {
    expect(print('csv')).toEqual([
      'name,lagMs\r\npayments,400\r\n',
      'mobile,2460000\r\n',
      'ledger,\r\n',
    ]);
    expect(print('text')).toEqual([
      'SPACE       LAG\npayments  0.4 s\n',
      'mobile     41 m\n',
      'ledger        -\n',
    ]);
  });

  it('are documents of one line as JSON', () => {
    expect(print('json')).toEqual(print('jsonl'));
    expect(print('json')[0]).toBe('{"name":"payments","lagMs":400}\n');
  });

  it('are left out by the filter, headings stand before the first that is not', () => {
    expect(print('csv', 'mobile')).toEqual(['', 'name,lagMs\r\nmobile,2460000\r\n', '']);
  });
});
