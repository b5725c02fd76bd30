import { describe, expect, it } from 'vitest';
import { renderReport } from '../../../tui/format/report.ts';
import { displayWidth } from '../../../tui/format/width.ts';
import { routesPanel } from '../../../tui/views/alerts.ts';
import type { MeshRow } from '../../../tui/views/answers.ts';
import {
  chartPanel,
  deploymentsView,
  missingLines,
  reportView,
} from '../../../tui/views/deployments.ts';
import { feedPanel, feedsView } from '../../../tui/views/feeds.ts';
import { inventoryView, spreadPanel } from '../../../tui/views/inventory.ts';
import { meshView, peerPanel, refusalsPanel, shortAddress } from '../../../tui/views/mesh.ts';
import { revocationPanel } from '../../../tui/views/revocations.ts';
import { type SpaceDetail, spaceHead, spacePanels } from '../../../tui/views/space-detail.ts';
import { spaceReport } from '../../../tui/views/space-report.ts';
import { subscriptionPanel, subscriptionsView } from '../../../tui/views/subscriptions.ts';
import { type Panel, reportOf } from '../../../tui/views/table.ts';
import { chainPanel, expiryPanel, rootPanel, trustView } from '../../../tui/views/trust.ts';
import { revocation } from '../commands/canned-node.ts';
import * as of from './answers.ts';

const room = { columns: 60, ascii: false, nowMs: of.NOW_MS };
const textOf = ({ lines }: Panel): string =>
  lines.map((line) => line.map(({ text }) => text).join('')).join('\n');
const DAY_MS = 86_400_000;

const detail = (changes: Partial<SpaceDetail> = {}): SpaceDetail => ({
  asOf: of.AS_OF,
  health: of.health({ heardVia: 'library', tags: ['production'] }),
  feeds: [
    of.feed(),
    of.feed({ feed: 'payments/step-templates', id: 'f-2', behind: 4 }),
    of.feed({ feed: 'payments-2/other', id: 'f-3' }),
  ],
  grants: [
    of.grant(),
    of.grant({ subscriber: 'all', publisher: 'hq', feed: 'all' }),
    of.grant({ subscriber: 'ledger' }),
  ],
  deployments: of.report(),
  entries: [of.deployment(), of.deployment({ index: 48_109, outcome: 'failed', reason: 'step 4' })],
  alerts: [
    of.alert(),
    of.alert({ subject: 'ledger', opens: { screen: 'spaces', subject: 'ledger' } }),
  ],
  ...changes,
});

describe('one space', () => {
  it('says who it is, how it is known, and what is missing of it', () => {
    const text = textOf(spaceHead(detail(), room));
    expect(text).toContain(
      '● online   2026.3.24   heard 0.4 s ago through library   tags production',
    );
    expect(text).toContain('certificate valid, 211 d left   serial 3E1   node 1.0.0');
    expect(text).toContain('projects 148   targets 1,644   nothing missing here');
  });

  it('names what came in a file of a space that no network reaches', () => {
    const byFile = { at: of.AS_OF, agoMs: 3 * 86_400_000, what: 'bundle 17' };
    const health = of.health({ state: 'unknown', heardAgoMs: null, serverVersion: null, byFile });
    expect(textOf(spaceHead(detail({ health }), room))).toContain(
      '◇ isolated   version not reported   signed bundle 17 3 d ago, which came in a file',
    );
  });

  it('tells what is not known', () => {
    const health = of.health({
      ...{ state: 'unknown', heardAgoMs: null, certificate: null, serverVersion: null },
      ...{ projects: null, targets: null },
    });
    const text = textOf(spaceHead(detail({ health }), room));
    expect(text).toContain('? unknown   version not reported   never heard');
    expect(text).toContain('certificate not known');
    const panels = spacePanels(detail({ deployments: null, entries: null, alerts: null }), room);
    expect(panels.slice(2).map(textOf)).toEqual([
      'not known here',
      'not known here',
      'not known here',
    ]);
  });

  it('lists its own feeds, grants, deployments and alerts, and nobody else’s', () => {
    const [publishes, reads, , entries, alerts] = spacePanels(detail(), room).map(textOf);
    expect(publishes).toContain('step-templates');
    expect(publishes).toContain('4 behind');
    expect(publishes).not.toContain('other');
    expect(reads).toMatch(/^library\/variables +granted\nhq\/\* +granted$/);
    expect(entries).toContain('#48109  2026-11-21');
    expect(entries).toContain('failed     web 4.12.0 > production   Barry   step 4');
    expect(alerts).toBe('CRIT      30 m  payments is offline   open');
  });

  it('is one row with lists in it for machines', () => {
    const json = renderReport(spaceReport(detail(), 'library'), {
      format: 'json',
      nowMs: of.NOW_MS,
    });
    const [row] = JSON.parse(json).rows;
    expect(row).toMatchObject({ name: 'payments', status: 'online', deployments: { failed: 31 } });
    expect([row.publishes.length, row.mayRead.length, row.alerts.length]).toEqual([2, 2, 1]);
  });
});

describe('trust', () => {
  it('orders by what runs out first and says what is over', () => {
    const view = trustView(
      of.answer(
        of.trust({ subject: 'a', leftMs: 10 * DAY_MS, state: 'expiring' }),
        of.trust({ subject: 'b', leftMs: -2 * DAY_MS, state: 'expired' }),
        of.trust({ subject: 'c', leftMs: -1, state: 'revoked' }),
      ),
    );
    const text = renderReport(reportOf(view, 'library'), {
      ...{ format: 'text', nowMs: of.NOW_MS, columns: 'subject,left,state' },
    });
    expect(text).toContain(
      'b        expired  expired\nc        revoked  revoked\na           10 d  expiring\n',
    );
    expect(view.figures).toMatchObject({ valid: 0, expiring: 1, expired: 1, revoked: 1 });
  });

  it('counts expiries by month, those of this month as a warning', () => {
    const expiresAt = (day: string): { expiresAt: string } => ({
      expiresAt: `${day}T00:00:00.000Z`,
    });
    const answer = of.answer(
      of.trust(expiresAt('2026-11-30')),
      of.trust(expiresAt('2027-01-01')),
      of.trust(expiresAt('2027-01-31')),
      of.trust(expiresAt('2029-01-01')),
      of.trust({ ...expiresAt('2026-12-01'), state: 'revoked' }),
    );
    const { lines } = expiryPanel(answer, { ...room, columns: 24 });
    expect(lines.map((line) => line.map(({ text }) => text).join(''))).toEqual([
      'Nov █████ 1',
      'Dec  0',
      'Jan ██████████ 2',
      ...['Feb  0', 'Mar  0', 'Apr  0', 'later 1'],
    ]);
    expect(lines[0]![1]!.tone).toBe('warn');
  });

  it('draws the chain as far as it is known and ends where issuers go in a circle', () => {
    const root = of.trust({ kind: 'root', subject: 'root', serial: null, issuer: null });
    const issuing = of.trust({
      kind: 'issuing',
      subject: 'issuing-1',
      serial: 'B2',
      issuer: 'root',
    });
    const chosen = of.trust();
    const answer = of.answer(root, issuing, chosen);
    expect(textOf(chainPanel(chosen, answer, room))).toContain(
      'root root > issuing B2 > space 3E1',
    );
    const circle = of.answer({ ...issuing, issuer: 'issuing-1' }, chosen);
    expect(textOf(chainPanel(chosen, circle, room))).toContain('issuing B2 > space 3E1');
    expect(textOf(rootPanel(answer, room))).toContain(
      'root       abababababab  211 d left\nissuing-1  abababababab  211 d left',
    );
    expect(textOf(rootPanel(of.answer(), room))).toBe('No root is known here.');
  });
});

describe('inventory', () => {
  it('totals what stands above it and marks what is stale', () => {
    const view = inventoryView(
      of.answer(
        of.inventory(),
        of.inventory({ space: 'ledger', projects: 2, targets: 6, isStale: true, ageMs: 2_460_000 }),
      ),
    );
    const text = renderReport(reportOf(view, 'library'), { format: 'text', nowMs: of.NOW_MS });
    expect(text).toContain('stale, 41 m');
    expect(text).toMatch(/total of 2 +150 +1,650 +3,280 +6 +2\n/);
    expect(text).toContain('1 fresh, 1 stale.');
    expect(view.figures).toMatchObject({ projects: 150, targets: 1_650, stale: 1 });
  });

  it('has no total of nothing, and puts every space into one class', () => {
    expect(inventoryView(of.answer()).total).toBeUndefined();
    const edges = [0, 49, 50, 99, 100, 300, 9_999].map((projects) => of.inventory({ projects }));
    const text = textOf(spreadPanel(of.answer(...edges), 'projects', { ...room, ascii: true }));
    expect(text.split('\n').map((line) => line.at(-1))).toEqual(['2', '2', '1', '0', '2']);
  });
});

describe('deployments', () => {
  it('show success, the change and the total of the node, not one of their own', () => {
    const view = reportView(of.report(), of.AS_OF);
    const text = renderReport(reportOf(view, 'library'), {
      ...{ format: 'text', nowMs: of.NOW_MS, columns: 'name,ok,failed,success,change,median' },
    });
    expect(text).toContain('payments    164      31    84.1%     ▼ 11.2  4 m 10 s\n');
    expect(text).toMatch(/\n─+\ntotal of 1 {2}164 /);
    expect(text).toContain('from 2026-11-07 10:42:06Z to 2026-11-21 10:42:06Z');
    expect(view.figures).toMatchObject({ ok: 164, failed: 31, missing: 0 });
  });

  it('name what is not counted, a few of many', () => {
    const missing = Array.from({ length: 7 }, (_, at) => ({ space: `s-${at}`, why: 'no grant' }));
    expect(missingLines(missing)).toEqual([
      'Not all counted for 7 spaces:',
      ...['  s-0: no grant', '  s-1: no grant', '  s-2: no grant', '  s-3: no grant'],
      ...['  s-4: no grant', '  and 2 more'],
    ]);
    expect(missingLines([])).toEqual([]);
    expect(reportView(of.report({ missing }), of.AS_OF).notes?.at(-1)).toBe('  and 2 more');
  });

  it('know no success where nothing ended', () => {
    const none = {
      ...of.report().total,
      ...{ ok: 0, failed: 0, success: null, before: null, change: null, medianMs: null },
    };
    const view = reportView(of.report({ rows: [{ name: 'x', ...none }], total: none }), of.AS_OF);
    const text = renderReport(reportOf(view, 'library'), { format: 'csv', nowMs: of.NOW_MS });
    expect(text.split('\r\n')[1]).toMatch(/^x,0,0,2,,,,/);
    expect(view.figures['success']).toBeNull();
    expect(textOf(chartPanel(of.report({ total: none }), room))).toContain(
      'success -   nothing ended before to compare with',
    );
  });

  it('open to single ones, told apart by their entries', () => {
    const rows = [
      of.deployment(),
      of.deployment({ index: 3, outcome: 'failed', reason: 'exit 1' }),
    ];
    const view = deploymentsView(of.answer(...rows));
    expect(view.rows.map(view.idOf)).toEqual([
      'payments/deployments 48112',
      'payments/deployments 3',
    ]);
    expect(view.figures).toEqual({ ok: 1, failed: 1, cancelled: 0 });
  });
});

describe('the rest', () => {
  it('says that a round trip was not measured, rather than none', () => {
    const [row] = meshView(of.answer(of.peer({ rttMs: null, state: 'connected' }))).rows;
    expect(textOf(peerPanel(row!, room))).toContain('round trip not measured');
    const away = of.peer({
      ...{ connected: false, state: 'away', via: null, rttMs: null, address: null },
      ...{ attempts: 14, nextTryMs: 12_000, lastError: 'refused\x1b[2J' },
    });
    const text = textOf(peerPanel(away, room));
    expect(text).toContain('dials       14 without success, next try in 12 s');
    expect(text).toContain('last error  refused[2J');
    expect(meshView(of.answer(away)).figures).toEqual({ connected: 0, disconnected: 1, deaf: 0 });
  });

  it.each([
    ['/ip4/10.1.0.5/tcp/4001/p2p/12D3KooW', '10.1.0.5:4001'],
    ['/ip6/2001:db8::1/tcp/4001', '[2001:db8::1]:4001'],
    ['/dns4/mesh.example.org/tcp/443', 'mesh.example.org:443'],
    ['/ip4/10.1.0.5/udp/4001/quic-v1', '/ip4/10.1.0.5/udp/4001/quic-v1'],
  ])('shows the address %s as %s', (address, expected) => {
    expect(shortAddress(address)).toBe(expected);
  });

  it('has columns for traffic only where it is measured', () => {
    const titles = (changes: Partial<MeshRow>): string[] =>
      meshView(of.answer(of.peer(changes)))
        .columns.filter(({ wide }) => wide !== true)
        .map(({ title }) => title);
    expect(titles({ inBytesPerSecond: 0 })).toContain('in/s');
    expect(titles({ inBytesPerSecond: null, outBytesPerSecond: null })).not.toContain('in/s');
  });

  it('lists refusals by their number', () => {
    expect(textOf(refusalsPanel({ refusals: { A: 2, B: 11_206 } }, room))).toBe(
      '   11,206  B\n        2  A',
    );
    expect(textOf(refusalsPanel({ refusals: {} }, room))).toBe('nothing since the start');
  });

  it('says of a route for how long it fails', () => {
    const route = {
      ...{ name: 'ops', kind: 'smtp' as const, state: 'failing' as const },
      ...{ since: '2026-11-21T10:31:07.000Z', lastError: 'refused', queued: 2, dropped: 0 },
    };
    expect(textOf(routesPanel(of.answer(route), room))).toBe(
      'smtp ops  FAILING for 11 m (refused)   2 messages waiting',
    );
    expect(textOf(routesPanel(of.answer(), room))).toContain('only shown here');
  });

  it('explains the state of a subscription', () => {
    const [row] = subscriptionsView(of.answer(of.subscription({ state: 'behind', held: 4 }))).rows;
    const text = textOf(subscriptionPanel(row!, room));
    expect(text).toContain('held       4 of 10, 6 entries missing');
    expect(text).toContain('nothing new since 42 m ago, nothing heard since this node started');
  });

  it('says of a revocation who has applied it, who has not, and what is left to change here', () => {
    const row = revocation({ readable: 3, sensitive: 1 });
    const text = textOf(revocationPanel(of.answer(row), room));
    expect(text).toContain('payments shut out');
    expect(text).toContain('applied 2 of 4');
    expect(text).toContain('not by shipping (offline, heard 3 h ago), ledger (unknown, not heard)');
    expect(text).toContain(
      '3 items of this space to change at the source, 1 sensitive: odcm exposure payments',
    );
    const done = revocation({ applied: 4, missing: [] });
    expect(textOf(revocationPanel(of.answer(done), room))).not.toContain('not by');
    expect(textOf(revocationPanel(of.answer(), room))).toContain('Nobody was shut out');
  });

  it('keeps titles safe and bars inside their room', () => {
    for (const name of of.HOSTILE) {
      const [line] = feedsView(of.answer(of.feed({ feed: name, held: 1, behind: 379 }))).rows;
      expect(feedPanel(line!, room).title).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    }
    for (const columns of [10, 30, 60, 200]) {
      const shape = { ...room, columns };
      const panels = [
        chartPanel(of.report(), shape),
        spreadPanel(of.answer(of.inventory()), 'targets', shape),
      ];
      const bars = panels.flatMap(({ lines }) => lines).flatMap((line) => line.slice(1, 2));
      for (const { text } of bars) expect(displayWidth(text)).toBeLessThanOrEqual(columns);
    }
  });
});
