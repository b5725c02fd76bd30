import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { textStream } from '../streams.ts';
import { type CannedNode, refusal, startCannedNode } from './canned-node.ts';

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
    node.answers.ungrant = { revoked: 2 };
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
    expect(csv).toBe('revoked,subscriber,publisher,feed\r\n2,payments,library,\r\n');
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
    expect(node.asked()).toEqual(['revoke {"space":"payments","reason":"stolen"}']);
  });

  it('takes the name as an option elsewhere', async () => {
    expect((await node.odcm('revoke payments --yes payments')).exitCode).toBe(0);
    expect(node.asked()).toEqual(['revoke {"space":"payments","reason":""}']);
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
