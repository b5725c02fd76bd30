import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RouteResult } from '../../../protocols/control-api.ts';
import { textStream } from '../streams.ts';
import { type CannedNode, refusal, startCannedNode } from './canned-node.ts';

let node: CannedNode;
beforeEach(async () => {
  node = await startCannedNode();
});
afterEach(async () => {
  await node.stop();
});

const SUBSCRIPTION: RouteResult<'subscriptions'> = {
  feed: 'hq/users',
  mode: 'auto',
  via: 'poll',
  everyMs: 300_000,
  state: 'level',
  size: 10,
  held: 10,
  applied: 10,
  lastChangeAt: null,
  lastError: null,
};

describe('odcm feed create', () => {
  beforeEach(() => {
    node.answers.createFeed = { feed: 'library/base', id: 'f-1', grants: 2, sealed: true };
  });

  it('makes a feed for some spaces', async () => {
    const { exitCode, out, err } = await node.odcm(
      'feed create base --context variables --to payments,shipping,payments --sync forced',
    );
    expect(out).toBe('Created sealed library/base in context variables (f-1), 2 grants.\n');
    expect([exitCode, err]).toEqual([0, '']);
    expect(node.asked()).toEqual([
      'createFeed {"name":"base","context":"variables","sync":"forced","to":["payments","shipping"]}',
    ]);
  });

  it('makes a feed for all, and says when nobody may have it', async () => {
    await node.odcm('feed create base --context variables --to all');
    expect(node.asked()[0]).toContain('"to":"all"');
    node.answers.createFeed = { feed: 'library/base', id: 'f-1', grants: 0, sealed: true };
    const { err } = await node.odcm('feed create base --context variables');
    expect(err).toBe('No other space may have it yet. At ODCM: odcm grant SPACE library/base\n');
    expect((await node.odcm('feed create base --context variables --json')).err).toBe('');
  });

  it.each([
    [['base'], "required option '--context <name>' not specified"],
    [['base', '--context', 'variables', '--to', 'a,,b'], '--to "a,,b" has an empty name'],
    [['base', '--context', 'variables', '--to', 'all,b'], 'names spaces beside all'],
    [['base', '--context', 'variables', '--sync', 'never'], "argument 'never' is invalid"],
  ])('refuses %j before it asks', async (args, message) => {
    const { exitCode, out, err } = await node.odcm(['feed', 'create', ...args]);
    expect([exitCode, out]).toEqual([2, '']);
    expect(err).toContain(message);
    expect(node.asked()).toEqual([]);
  });

  it.each([
    ['FEED_EXISTS', 2],
    ['CONTEXT_UNKNOWN', 4],
    ['ODCM_UNREACHABLE', 3],
  ] as const)('passes on %s with %i', async (code, expected) => {
    node.answers.createFeed = refusal(code, 'the feed "base" is refused');
    const { exitCode, out, err } = await node.odcm('feed create base --context variables');
    expect([exitCode, out]).toEqual([expected, '']);
    expect(err).toContain(`odcm: ${code}: the feed "base" is refused. `);
  });
});

describe('the number of carriers', () => {
  it('is set when a feed is made', async () => {
    node.answers.createFeed = { feed: 'library/base', id: 'f-1', grants: 1, sealed: false };
    await node.odcm('feed create base --context variables --to all --carriers 0');
    expect(node.asked()[0]).toContain('"carriers":0');
  });

  it('is changed later', async () => {
    node.answers.feedPolicy = { feed: 'library/base', carriers: 5 };
    const { exitCode, out } = await node.odcm('feed policy base --carriers 5');
    expect([exitCode, out]).toEqual([0, 'library/base wants 5 carriers from now on.\n']);
    expect(node.asked()).toEqual(['feedPolicy {"feed":"base","carriers":5}']);
  });

  it.each(['65', '-1', 'many', '1.5', ''])('is not %j, and nothing is asked', async (text) => {
    for (const words of [
      ['create', 'base', '--context', 'variables'],
      ['policy', 'base'],
    ]) {
      const { exitCode, err } = await node.odcm(['feed', ...words, `--carriers=${text}`]);
      expect([exitCode, err]).toEqual([2, expect.stringContaining('is no number from 0 to 64')]);
    }
    expect(node.asked()).toEqual([]);
  });

  it('of a feed of another space is refused in the words of the node', async () => {
    node.answers.feedPolicy = refusal('READ_ONLY', 'hq/users does not belong to the space');
    const { err } = await node.odcm('feed policy hq/users --carriers 2');
    expect(err).toContain('odcm: READ_ONLY: hq/users does not belong to the space. ');
  });
});

describe('odcm subscribe and unsubscribe', () => {
  it('subscribes and says how it stands', async () => {
    node.answers.subscribe = SUBSCRIPTION;
    const { out, err } = await node.odcm('subscribe hq/users --mode auto --via poll --every 5m');
    expect(out).toBe(
      'Subscribed to hq/users: auto by poll every 5 m, level, 10 of 10 entries held.\n',
    );
    expect(err).toBe('');
    expect(node.asked()).toEqual([
      'subscribe {"feed":"hq/users","mode":"auto","via":"poll","everyMs":300000}',
    ]);
  });

  it('says what is missing without a grant', async () => {
    node.answers.subscribe = { ...SUBSCRIPTION, everyMs: null, state: 'no grant', size: null };
    const { exitCode, err } = await node.odcm('subscribe hq/users');
    expect(exitCode).toBe(0);
    expect(err).toContain('odcm grant THIS_SPACE hq/users');
  });

  it.each([
    'subscribe hq/users --every 5m',
    'subscribe hq/users --via gossip --every 5m',
    'subscribe hq/users --via poll --every 10ms',
    'subscribe hq/users --mode sometimes',
    'subscribe hq/users --via pigeon',
    'subscribe',
  ])('refuses before it asks: odcm %s', async (line) => {
    expect((await node.odcm(line)).exitCode).toBe(2);
    expect(node.asked()).toEqual([]);
  });

  it('unsubscribes, and passes on that there was no subscription', async () => {
    node.answers.unsubscribe = { feed: 'hq/users' };
    expect((await node.odcm('unsubscribe hq/users')).out).toContain(
      'No longer subscribed to hq/users',
    );
    expect(node.asked()).toEqual(['unsubscribe {"feed":"hq/users"}']);
    node.answers.unsubscribe = refusal('SUBSCRIPTION_UNKNOWN', 'there is no subscription');
    expect((await node.odcm('unsubscribe hq/users')).exitCode).toBe(4);
  });
});

describe('odcm pull', () => {
  const PULLED: RouteResult<'pull'> = {
    feed: 'hq/users',
    from: 4,
    to: 10,
    applied: 6,
    peer: 'payments',
    state: 'level',
  };

  it('shows what came from whom', async () => {
    node.answers.pull = [PULLED];
    const { exitCode, out } = await node.odcm('pull hq/users');
    expect(exitCode).toBe(0);
    expect(out).toContain('hq/users     4  10        6  level  payments\n');
    expect(node.asked()).toEqual(['pull {"feed":"hq/users"}']);
    await node.odcm('pull');
    expect(node.asked()[1]).toBe('pull {}');
  });

  it('shows how far it is on a terminal', async () => {
    const looked = Promise.withResolvers<void>();
    let looks = 0;
    node.answers.subscriptions = () => {
      looks += 1;
      if (looks === 3) looked.resolve();
      return [{ ...SUBSCRIPTION, held: 3 + looks }];
    };
    node.answers.pull = async () => {
      await looked.promise;
      return [PULLED];
    };
    let nowMs = 0;
    const now = () => {
      nowMs += 200;
      return nowMs;
    };
    const { exitCode, err } = await node.odcm('pull', { stderr: textStream(100), now });
    expect(exitCode).toBe(0);
    expect(err).toContain('pulling');
    expect(err).toContain('1 of 6');
    expect(err.endsWith('\n')).toBe(true);
  });

  it('passes on that nobody has it', async () => {
    node.answers.pull = refusal('PEER_UNREACHABLE', 'no carrier of "hq/users" answers');
    expect(await node.odcm('pull hq/users')).toMatchObject({ exitCode: 3, out: '' });
  });
});

describe('odcm withdraw', () => {
  it('takes items back', async () => {
    node.answers.withdraw = [
      { item: 'web', status: 'withdrawn', version: 3, index: 9 },
      { item: 'api', status: 'unchanged', version: 2, index: 7 },
    ];
    const { out } = await node.odcm('withdraw variables web api web');
    expect(out).toBe('withdrawn 1, unchanged 1\n');
    expect(node.asked()).toEqual(['withdraw {"feed":"variables","items":["web","api"]}']);
  });

  it('refuses names that are none and batches that are too large before it asks', async () => {
    expect((await node.odcm(['withdraw', 'variables', 'a\nb'])).err).toContain('NAME_INVALID');
    const many = Array.from({ length: 1001 }, (_, n) => `i${n}`);
    expect((await node.odcm(['withdraw', 'variables', ...many])).exitCode).toBe(2);
    expect(node.asked()).toEqual([]);
  });

  it('passes on that the feed belongs to another', async () => {
    node.answers.withdraw = refusal('READ_ONLY', '"hq/users" belongs to hq');
    expect((await node.odcm('withdraw hq/users web')).exitCode).toBe(5);
  });
});
