import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIMITS } from '../../../protocols/limits.ts';
import { type CannedNode, type Received, refusal, startCannedNode } from './canned-node.ts';
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

describe('odcm publish FEED ITEM FILE', () => {
  it('sends the file byte for byte', async () => {
    const content = Buffer.alloc(3_000_000, 'odcm\0\xff');
    const path = await file('extension.dll', content);
    const { exitCode, out, err } = await publish('my extension', path);
    expect(out).toBe('published "my extension", version 1, entry 0\n');
    expect([exitCode, err]).toEqual([0, '']);
    expect(stored.get('my extension')?.content.equals(content)).toBe(true);
    expect(stored.get('my extension')?.mediaType).toBe('application/octet-stream');
  });

  it('knows JSON by the extension, and says when nothing is new', async () => {
    const path = await file('Web.JSON', '{"a":1}');
    await publish('web', path);
    expect(stored.get('web')?.mediaType).toBe('application/json');
    expect((await publish('web', path)).out).toBe('unchanged "web", version 1, entry 0\n');
    await publish('web', path, '--media-type', 'text/plain');
    expect(stored.get('web')?.mediaType).toBe('text/plain');
  });

  it('reads standard input', async () => {
    const stdin = Readable.from([Buffer.from('{"a"'), Buffer.from(':1}')]);
    const line = ['publish', 'templates', 'web', '-', '--json'];
    const { exitCode, out } = await node.odcm(line, { stdin });
    expect(exitCode).toBe(0);
    expect(JSON.parse(out).rows).toEqual([
      { item: 'web', status: 'published', version: 1, index: 0 },
    ]);
    expect(String(stored.get('web')?.content)).toBe('{"a":1}');
  });

  it('reads a named pipe', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await Promise.all([publish('web', pipe), writeFile(pipe, 'piped')]);
    expect(String(stored.get('web')?.content)).toBe('piped');
  });

  it.each([
    ['a missing file', 'FILE_UNREADABLE', async () => join(folder, 'missing.json')],
    ['a folder', 'FILE_UNREADABLE', async () => folder],
    ['an empty file', 'FILE_EMPTY', () => file('empty.json', '')],
    [
      'a file that is too large',
      'TOO_LARGE',
      async () => {
        const path = await file('huge.bin', '');
        await truncate(path, LIMITS.objectBytes + 1);
        return path;
      },
    ],
  ])('refuses %s with its path before anything is sent', async (_, code, make) => {
    const path = await make();
    const { exitCode, out, err } = await publish('web', path);
    expect([exitCode, out]).toEqual([1, '']);
    expect(err.startsWith(`odcm: ${code}: ${path} `)).toBe(true);
    expect(node.asked()).toEqual([]);
  });

  it('refuses an empty standard input before anything is sent', async () => {
    const { exitCode, err } = await publish('web', '-');
    expect(exitCode).toBe(1);
    expect(err).toContain('FILE_EMPTY: standard input is empty.');
    expect(node.asked()).toEqual([]);
  });

  it.each([
    [['web']],
    [[]],
    [['web', 'f.json', '--from', 'dir']],
    [['web', 'f.json', '--keep-extension']],
    [['a\u0007b', 'f.json']],
    [['x'.repeat(201), 'f.json']],
  ])('refuses the arguments %j', async (args) => {
    expect(await publish(...args)).toMatchObject({ exitCode: 2, out: '' });
    expect(node.asked()).toEqual([]);
  });

  it.each([
    ['FEED_UNKNOWN', 4],
    ['READ_ONLY', 5],
    ['DISK_FULL', 1],
  ] as const)('passes on %s with %i, although the node reads nothing', async (code, expected) => {
    node.answers.publishContent = refusal(code, 'the feed is refused');
    const path = await file('large.bin', Buffer.alloc(5_000_000, 1));
    const { exitCode, err } = await publish('web', path);
    expect(exitCode).toBe(expected);
    expect(err).toContain(`odcm: ${code}: the feed is refused.`);
  });

  it('hears the refusal every time, however much the node leaves unread', async () => {
    node.answers.publishContent = refusal('FEED_UNKNOWN', 'there is no such feed');
    const small = await file('small.json', ' '.repeat(2_000));
    const large = await file('large.bin', Buffer.alloc(3_000_000, 1));
    for (let round = 0; round < 30; round += 1) {
      for (const path of [small, large]) expect((await publish('web', path)).exitCode).toBe(4);
    }
  });
});
