import { describe, expect, it } from 'vitest';
import { FORMATS, renderReport } from '../../../tui/format/report.ts';
import { displayWidth } from '../../../tui/format/width.ts';
import { alertsView } from '../../../tui/views/alerts.ts';
import { deploymentsView, reportView } from '../../../tui/views/deployments.ts';
import { feedsView } from '../../../tui/views/feeds.ts';
import { inventoryView } from '../../../tui/views/inventory.ts';
import { meshView } from '../../../tui/views/mesh.ts';
import { spacesView } from '../../../tui/views/spaces.ts';
import { subscriptionsView } from '../../../tui/views/subscriptions.ts';
import {
  fitColumns,
  headingSpans,
  reportOf,
  rowSpans,
  type TableView,
} from '../../../tui/views/table.ts';
import { trustView } from '../../../tui/views/trust.ts';
import * as of from './answers.ts';

type Names = readonly string[];

/** Each view over rows whose every name and message is one of these. */
const VIEWS: Readonly<Record<string, (names: Names) => TableView>> = {
  spaces: (names) =>
    spacesView({
      health: of.answer(
        ...names.map((space, id) =>
          of.health({
            space,
            id: String(id),
            heardVia: space,
            serverVersion: space,
            tags: [space],
          }),
        ),
      ),
      deployments: of.report(),
    }) as unknown as TableView,
  feeds: (names) =>
    feedsView(
      of.answer(...names.map((feed, id) => of.feed({ feed, id: String(id), context: feed }))),
    ) as unknown as TableView,
  subscriptions: (names) =>
    subscriptionsView(
      of.answer(...names.map((feed) => of.subscription({ feed, lastError: feed }))),
    ) as unknown as TableView,
  trust: (names) =>
    trustView(
      of.answer(...names.map((subject) => of.trust({ subject, issuer: subject }))),
    ) as unknown as TableView,
  inventory: (names) =>
    inventoryView(
      of.answer(...names.map((space) => of.inventory({ space, version: space }))),
    ) as unknown as TableView,
  report: (names) => {
    const [row] = of.report().rows;
    const rows = names.map((name) => ({ ...row!, name }));
    return reportView(of.report({ rows }), of.AS_OF) as unknown as TableView;
  },
  deployments: (names) =>
    deploymentsView(
      of.answer(
        ...names.map((project, index) =>
          of.deployment({ project, index, by: project, reason: project }),
        ),
      ),
    ) as unknown as TableView,
  alerts: (names) =>
    alertsView(
      of.answer(
        ...names.map((subject, id) => of.alert({ subject, id: String(id), what: subject })),
      ),
    ) as unknown as TableView,
  mesh: (names) =>
    meshView(
      of.answer(
        ...names.map((space, id) => of.peer({ space, peerId: String(id), lastError: space })),
      ),
    ) as unknown as TableView,
};

const VIEW_NAMES = Object.keys(VIEWS);
const view = (name: string, names: Names): TableView => VIEWS[name]!(names);
const render = (table: TableView, format: (typeof FORMATS)[number], maxColumns?: number): string =>
  renderReport(reportOf(table, 'library'), { format, nowMs: of.NOW_MS, maxColumns });

/** Acts on a terminal, or is not seen there. */
const UNSAFE = /[\p{Cc}\p{Cf}]/u;

describe.each(VIEW_NAMES)('the view %s', (name) => {
  it('says in words that there is nothing', () => {
    const table = view(name, []);
    expect(render(table, 'text')).toMatch(/^[A-Z][^\n]*[.A-Z]\n/);
    expect(render(table, 'jsonl')).toBe('');
    expect(Object.values(table.figures).length).toBeGreaterThan(0);
  });

  it('has an identity for each of 1,000 rows, and shows them all', () => {
    const names = Array.from({ length: 1_000 }, (_, at) => `space-${at}`);
    const table = view(name, names);
    expect(new Set(table.rows.map(table.idOf)).size).toBe(1_000);
    expect(render(table, 'jsonl').trimEnd().split('\n')).toHaveLength(1_000);
    expect(render(table, 'text')).toContain('space-999');
  });

  it('keeps its widths whatever a peer calls itself', () => {
    const table = view(name, of.HOSTILE);
    for (const columns of [60, 79, 80, 100, 120, 240]) {
      const fitted = fitColumns(table.columns, columns);
      const lines = [
        headingSpans(fitted),
        ...table.rows.map((row) => rowSpans(fitted, row, { asOfMs: of.NOW_MS })),
      ].map((spans) => spans.map(({ text }) => text).join(' '));
      const widths = new Set(lines.map(displayWidth));
      expect(widths.size).toBe(1);
      expect([...widths][0]).toBeLessThanOrEqual(columns);
      expect(lines.join('')).not.toMatch(UNSAFE);
    }
  });

  it('exports nothing that acts on a terminal or that a spreadsheet would run', () => {
    const table = view(name, of.HOSTILE);
    for (const format of FORMATS) {
      const text = render(table, format).replaceAll(/[\r\n]/g, '');
      expect(text).not.toMatch(UNSAFE);
    }
    expect(render(table, 'csv')).not.toMatch(/(?:^|,|")[=@]/m);
  });

  it('fits a terminal by leaving out what matters least, and names what is sorted by', () => {
    const table = view(name, ['payments']);
    const lines = render(table, 'text', 80).split('\n');
    expect(displayWidth(lines[0]!)).toBeLessThanOrEqual(80);
    const first = table.columns[0]!;
    expect(lines[0]!.toLowerCase()).toContain(first.title.toLowerCase());
    for (const key of (table.sort ?? '').split(',').filter(Boolean)) {
      expect(table.columns.map((column) => column.key)).toContain(key.replace(/^-/, ''));
    }
  });

  it('uses no glyph beyond ASCII when the terminal has none', () => {
    const table = view(name, ['payments']);
    const text = renderReport(reportOf(table, 'library'), {
      format: 'text',
      nowMs: of.NOW_MS,
      ascii: true,
    });
    expect(text).toMatch(/^[\x20-\x7e\n]*$/);
  });
});
