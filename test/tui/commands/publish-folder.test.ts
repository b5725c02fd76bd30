import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MeshError } from '../../../protocols/errors.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { textStream } from '../streams.ts';
import { type CannedNode, type Received, startCannedNode } from './canned-node.ts';
import { type StoredContent, storeContent } from './stored-content.ts';

let node: CannedNode;
let folder: string;
/** What the node was given, by item. */
let stored: StoredContent;

beforeEach(async () => {
  node = await startCannedNode();
  folder = await mkdtemp(join(tmpdir(), 'odcm-publish-'));
  stored = new Map();
  node.answers.publishContent = store;
});
afterEach(async () => {
  await node.stop();
  await rm(folder, { recursive: true });
});

const store = (received: Received) => storeContent(stored, received);
const file = async (name: string, content: string | Uint8Array): Promise<string> => {
  await writeFile(join(folder, name), content);
  return join(folder, name);
};
const publish = (...args: string[]) => node.odcm(['publish', 'templates', ...args]);

describe('odcm publish FEED --from DIR', () => {
  it('publishes every file, and only what is new the second time', async () => {
    const names = Array.from({ length: 30 }, (_, n) => `Step ${n}.json`);
    for (const name of names) await file(name, JSON.stringify({ name }));
    const first = await publish('--from', folder);
    expect(first).toEqual({
      exitCode: 0,
      out: 'published 30, unchanged 0, refused 0\n',
      err: '',
    });
    expect([...stored.keys()].sort()).toEqual(names.map((name) => name.slice(0, -5)).sort());
    await file('Step 7.json', '{"name":"new"}');
    expect((await publish('--from', folder)).out).toBe('published 1, unchanged 29, refused 0\n');
  });

  it('has several uploads under way, and never more than four', async () => {
    let [now, most] = [0, 0];
    const waiting: (() => void)[] = [];
    node.answers.publishContent = async (received: Received) => {
      now += 1;
      most = Math.max(most, now);
      // Each waits until four are there or no more can come.
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        if (waiting.length === 4) for (const go of waiting.splice(0)) go();
      });
      now -= 1;
      return await store(received);
    };
    for (let n = 0; n < 8; n += 1) await file(`f${n}.json`, '{}');
    expect((await publish('--from', folder)).out).toBe('published 8, unchanged 0, refused 0\n');
    expect(most).toBe(4);
  });

  it('names bad files in one line each and goes on with the others', async () => {
    await file('a.json', '{}');
    await file('b.json', 'no');
    await file('c.json', '');
    await file('d.json', '{}');
    await symlink('nowhere', join(folder, 'e.json'));
    const { exitCode, out, err } = await publish('--from', folder);
    expect(out).toBe('published 2, unchanged 0, refused 3\n');
    expect(exitCode).toBe(1);
    const lines = err.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(/^odcm: NOT_JSON: .*\/b\.json: item "b" is not UTF-8 JSON\. This /);
    expect(lines[1]).toMatch(/^odcm: FILE_EMPTY: [^ ]*\/c\.json is empty\. An empty file /);
    expect(lines[2]).toMatch(/^odcm: FILE_UNREADABLE: [^ ]*\/e\.json cannot be read \(ENOENT\)\. /);
    expect([...stored.keys()].sort()).toEqual(['a', 'd']);
  });

  it('gives machines a row for each file, in order of name', async () => {
    await file('b.json', '{}');
    await file('a.json', 'no');
    const { exitCode, out } = await publish('--from', folder, '--json');
    expect(exitCode).toBe(1);
    expect(JSON.parse(out).rows).toEqual([
      {
        file: join(folder, 'a.json'),
        item: 'a',
        status: 'refused',
        version: null,
        index: null,
        code: 'NOT_JSON',
        message: 'item "a" is not UTF-8 JSON',
      },
      {
        file: join(folder, 'b.json'),
        item: 'b',
        status: 'published',
        version: 1,
        index: 0,
        code: null,
        message: null,
      },
    ]);
  });

  it('says what it passes over', async () => {
    await file('web.json', '{}');
    await file('.hidden', 'x');
    await mkdir(join(folder, 'sub'));
    execFileSync('mkfifo', [join(folder, 'pipe')]);
    const { exitCode, out, err } = await publish('--from', folder);
    expect([exitCode, out]).toEqual([0, 'published 1, unchanged 0, refused 0\n']);
    expect(err).toBe(
      'Not published: .hidden (hidden), pipe (not a regular file), sub (a folder).\n',
    );
  });

  it('follows links within the folder and passes over those that lead out of it', async () => {
    const outside = await mkdtemp(join(tmpdir(), 'odcm-outside-'));
    try {
      await writeFile(join(outside, 'secret.json'), '{}');
      await file('web.json', '{}');
      await symlink('web.json', join(folder, 'within.json'));
      await symlink(join(outside, 'secret.json'), join(folder, 'out.json'));
      await symlink(outside, join(folder, 'way'));
      await symlink('way/secret.json', join(folder, 'round.json'));
      const { exitCode, out, err } = await publish('--from', folder);
      expect([exitCode, out]).toEqual([0, 'published 2, unchanged 0, refused 0\n']);
      const why = '(a link out of the folder)';
      expect(err).toBe(`Not published: out.json ${why}, round.json ${why}, way ${why}.\n`);
      expect([...stored.keys()].sort()).toEqual(['web', 'within']);
    } finally {
      await rm(outside, { recursive: true });
    }
  });

  it('refuses two files of one name before anything is sent', async () => {
    await file('web.json', '{}');
    await file('web.txt', 'x');
    const { exitCode, err } = await publish('--from', folder);
    expect(exitCode).toBe(2);
    expect(err).toMatch(/USAGE: .*web\.json and .*web\.txt would both be the item "web"\./);
    expect(node.asked()).toEqual([]);
    const kept = await publish('--from', folder, '--keep-extension');
    expect(kept.exitCode).toBe(0);
    expect([...stored.keys()].sort()).toEqual(['web.json', 'web.txt']);
  });

  it('takes off the last extension only', async () => {
    await file('web.v2.json', '{}');
    await file('README', 'x');
    await publish('--from', folder);
    expect([...stored.keys()].sort()).toEqual(['README', 'web.v2']);
  });

  it('refuses a file whose name is no item name, or that is too large, and sends the others', async () => {
    await file('bell\u0007.json', '{}');
    await truncate(await file('huge.bin', ''), LIMITS.objectBytes + 1);
    await file('web.json', '{}');
    const { out, err } = await publish('--from', folder);
    expect(out).toBe('published 1, unchanged 0, refused 2\n');
    expect(err).toContain('odcm: NAME_INVALID: ');
    expect(err).toContain('odcm: TOO_LARGE: ');
    expect(err).not.toContain('\u0007');
  });

  it('refuses a file without permission', async () => {
    await chmod(await file('secret.json', '{}'), 0);
    await file('web.json', '{}');
    // The superuser reads everything.
    const readable = process.getuid?.() === 0;
    const { out } = await publish('--from', folder);
    expect(out).toBe(`published ${readable ? 2 : 1}, unchanged 0, refused ${readable ? 0 : 1}\n`);
  });

  it.each([
    ['a missing folder', 'missing', 1, 'FILE_UNREADABLE'],
    ['a file', 'file', 1, 'FILE_UNREADABLE'],
    ['a folder without files', 'sub', 2, 'USAGE'],
  ])('refuses %s', async (_, name, expected, code) => {
    await file('file', 'x');
    await mkdir(join(folder, 'sub'));
    const { exitCode, out, err } = await publish('--from', join(folder, name));
    expect([exitCode, out]).toEqual([expected, '']);
    expect(err).toContain(`odcm: ${code}: `);
    expect(err).toContain(join(folder, name));
  });

  it('ends at a fault that every file would meet, and says how far it came', async () => {
    for (let n = 0; n < 40; n += 1) await file(`f${String(n).padStart(2, '0')}.json`, '{}');
    node.answers.publishContent = (received: Received) => {
      if (stored.size >= 6) throw new MeshError('DISK_FULL', 'no room in the store');
      return store(received);
    };
    const { exitCode, out, err } = await publish('--from', folder);
    expect([exitCode, out]).toEqual([1, '']);
    const [ended, fault, ...rest] = err.trimEnd().split('\n');
    expect(ended).toMatch(
      /^Ended early: published \d+, unchanged 0, refused 0, not finished \d+\.$/,
    );
    expect(fault).toMatch(/^odcm: DISK_FULL: no room in the store\. /);
    expect(rest).toEqual([]);
    // Nine may be taken before the first is refused, and of each of the four under way one more be refused.
    expect(node.received.length).toBeLessThanOrEqual(13);
  });

  it('ends at ctrl-c', async () => {
    for (let n = 0; n < 8; n += 1) await file(`f${n}.json`, '{}');
    const stop = new AbortController();
    node.answers.publishContent = (received: Received) => {
      stop.abort();
      return store(received);
    };
    const { exitCode, err } = await node.odcm(['publish', 'templates', '--from', folder], {
      signal: stop.signal,
    });
    expect(exitCode).toBe(130);
    expect(err).toContain('odcm: stopped before it was done.\n');
    expect(node.received.length).toBeLessThanOrEqual(4);
  });

  it('shows a bar on a terminal, and the refusals below it', async () => {
    await file('a.json', '{}');
    await file('b.json', 'no');
    const stderr = textStream(100);
    await node.odcm(['publish', 'templates', '--from', folder], { stderr });
    expect(stderr.text).toContain('\r\x1b[Kpublishing  ');
    expect(stderr.text).toMatch(/\nodcm: NOT_JSON: [^\n]*\n$/);
  });
});
