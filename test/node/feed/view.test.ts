import { describe, expect, it } from 'vitest';
import type { listItems } from '../../../node/feed/items.ts';
import { readableItem, readEntry } from '../../../node/feed/read-entries.ts';
import { decodeEntry, type Entry, encodeEntry, KIND } from '../../../protocols/entry.ts';
import { type Envelope, encodeEnvelope } from '../../../protocols/envelope.ts';
import { sha256 } from '../../../protocols/merkle.ts';
import { type Attachment, encodeAttachment, rawCid, structCid } from '../../../protocols/record.ts';
import { RunVerifier, type Verified } from '../../../protocols/run-verifier.ts';
import { type Packed, packSegments } from '../../../protocols/segment.ts';
import { FEED_BYTES, ORIGIN } from '../../protocols/sample-log.ts';
import { tempFolder } from '../temp-folder.ts';
import { event, keep, pieces, SampleFeed } from './sample-feed.ts';

const fresh = async () => SampleFeed.open(await tempFolder());

function envelope(item: string, changes: Partial<Envelope> = {}): Buffer {
  return encodeEnvelope({
    id: '0199b7c2-1f00-4000-8000-000000000009',
    source: `odcm://library/variables/base#${item}`,
    type: 'VariableSetPublishedV1Event',
    occurredTimeUtc: '2026-11-21T10:00:00Z',
    activityId: '0199b7c2-1f00-4000-8000-000000000008',
    specVersion: '1.0',
    payload: 1,
    ...changes,
  });
}

/** An entry as a publisher with other software might make it. */
function packed(item: string, record: Buffer, changes: Partial<Entry> = {}, apart = false): Packed {
  const entry: Entry = {
    ...{
      kind: KIND.publish,
      event: 'VariableSetPublishedV1Event',
      item: sha256(Buffer.from(item)).subarray(0, 16),
    },
    ...{ version: 1, timeMs: 1, feed: FEED_BYTES, keyEpoch: null, record: rawCid(record) },
    ...{ sizeBytes: record.length, prev: null, expiresS: null, ...changes },
  };
  return { leaf: encodeEntry(entry), record: apart ? null : record };
}

const append = (f: SampleFeed, ...entries: Packed[]) =>
  f.log.exclusively(async () => f.log.commit(await f.log.grow(entries), undefined, false));

function file(item: string, content: Buffer, changes: Partial<Attachment> = {}): Packed {
  const record = encodeAttachment({
    ...{ envelope: envelope(item), sizeBytes: content.length, sha256: sha256(content) },
    ...{ content: { inline: content }, ...changes },
  });
  return packed(item, record, { record: structCid(record), sizeBytes: content.length });
}

/** The entries as they come out of verification, before they are stored. */
async function verified(f: SampleFeed, ...entries: Packed[]): Promise<Verified[]> {
  const { tree } = await f.log.grow(entries);
  const head = { origin: ORIGIN, size: tree.size, root: tree.root() };
  const verifier = new RunVerifier(f.log.frontier(), head, FEED_BYTES);
  return packSegments(f.log.size, entries).flatMap((bytes) => verifier.push(bytes));
}

const store = (f: SampleFeed, run: readonly Verified[]) =>
  f.log.exclusively(async () => f.log.commit(await f.log.growVerified(run), undefined, false));

describe('entries that were verified just now', () => {
  it('become items while they are stored, and are told of when they are', async () => {
    const f = await fresh();
    const run = await verified(f, packed('a', envelope('a')), packed('b', envelope('b')));
    const { promise: stored, resolve } = Promise.withResolvers<void>();
    const taken = f.view.take(run, stored);
    await expect.poll(() => f.view.applied, { timeout: 10_000 }).toBe(2);
    expect(f.applied).toEqual([]);
    await store(f, run);
    resolve();
    expect(await taken).toEqual([]);
    expect(f.applied.map(({ item }) => item)).toEqual(['a', 'b']);
    expect(f.view.isLevel).toBe(true);
  });

  it('leave no item behind when the log does not take them', async () => {
    const f = await fresh();
    await append(f, packed('a', envelope('a')));
    await f.view.catchUp();
    const run = await verified(f, packed('b', envelope('b')));
    const refused = Promise.reject(new Error('the disk fails'));
    refused.catch(() => {});
    await expect(f.view.take(run, refused)).rejects.toThrow('the disk fails');
    expect(await f.view.catchUp()).toEqual([]);
    expect(await f.rows()).toEqual(['a v1 @0']);
    await append(f, packed('b', envelope('b')));
    await f.view.catchUp();
    expect(await f.rows()).toEqual(['a v1 @0', 'b v1 @1']);
  });

  it('are read from the log when others before them wait', async () => {
    const f = await fresh();
    await append(f, packed('a', envelope('a')));
    const run = await verified(f, packed('b', envelope('b')));
    expect(await f.view.take(run, store(f, run))).toEqual([]);
    expect(await f.rows()).toEqual(['a v1 @0', 'b v1 @1']);
  });

  it('wait for their blocks like all others', async () => {
    const f = await fresh();
    const record = envelope('b', { payload: 'x'.repeat(30_000) });
    const run = await verified(
      f,
      packed('a', envelope('a')),
      packed('b', record, { sizeBytes: 30_000 }, true),
    );
    expect(await f.view.take(run, store(f, run))).toEqual([rawCid(record)]);
    expect(await f.rows()).toEqual(['a v1 @0']);
  });
});

describe('view', () => {
  it('makes of a log the items that its publisher had', async () => {
    const folder = await tempFolder();
    const f = await SampleFeed.open(folder);
    for (let round = 0; round < 3; round++) {
      await f.publisher.publish(
        Array.from({ length: 400 }, (_, i) => event(`item ${i % 300}`, [round, i])),
      );
    }
    await f.publisher.publish([{ item: 'item 7', body: null }]);
    const rows = await f.rows();
    const putBack = await keep(folder, 'views');
    await f.publisher.publish([
      event('item 7', 'again'),
      event('new', 1),
      { item: 'item 8', body: null },
    ]);
    const after = await f.rows();
    await f.close();
    await putBack();
    const old = await SampleFeed.open(folder);
    expect(await old.rows()).toEqual(rows);
    expect(await old.view.catchUp()).toEqual([]);
    expect(await old.rows()).toEqual(after);
    expect(old.applied.map((a) => [a.index, a.item])).toEqual([
      [1201, 'item 7'],
      [1202, 'new'],
      [1203, 'item 8'],
    ]);
    expect(old.view.deadLetterCount).toBe(0);
  });

  it('that is ahead of its log is made anew', async () => {
    const folder = await tempFolder();
    const f = await SampleFeed.open(folder);
    await f.publisher.publish([event('a', 1), event('b', 1)]);
    await f.close();
    const putBack = await keep(folder, 'log');
    const more = await SampleFeed.open(folder);
    await more.publisher.publish([event('a', 2), event('c', 'x'.repeat(20_000))]);
    const lost = decodeEntry((await more.log.entry(3)).leaf).record!.hash;
    expect(await more.view.owns(lost)).toBe(true);
    await more.close();
    await putBack();
    const healed = await SampleFeed.open(folder);
    expect(await healed.view.owns(lost)).toBe(false);
    expect(healed.view.applied).toBe(0);
    // Or a power cut would bring the lost rows back, when the log has grown past them.
    expect([healed.views.synced, more.views.synced]).toEqual([1, 0]);
    expect(await healed.rows()).toEqual([]);
    await healed.view.catchUp();
    expect(await healed.rows()).toEqual(['a v1 @0', 'b v1 @1']);
    expect(await healed.publisher.publish([event('c', 2)])).toMatchObject([
      { version: 1, index: 2 },
    ]);
    expect(healed.view.deadLetterCount).toBe(0);
  });

  it('that was lost is made anew from the log, in as many groups as it takes', async () => {
    const f = await fresh();
    const drafts = Array.from({ length: 3000 }, (_, i) => event(`item ${i % 2500}`, i));
    await f.publisher.publish(drafts);
    const rows = await f.rows();
    const { prefix } = f.log;
    for (const table of ['a', 'i']) {
      for await (const { key } of f.views.range({
        gte: Buffer.concat([Buffer.from(table), prefix]),
      })) {
        await f.views.write([{ type: 'del', key }]);
      }
    }
    const again = await f.reopened();
    const many = [again.view.catchUp(), again.view.catchUp(), again.view.catchUp()];
    expect(await Promise.all(many)).toEqual([[], [], []]);
    expect(await again.rows()).toEqual(rows);
    expect(again.applied.length).toBe(3000);
  });

  it('is level when catching up ends, though entries came meanwhile', async () => {
    const f = await fresh();
    await append(f, ...['a', 'b'].map((name) => packed(name, envelope(name))));
    const first = f.view.catchUp();
    await append(f, packed('c', envelope('c')));
    await Promise.all([first, f.view.catchUp()]);
    expect(f.view.applied).toBe(3);
    expect(await f.rows()).toEqual(['a v1 @0', 'b v1 @1', 'c v1 @2']);
  });

  it('takes rows from the publisher behind those that are being read, never before', async () => {
    const f = await fresh();
    const v = (version: number) => packed('a', envelope('a'), { version });
    await append(f, v(1), v(2));
    const reading = f.view.catchUp();
    const row = { name: 'a', id: Buffer.alloc(16, 1), version: 3, index: 2, isWithdrawn: false };
    await f.view.advance(
      [{ ...row, sizeBytes: 1, timeMs: 1, sha256: Buffer.alloc(32), keyEpoch: null }],
      3,
    );
    await reading;
    expect(f.view.applied).toBe(3);
    expect(await f.rows()).toEqual(['a v3 @2']);
  });

  it('is read while the publisher writes, and ends with its items', async () => {
    const f = await fresh();
    const writing = (async () => {
      for (let i = 0; i < 60; i++) await f.publisher.publish([event('a', i), event(`b ${i}`, i)]);
    })();
    let isDone = false;
    const done = writing.then(() => {
      isDone = true;
    });
    while (!isDone) {
      await f.view.catchUp();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await done;
    expect(f.view.applied).toBe(120);
    expect(f.view.deadLetterCount).toBe(0);
    expect(await f.view.item('a')).toMatchObject({ version: 60, index: 118 });
  });

  it('gives a reader no version whose entry is still being written', async () => {
    const f = await fresh();
    await f.publisher.publish([event('a', 1)]);
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    const { promise: held, resolve: hold } = Promise.withResolvers<void>();
    const write = f.logs.write.bind(f.logs);
    f.logs.write = async (...args) => {
      hold();
      await released;
      await write(...args);
    };
    const publishing = f.publisher.publish([event('a', 2)]);
    await held;
    while ((await f.view.item('a'))?.version !== 2)
      await new Promise((resolve) => setImmediate(resolve));
    const reading = readableItem(f.log, f.view, 'a');
    release();
    const item = await reading;
    expect(item).toMatchObject({ version: 2, index: 1 });
    expect(await readEntry(f, item!.index)).toMatchObject({ item: 'a' });
    await publishing;
  });

  it('lists items in order of their names, in pages', async () => {
    const f = await fresh();
    await f.publisher.publish(['c', 'a', 'é', 'b', 'B'].map((name) => event(name, 1)));
    await f.publisher.publish([{ item: 'b', body: null }]);
    const list = async (options: Parameters<typeof listItems>[2]) => {
      const out: string[] = [];
      for await (const item of f.view.list(options!)) out.push(item.name);
      return out;
    };
    expect(await list({})).toEqual(['B', 'a', 'c', 'é']);
    expect(await list({ withWithdrawn: true })).toEqual(['B', 'a', 'b', 'c', 'é']);
    expect(await list({ limit: 2 })).toEqual(['B', 'a']);
    expect(await list({ after: 'a', limit: 2 })).toEqual(['c', 'é']);
    expect(await list({ after: 'é' })).toEqual([]);
  });
});

describe('view of an incomplete feed', () => {
  it('waits for a record that travels apart, and goes on when it has come', async () => {
    const f = await fresh();
    const record = envelope('b', { payload: 'x'.repeat(30_000) });
    await append(
      f,
      packed('a', envelope('a')),
      packed('b', record, {}, true),
      packed('c', envelope('c')),
    );
    expect(await f.view.catchUp()).toEqual([rawCid(record)]);
    expect(await f.view.catchUp()).toEqual([rawCid(record)]);
    expect(await f.rows()).toEqual(['a v1 @0']);
    await f.blocks.put([{ hash: rawCid(record).hash, bytes: record }]);
    expect(await f.view.catchUp()).toEqual([]);
    expect(f.applied.map((a) => a.item)).toEqual(['a', 'b', 'c']);
  });

  it('waits for the chunks of a file', async () => {
    const f = await fresh();
    const bytes = Buffer.from(`"${'x'.repeat(200_000)}"`);
    const other = await fresh();
    const stored = await other.blocks.putContent(pieces(bytes));
    if ('inline' in stored.content) throw new Error('no chunks');
    await append(f, file('a', bytes, { content: stored.content }));
    const missing = await f.view.catchUp();
    expect(missing.map((c) => c.hash)).toEqual(stored.content.hashes);
    for (const cid of missing)
      await f.blocks.put([{ hash: cid.hash, bytes: (await other.blocks.get(cid))! }]);
    expect(await f.view.catchUp()).toEqual([]);
    expect(await f.view.item('a')).toMatchObject({
      sizeBytes: bytes.length,
      sha256: sha256(bytes),
    });
  });

  it('owns the blocks of what is applied, also of a dead letter', async () => {
    const f = await fresh();
    const events = ['here', 'away'].map((item) => envelope(item, { payload: 'x'.repeat(30_000) }));
    const dead = envelope('dead', { type: 'OtherV1Event', payload: 'x'.repeat(30_000) });
    const [here, away] = events as [Buffer, Buffer];
    const bytes = Buffer.from(`"${'y'.repeat(100_000)}"`);
    const stored = await f.blocks.putContent(pieces(bytes));
    if ('inline' in stored.content) throw new Error('no chunks');
    const { hashes } = stored.content;
    for (const record of [here, dead])
      await f.blocks.put([{ hash: sha256(record), bytes: record }]);
    const chunks = file('file', bytes, { content: stored.content });
    await append(f, packed('here', here, {}, true), packed('dead', dead, {}, true), chunks);
    await append(f, packed('away', away, {}, true));
    const named = [here, dead, away, envelope('none')].map((record) => sha256(record));
    const owned = () => Promise.all([...named, ...hashes].map((h) => f.view.owns(h)));
    expect(await owned()).toEqual(Array(6).fill(false));
    expect(await f.view.catchUp()).toEqual([rawCid(away)]);
    expect(f.view.deadLetterCount).toBe(1);
    expect(await owned()).toEqual([true, true, false, false, true, true]);
  });

  it('of its own publisher publishes nothing', async () => {
    const f = await fresh();
    await append(f, packed('b', envelope('b', { payload: 'x'.repeat(30_000) }), {}, true));
    await expect(f.publisher.publish([event('a', 1)])).rejects.toMatchObject({
      code: 'RECORD_MISSING',
    });
    expect(f.log.size).toBe(1);
  });
});

describe('dead letter', () => {
  const deep = `${'['.repeat(7900)}${']'.repeat(7900)}`;
  const deepEvent = Buffer.from(
    envelope('bad').toString().replace('"payload":1', `"payload":${deep}`),
  );
  const half = Buffer.alloc(65_536, 0x20);

  it.each<[string, Packed, string]>([
    ['no record', packed('bad', Buffer.alloc(0), { record: null }), 'EVENT_INVALID'],
    ['a record that is no event', packed('bad', Buffer.from('hello')), 'EVENT_INVALID'],
    ['a bottomless payload', packed('bad', deepEvent), 'EVENT_INVALID'],
    [
      'the source of another space',
      packed('bad', envelope('bad', { source: 'odcm://payments/variables/base#bad' })),
      'EVENT_INVALID',
    ],
    [
      'the source of another feed',
      packed('bad', envelope('bad', { source: 'odcm://library/other#bad' })),
      'EVENT_INVALID',
    ],
    ['a source in another spelling', packed('bad', envelope('%62ad')), 'NOT_CANONICAL'],
    [
      'a type that is not that of its entry',
      packed('bad', envelope('bad', { type: 'OtherV1Event' })),
      'EVENT_INVALID',
    ],
    ['the name of another item', packed('other', envelope('good')), 'EVENT_INVALID'],
    ['a version that was there', packed('good', envelope('good')), 'EVENT_INVALID'],
    ['a file that is not JSON', file('bad', Buffer.from('hello')), 'NOT_JSON'],
    ['an empty file', file('bad', Buffer.alloc(0)), 'FILE_EMPTY'],
    [
      'a file of another size than its entry says',
      (() => {
        const { record } = file('bad', Buffer.from('1'));
        return packed('bad', record!, { record: structCid(record!), sizeBytes: 2 });
      })(),
      'EVENT_INVALID',
    ],
    [
      'chunks of another size than promised',
      file('bad', Buffer.alloc(70_000, 0x20), {
        content: { depth: 0, hashes: [sha256(half), sha256(half)] },
      }),
      'HASH_MISMATCH',
    ],
  ])('is made of an entry with %s, and the others go on', async (_, bad, code) => {
    const f = await fresh();
    await f.blocks.put([{ hash: sha256(half), bytes: half }]);
    await append(f, packed('good', envelope('good')), bad, packed('last', envelope('last')));
    expect(await f.view.catchUp()).toEqual([]);
    expect(await f.rows()).toEqual(['good v1 @0', 'last v1 @2']);
    expect(await f.view.deadLetters(10)).toMatchObject([{ index: 1, code }]);
    const again = await f.reopened();
    expect(again.view.deadLetterCount).toBe(1);
    expect(again.view.applied).toBe(3);
  });

  it('does not make dead letters of later versions of its item', async () => {
    const f = await fresh();
    const v = (version: number, payload: number) =>
      packed('a', envelope('a', { payload }), { version, kind: KIND.supersede });
    const bad = packed('a', Buffer.from('hello'), { version: 2, kind: KIND.supersede });
    await append(f, v(1, 1), bad, v(3, 3), v(4, 4));
    await f.view.catchUp();
    expect(await f.rows()).toEqual(['a v4 @3']);
    expect(f.view.deadLetterCount).toBe(1);
    expect(await f.publisher.publish([event('a', 5)])).toMatchObject([{ version: 5, index: 4 }]);
  });

  it('is never made of a fault of this node', async () => {
    const f = await fresh();
    const record = envelope('a', { payload: 'x'.repeat(30_000) });
    await append(f, packed('a', record, {}, true));
    f.blockStore.get = () => Promise.reject(new Error('the disk fails'));
    await expect(f.view.catchUp()).rejects.toThrow('the disk fails');
    expect(f.view.applied).toBe(0);
    expect(f.view.deadLetterCount).toBe(0);
  });
});
