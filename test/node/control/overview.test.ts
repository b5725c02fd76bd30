import { describe, expect, it } from 'vitest';
import { composeOverview, type OverviewParts } from '../../../node/control/overview.ts';
import { ROUTES } from '../../../protocols/control-api.ts';
import { feedsView } from '../../../tui/views/feeds.ts';
import { overviewFigures } from '../../../tui/views/overview-report.ts';
import { spacesView } from '../../../tui/views/spaces.ts';
import { trustView } from '../../../tui/views/trust.ts';
import * as of from '../../tui/views/answers.ts';

const NOTHING: OverviewParts = {
  asOf: of.AS_OF,
  name: 'library',
  ...{ health: null, feeds: null, trust: null, alerts: null, deployments: null, enrolments: null },
  subscriptions: [],
  peers: { connected: 1, known: 2 },
  directory: { size: 3, ageMs: null, state: 'unknown' },
  refusals: {},
};

const HEALTH = [
  of.health({ space: 'a', id: 'a', behind: 3, lagMs: 40_000 }),
  of.health({ space: 'b', id: 'b', state: 'offline', lagMs: null }),
  of.health({ space: 'c', id: 'c' }),
];
const FEEDS = [of.feed({ id: 'x', behind: 3 }), of.feed({ id: 'y' })];
const TRUST = [
  of.trust(),
  of.trust({ kind: 'root', subject: 'root', leftMs: 9, state: 'expiring' }),
];

describe('the overview of a node', () => {
  it('leaves unknown what it was not given, and is a sound answer all the same', () => {
    const overview = ROUTES.overview.result.parse(composeOverview(NOTHING));
    expect(overview).toMatchObject({ spaces: null, feeds: null, deployments: null, alerts: null });
    expect(overview.peers).toEqual({ connected: 1, known: 2 });
  });

  it('has the same figures as the reports over the same rows', () => {
    const overview = ROUTES.overview.result.parse(
      composeOverview({ ...NOTHING, health: HEALTH, feeds: FEEDS, trust: TRUST }),
    );
    const figures = overviewFigures(overview);
    const spaces = spacesView({ health: of.answer(...HEALTH) }).figures;
    const feeds = feedsView(of.answer(...FEEDS)).figures;
    const trust = trustView(of.answer(...TRUST)).figures;
    for (const name of [
      'online',
      'lagging',
      'suspected',
      'offline',
      'unknown',
      'offlineLong',
      'lag',
    ]) {
      expect([name, figures[name]]).toEqual([name, spaces[name]]);
    }
    for (const name of ['behind', 'feedsBehind', 'frozen', 'deadLetters']) {
      expect([name, figures[name]]).toEqual([name, feeds[name]]);
    }
    for (const name of ['valid', 'expiring', 'expired', 'revoked', 'expiry']) {
      expect([name, figures[name]]).toEqual([name, trust[name]]);
    }
    expect(figures).toMatchObject({ lagging: 1, offline: 1, behind: 3 });
  });

  it('compares the last day with the day before, and names who failed most', () => {
    const last = of.report({ rows: [{ ...of.report().rows[0]!, name: 'ledger' }] });
    const before = of.report({ total: { ...last.total, ok: 1, failed: 0, success: 1 } });
    const { deployments } = composeOverview({ ...NOTHING, deployments: { last, before } });
    expect(deployments).toMatchObject({
      ...{ ok: 164, failed: 31, trend: [10, 12, 14, 30] },
      before: { ok: 1, failed: 0, success: 1 },
      worst: { space: 'ledger', failed: 31 },
    });
    const calm = of.report({ rows: [], total: { ...last.total, failed: 0 } });
    const none = composeOverview({ ...NOTHING, deployments: { last: calm, before } });
    expect(none.deployments?.worst).toBeNull();
  });

  it('lists open alerts in their order, at most a screen of them, and counts the rest', () => {
    const alerts = [
      of.alert({ id: 'acked', state: 'acked' }),
      ...Array.from({ length: 30 }, (_, at) => of.alert({ id: `a-${at}` })),
    ];
    const overview = composeOverview({ ...NOTHING, alerts });
    expect(overview.alerts).toMatchObject({ crit: 30, acked: 1 });
    expect(overview.alerts?.open.map(({ id }) => id)).toEqual(
      Array.from({ length: 20 }, (_, at) => `a-${at}`),
    );
  });

  it('counts open invitations where it is ODCM, and feeds that wait for a yes', () => {
    const enrolments = (['invited', 'joined', 'expired', 'invited'] as const).map((state) => ({
      ...{ space: 'x', state, expiresAt: of.AS_OF, words: null },
    }));
    const subscriptions = [of.subscription(), of.subscription({ state: 'requested' })];
    const parts = { ...NOTHING, trust: TRUST, subscriptions };
    expect(composeOverview({ ...parts, enrolments }).trust).toMatchObject({
      invited: 2,
      requested: 1,
    });
    expect(composeOverview(parts).trust).toMatchObject({ invited: null, root: { leftMs: 9 } });
  });
});
