import { describe, expect, it } from 'vitest';
import type { Column } from '../../../tui/format/cell.ts';
import { renderReport } from '../../../tui/format/report.ts';
import { displayWidth } from '../../../tui/format/width.ts';
import { pageText } from '../../../tui/views/page.ts';
import { fitColumns, panel, span } from '../../../tui/views/table.ts';

interface Row {
  readonly name: string;
  readonly n: number;
}

const COLUMNS: readonly Column<Row>[] = [
  { key: 'name', title: 'name', priority: 0, width: 16, grows: true },
  { key: 'status', title: 'status', priority: 0, width: 10 },
  { key: 'lag', title: 'lag', priority: 1, width: 6 },
  { key: 'fail', title: 'fail', priority: 1, width: 6 },
  { key: 'version', title: 'version', priority: 2, width: 12 },
  { key: 'feeds', title: 'feeds', priority: 3, width: 6 },
  { key: 'id', title: 'id', wide: true, width: 36 },
];
const keys = (columns: number, isWide = false): string[] =>
  fitColumns(COLUMNS, columns, isWide).map(({ column }) => column.key);

describe('columns on a screen', () => {
  it.each([
    [60, ['name', 'status', 'lag', 'fail']],
    [79, ['name', 'status', 'lag', 'fail']],
    [80, ['name', 'status', 'lag', 'fail', 'version']],
    [119, ['name', 'status', 'lag', 'fail', 'version']],
    [120, ['name', 'status', 'lag', 'fail', 'version', 'feeds']],
  ])('of %i columns are those that matter most', (columns, expected) => {
    expect(keys(columns)).toEqual(expected);
  });

  it('show identifiers only when asked for, and never fewer than the name', () => {
    expect(keys(160, true)).toContain('id');
    expect(keys(240)).not.toContain('id');
    expect(keys(3)).toEqual(['name']);
  });

  it('give what is left over to the name', () => {
    const fitted = fitColumns(COLUMNS, 100);
    const total = fitted.reduce((sum, { width }) => sum + width + 1, -1);
    expect(total).toBe(100);
    expect(fitted[0]!.width).toBeGreaterThan(16);
    expect(fitted[1]!.width).toBe(10);
  });

  it('leave room over rather than put it between a name and its figures', () => {
    const limited = COLUMNS.map((column) =>
      column.key === 'name' ? { ...column, maxWidth: 30 } : column,
    );
    expect(fitColumns(limited, 200)[0]!.width).toBe(30);
  });

  it('are those of the whole screen where the list has only a part of it', () => {
    const fitted = fitColumns(COLUMNS, 74, false, 120).map(({ column }) => column.key);
    expect(fitted).toEqual(['name', 'status', 'lag', 'fail', 'version', 'feeds']);
    expect(fitColumns(COLUMNS, 74, false, 80)).toHaveLength(5);
  });
});

describe('a span', () => {
  it('loses what acts on a terminal and keeps its spaces', () => {
    expect(span('a  ●  b\x1b[2J\u202e').text).toBe('a  ●  b[2J');
    expect(span('x', 'bad')).toEqual({ text: 'x', tone: 'bad' });
  });
});

describe('a page of panels', () => {
  const panels = [
    panel('a', 'First\x1b[2J', [[span('one', 'bad'), span(' two')], [span('  ')]]),
    panel('b', 'Second', [[span('x'.repeat(40))]]),
  ];

  it('is the titles with their lines below, without empty ones', () => {
    expect(pageText(panels, { colour: false })).toBe(
      `First[2J\n  one two\n\nSecond\n  ${'x'.repeat(40)}\n`,
    );
  });

  it('is cut for a terminal only', () => {
    const lines = pageText(panels, { colour: false, maxColumns: 20 }).split('\n');
    expect(Math.max(...lines.map(displayWidth))).toBe(20);
  });
});

describe('a total', () => {
  const rows: Row[] = [
    { name: 'b', n: 2 },
    { name: 'a', n: 1 },
  ];
  const columns: readonly Column<Row>[] = [
    { key: 'name', title: 'name' },
    { key: 'n', title: 'n', kind: 'number' },
    { key: 'more', title: 'more' },
  ];
  const report = {
    ...{ title: 'rows', columns, rows, asOf: 0, target: 'library', sort: 'name' },
    total: { name: 'total of 2', n: 3 },
  };

  it('stands below the rows, and what it does not know is blank', () => {
    expect(renderReport(report, { format: 'text', nowMs: 0 })).toContain(
      'NAME        N  MORE\na           1  -\nb           2  -\n───────────────────\ntotal of 2  3\n',
    );
  });

  it('is apart from the rows for machines', () => {
    const json = JSON.parse(renderReport(report, { format: 'json', nowMs: 0 }));
    expect(json.total).toEqual({ name: 'total of 2', n: 3, more: null });
    expect(json.rows).toHaveLength(2);
    expect(renderReport(report, { format: 'csv', nowMs: 0 })).toBe(
      'name,n,more\r\na,1,\r\nb,2,\r\n',
    );
  });

  it('gives way to an order that the reader asked for', () => {
    const text = renderReport(report, { format: 'csv', nowMs: 0, sort: '-n', columns: 'name' });
    expect(text).toBe('name\r\nb\r\na\r\n');
  });
});
