import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RouteResult } from '../../../protocols/control-api.ts';
import { textStream } from '../streams.ts';
import { trust } from '../views/answers.ts';
import { AS_OF, type CannedNode, refusal, revocation, startCannedNode } from './canned-node.ts';

let node: CannedNode;
beforeEach(async () => {
  node = await startCannedNode();
});
afterEach(async () => {
  await node.stop();
});

describe('odcm grant and ungrant', () => {
  beforeEach(() => {
    node.answers.grant = { grant: 'g-1' };
    node.answers.ungrant = { revoked: 2, entry: 45 };
  });

  it.each([
    [
      'grant payments library/variables/base',
      '{"subscriber":"payments","publisher":"library","feed":"variables/base"}',
      'payments may have library/variables/base (grant g-1).',
    ],
    [
      'grant all library',
      '{"subscriber":"all","publisher":"library"}',
      'Every space may have all feeds of library (grant g-1).',
    ],
    [
      'grant payments library/base --until 2026-12-24',
      '{"subscriber":"payments","publisher":"library","feed":"base","until":"2026-12-24T00:00:00.000Z"}',
      'payments may have library/base until 2026-12-24 00:00:00Z (grant g-1).',
    ],
    [
      'grant payments library/base --until 30d',
      '{"subscriber":"payments","publisher":"library","feed":"base","until":"2026-12-20T10:42:10.000Z"}',
      'payments may have library/base until 2026-12-20 10:42:10Z (grant g-1).',
    ],
  ])('odcm %s', async (line, body, sentence) => {
    expect(await node.odcm(line)).toEqual({ exitCode: 0, out: `${sentence}\n`, err: '' });
    expect(node.asked()).toEqual([`grant ${body}`]);
  });

  it('takes grants back', async () => {
    const { out } = await node.odcm('ungrant payments library/base');
    expect(out).toBe('Took back 2 grants of payments for library/base.\n');
    expect(node.asked()).toEqual([
      'ungrant {"subscriber":"payments","publisher":"library","feed":"base"}',
    ]);
  });

  it('gives machines the same facts', async () => {
    const json = JSON.parse((await node.odcm('grant payments library --json')).out);
    expect(json).toMatchObject({
      target: node.home,
      rows: [
        { grant: 'g-1', subscriber: 'payments', publisher: 'library', feed: null, until: null },
      ],
    });
    const csv = (await node.odcm('ungrant payments library --format csv')).out;
    expect(csv).toBe(
      'revoked,subscriber,publisher,feed,entry,applied,of,missing,feeds,readable,sensitive\r\n2,payments,library,,45,,,,,0,0\r\n',
    );
  });

  it.each([
    ['grant payments library/', 'names no publisher or no feed'],
    ['grant payments /base', 'names no publisher or no feed'],
    ['grant payments library --until 2020-01-01', 'has passed'],
    ['grant payments library --until 2026-13-45', 'is not a time'],
    ['grant payments library --until soon', 'is not a duration'],
    ['grant payments', "missing required argument 'publisher'"],
  ])('refuses before it asks: odcm %s', async (line, message) => {
    const { exitCode, err } = await node.odcm(line);
    expect(exitCode).toBe(2);
    expect(err).toContain(message);
    expect(node.asked()).toEqual([]);
  });

  it('passes on that this is not ODCM', async () => {
    node.answers.grant = refusal('NOT_ODCM', 'library is not ODCM');
    node.answers.ungrant = refusal('GRANT_UNKNOWN', 'there is no such grant');
    expect((await node.odcm('grant payments library')).exitCode).toBe(5);
    expect((await node.odcm('ungrant payments library')).exitCode).toBe(4);
  });
});

describe('what follows when access was taken away', () => {
  const feeds = [
    {
      feed: 'library/base',
      owner: 'library',
      isOwn: true,
      isSealed: true,
      from: AS_OF,
      until: null,
    },
    {
      feed: 'ledger/rates',
      owner: 'ledger',
      isOwn: false,
      isSealed: false,
      from: AS_OF,
      until: null,
    },
  ];
  const exposure = {
    ...{
      asOf: AS_OF,
      space: 'payments',
      revokedAt: AS_OF,
      feeds,
      total: 3,
      readable: 2,
      sensitive: 1,
    },
    rows: [
      exposed({ item: 'db/password', isSensitive: true }),
      exposed({ item: 'region' }),
      exposed({ item: 'token', state: 'changed' }),
    ],
  };

  beforeEach(() => {
    node.answers.revoke = { space: 'payments', entry: 44 };
    node.answers.ungrant = { revoked: 1, entry: 44 };
    node.answers.revocations = [revocation()];
    node.answers.exposure = exposure;
  });

  it.each(['revoke payments --yes payments', 'ungrant payments library/base'])(
    'is printed after odcm %s',
    async (line) => {
      const { exitCode, out } = await node.odcm(line);
      expect(exitCode).toBe(0);
      expect(out.split('\n').slice(1)).toEqual([
        'Applied by 2 of 4 spaces; not yet by shipping (offline, heard 3 h ago), ledger (unknown, not heard). Look again with: odcm revocations',
        'What it could read, it knows: library/base, ledger/rates.',
        'Change 2 items of this space (1 sensitive) at the source: odcm exposure payments',
        'The same is to be done at ledger: odcm exposure payments',
        '',
      ]);
      const json = JSON.parse((await node.odcm(`${line} --json`)).out);
      expect(json.rows[0]).toMatchObject({
        ...{
          entry: 44,
          applied: 2,
          of: 4,
          missing: ['shipping', 'ledger'],
          readable: 2,
          sensitive: 1,
        },
      });
    },
  );

  it('--wait stays until every space that is online has said that it applies', async () => {
    const online = { space: 'shipping', state: 'online' as const, heardAgoMs: 100, size: 44 };
    const away = { space: 'ledger', state: 'offline' as const, heardAgoMs: 10_800_000, size: 40 };
    const rounds = [
      revocation({ missing: [online, away] }),
      revocation({ missing: [online, away] }),
      revocation({ applied: 3, missing: [away] }),
    ];
    node.answers.revocations = () => [rounds.shift() ?? revocation({ applied: 4, missing: [] })];
    const waited: number[] = [];
    const { out, err } = await node.odcm('revoke payments --yes payments --wait', {
      stderr: textStream(80),
      delay: async (ms) => void waited.push(ms),
    });
    expect(waited).toHaveLength(2);
    expect(out).toContain('Applied by 3 of 4 spaces; not yet by ledger (offline, heard 3 h ago).');
    expect(err).toContain('2 of 4');
  });

  it('tells how much of each feed is still good', async () => {
    await node.odcm('revoke payments --yes payments --last-good base=1200 --last-good rates=0');
    expect(node.asked()).toEqual([
      'revoke {"space":"payments","reason":"","lastGood":{"base":1200,"rates":0}}',
    ]);
    for (const text of ['base', 'base=', '=4', 'base=-1', 'base=x'])
      expect((await node.odcm(['revoke', 'payments', `--last-good=${text}`])).exitCode).toBe(2);
    expect(node.asked()).toHaveLength(1);
  });

  it('is a list of what to change, the sensitive first, with who must be asked for the rest', async () => {
    const { out } = await node.odcm('exposure payments');
    expect(out).toMatch(/^ITEM +FEED +OWNER +SENSITIVE +STATE +AGE +VERSION\n/);
    expect(out).toMatch(
      /db\/password +library\/base +library +yes +change at its source +3 h +2\n/,
    );
    expect(out).toMatch(/token +library\/base +library +- +changed since/);
    expect(out).toContain('ask ledger for odcm exposure payments');
    expect((await node.odcm(['exposure', 'payments', '--fail-on', 'sensitive>0'])).exitCode).toBe(
      10,
    );
  });

  it('is a list of who applies it, opened to the statement that shows it', async () => {
    const { out } = await node.odcm('revocations');
    expect(out).toMatch(
      /44 +0 s +space +payments +the mesh +2 of 4 +shipping \(offline, heard 3 h ago\)/,
    );
    node.answers.statement = {
      ...{ space: 'shipping', id: 'id-9', saidAt: AS_OF, version: '1.0.0', incarnation: '00' },
      ...{ directory: { size: 45, root: 'ab' }, isGenuine: true },
      ...{ signed: 'c2lnbmVk', key: 'a2V5', signature: 'c2ln' },
    };
    const shown = (await node.odcm('statement shipping')).out;
    expect(shown).toContain('applies every entry below 45\n');
    expect(shown).toContain('by the key of the directory\n');
  });

  it('stands below odcm trust, and there in the rows of the spaces for machines', async () => {
    node.answers.trust = [
      trust({ subject: 'shipping', kind: 'space' }),
      trust({ subject: 'library' }),
    ];
    expect((await node.odcm('trust')).out).toContain(
      '\nEntry 44: payments is shut out of the mesh, applied by 2 of 4; not yet by shipping',
    );
    const { rows } = JSON.parse((await node.odcm('trust --json')).out);
    expect(
      Object.fromEntries(rows.map((row: TrustRowJson) => [row.subject, row.notApplied])),
    ).toEqual({ shipping: [44], library: [] });
    expect((await node.odcm(['trust', '--fail-on', 'notApplied>0'])).exitCode).toBe(10);
  });
});

type TrustRowJson = { readonly subject: string; readonly notApplied: number[] };

const exposed = (changes: Partial<RouteResult<'exposure'>['rows'][number]>) => ({
  ...{ feed: 'library/base', owner: 'library', item: 'a', version: 2, publishedAt: AS_OF },
  ...{ ageMs: 3 * 3_600_000, isSensitive: false, state: 'readable', ...changes },
});

describe('odcm revoke', () => {
  const terminal = (...lines: string[]) =>
    Object.assign(Readable.from(lines), { isTTY: true }) as unknown as Readable;
  beforeEach(() => {
    node.answers.revoke = { space: 'payments', entry: 44 };
  });

  it('asks for the name on a terminal', async () => {
    const { exitCode, out, err } = await node.odcm('revoke payments --reason stolen', {
      stdin: terminal('payments\n'),
      stderr: textStream(80),
    });
    expect(exitCode).toBe(0);
    expect(err).toBe(
      'Revoking payments shuts it out of the mesh for good.\nType its name to go on: ',
    );
    expect(out).toBe('payments is revoked (directory entry 44).\n');
    expect(node.asked()).toEqual(['revoke {"space":"payments","reason":"stolen","lastGood":{}}']);
  });

  it('takes the name as an option elsewhere', async () => {
    expect((await node.odcm('revoke payments --yes payments')).exitCode).toBe(0);
    expect(node.asked()).toEqual(['revoke {"space":"payments","reason":"","lastGood":{}}']);
  });

  it.each([
    ['another name', terminal('payment\n'), 80],
    ['nothing', terminal('\n'), 80],
    ['the end of the input', terminal(), 80],
    ['no terminal', Readable.from(['payments\n']), undefined],
  ])('changes nothing after %s', async (_, stdin, columns) => {
    const { exitCode, out } = await node.odcm('revoke payments', {
      stdin,
      stderr: textStream(columns),
    });
    expect([exitCode, out]).toEqual([2, '']);
    expect(node.asked()).toEqual([]);
  });

  it('changes nothing when --yes names another space, or at ctrl-c', async () => {
    const wrong = await node.odcm('revoke payments --yes shipping');
    expect(wrong.exitCode).toBe(2);
    expect(wrong.err).toContain('"shipping" is not "payments"; nothing was changed.');
    const stop = new AbortController();
    const stdin = Object.assign(new Readable({ read: () => stop.abort() }), { isTTY: true });
    const stderr = textStream(80);
    const stopped = await node.odcm('revoke payments', { stdin, stderr, signal: stop.signal });
    expect(stopped.exitCode).toBe(130);
    expect(node.asked()).toEqual([]);
  });
});

describe('odcm invite', () => {
  beforeEach(() => {
    node.answers.invite = {
      token: 'odcm1.a.b.c',
      space: 'payments',
      expiresAt: '2026-11-20T11:12:10.000Z',
    };
  });

  it('prints the token alone, so that it can be piped', async () => {
    const { exitCode, out, err } = await node.odcm('invite payments --ttl 30m');
    expect([exitCode, out]).toEqual([0, 'odcm1.a.b.c\n']);
    expect(err).toContain('lets payments join once, until 2026-11-20 11:12:10Z');
    expect(err).toContain('odcm join TOKEN');
    expect(node.asked()).toEqual(['invite {"space":"payments","ttlMs":1800000}']);
  });

  it('gives machines the token as a row', async () => {
    const { out, err } = await node.odcm('invite payments --format jsonl');
    expect(JSON.parse(out)).toEqual({
      token: 'odcm1.a.b.c',
      space: 'payments',
      expiresAt: '2026-11-20T11:12:10.000Z',
    });
    expect(err).toBe('');
  });

  it.each(['0s', '25h', 'long'])('refuses --ttl %s before it asks', async (ttl) => {
    expect((await node.odcm(['invite', 'payments', '--ttl', ttl])).exitCode).toBe(2);
    expect(node.asked()).toEqual([]);
  });

  it('passes on that the space is there already', async () => {
    node.answers.invite = refusal('SPACE_EXISTS', 'the space "payments" exists');
    expect(await node.odcm('invite payments')).toMatchObject({ exitCode: 2, out: '' });
  });
});
