import { describe, expect, it } from 'vitest';
import type { Draft } from '../../../node/feed/batch.ts';
import { checkCounts } from '../../../node/fsck/count-check.ts';
import { Report } from '../../../node/fsck/report.ts';
import { Counter } from '../../../node/reports/counter.ts';
import { COUNT_TABLES, FeedCounts } from '../../../node/reports/feed-counts.ts';
import { countedKey, tableRange } from '../../../node/store/keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import type { Write } from '../../../node/store/store.ts';
import { encodeEntry, KIND } from '../../../protocols/entry.ts';
import { encodeEnvelope } from '../../../protocols/envelope.ts';
import { parseContextName } from '../../../protocols/ids.ts';
import { sha256 } from '../../../protocols/merkle.ts';
import { rawCid } from '../../../protocols/record.ts';
import type { Deployment } from '../../../protocols/reports.ts';
import { FEED_BYTES } from '../../protocols/sample-log.ts';
import { keep, SampleFeed } from '../feed/sample-feed.ts';
import { tempFolder } from '../temp-folder.ts';
import { sampleDeployments } from './sample-reports.ts';

const NEVER = new AbortController().signal;
/** The sample feed publishes in November 2023. */
const SPAN = {
  ...{ space: 'payments', seed: 1, fromMs: Date.parse('2023-10-01T00:00:00Z') },
  toMs: Date.parse('2023-11-01T00:00:00Z'),
};

const draft = (payload: Deployment): Draft => ({ item: payload.id, body: { payload } });
const drafts = (count: number): Draft[] => [...sampleDeployments({ ...SPAN, count })].map(draft);

function counterOf(f: SampleFeed): Counter {
  const counts = new FeedCounts(f.views, f.log.prefix, 'deployments');
  const feed = { path: 'library/deployments', log: f.log, view: f.view, publisher: f.publisher };
  return new Counter(feed, counts, f.views, f.blocks);
}

async function countedIn(f: SampleFeed): Promise<number[]> {
  const counter = counterOf(f);
  await counter.catchUp(NEVER);
  const { next, counted, uncounted } = await counter.counts.cursor();
  return [next, counted, uncounted];
}

async function rowsOf(f: SampleFeed): Promise<string[]> {
  const rows: string[] = [];
  for (const table of COUNT_TABLES)
    for await (const { key, value } of f.views.range(tableRange(table, f.log.prefix)))
      rows.push(`${key.toString('hex')} ${value.toString('hex')}`);
  return rows;
}

async function remove(f: SampleFeed, tables: string): Promise<void> {
  const writes: Write[] = [];
  for (const table of tables)
    for await (const { key } of f.views.range(tableRange(table, f.log.prefix)))
      writes.push({ type: 'del', key });
  await f.views.write(writes);
}

/** An entry that no honest publisher makes: its event speaks for another feed. */
async function appendForeign(f: SampleFeed): Promise<void> {
  const record = encodeEnvelope({
    id: '0199b7c2-1f00-4000-8000-000000000009',
    source: 'odcm://ledger/deployments#x',
    type: 'VariableSetPublishedV1Event',
    occurredTimeUtc: '2023-10-21T10:00:00Z',
    activityId: '0199b7c2-1f00-4000-8000-000000000008',
    specVersion: '1.0',
    payload: drafts(1)[0]!.body as never,
  });
  const leaf = encodeEntry({
    ...{ kind: KIND.publish, event: 'VariableSetPublishedV1Event', version: 1, timeMs: 1 },
    ...{ item: sha256(Buffer.from('x')).subarray(0, 16), feed: FEED_BYTES, keyEpoch: null },
    ...{ record: rawCid(record), sizeBytes: record.length, prev: null, expiresS: null },
  });
  await f.log.exclusively(async () =>
    f.log.commit(await f.log.grow([{ leaf, record }]), undefined, false),
  );
  await f.view.catchUp();
}

describe('counting a log', () => {
  it('counts what is new each time, corrections and withdrawals once', async () => {
    const f = await SampleFeed.open(await tempFolder());
    const counter = counterOf(f);
    const [first, ...rest] = [...sampleDeployments({ ...SPAN, count: 1500 })];
    await f.publisher.publish([first!, ...rest].map(draft));
    await counter.catchUp(NEVER);
    await f.publisher.publish([draft({ ...first!, outcome: 'failed', reason: 'rolled back' })]);
    await f.publisher.publish([{ item: rest[0]!.id, body: null }]);
    expect(await counter.behind()).toBe(2);
    await counter.catchUp(NEVER);
    expect(await counter.counts.cursor()).toMatchObject({ next: 1502, counted: 1499 });
    const before = await rowsOf(f);
    await counter.counts.clear();
    await counter.catchUp(NEVER);
    expect(await rowsOf(f)).toEqual(before);
  });

  it('goes on where it was after a restart', async () => {
    const folder = await tempFolder();
    const f = await SampleFeed.open(folder);
    await f.publisher.publish(drafts(300));
    await countedIn(f);
    const again = await f.reopened();
    again.views.writes = 0;
    expect(await countedIn(again)).toEqual([300, 300, 0]);
    expect(again.views.writes).toBe(0);
  });

  it('does not count dead letters', async () => {
    const f = await SampleFeed.open(await tempFolder());
    await f.publisher.publish(drafts(5));
    await appendForeign(f);
    expect(f.view.deadLetterCount).toBe(1);
    expect(await countedIn(f)).toEqual([6, 5, 0]);
  });

  it('counts nothing out of a view that is made anew meanwhile', async () => {
    const f = await SampleFeed.open(await tempFolder());
    await f.publisher.publish(drafts(5));
    await appendForeign(f);
    // The rows are gone when they are looked for; what says so is read after them.
    const view = { applied: 6, catchUp: () => Promise.resolve([]) };
    const range = f.views.range;
    f.views.range = (options) => {
      if (options.gte?.[0] !== 0x64) return range(options);
      view.applied = 0;
      return range({ ...options, lt: options.gte });
    };
    const counts = new FeedCounts(f.views, f.log.prefix, 'deployments');
    const feed = { path: 'library/deployments', log: f.log, view, publisher: undefined };
    const counter = new Counter(feed, counts, f.views, f.blocks);
    await counter.catchUp(NEVER);
    expect(await counts.cursor()).toMatchObject({ next: 0, counted: 0 });
    f.views.range = range;
    view.applied = 6;
    await counter.catchUp(NEVER);
    expect(await counts.cursor()).toMatchObject({ next: 6, counted: 5, uncounted: 0 });
  });

  it('names what breaks the contract and counts the rest', async () => {
    const f = await SampleFeed.open(await tempFolder());
    await f.publisher.publish([
      ...drafts(3),
      { item: 'broken', body: { payload: { project: 'web' } } },
    ]);
    const counter = counterOf(f);
    await counter.catchUp(NEVER);
    const wrong = await counter.counts.uncounted(9);
    expect(wrong).toMatchObject([{ index: 3, code: 'EVENT_INVALID' }]);
    // Corrected, it counts, and is wrong no more.
    const [good] = sampleDeployments({ ...SPAN, count: 1, seed: 9 });
    await f.publisher.publish([{ item: 'broken', body: { payload: { ...good!, id: 'broken' } } }]);
    expect(await countedIn(f)).toEqual([5, 4, 0]);
  });

  it('begins anew when its rows were deleted', async () => {
    const f = await SampleFeed.open(await tempFolder());
    await f.publisher.publish(drafts(50));
    await countedIn(f);
    const before = await rowsOf(f);
    await remove(f, 'c');
    expect(await countedIn(f)).toEqual([50, 50, 0]);
    expect(await rowsOf(f)).toEqual(before);
  });

  it('begins anew when it is ahead of a log that lost entries', async () => {
    const folder = await tempFolder();
    const f = await SampleFeed.open(folder);
    await f.publisher.publish(drafts(20));
    await f.close();
    const restore = await keep(folder, 'log');
    const more = await SampleFeed.open(folder);
    await more.publisher.publish(drafts(70).slice(20));
    expect(await countedIn(more)).toEqual([70, 70, 0]);
    await more.close();
    await restore();
    expect(await countedIn(await SampleFeed.open(folder))).toEqual([20, 20, 0]);
  });

  it('begins anew when the log has another history of the same length', async () => {
    const folder = await tempFolder();
    const f = await SampleFeed.open(folder);
    await f.close();
    const restore = await keep(folder, 'log');
    const one = await SampleFeed.open(folder);
    await one.publisher.publish(drafts(4));
    await countedIn(one);
    await one.close();
    await restore();
    const other = await SampleFeed.open(folder);
    const [deployment] = sampleDeployments({ ...SPAN, count: 1, seed: 5 });
    const changed = [1, 2, 3, 4].map((n) =>
      draft({ ...deployment!, id: `other ${n}`, project: 'other' }),
    );
    await other.publisher.publish(changed);
    const counter = counterOf(other);
    await counter.catchUp(NEVER);
    expect((await counter.counts.groups()).map(({ project }) => project)).toEqual(['other']);
  });

  it('waits where a record is gone, and says which', async () => {
    const f = await SampleFeed.open(await tempFolder());
    const long = {
      ...[...sampleDeployments({ ...SPAN, count: 1 })][0]!,
      reason: 'x'.repeat(20_000),
    };
    await f.publisher.publish([draft(long)]);
    for await (const { key } of f.blockStore.range(tableRange('b')))
      await f.blockStore.write([{ type: 'del', key }]);
    await expect(counterOf(f).catchUp(NEVER)).rejects.toMatchObject({ code: 'RECORD_MISSING' });
  });

  it('stops when it is told to', async () => {
    const f = await SampleFeed.open(await tempFolder());
    await f.publisher.publish(drafts(5));
    const counter = counterOf(f);
    await counter.catchUp(AbortSignal.abort());
    expect(await counter.behind()).toBe(5);
  });
});

describe('the check of counts', () => {
  const context = parseContextName('deployments');
  async function problems(f: SampleFeed): Promise<number> {
    const report = new Report(() => {});
    const { prefix } = f.log;
    const check = {
      ...{ report, logs: f.logs, blocks: f.blocks, views: f.views, signal: NEVER },
      scratch: new MemoryStore(),
    };
    const cursor = { applied: f.view.applied, deadLetters: 0 };
    await checkCounts(check, { prefix, name: 'library/deployments' }, context, cursor);
    return report.problems.length;
  }

  it('finds nothing in what a node counted', async () => {
    const f = await SampleFeed.open(await tempFolder());
    await f.publisher.publish(drafts(400));
    await countedIn(f);
    await f.publisher.publish(drafts(900).slice(300));
    await countedIn(f);
    expect(await problems(f)).toBe(0);
  });

  it.each([...COUNT_TABLES].filter((table) => table !== 'c' && table !== 'f'))(
    'finds a row of table %s that is gone',
    async (table) => {
      const f = await SampleFeed.open(await tempFolder());
      await f.publisher.publish(drafts(30));
      await countedIn(f);
      await remove(f, table);
      expect(await problems(f)).toBe(1);
    },
  );

  it('says nothing of counts that the node makes again', async () => {
    const f = await SampleFeed.open(await tempFolder());
    await f.publisher.publish(drafts(30));
    expect(await f.views.has(countedKey(f.log.prefix))).toBe(false);
    expect(await problems(f)).toBe(0);
  });
});
