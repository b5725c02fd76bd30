import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RouteResult } from '../../../protocols/control-api.ts';
import { CONTENT_HEADERS } from '../../../protocols/control-api.ts';
import { textStream } from '../streams.ts';
import {
  ANSWERED,
  type CannedNode,
  type Received,
  refusal,
  startCannedNode,
} from './canned-node.ts';

let node: CannedNode;
let folder: string;
beforeEach(async () => {
  node = await startCannedNode();
  folder = await mkdtemp(join(tmpdir(), 'odcm-get-'));
});
afterEach(async () => {
  await node.stop();
  await rm(folder, { recursive: true });
});

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The node has this content and promises this hash. */
function has(content: Buffer, hash: string | undefined = sha256(content)): void {
  node.answers.content = ({ response }: Received) => {
    if (hash !== undefined) response.setHeader(CONTENT_HEADERS.sha256, hash);
    response.setHeader('content-length', content.length);
    response.end(content);
    return ANSWERED;
  };
}

describe('odcm get', () => {
  it('writes the content to a file byte for byte', async () => {
    const content = Buffer.from(Array.from({ length: 2_000_000 }, (_, n) => (n * 7) & 255));
    has(content);
    const path = join(folder, 'extension.dll');
    const { exitCode, out, err } = await node.odcm(['get', 'hq/x', 'a b/ü', '--output', path]);
    expect([exitCode, out, err]).toEqual([0, '', '']);
    expect((await readFile(path)).equals(content)).toBe(true);
    expect(node.asked()).toEqual(['content {"feed":"hq/x","item":"a b/ü"}']);
  });

  it('writes the content to standard output without adding to it', async () => {
    has(Buffer.from('\ufeff{"a":1}\r\n'));
    expect(await node.odcm('get hq/x web --version 3')).toEqual({
      exitCode: 0,
      out: '\ufeff{"a":1}\r\n',
      err: '',
    });
    expect(node.asked()).toEqual(['content {"feed":"hq/x","item":"web","version":3}']);
  });

  it('takes content of no bytes', async () => {
    has(Buffer.alloc(0));
    expect(await node.odcm('get hq/x web')).toEqual({ exitCode: 0, out: '', err: '' });
  });

  it('refuses content that is not what its hash promises, and leaves no file', async () => {
    has(Buffer.from('{"a":2}'), sha256(Buffer.from('{"a":1}')));
    const { exitCode, err } = await node.odcm([
      'get',
      'hq/x',
      'web',
      '--output',
      join(folder, 'f'),
    ]);
    expect(exitCode).toBe(1);
    expect(err).toBe(
      'odcm: HASH_MISMATCH: what arrived of "web" in "hq/x" is damaged. Do not use it; try again, and check the store with: odcm fsck\n',
    );
    expect(await readdir(folder)).toEqual([]);
    expect((await node.odcm('get hq/x web')).exitCode).toBe(1);
  });

  it('refuses content whose hash is not said, and content that breaks off', async () => {
    has(Buffer.from('x'), '');
    expect(await node.odcm('get hq/x web')).toMatchObject({ exitCode: 1, out: '' });
    node.answers.content = ({ response }: Received) => {
      response.setHeader(CONTENT_HEADERS.sha256, sha256(Buffer.from('{"a":1}')));
      response.setHeader('content-length', 7);
      response.write('{"a"', () => response.destroy());
      return ANSWERED;
    };
    const cut = await node.odcm(['get', 'hq/x', 'web', '--output', join(folder, 'f')]);
    expect(cut.exitCode).toBe(3);
    expect(await readdir(folder)).toEqual([]);
  });

  it('shows text on a terminal, but nothing that acts on it', async () => {
    has(Buffer.from('{"a":\t"ü"}\n'));
    const shown = await node.odcm('get hq/x web', { stdout: textStream(80) });
    expect(shown).toMatchObject({ exitCode: 0, out: '{"a":\t"ü"}\n', err: '' });
    for (const hostile of ['a\x1b[2J', 'a\x07', 'a\u009b2J', '\x7f', 'MZ\0']) {
      has(Buffer.from(hostile));
      const refused = await node.odcm('get hq/x web', { stdout: textStream(80) });
      expect(refused).toMatchObject({ exitCode: 2, out: '' });
      expect(refused.err).toContain('--output FILE');
    }
  });

  it('shows how far it is when the content goes to a file', async () => {
    has(Buffer.alloc(100_000, 'x'));
    const stderr = textStream(100);
    await node.odcm(['get', 'hq/x', 'web', '--output', join(folder, 'f')], { stderr });
    expect(stderr.text).toMatch(/web {2}98 KiB in [^\n]*\n$/);
  });

  it.each([
    ['ITEM_UNKNOWN', 4],
    ['RECORD_MISSING', 4],
    ['NO_GRANT', 5],
  ] as const)('passes on %s with %i and writes no file', async (code, expected) => {
    node.answers.content = refusal(code, 'there is no "web" in "hq/x"');
    const line = ['get', 'hq/x', 'web', '--output', join(folder, 'f')];
    const { exitCode, err } = await node.odcm(line);
    expect(exitCode).toBe(expected);
    expect(err).toContain(`odcm: ${code}: there is no "web" in "hq/x". `);
    expect(await readdir(folder)).toEqual([]);
  });

  it.each(['--json', '--format csv', '--version 0', '--version newest'])(
    'refuses %s before it asks',
    async (options) => {
      expect((await node.odcm(`get hq/x web ${options}`)).exitCode).toBe(2);
      expect(node.asked()).toEqual([]);
    },
  );
});

describe('odcm get --evidence', () => {
  const EVIDENCE: RouteResult<'item'> = {
    item: 'web',
    version: 3,
    sizeBytes: 7,
    sha256: 'ab'.repeat(32),
    time: '2026-11-20T10:00:58.000Z',
    index: 12,
    withdrawn: false,
    event: 'StepTemplatePublishedV1Event',
    mediaType: 'application/json',
    envelope: { id: 'e-1', payload: { text: 'a\u202eb\u009b e\u0301\u0301\u0301\u0301\u0301' } },
    leaf: 'AAEC',
    leafHash: 'cd'.repeat(32),
    checkpoint: 'odcm/mesh/space/feed/1\n13\nroot=\n\n— name sig=\n',
  };
  beforeEach(() => {
    node.answers.item = EVIDENCE;
  });

  it('shows what proves an item', async () => {
    const { out } = await node.odcm('get hq/x web --evidence --version 3');
    expect(out).toContain('checkpoint  odcm/mesh/space/feed/1 13 root= — name sig= \n');
    expect(out).toContain('leaf        AAEC\n');
    expect(out).not.toMatch(/[\u0080-\u009f\u202e]/);
    expect(node.asked()).toEqual(['item {"feed":"hq/x","item":"web","version":3}']);
  });

  it.each(['--json', '--format jsonl'])('is exact in %s, and safe to look at', async (format) => {
    const { out } = await node.odcm(`get hq/x web --evidence ${format}`);
    const value = JSON.parse(out);
    expect(value.rows?.[0] ?? value).toEqual(EVIDENCE);
    expect(out).toMatch(/^[\x20-\x7e\n]*$/);
  });

  it('passes on that there is no such version', async () => {
    node.answers.item = refusal('ITEM_UNKNOWN', 'there is no version 9 of "web"');
    expect((await node.odcm('get hq/x web --evidence --version 9')).exitCode).toBe(4);
  });
});
