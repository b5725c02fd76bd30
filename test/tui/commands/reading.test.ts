import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RouteResult } from '../../../protocols/control-api.ts';
import { textStream } from '../streams.ts';
import { ANSWERED, type CannedNode, refusal, startCannedNode } from './canned-node.ts';

let node: CannedNode;
beforeEach(async () => {
  node = await startCannedNode();
});
afterEach(async () => {
  await node.stop();
});

const SINCE = '2026-11-01T00:00:00.000Z';
const item = (name: string, index: number): RouteResult<'items'> => ({
  item: name,
  version: 2,
  sizeBytes: 71_680,
  sha256: 'ab'.repeat(32),
  time: '2026-11-20T10:00:58.000Z',
  index,
  withdrawn: false,
});

const FOOTER = 'as of 2026-11-20 10:41:58Z (12 s ago), from library\n';

describe('odcm items', () => {
  it('shows size and age', async () => {
    node.answers.items = [item('web', 3)];
    const { out } = await node.odcm('items library/variables');
    expect(out).toBe(`ITEM  VERSION    SIZE  PUBLISHED
web         2  70 KiB       41 m

1 item, ${FOOTER}`);
    expect(node.asked()).toEqual([
      'items {"feed":"library/variables","limit":1000,"withdrawn":false}',
    ]);
  });

  it('asks for page after page', async () => {
    const names = Array.from({ length: 2_000 }, (_, n) => `item-${String(n).padStart(4, '0')}`);
    node.answers.items = ({ query }: { query: { after?: string; limit: number } }) =>
      names
        .filter((name) => name > (query.after ?? ''))
        .slice(0, query.limit)
        .map((name, index) => item(name, index));
    const { out } = await node.odcm('items variables --withdrawn --format jsonl --columns item');
    expect(out.trim().split('\n')).toEqual(names.map((name) => JSON.stringify({ item: name })));
    expect(node.asked()[1]).toBe(
      'items {"feed":"variables","after":"item-0999","limit":1000,"withdrawn":true}',
    );
  });

  it.each([
    ['FEED_UNKNOWN', 4],
    ['NO_GRANT', 5],
  ] as const)('ends at %s with %i and one line', async (code, expected) => {
    node.answers.items = refusal(code, 'there is no feed "hq/x"');
    const { exitCode, out, err } = await node.odcm('items hq/x');
    expect([exitCode, out]).toEqual([expected, '']);
    expect(err).toMatch(new RegExp(`^odcm: ${code}: there is no feed "hq/x"\\. [^\\n]*\\n$`));
  });
});

describe('odcm history', () => {
  const entry = (index: number): RouteResult<'history'> => ({
    index,
    time: SINCE,
    item: 'web',
    kind: 'record',
    event: 'VariableSetPublishedV1Event',
    version: 1,
    sizeBytes: 512,
    record: null,
    leafHash: 'cd',
  });
  beforeEach(() => {
    node.answers.history = ({ query }: { query: { before?: number; limit: number } }) => {
      const from = (query.before ?? 2_500) - 1;
      const count = Math.min(query.limit, from + 1);
      return Array.from({ length: count }, (_, n) => entry(from - n));
    };
  });

  it('shows the newest hundred and says that there are more', async () => {
    const { out } = await node.odcm('history variables web');
    expect(out).toContain(
      'web   2,499  2026-11-01 00:00:00Z  record        1  512 B  VariableSetPublishedV1Event\n',
    );
    expect(out).toContain('Older ones may follow; see more with --limit.\n100 entries,');
    expect(node.asked()).toEqual(['history {"feed":"variables","item":"web","limit":100}']);
  });

  it('goes over pages up to the limit, and to the first entry', async () => {
    const some = await node.odcm('history variables --limit 1500 --format jsonl --columns index');
    expect(some.out.trim().split('\n').at(-1)).toBe('{"index":1000}');
    const all = await node.odcm('history variables --limit 9999');
    expect(all.out).toContain('\n2500 entries, as of');
    expect(all.out).not.toContain('Older ones');
  });

  it.each(['0', '-1', 'many', '1.5'])('refuses --limit %s before it asks', async (limit) => {
    const { exitCode, err } = await node.odcm(['history', 'variables', '--limit', limit]);
    expect(exitCode).toBe(2);
    expect(err).toContain(`USAGE: --limit "${limit}" is no number of at least 1.`);
    expect(node.asked()).toEqual([]);
  });
});

describe('odcm tail', () => {
  const event = (name: string): RouteResult<'tail'> => ({
    feed: 'hq/users',
    index: 4,
    time: SINCE,
    item: name,
    event: 'UserPublishedV1Event',
    version: 1,
    sizeBytes: 99,
    id: 'e-1',
    activityId: 'a-1',
  });

  it('prints a line for each event, and says when the node ends it', async () => {
    node.answers.tail = [event('barry'), event('lisa\x07')];
    const { exitCode, out, err } = await node.odcm('tail hq/users');
    expect(out).toBe(`FEED      TIME                  ITEM   EVENT                 VERSION  SIZE
hq/users  2026-11-01 00:00:00Z  barry  UserPublishedV1Event        1  99 B
hq/users  2026-11-01 00:00:00Z  lisa   UserPublishedV1Event        1  99 B
`);
    expect(exitCode).toBe(3);
    expect(err).toContain('ended the stream. Start the node with: odcm run');
  });

  it('ends after --limit events that pass the filter', async () => {
    node.answers.tail = [event('barry'), event('lisa'), event('bob'), event('lisa')];
    const line = ['tail', '--limit', '1', '--filter', 'item=lisa', '--json', '--columns', 'item'];
    expect(await node.odcm(line)).toEqual({ exitCode: 0, out: '{"item":"lisa"}\n', err: '' });
  });

  it('ends well at ctrl-c', async () => {
    const stop = new AbortController();
    node.answers.tail = ({ response }: { response: { write(text: string): void } }) => {
      response.write(`${JSON.stringify(event('barry'))}\n`);
      return ANSWERED;
    };
    const stdout = textStream();
    const write = stdout.write.bind(stdout);
    Object.assign(stdout, {
      write: (...args: Parameters<typeof write>) => {
        stop.abort();
        return write(...args);
      },
    });
    const { exitCode, err } = await node.odcm('tail', { stdout, signal: stop.signal });
    expect([exitCode, err]).toEqual([0, '']);
    expect(stdout.text).toContain('barry');
  });

  it('takes no options that need an end', async () => {
    expect((await node.odcm('tail --sort item')).err).toContain("unknown option '--sort'");
    expect((await node.odcm(['tail', '--filter', 'nosuch=1'])).exitCode).toBe(2);
    expect(node.asked()).toEqual([]);
  });
});
