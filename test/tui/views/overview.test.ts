import { describe, expect, it } from 'vitest';
import { renderReport } from '../../../tui/format/report.ts';
import { displayWidth } from '../../../tui/format/width.ts';
import { headline, overviewPanels } from '../../../tui/views/overview.ts';
import { overviewFigures, overviewReport } from '../../../tui/views/overview-report.ts';
import { HOSTILE, NOTHING_KNOWN, NOW_MS, overview } from './answers.ts';

const room = { columns: 46, ascii: false, nowMs: NOW_MS };
const lines = (changes: Parameters<typeof overview>[0], id: string, shape = room): string[] =>
  overviewPanels(overview(changes), shape)
    .find((panel) => panel.id === id)!
    .lines.map((line) => line.map(({ text }) => text).join(''));

describe('the overview', () => {
  it('counts the spaces by condition, with a bar for each', () => {
    const [online, lagging, offline, versions, long] = lines({}, 'spaces');
    expect(online).toMatch(/^● online +932 {2}█+/);
    expect(lagging).toMatch(/^◐ lagging +41 {2}█+/);
    expect(offline).toMatch(/^○ offline +27 {2}█+/);
    expect(versions).toBe('versions 2025.2.118 to 2026.4.6339');
    expect(long).toBe('offline > 24 h  4');
  });

  it('compares deployments with the day before, and names the worst space', () => {
    const text = lines({}, 'deployments').join('\n');
    expect(text).toContain('success 97.6%  before 98.4%  ▼ 0.8');
    expect(text).toContain('worst: ledger (31 failed)');
    expect(text).toMatch(/^ok {8}4,812 {2}▃▅▆█$/m);
  });

  it('says what is behind and how old the directory is', () => {
    const text = lines({}, 'mesh').join('\n');
    expect(text).toContain('peers      18/24 connected');
    expect(text).toContain('feeds      3,204   level 3,161   behind 43');
    expect(text).toContain('lag        p50 0.4 s  p99 12 s  worst 3 h 12 m');
    expect(text).toContain('directory  fresh, 42 entries, 12 s old');
    expect(lines({}, 'mesh', { ...room, columns: 64 }).join()).toContain('3 h 12 m (platform)');
  });

  it('leads from what is wrong to the screen that shows it', () => {
    expect(lines({}, 'attention', { ...room, columns: 90 })).toEqual([
      `CRIT      11 m ledger           31 failed deployments in 1 h${' '.repeat(18)} [5 Reports]`,
    ]);
  });

  it('says so when nothing is wrong, and how much is looked after', () => {
    const alerts = { crit: 0, warn: 0, info: 0, acked: 2, open: [] };
    expect(lines({ alerts }, 'attention')).toEqual([
      'Nothing is wrong, as far as this node knows, 2 looked after.',
    ]);
  });

  it('fits two panels beside each other on 80 and on 100 columns, without cutting a word', () => {
    for (const id of ['spaces', 'deployments', 'mesh', 'trust'])
      for (const columns of [36, 46])
        expect(
          Math.max(...lines({}, id, { ...room, columns }).map(displayWidth)),
        ).toBeLessThanOrEqual(columns);
  });

  it('says how many more alerts there are than it shows', () => {
    const { alerts } = overview();
    expect(lines({ alerts: { ...alerts!, warn: 1_001 } }, 'attention').at(-1)).toMatch(
      /^and [\d,]+ more: odcm alerts$/,
    );
  });

  it('tells what it does not know from what is zero', () => {
    const panels = overviewPanels(overview(NOTHING_KNOWN), room);
    for (const panel of panels) {
      expect(
        panel.lines
          .flat()
          .map(({ text }) => text)
          .join(' '),
      ).toContain('not known');
    }
    const figures = overviewFigures(overview(NOTHING_KNOWN));
    expect(figures).toMatchObject({ offline: null, behind: null, failed: null, crit: null });
  });

  it('keeps its panels in ASCII and its lines on one line, whatever peers call themselves', () => {
    for (const name of HOSTILE) {
      const { alerts, trust } = overview();
      const [first] = alerts!.open;
      const hostile = overview({
        alerts: { ...alerts!, open: [{ ...first!, subject: name, what: name }] },
        trust: { ...trust!, next: { subject: name, leftMs: 1 } },
      });
      const panels = overviewPanels(hostile, { ...room, columns: 90 });
      const texts = panels
        .flatMap((panel) => panel.lines)
        .map((line) => line.map((s) => s.text).join(''));
      expect(texts.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
      const attention = panels.at(-1)!.lines[0]!;
      expect(displayWidth(attention.map((s) => s.text).join(''))).toBeLessThanOrEqual(90);
    }
    const ascii = overviewPanels(overview(), { ...room, ascii: true });
    expect(
      ascii
        .flatMap((panel) => panel.lines)
        .flat()
        .map((s) => s.text)
        .join(''),
    ).toMatch(/^[\x20-\x7e]*$/);
  });

  it('has one line for the top of every screen', () => {
    const text = (options: Parameters<typeof headline>[1], changes = {}): string =>
      headline(overview(changes), options)
        .map((s) => s.text)
        .join('');
    expect(text({ ascii: false })).toBe('●932 ◐41 ○27 of 1,000 spaces');
    const { spaces } = overview();
    const apart = { spaces: { ...spaces!, isolated: 3, unknown: 1 } };
    expect(text({ ascii: false }, apart)).toBe('●932 ◐41 ○27 ◇3 ?1 of 1,000 spaces');
    expect(text({ ascii: true })).toBe('+932 ~41 -27 of 1,000 spaces');
    expect(text({ ascii: false, isStale: true })).toBe('?932 ?41 ?27 of 1,000 spaces');
    expect(text({ ascii: false }, { spaces: null })).toBe('spaces not known');
  });

  it('is a page for people and one row of figures for machines', () => {
    const report = overviewReport(overview());
    const page = renderReport(report, { format: 'text', nowMs: NOW_MS });
    expect(page).toMatch(/^Spaces\n {2}● online /);
    expect(page).toContain('as of 2026-11-21 10:42:06Z (1 s ago), from library\n');
    const [row] = JSON.parse(renderReport(report, { format: 'json', nowMs: NOW_MS })).rows;
    expect(row).toMatchObject({ offline: 27, behind: 300, expiry: 187_200_000, success: 0.976 });
    expect(row.attention).toHaveLength(1);
    const chosen = renderReport(report, {
      format: 'csv',
      nowMs: NOW_MS,
      columns: 'offline,failed',
    });
    expect(chosen).toBe('offline,failed\r\n27,117\r\n');
  });
});
