import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RouteResult } from '../../../protocols/control-api.ts';
import { type CannedNode, refusal, startCannedNode } from './canned-node.ts';

let node: CannedNode;
beforeEach(async () => {
  node = await startCannedNode();
});
afterEach(async () => {
  await node.stop();
});

const alert = (changes: Partial<RouteResult<'alerts'>> = {}): RouteResult<'alerts'> => ({
  ...{ id: 'a1b2', rule: 'deployments-failed', level: 'crit', subject: 'ledger', state: 'open' },
  what: '31 failed deployments in 1 h (usual 1)',
  ...{ sinceAt: '2026-11-20T10:31:40.000Z', changedAt: '2026-11-20T10:31:40.000Z', forMs: 600_000 },
  ...{ opens: { screen: 'deployments', subject: 'ledger' }, evidence: 'entries', bell: true },
  ...{ ackedBy: null, ...changes },
});
const silence: RouteResult<'silences'> = {
  ...{ id: 's1', rule: '*', subject: 'pay*', until: '2026-11-20T12:42:10.000Z' },
  ...{ by: 'Lisa', why: 'moving', since: '2026-11-20T10:42:10.000Z' },
};
const route = (changes: Partial<RouteResult<'alertRoutes'>>): RouteResult<'alertRoutes'> => ({
  ...{ name: 'mail', kind: 'smtp', state: 'ok', since: '2026-11-20T08:00:00.000Z' },
  ...{ lastError: null, queued: 0, dropped: 0, ...changes },
});

describe('odcm alerts', () => {
  it('shows what is wrong', async () => {
    node.answers.alerts = [
      alert(),
      alert({ id: 'c3', level: 'warn', subject: 'x', state: 'acked' }),
    ];
    const { exitCode, out } = await node.odcm('alerts');
    const [head, first, second] = out.split('\n');
    expect(head).toMatch(/^SINCE +LEVEL +SUBJECT +WHAT +STATE +FOR +ID$/);
    expect(first).toMatch(
      /^10:31:40Z +CRIT +ledger +31 failed deployments in 1 h \(usual 1\) +open +10 m +a1b2$/,
    );
    expect(second).toMatch(/ WARN +x .* acked +10 m +c3$/);
    expect([exitCode, node.asked()]).toEqual([0, ['alerts {"state":"open"}']]);
  });

  it('says that nothing is wrong', async () => {
    node.answers.alerts = [];
    expect((await node.odcm('alerts')).out).toContain(
      'Nothing is wrong, as far as this node knows.',
    );
  });

  it('asks for those that are over too', async () => {
    node.answers.alerts = [alert({ state: 'closed' })];
    expect((await node.odcm('alerts --state all --json')).out).toContain('"state": "closed"');
    expect(node.asked()).toEqual(['alerts {"state":"all"}']);
  });

  it.each([
    ['crit>0', 10],
    ['warn>0', 0],
    ['open>1', 0],
    ['acked>0', 10],
  ])('--fail-on %s ends with %i', async (test, expected) => {
    node.answers.alerts = [alert(), alert({ level: 'warn', state: 'acked' })];
    expect((await node.odcm(['alerts', '--fail-on', test])).exitCode).toBe(expected);
  });

  it('shows a hostile subject as text', async () => {
    node.answers.alerts = [alert({ subject: '\u001b[2Jx\u202e', what: 'a\nb' })];
    const { out } = await node.odcm('alerts');
    for (const mark of ['\u001b', '\u202e']) expect(out).not.toContain(mark);
  });

  it('refuses another state', async () => {
    expect((await node.odcm('alerts --state some')).exitCode).toBe(2);
  });
});

describe('odcm alerts ack', () => {
  it('says who looks after it', async () => {
    node.answers.acknowledgeAlert = alert({ state: 'acked', ackedBy: 'Geoff' });
    const { out } = await node.odcm('alerts ack a1b2 --by Geoff --why looking');
    expect(out).toBe('Geoff looks after ledger: 31 failed deployments in 1 h (usual 1).\n');
    expect(node.asked()).toEqual(['acknowledgeAlert {"id":"a1b2","by":"Geoff","why":"looking"}']);
  });

  it('takes the name of who is logged in', async () => {
    node.answers.acknowledgeAlert = alert({ state: 'closed' });
    const env = { ODCM_HOME: node.home, USER: 'barry' };
    const { out } = await node.odcm('alerts ack a1b2', { env });
    expect(out).toContain('is over already');
    expect(node.asked()).toEqual(['acknowledgeAlert {"id":"a1b2","by":"barry","why":""}']);
  });

  it('ends with 4 when there is no such alert', async () => {
    node.answers.acknowledgeAlert = refusal('ALERT_UNKNOWN', 'there is no alert "zz"');
    const { exitCode, err } = await node.odcm('alerts ack zz');
    expect(exitCode).toBe(4);
    expect(err).toContain('odcm alerts --state all');
  });
});

describe('odcm alerts silence', () => {
  it('asks for a subject, until a time', async () => {
    node.answers.silence = silence;
    const line = ['alerts', 'silence', 'pay*', '--until', '2h', '--why', 'moving', '--by', 'Lisa'];
    const { out } = await node.odcm(line);
    expect(out).toBe(
      'Silenced pay* (rule *) until 2026-11-20 12:42:10Z. End it with: odcm alerts unsilence s1\n',
    );
    expect(node.asked()).toEqual([
      'silence {"rule":"*","subject":"pay*","until":"2026-11-20T12:42:10.000Z","by":"Lisa","why":"moving"}',
    ]);
  });

  it.each([
    ['without an end', ['pay*', '--why', 'x']],
    ['without a reason', ['pay*', '--until', '2h']],
    ['until a time that has passed', ['pay*', '--why', 'x', '--until', '2026-11-01']],
    ['for everything, unless that is said', ['*', '--why', 'x', '--until', '2h']],
  ])('is refused %s', async (_, args) => {
    const { exitCode } = await node.odcm(['alerts', 'silence', ...args]);
    expect([exitCode, node.asked()]).toEqual([2, []]);
  });

  it('is listed, and ends', async () => {
    node.answers.silences = [silence];
    expect((await node.odcm('alerts silences')).out).toMatch(
      /^\* +pay\* +2026-11-20 12:42:10Z +Lisa +moving +s1$/m,
    );
    node.answers.unsilence = silence;
    expect((await node.odcm('alerts unsilence s1')).out).toBe(
      'pay* (rule *) is no longer silenced.\n',
    );
    node.answers.unsilence = refusal('SILENCE_UNKNOWN', 'there is no silence "s2"');
    expect((await node.odcm('alerts unsilence s2')).exitCode).toBe(4);
  });
});

describe('odcm alerts routes and test', () => {
  it('show whether messages leave', async () => {
    node.answers.alertRoutes = [
      route({}),
      route({ name: 'chat', kind: 'webhook', state: 'failing', lastError: 'away', queued: 3 }),
    ];
    const { out, exitCode } = await node.odcm(['alerts', 'routes', '--fail-on', 'failing>0']);
    expect(out).toMatch(/^chat +webhook +failing +2026-11-20 08:00:00Z +3 +0$/m);
    expect(out).toMatch(/^chat: away$/m);
    expect(exitCode).toBe(10);
  });

  it('say that nobody is told when there are none', async () => {
    node.answers.alertRoutes = [];
    expect((await node.odcm('alerts routes')).out).toContain('Nobody is told of alerts');
  });

  it('end with 1 when the test message does not arrive', async () => {
    node.answers.testRoutes = [route({})];
    expect((await node.odcm('alerts test')).exitCode).toBe(0);
    node.answers.testRoutes = [route({ state: 'failing', lastError: 'away' })];
    const { exitCode, out } = await node.odcm('alerts test mail');
    expect([exitCode, out.includes('away')]).toEqual([1, true]);
    expect(node.asked()).toEqual(['testRoutes {}', 'testRoutes {"route":"mail"}']);
  });
});

describe('odcm alerts check', () => {
  it('is content with a sound file', async () => {
    node.answers.checkAlerts = [];
    expect(await node.odcm('alerts check')).toMatchObject({
      exitCode: 0,
      out: expect.stringContaining('alerts.json is sound.'),
    });
  });

  it('names each problem on a line of its own, and ends with 1', async () => {
    node.answers.checkAlerts = [{ path: 'routes[0].host', problem: 'is missing' }];
    const { exitCode, out } = await node.odcm('alerts check');
    expect(exitCode).toBe(1);
    expect(out).toMatch(/^routes\[0\]\.host +is missing$/m);
    expect(out).toContain('stays in force');
  });
});
