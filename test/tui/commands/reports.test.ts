import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RouteResult } from '../../../protocols/control-api.ts';
import { health, report } from '../views/answers.ts';
import {
  ANSWERED,
  type CannedNode,
  refusal,
  revocation,
  STATUS,
  startCannedNode,
} from './canned-node.ts';

let node: CannedNode;
beforeEach(async () => {
  node = await startCannedNode();
});
afterEach(async () => {
  await node.stop();
});

const SINCE = '2026-11-01T00:00:00.000Z';
const space = (changes: Partial<RouteResult<'spaces'>>): RouteResult<'spaces'> => ({
  name: 'payments',
  id: 'id-1',
  status: 'online',
  heardAgoMs: 400,
  connected: true,
  feeds: 1,
  addresses: [],
  since: SINCE,
  entry: 3,
  revokedFor: null,
  ...changes,
});
const feed = (changes: Partial<RouteResult<'feeds'>>): RouteResult<'feeds'> => ({
  feed: 'library/variables',
  id: 'feed-1',
  context: 'variables',
  sync: 'chosen',
  sealed: false,
  grant: 'own',
  size: 380,
  held: 380,
  applied: 380,
  behind: 0,
  lagMs: null,
  deadLetters: 0,
  carriers: 3,
  carriersComplete: 3,
  carriersUnknown: 0,
  carriersWanted: 3,
  carriersPossible: 9,
  carrierSpaces: [],
  carrying: null,
  subscribed: false,
  frozen: false,
  root: 'ab',
  entry: 7,
  ...changes,
});
const FOOTER = 'as of 2026-11-20 10:41:58Z (12 s ago), from library\n';

describe('odcm status', () => {
  it('shows the node on one screen', async () => {
    const { exitCode, out, err } = await node.odcm('status');
    expect(out).toBe(`space      library
role       space
mesh       acme
version    1.0.0
started    2026-11-20 08:00:00Z
addresses  /ip4/10.1.0.5/tcp/4001
enrolment  -
directory  42 entries, vouched for 12 s ago, fresh
clock      right, as far as it is known here
watch      well: a space that falls silent is called offline within 15 s
shut out   none
peers      2 of 3 connected
feeds      7 known, 2 own, 3 subscribed
contexts   variables, step-templates
store      sound
keys       rest under a passphrase
refused    BAD_SIGNATURE 3

as of 2026-11-20 10:42:10Z (0 s ago), from library
`);
    expect([exitCode, err]).toEqual([0, '']);
  });

  it('says that ODCM was never heard of and that nothing was refused', async () => {
    node.answers.status = {
      ...STATUS,
      refusals: {},
      directory: { size: 1, ageMs: null, state: 'unknown' },
    };
    const { out } = await node.odcm('status');
    expect(out).toContain('directory  1 entry, never heard of from ODCM, unknown\n');
    expect(out).toContain('refused    nothing since the start\n');
  });

  it('says that the clock is wrong, by how much, and what does not happen therefore', async () => {
    for (const [state, words] of [
      [
        'regressed',
        'clock      1 d set back: nothing that had ended begins again, nothing is issued\n',
      ],
      ['ahead', 'clock      1 d ahead of what others sign: nothing expires by it\n'],
      [
        'behind',
        'clock      1 d behind what others sign, who alone move no time here: compare it\n',
      ],
    ] as const) {
      const offByMs = state === 'ahead' ? 86_400_000 : -86_400_000;
      node.answers.status = { ...STATUS, clock: { state, offByMs, forMs: 1 } };
      expect((await node.odcm('status')).out).toContain(words);
      expect((await node.odcm(['status', '--fail-on', 'clockOff>0'])).exitCode).toBe(10);
    }
  });

  it('says that the node itself is not well, and how long it waits therefore', async () => {
    expect((await node.odcm('status')).out).toMatch(/^watch +well: /m);
    node.answers.status = { ...STATUS, waits: 3 };
    const { out } = await node.odcm('status');
    expect(out).toMatch(/^watch +not well itself, .*: waits 3 times as long /m);
    expect((await node.odcm(['status', '--fail-on', 'waits>1'])).exitCode).toBe(10);
  });

  it('names who has not applied the newest revocation, and when that space was heard', async () => {
    node.answers.revocations = [revocation()];
    const { out } = await node.odcm('status');
    expect(out).toContain(
      'shut out   Entry 44: payments is shut out of the mesh, applied by 2 of 4; not yet by shipping (offline, heard 3 h ago), ledger (unknown, not heard).\n',
    );
    const json = JSON.parse((await node.odcm('status --json')).out);
    expect(json.rows[0].revocations).toEqual([revocation()]);
    expect((await node.odcm(['status', '--fail-on', 'notApplied>0'])).exitCode).toBe(10);
    node.answers.revocations = [revocation({ applied: 4, missing: [] })];
    expect((await node.odcm('status')).out).toContain('applied by 4 of 4.\n');
  });

  it('gives all of it raw to machines', async () => {
    const { out } = await node.odcm('status --json');
    expect(JSON.parse(out)).toMatchObject({ version: 1, target: 'library', rows: [STATUS] });
  });

  it.each([
    ['disconnected>0', 10],
    ['directoryAge>1m', 0],
    ['refused>2,connected=2', 10],
  ])('--fail-on %s ends with %i', async (test, expected) => {
    expect((await node.odcm(['status', '--fail-on', test])).exitCode).toBe(expected);
  });

  it('ends with 3 when the node is away, and 1 when it makes no sense', async () => {
    const away = await node.odcm('status --home /nowhere/odcm');
    expect(away).toMatchObject({ exitCode: 3, out: '' });
    expect(away.err).toMatch(
      /^odcm: NODE_UNREACHABLE: there is no node in \/nowhere\/odcm\. .*\n$/,
    );
    node.answers.status = ({ response }: { response: { end(text: string): void } }) => {
      response.end('{"name":7}');
      return ANSWERED;
    };
    const odd = await node.odcm('status');
    expect(odd.exitCode).toBe(1);
    expect(odd.err).toContain('is not what this version understands');
  });
});

describe('odcm spaces', () => {
  beforeEach(() => {
    const ids = ['library', 'payments', 'shipping', 'ledger'];
    node.answers.spaces = ids.map((id) => space({ id, name: id }));
    node.answers.health = [
      health({ space: 'library', id: 'library', state: 'self', heardAgoMs: 0 }),
      health({ id: 'payments' }),
      health({ space: 'shipping', id: 'shipping', state: 'offline', heardAgoMs: 2_460_000 }),
      health({ space: 'ledger', id: 'ledger', state: 'unknown', heardAgoMs: null, lagMs: null }),
    ];
    node.answers.reportDeployments = report();
  });

  it('says how each is, worst first, and how old the directory is', async () => {
    const { out } = await node.odcm('spaces --columns name,version,status,heard,lag,failed24h');
    expect(out).toBe(`SPACE     VERSION    STATUS     HEARD  LAG  FAIL
shipping  2026.3.24  ○ offline   41 m  0 s     0
ledger    2026.3.24  ? unknown  never    -     0
library   2026.3.24  ● online     0 s  0 s     0
payments  2026.3.24  ● online   0.4 s  0 s    31

Directory: 42 entries, last vouched for by ODCM 12 s ago.
4 spaces, ${FOOTER}`);
  });

  it('can be filtered, sorted and counted by raw values', async () => {
    const { out, exitCode } = await node.odcm([
      ...['spaces', '--filter', 'heardAgoMs>1m', '--columns', 'name,heardAgoMs'],
      ...['--format', 'csv', '--fail-on', 'expiry<1d,offline>0'],
    ]);
    expect(out).toBe('name,heardAgoMs\r\nshipping,2460000\r\n');
    expect(exitCode).toBe(10);
  });

  it('names why a space was revoked, and nothing that acts on a terminal', async () => {
    const revokedFor = 'stolen\x1b[2J\u202e key';
    node.answers.spaces = [space({ id: 'payments', status: 'revoked', revokedFor })];
    node.answers.health = [health({ id: 'payments', state: 'revoked' })];
    const { out } = await node.odcm('spaces');
    expect(out).toContain('REVOKED FOR');
    expect(out).toContain('stolen[2J key\n');
  });

  it('warns when the directory is too old', async () => {
    node.answers.status = { ...STATUS, directory: { size: 9, ageMs: 7e8, state: 'expired' } };
    expect((await node.odcm('spaces')).out).toContain(
      'ODCM 8 d 2 h ago. It has expired: nothing new is accepted on its authority.\n',
    );
  });

  it('shows the rest when the node is older and has no report of deployments', async () => {
    const missing = 'the control API has no GET /v1/reports/deployments';
    node.answers.reportDeployments = refusal('USAGE', missing);
    const { out, exitCode } = await node.odcm('spaces');
    expect(exitCode).toBe(0);
    expect(out).toContain('Deployments are not known here');
    node.answers.reportDeployments = refusal('USAGE', 'something else');
    expect((await node.odcm('spaces')).exitCode).toBe(2);
  });
});

describe('odcm feeds', () => {
  it('tells own, granted and closed feeds and what is behind', async () => {
    node.answers.feeds = [
      feed({}),
      feed({
        feed: 'hq/users',
        context: 'users',
        grant: 'g-1',
        subscribed: true,
        held: 80,
        behind: 300,
        lagMs: 9_000,
        lastChangeAt: '2026-11-20T09:59:58.000Z',
        heardAgoMs: 3_000,
      }),
      feed({ feed: 'hq/secrets', grant: null, size: null, held: 0, carriers: 0 }),
    ];
    const names = 'feed,head,ours,behind,lag,access,taken,last new,last heard,dead';
    const { out } = await node.odcm(['feeds', '--columns', names]);
    expect(
      out,
    ).toContain(`FEED               HEAD  OURS  BEHIND  LAG  ACCESS   TAKEN  LAST NEW  LAST HEARD  DEAD
hq/users            380    80     300  9 s  granted  yes        42 m         3 s     0
hq/secrets            -     0       0    -  none     no            -       never     0
library/variables   380   380       0    -  own      no            -           -     0
`);
    expect(out).toContain('Directory: 42 entries, last vouched for by ODCM 12 s ago.\n');
    const json = JSON.parse((await node.odcm('feeds --json')).out);
    expect(json).toMatchObject({
      asOf: '2026-11-20T10:41:58.000Z',
      rows: [{ grant: 'g-1' }, { grant: null }, { grant: 'own' }],
    });
    expect((await node.odcm(['feeds', '--fail-on', 'behind>299'])).exitCode).toBe(10);
  });

  it('shows a frozen feed as such', async () => {
    node.answers.feeds = [feed({ frozen: true })];
    expect((await node.odcm('feeds')).out).toContain('FROZEN');
    node.answers.feeds = [];
    expect((await node.odcm('feeds')).out).toContain('odcm feed create NAME --context CONTEXT');
  });
});

describe('the other reports', () => {
  it('peers says who is away and why', async () => {
    node.answers.peers = [
      {
        space: 'hq',
        peerId: 'p1',
        connected: true,
        gossip: false,
        address: '/ip4/1',
        attempts: 0,
        nextTryMs: null,
        lastError: null,
      },
      {
        space: 'ledger',
        peerId: 'p2',
        connected: false,
        gossip: false,
        address: null,
        attempts: 4,
        nextTryMs: 8000,
        lastError: 'refused',
      },
    ];
    const { out } = await node.odcm('peers');
    expect(out).toContain('ledger  no         no      -               4       8 s  refused\n');
    expect((await node.odcm(['peers', '--fail-on', 'deaf>0'])).exitCode).toBe(10);
  });

  it('subscriptions says what is level', async () => {
    node.answers.subscriptions = [
      {
        feed: 'hq/users',
        mode: 'auto',
        via: 'poll',
        everyMs: 300_000,
        state: 'behind',
        size: 10,
        held: 4,
        applied: 4,
        lastChangeAt: '2026-11-20T10:00:58.000Z',
        lastError: null,
      },
    ];
    const { out } = await node.odcm('subscriptions');
    expect(out).toContain(
      'hq/users  auto  poll    5 m  behind       10     4        4      41 m       never  -\n',
    );
    expect((await node.odcm(['subscriptions', '--fail-on', 'behind>5'])).exitCode).toBe(10);
  });

  it('grants shows who may have what until when', async () => {
    node.answers.grants = [
      {
        id: 'g-1',
        subscriber: 'all',
        publisher: 'library',
        feed: 'variables',
        until: null,
        state: 'current',
        since: SINCE,
        entry: 9,
      },
    ];
    expect((await node.odcm('grants')).out).toContain(
      'all         library    variables  current  -      2026-11-01 00:00:00Z\n',
    );
  });

  it('enrolments shows the six words', async () => {
    const words = 'one two three four five six';
    node.answers.enrolments = [
      { space: 'payments', state: 'joined', expiresAt: SINCE, words },
      { space: 'ledger', state: 'invited', expiresAt: SINCE, words: null },
    ];
    const { out } = await node.odcm('enrolments');
    expect(out).toContain(`payments  joined   2026-11-01 00:00:00Z  ${words}\n`);
    expect(out).toContain('The words must be the same');
    node.answers.enrolments = refusal('NOT_ODCM', 'library is not ODCM');
    expect(await node.odcm('enrolments')).toMatchObject({ exitCode: 5, out: '' });
  });

  it('dead-letters names what is wrong with an entry', async () => {
    node.answers.deadLetters = [{ index: 17, code: 'EVENT_INVALID', message: 'no Id' }];
    const { out } = await node.odcm('dead-letters hq/users');
    expect(out).toContain('EVENT_INVALID     17  no Id\n');
    expect(node.asked()).toEqual(['deadLetters {"feed":"hq/users"}']);
  });
});
