import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { NOW_MS, textStream } from '../streams.ts';
import * as of from '../views/answers.ts';
import { ANSWERED, type CannedNode, refusal, startCannedNode } from './canned-node.ts';

let node: CannedNode;
beforeEach(async () => {
  node = await startCannedNode();
  node.answers.health = [of.health(), of.health({ space: 'ledger', id: 'l', state: 'offline' })];
  node.answers.feeds = [of.feed(), of.feed({ feed: 'ledger/x', id: 'f-2' })];
  node.answers.grants = [of.grant()];
  node.answers.reportDeployments = of.report();
  node.answers.deployments = [of.deployment()];
  node.answers.alerts = [of.alert()];
  node.answers.overview = of.overview();
});
afterEach(async () => {
  await node.stop();
});

describe('odcm overview', () => {
  it('is one page with its age', async () => {
    const { out, err, exitCode } = await node.odcm('overview');
    for (const title of [
      'Spaces',
      'Deployments, last 24 h',
      'Mesh and feeds',
      'Trust',
      'Needs attention',
    ]) {
      expect(out).toMatch(new RegExp(`^${title}$`, 'm'));
    }
    expect(out).toMatch(/\nas of 2026-11-21 10:42:06Z \([^)]+ ago\), from library\n$/);
    expect([err, exitCode]).toEqual(['', 0]);
  });

  it.each([
    ['offline>0,expiry<14d,behind>0,failed>10', 10],
    ['offline>27,expiry<1d,crit>1', 0],
    ['lag>3h', 10],
    ['directoryAge>5m', 0],
  ])('--fail-on %s ends with %i', async (tests, expected) => {
    const { exitCode, err } = await node.odcm(['overview', '--fail-on', tests]);
    expect(exitCode).toBe(expected);
    expect(err === '').toBe(expected === 0);
  });

  it('meets no test on what is not known, and refuses a figure that there is not', async () => {
    node.answers.overview = of.overview(of.NOTHING_KNOWN);
    expect((await node.odcm(['overview', '--fail-on', 'offline>=0,lag>=0s'])).exitCode).toBe(0);
    const { exitCode, err } = await node.odcm(['overview', '--fail-on', 'ofline>0']);
    expect(exitCode).toBe(2);
    expect(err).toContain('Figures: spaces, online, lagging');
  });

  it('fits a terminal, in ASCII where there are no blocks', async () => {
    const stdout = textStream(60);
    await node.odcm('overview', { stdout, env: { ODCM_HOME: node.home, TERM: 'dumb' } });
    expect(stdout.text).toMatch(/^[\x20-\x7e\n]*$/);
    const lines = stdout.text.split('\n').slice(0, -4);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
  });
});

describe('odcm space', () => {
  it('shows one space, by name or by id', async () => {
    const byName = await node.odcm('space payments');
    expect(byName.out).toMatch(/^payments\n {2}● online /);
    expect(byName.out).toContain('Last deployments\n');
    expect((await node.odcm('space id-payments')).out).toBe(byName.out);
    expect(node.asked()).toContain(
      'reportDeployments {"since":"30d","by":"project","space":"payments"}',
    );
  });

  it('ends with 4 when there is none of that name', async () => {
    const { exitCode, err, out } = await node.odcm(['space', 'pay\x1b[2Jments']);
    expect([exitCode, out]).toEqual([4, '']);
    expect(err).toMatch(/^odcm: SPACE_UNKNOWN: there is no space /);
    expect(err).not.toContain('\x1b');
  });

  it('goes on without parts that an older node has not', async () => {
    for (const route of ['reportDeployments', 'deployments', 'alerts'] as const) {
      node.answers[route] = refusal('USAGE', `the control API has no GET /v1/${route}`);
    }
    const { exitCode, out } = await node.odcm('space payments');
    expect(exitCode).toBe(0);
    expect(out).toContain('Alerts\n  not known here\n');
  });

  it.each([
    ['payments', 'away>0', 0],
    ['ledger', 'away>0', 10],
    ['payments', 'failed>30', 10],
    ['payments', 'expiry<14d', 0],
  ])('%s --fail-on %s ends with %i', async (name, tests, expected) => {
    expect((await node.odcm(['space', name, '--fail-on', tests])).exitCode).toBe(expected);
  });
});

describe('odcm report', () => {
  it('deployments asks for the window and shows it with its total', async () => {
    const { out } = await node.odcm([
      ...['report', 'deployments', '--since', '14d', '--by', 'project', '--space', 'payments'],
    ]);
    expect(node.asked()).toEqual([
      'reportDeployments {"since":"14d","by":"project","space":"payments"}',
    ]);
    expect(out).toMatch(/\ntotal of 1 +164 +31 +2 +84\.1% /);
    expect(out).toContain('(12 s ago)'.replace('12 s', age(of.AS_OF)));
  });

  it('deployments takes dates and refuses what is no time', async () => {
    await node.odcm('report deployments --since 2026-11-01 --until 2026-11-20T10:00Z');
    expect(node.asked()).toEqual([
      'reportDeployments {"since":"2026-11-01T00:00:00.000Z","until":"2026-11-20T10:00:00.000Z","by":"space"}',
    ]);
    for (const since of ['yesterday', '0d', '-1d', '2026-99-99']) {
      const { exitCode, err } = await node.odcm(['report', 'deployments', `--since=${since}`]);
      expect([exitCode, err.slice(0, 12)]).toEqual([2, 'odcm: USAGE:']);
    }
    expect((await node.odcm('report deployments --by moon')).exitCode).toBe(2);
  });

  it('inventory gives raw numbers to a spreadsheet and nothing that it would run', async () => {
    node.answers.reportInventory = [of.inventory({ space: '=cmd|calc', version: '@x' })];
    const { out } = await node.odcm(
      'report inventory --format csv --columns space,version,targets',
    );
    expect(out).toBe("space,version,targets\r\n'=cmd|calc,'@x,1644\r\n");
    expect((await node.odcm(['report', 'inventory', '--fail-on', 'stale>0'])).exitCode).toBe(0);
  });

  it('spaces is names, versions and status', async () => {
    const { out } = await node.odcm(['report', 'spaces', '--filter', 'version<2026.4']);
    expect(out).toMatch(
      /^SPACE +VERSION +STATUS +HEARD +PROJ +TARGETS\nledger +2026.3.24 +○ offline /,
    );
  });

  it('names its parts when none is given', async () => {
    const { exitCode, err } = await node.odcm('report');
    expect(exitCode).toBe(2);
    expect(err).toContain('odcm report needs one of: spaces, inventory, deployments');
  });
});

const age = (iso: string): string => {
  const ms = Math.max(0, NOW_MS - Date.parse(iso));
  return ms === 0 ? '0 s' : `${Math.round(ms / 1000)} s`;
};

describe('odcm deployments', () => {
  it('opens a figure to its entries', async () => {
    const { out } = await node.odcm('deployments payments --outcome failed --since 7d');
    expect(node.asked()).toEqual([
      'deployments {"space":"payments","outcome":"failed","since":"7d","limit":100}',
    ]);
    expect(out).toMatch(/web +4\.12\.0 +production +ok +38 s +Barry/);
    const json = JSON.parse((await node.odcm('deployments --json')).out);
    expect(json.rows[0]).toMatchObject({
      index: 48_112,
      leafHash: 'cd'.repeat(32),
      durationMs: 38_000,
    });
  });

  it('goes on page by page, behind the very row that ended the last one', async () => {
    node.answers.deployments = ({ query }: { query: { limit?: number; before?: string } }) =>
      Array.from(
        { length: Math.min(query.limit ?? 0, query.before === undefined ? 1_000 : 5) },
        (_, index) => of.deployment({ index }),
      );
    const { out } = await node.odcm('deployments --limit 1500 --format jsonl');
    expect(out.trimEnd().split('\n')).toHaveLength(1_005);
    expect(node.asked()[1]).toContain(
      '"before":"2026-11-21T10:41:58.000Z~payments/deployments~999"',
    );
  });

  it('says when there may be more', async () => {
    expect((await node.odcm('deployments --limit 1')).out).toContain('see more with --limit');
    expect((await node.odcm('deployments --limit 2')).out).not.toContain('see more');
    expect((await node.odcm('deployments --limit 0')).exitCode).toBe(2);
  });
});

describe('odcm trust, odcm mesh and odcm feeds', () => {
  it('trust is for monitoring', async () => {
    node.answers.trust = [
      of.trust(),
      of.trust({ subject: 'x', state: 'expiring', leftMs: 86_400_000 }),
    ];
    expect((await node.odcm(['trust', '--fail-on', 'expiry<14d'])).exitCode).toBe(10);
    const { out } = await node.odcm(['trust', '--filter', 'left<30d', '--columns', 'subject,left']);
    expect(out).toMatch(/^SUBJECT {2}LEFT\nx +1 d\n/);
  });

  it('mesh says who is away and why, and what is not measured', async () => {
    const away = of.peer({
      ...{
        space: 'ledger',
        peerId: 'p2',
        connected: false,
        gossip: false,
        state: 'away',
        via: null,
      },
      ...{ rttMs: null, address: null, attempts: 4, nextTryMs: 8_000, lastError: 'refused' },
    });
    node.answers.mesh = [of.peer(), away];
    const { out } = await node.odcm('mesh --columns space,rttMs,inBytesPerSecond,state,lastError');
    expect(out).toContain('ledger        -     -  ○ away  refused\n');
    expect(out).toContain('payments  12 ms     -  ● mesh  -\n');
    expect((await node.odcm(['mesh', '--fail-on', 'disconnected>0'])).exitCode).toBe(10);
  });

  it('feeds --watch measures rates from its second round on', async () => {
    let round = 0;
    node.answers.feeds = ({ response }: { response: { end(text: string): void } }) => {
      const asOf = new Date(Date.parse(of.AS_OF) + round * 5_000).toISOString();
      response.end(
        JSON.stringify({ asOf, rows: [of.feed({ size: 100 + round * 50, held: 100 })] }),
      );
      return ANSWERED;
    };
    const stop = new AbortController();
    const { out } = await node.odcm('feeds --watch 5s --format csv --columns feed,rate', {
      signal: stop.signal,
      delay: async () => {
        round += 1;
        if (round === 2) stop.abort();
      },
    });
    expect(out).toBe(
      'feed,rate\r\npayments/deployments,\r\nfeed,rate\r\npayments/deployments,10\r\n',
    );
  });
});
