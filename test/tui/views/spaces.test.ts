import { describe, expect, it } from 'vitest';
import { renderReport, selectRows } from '../../../tui/format/report.ts';
import { spacesView } from '../../../tui/views/spaces.ts';
import { reportOf } from '../../../tui/views/table.ts';
import { AS_OF, answer, health, NOW_MS, report } from './answers.ts';

const HOUR_MS = 3_600_000;
const offline = health({
  ...{ space: 'mobile', id: 'id-mobile', state: 'offline', heardAgoMs: 2_460_000 },
  ...{ behind: 12, lagMs: 2_460_000, serverVersion: '2026.1.1000' },
});
const lagging = health({ space: 'catalog', id: 'id-catalog', behind: 214, lagMs: 180_000 });
const brief = health({ space: 'ledger', id: 'id-ledger', behind: 3, lagMs: 9_000 });
const never = health({
  ...{ space: 'new', id: 'id-new', state: 'unknown', heardAgoMs: null, heardAt: null, lagMs: null },
  ...{ projects: null, targets: null, serverVersion: null, certificate: null },
});

const text = (view: ReturnType<typeof spacesView>, options = {}): string =>
  renderReport(reportOf(view, 'library'), { format: 'text', nowMs: NOW_MS, ...options });

describe('the spaces', () => {
  it('stand worst first, with a sign and the word beside it', () => {
    const view = spacesView({ health: answer(health(), brief, never, lagging, offline) });
    const lines = text(view, { columns: 'name,status,heard,lag' }).split('\n');
    expect(lines.slice(1, 6).map((line) => line.trimEnd())).toEqual([
      'mobile    ○ offline   41 m  41 m',
      'catalog   ◐ lagging  0.4 s   3 m',
      'new       ? unknown  never     -',
      'ledger    ● online   0.4 s   9 s',
      'payments  ● online   0.4 s   0 s',
    ]);
    expect(text(view, { columns: 'name,status', ascii: true })).toContain('mobile    - offline');
  });

  it('that only files reach are isolated, as old as what they signed last, which is named', () => {
    const byFile = { at: '2026-11-18T10:41:58.000Z', agoMs: 48 * HOUR_MS, what: 'receipt 12' };
    const vault = { ...never, space: 'vault', id: 'id-vault', byFile };
    const view = spacesView({ health: answer(health(), never, vault) });
    const lines = text(view, { columns: 'name,status,heard,heardVia' }).split('\n');
    expect(lines.slice(1, 4).map((line) => line.trimEnd())).toEqual([
      'new       ? unknown   never  -',
      'payments  ● online    0.4 s  -',
      'vault     ◇ isolated    2 d  receipt 12',
    ]);
    expect(view.rows.at(-1)).toMatchObject({ heardAt: byFile.at });
    expect(view.figures).toMatchObject({ isolated: 1, unknown: 1, online: 1 });
    expect(text(view, { columns: 'name,status', ascii: true })).toContain('vault     = isolated');
    // Once it is heard, that counts.
    const heard = spacesView({ health: answer(health({ byFile })) });
    expect(heard.rows[0]).toMatchObject({ status: 'online', heardAgoMs: 400, heardVia: null });
  });

  it('say that deployments are not known where the node has no report of them', () => {
    const view = spacesView({ health: answer(health()), deployments: null });
    expect(view.rows[0]).toMatchObject({ ok24h: null, failed24h: null, trend: [] });
    expect(text(view)).toContain('Deployments are not known here');
    expect(view.figures['failed']).toBeNull();
  });

  it('tell no deployments from unknown ones', () => {
    const deployments = report({ missing: [{ space: 'mobile', why: 'not taken here' }] });
    const view = spacesView({ health: answer(health(), brief, offline), deployments });
    const counts = view.rows.map(({ name, ok24h, failed24h }) => [name, ok24h, failed24h]);
    expect(counts).toEqual([
      ['payments', 164, 31],
      ['ledger', 0, 0],
      ['mobile', null, null],
    ]);
    expect(view.rows[0]!.trend).toEqual([11, 13, 16, 57]);
    expect(view.figures).toMatchObject({ failed: 31 });
  });

  it('count each space in exactly one condition', () => {
    const rows = [health(), brief, never, lagging, offline, health({ id: 'r', state: 'revoked' })];
    const { figures } = spacesView({ health: answer(...rows) });
    expect(figures).toMatchObject({
      ...{ online: 2, lagging: 1, suspected: 0, offline: 1, unknown: 1, revoked: 1 },
      behind: 229,
      lag: { value: 2_460_000, kind: 'duration' },
    });
  });

  it('measure the certificate that runs out first, not those of revoked spaces', () => {
    const { certificate } = health();
    const soon = health({
      certificate: { ...certificate!, leftMs: 52 * HOUR_MS, state: 'expiring' },
    });
    const gone = health({
      state: 'revoked',
      certificate: { ...certificate!, leftMs: -HOUR_MS, state: 'revoked' },
    });
    const view = spacesView({ health: answer(health(), soon, gone) });
    expect(view.figures['expiry']).toEqual({ value: 52 * HOUR_MS, kind: 'duration' });
    expect(text(view)).toContain('2 d 4 h');
  });

  it.each([
    ['lag>60s', ['mobile', 'catalog']],
    ['status=offline|lagging', ['mobile', 'catalog']],
    ['version<2026.2', ['mobile']],
    ['!status=online', ['mobile', 'catalog', 'new']],
    ['version=', ['new']],
    ['pay|led', ['ledger', 'payments']],
  ])('are filtered by %s', (filter, expected) => {
    const view = spacesView({ health: answer(health(), brief, never, lagging, offline) });
    const rows = selectRows(view, { filter }, Date.parse(AS_OF));
    expect(rows.map(({ name }) => name)).toEqual(expected);
  });

  it('say why one was revoked', () => {
    const spaces = answer({
      ...{ name: 'payments', id: 'id-payments', status: 'revoked' as const, heardAgoMs: 1 },
      ...{ connected: false, feeds: 1, addresses: [], since: AS_OF, entry: 1 },
      revokedFor: 'stolen key',
    });
    const view = spacesView({ health: answer(health({ state: 'revoked' })), spaces });
    expect(text(view)).toContain('stolen key');
    expect(text(view)).toContain('■ revoked');
  });
});
