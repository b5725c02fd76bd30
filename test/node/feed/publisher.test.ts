import { describe, expect, it } from 'vitest';
import { decodeNote, verifyNote } from '../../../protocols/checkpoint.ts';
import { decodeEntry } from '../../../protocols/entry.ts';
import { parseEnvelope } from '../../../protocols/envelope.ts';
import { MeshError } from '../../../protocols/errors.ts';
import { decodeAnnouncement, encodeAnnouncement, verifyInline } from '../../../protocols/gossip.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { Frontier } from '../../../protocols/merkle.ts';
import { decodeRecord } from '../../../protocols/record.ts';
import { RunVerifier } from '../../../protocols/run-verifier.ts';
import type { Packed } from '../../../protocols/segment.ts';
import { FEED_BYTES, LOG_KEY, ORIGIN } from '../../protocols/sample-log.ts';
import { tempFolder } from '../temp-folder.ts';
import { event, pieces, SampleFeed } from './sample-feed.ts';

const fresh = async () => SampleFeed.open(await tempFolder());
const names = (count: number, start = 0) =>
  Array.from({ length: count }, (_, i) => `item ${start + i}`);
const envelopeOf = (packed: Packed) => parseEnvelope(packed.record!);

/** With one more it is a full batch, to which nothing that comes later could be added. */
const rest = names(LIMITS.batchEntries - 1).map((name) => event(name, 1));

async function expectSound(f: SampleFeed): Promise<void> {
  const checkpoint = verifyNote(decodeNote(f.log.note!), ORIGIN, LOG_KEY);
  const verifier = new RunVerifier(new Frontier(), checkpoint, FEED_BYTES);
  for await (const bytes of f.log.segments(0, f.log.size)) verifier.push(bytes);
  expect(verifier.isComplete).toBe(true);
  expect(f.log.isAt(checkpoint)).toBe(true);
  const before = await f.rows();
  const again = await f.reopened();
  expect(await again.rows()).toEqual(before);
  expect(again.log.note).toEqual(f.log.note);
}

describe('publishing', () => {
  it('makes a signed entry of each item, durable when it is acknowledged', async () => {
    const f = await fresh();
    expect(await f.publisher.publish([event('a', { x: 1 }), event('b', [2])])).toEqual([
      { item: 'a', status: 'published', version: 1, index: 0 },
      { item: 'b', status: 'published', version: 1, index: 1 },
    ]);
    expect(await f.publisher.publish([event('a', { x: 2 })])).toEqual([
      { item: 'a', status: 'published', version: 2, index: 2 },
    ]);
    const entries = await Promise.all(
      [0, 1, 2].map(async (i) => decodeEntry((await f.log.entry(i)).leaf)),
    );
    expect(entries.map((e) => [e.kind, e.version, e.prev])).toEqual([
      [1, 1, null],
      [1, 1, null],
      [2, 2, 0],
    ]);
    expect(entries[0]!.item).toEqual(entries[2]!.item);
    expect(entries[0]!.item).not.toEqual(entries[1]!.item);
    expect(envelopeOf(await f.log.entry(2))).toMatchObject({
      source: 'odcm://library/variables/base#a',
      type: 'VariableSetPublishedV1Event',
      payload: { x: 2 },
    });
    expect(await f.rows()).toEqual(['a v2 @2', 'b v1 @1']);
    await expectSound(f);
  });

  it('of a thousand items and more takes as many batches as it needs', async () => {
    const f = await fresh();
    const drafts = names(2500).map((name, i) => event(name, i));
    const published = await f.publisher.publish(drafts);
    expect(published.map((p) => p.index)).toEqual(drafts.map((_, i) => i));
    expect(f.commits.map((c) => decodeNote(c.note).checkpoint.size)).toEqual([1000, 2000, 2500]);
    await expectSound(f);
  });

  it('shares one sync among writers that come while it is under way', async () => {
    const f = await fresh();
    const results = await Promise.all(
      names(200).map((name) => f.publisher.publish([event(name, name)])),
    );
    expect(results.flat().map((p) => p.index)).toEqual(names(200).map((_, i) => i));
    expect(f.commits.length).toBeLessThan(5);
    const activities = new Set<string>();
    for (let i = 0; i < 200; i++) activities.add(envelopeOf(await f.log.entry(i)).activityId);
    expect(activities.size).toBe(200);
    await expectSound(f);
  });

  it('makes the records of the next batch while the disk has one', async () => {
    const f = await fresh();
    const disk = Promise.withResolvers<void>();
    f.logs.held = disk.promise;
    const first = f.publisher.publish([event('a', 1)]).then((published) => {
      order.push('first');
      return published;
    });
    const refused = f.publisher.publish([event('c', 1), event('', 1)]);
    const next = f.publisher.publish([event('a', 2), ...rest]);
    const order: string[] = [];
    await refused.catch(({ code }) => order.push(code));
    disk.resolve();
    expect(await first).toMatchObject([{ version: 1, index: 0 }]);
    expect(order).toEqual(['NAME_INVALID', 'first']);
    expect((await next).map(({ version, index }) => [version, index])).toEqual([
      [2, 1],
      ...rest.map((_, i) => [1, i + 2]),
    ]);
    await expectSound(f);
  });

  it('lets what comes while the disk has a batch into the next one', async () => {
    const f = await fresh();
    const disk = Promise.withResolvers<void>();
    f.logs.held = disk.promise;
    const all = [f.publisher.publish([event('first', 1)]), f.publisher.publish([event('x', 1)])];
    await expect.poll(() => f.logs.writes).toBe(1);
    all.push(...names(20).map((name) => f.publisher.publish([event(name, 1)])));
    disk.resolve();
    await Promise.all(all);
    expect(f.commits.map(({ checkpoint }) => checkpoint.size)).toEqual([1, 22]);
  });

  it('refuses what was made already once it is ended', async () => {
    const f = await fresh();
    const disk = Promise.withResolvers<void>();
    f.logs.held = disk.promise;
    const first = f.publisher.publish([event('a', 1)]);
    const bad = f.publisher.publish([event('', 1)]);
    const next = f.publisher.publish(rest);
    await expect(bad).rejects.toThrow();
    f.publisher.end(new MeshError('REVOKED', 'the space was shut out'));
    disk.resolve();
    expect(await first).toMatchObject([{ index: 0 }]);
    await expect(next).rejects.toMatchObject({ code: 'REVOKED' });
    expect(f.log.size).toBe(1);
  });

  it('one by one makes a commit each, and a writer may go on from its acknowledgement', async () => {
    const f = await fresh();
    for (const name of names(300)) await f.publisher.publish([event(name, 1)]);
    expect(f.commits.length).toBe(300);
    const chain = (n: number): Promise<unknown> =>
      n === 0
        ? Promise.resolve()
        : f.publisher.publish([event(`chain ${n}`, n)]).then(() => chain(n - 1));
    await chain(50);
    await f.publisher.idle();
    expect(f.log.size).toBe(350);
    await expectSound(f);
  });

  it('of nothing does nothing, and does not hinder what follows', async () => {
    const f = await fresh();
    expect(await f.publisher.publish([])).toEqual([]);
    expect((await f.publisher.publish([event('a', 1)]))[0]!.index).toBe(0);
  });

  it('of what is there already writes nothing at all', async () => {
    const f = await fresh();
    await f.publisher.publish([event('a', { x: 1 }), event('b', 2)]);
    const stores = [f.logs, f.views, f.blockStore];
    const writes = stores.map((s) => s.writes);
    const note = f.log.note;
    expect(await f.publisher.publish([event('b', 2), event('a', { x: 1 })])).toEqual([
      { item: 'b', status: 'unchanged', version: 1, index: 1 },
      { item: 'a', status: 'unchanged', version: 1, index: 0 },
    ]);
    expect(stores.map((s) => s.writes)).toEqual(writes);
    expect(f.log.size).toBe(2);
    expect(f.log.note).toBe(note);
    expect(f.commits.length).toBe(1);
  });

  it('of an item twice in a request makes two versions, and none of the same twice', async () => {
    const f = await fresh();
    const published = await f.publisher.publish([event('a', 1), event('a', 1), event('a', 2)]);
    expect(published.map((p) => [p.status, p.version, p.index])).toEqual([
      ['published', 1, 0],
      ['unchanged', 1, 0],
      ['published', 2, 1],
    ]);
    await expectSound(f);
  });

  it('tells what an announcement needs', async () => {
    const f = await fresh();
    await f.publisher.publish(names(20).map((name) => event(name, 1)));
    await f.publisher.publish([event('a', 1)]);
    for (const { note, before, segments } of f.commits) {
      const a = decodeAnnouncement(encodeAnnouncement(note, before, segments));
      verifyInline(a, FEED_BYTES);
      expect(verifyNote(a.note, ORIGIN, LOG_KEY).size).toBeGreaterThan(a.frontier.size);
    }
  });
});

describe('withdrawing', () => {
  it('adds an entry, hides the item, and lets it be published again', async () => {
    const f = await fresh();
    await f.publisher.publish([event('a', 1)]);
    expect(await f.publisher.publish([{ item: 'a', body: null }])).toEqual([
      { item: 'a', status: 'withdrawn', version: 2, index: 1 },
    ]);
    const packed = await f.log.entry(1);
    expect(decodeEntry(packed.leaf)).toMatchObject({ kind: 3, sizeBytes: 0, prev: 0 });
    expect(envelopeOf(packed).type).toBe('VariableSetWithdrawnV1Event');
    expect(await f.rows()).toEqual(['a v2 @1 withdrawn']);
    expect(await f.publisher.publish([event('a', 1)])).toEqual([
      { item: 'a', status: 'published', version: 3, index: 2 },
    ]);
    await expectSound(f);
  });

  it('under a type of its own says so in entry and event', async () => {
    const f = await fresh();
    await f.publisher.publish([event('a', 1)]);
    await f.publisher.publish([{ item: 'a', body: null, type: 'BaseForgottenV1Event' }]);
    const packed = await f.log.entry(1);
    expect(decodeEntry(packed.leaf).event).toBe('BaseForgottenV1Event');
    expect(envelopeOf(packed).type).toBe('BaseForgottenV1Event');
    await expectSound(f);
  });

  it('is refused for what is not there', async () => {
    const f = await fresh();
    await f.publisher.publish([event('a', 1)]);
    await f.publisher.publish([{ item: 'a', body: null }]);
    for (const item of ['a', 'b']) {
      await expect(f.publisher.publish([{ item, body: null }])).rejects.toMatchObject({
        code: 'ITEM_UNKNOWN',
      });
    }
    expect(f.log.size).toBe(2);
  });
});

describe('refused draft', () => {
  let deep: unknown = 1;
  for (let i = 0; i < 100; i++) deep = [deep];
  let bottomless: unknown = 1;
  for (let i = 0; i < 100_000; i++) bottomless = [bottomless];
  const stored = (sizeBytes: number, mediaType = 'text/plain') => ({
    ...{ sizeBytes, mediaType, sha256: Buffer.alloc(32) },
    content: { inline: Buffer.alloc(sizeBytes) },
  });

  it.each([
    ['an empty name', event('', 1), 'NAME_INVALID'],
    ['a name with a line end', event('a\nb', 1), 'NAME_INVALID'],
    ['a name of half a character', event('\ud800', 1), 'NAME_INVALID'],
    ['a name of 201 characters', event('a'.repeat(201), 1), 'NAME_INVALID'],
    ['a payload of 64 KB', event('bad', 'x'.repeat(64_000)), 'TOO_LARGE'],
    ['a payload nested 100 deep', event('bad', deep), 'EVENT_INVALID'],
    ['a payload without an end', event('bad', bottomless), 'EVENT_INVALID'],
    ['no payload', event('bad', undefined), 'EVENT_INVALID'],
    ['a type with a space', { ...event('bad', 1), type: 'Bad Type' }, 'EVENT_INVALID'],
    ['a type of 65 characters', { ...event('bad', 1), type: 'T'.repeat(65) }, 'EVENT_INVALID'],
    ['a time of day', { ...event('bad', 1), occurredTimeUtc: 'noon' }, 'EVENT_INVALID'],
    ['an activity that is no UUID', { ...event('bad', 1), activityId: '"' }, 'EVENT_INVALID'],
    ['an empty file', { item: 'bad', body: stored(0) }, 'FILE_EMPTY'],
    [
      'a media type of 256 characters',
      { item: 'bad', body: stored(1, 'x'.repeat(256)) },
      'EVENT_INVALID',
    ],
    ['nothing to withdraw', { item: 'bad', body: null }, 'ITEM_UNKNOWN'],
  ])('with %s refuses its own request only, and all of it', async (_, bad, code) => {
    const f = await fresh();
    await f.publisher.publish([event('old', 1)]);
    const outcomes = await Promise.allSettled([
      f.publisher.publish([event('first', 1), event('old', 2)]),
      f.publisher.publish([event('lost', 1), event('old', 3), event('first', 2), bad]),
      f.publisher.publish([event('last', 1), event('old', 4)]),
    ]);
    expect(outcomes.map((o) => o.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: { code } });
    expect(await f.rows()).toEqual(['first v1 @1', 'last v1 @3', 'old v3 @4']);
    await expectSound(f);
  });
});

describe('large records', () => {
  it.each([1, 16_000, 16_384, 40_000, 63_500])('events of %d bytes are read back', async (size) => {
    const f = await fresh();
    const payload = 'x'.repeat(size);
    await f.publisher.publish([event('a', payload)]);
    const packed = await f.log.entry(0);
    const { record } = decodeEntry(packed.leaf);
    const bytes = packed.record ?? (await f.blocks.get(record!))!;
    expect(packed.record === null).toBe(bytes.length > 16_384);
    expect(decodeRecord(record!, bytes).envelope.payload).toBe(payload);
    await expectSound(f);
  });

  it.each([
    ['1 byte', Buffer.from('1')],
    ['a byte-order mark and CRLF', Buffer.from('\ufeff{\r\n  "a": 1\r\n}\r\n')],
    ['12,288 bytes', Buffer.from(`"${'x'.repeat(12_286)}"`)],
    ['60,000 bytes', Buffer.from(`"${'x'.repeat(59_998)}"`)],
    ['60,001 bytes', Buffer.from(`"${'x'.repeat(59_999)}"`)],
    ['65,536 bytes', Buffer.from(`"${'x'.repeat(65_534)}"`)],
    ['65,537 bytes', Buffer.from(`"${'x'.repeat(65_535)}"`)],
    ['3 MB', Buffer.from(`["${'x'.repeat(3_000_000)}"]`)],
  ])('files of %s come back byte for byte, also from a view made anew', async (_, bytes) => {
    const f = await fresh();
    const content = await f.blocks.putContent(pieces(bytes));
    const draft = { item: 'file', body: { ...content, mediaType: 'application/json' } };
    expect(await f.publisher.publish([draft])).toMatchObject([{ status: 'published' }]);
    expect(await f.publisher.publish([draft])).toMatchObject([{ status: 'unchanged' }]);
    const packed = await f.log.entry(0);
    const { record, sizeBytes } = decodeEntry(packed.leaf);
    expect(sizeBytes).toBe(bytes.length);
    const body = decodeRecord(record!, packed.record ?? (await f.blocks.get(record!))!);
    if (body.kind !== 'attachment') throw new Error('not an attachment');
    const out: Buffer[] = [];
    for await (const chunk of f.blocks.content(body.attachment)) out.push(chunk);
    expect(Buffer.concat(out).equals(bytes)).toBe(true);
    await expectSound(f);
  });

  it('and the parts of files belong to the feed, small records and what is refused do not', async () => {
    const f = await fresh();
    const large = 'x'.repeat(20_000);
    const file = async (fill: string) => {
      const stored = await f.blocks.putContent(pieces(Buffer.from(`"${fill.repeat(70_000)}"`)));
      if ('inline' in stored.content) throw new Error('no chunks');
      return { ...stored, hashes: stored.content.hashes, mediaType: 'application/json' };
    };
    const [kept, refused] = [await file('a'), await file('b')];
    await f.publisher.publish([
      event('small', 1),
      event('large', large),
      { item: 'f', body: kept },
    ]);
    const draft = { item: 'g', body: refused };
    await expect(
      f.publisher.publish([draft, { item: 'unknown', body: null }]),
    ).rejects.toMatchObject({ code: 'ITEM_UNKNOWN' });
    const cids = await Promise.all(
      [0, 1].map(async (i) => decodeEntry((await f.log.entry(i)).leaf)),
    );
    const hashes = [...cids.map(({ record }) => record!.hash), ...kept.hashes, ...refused.hashes];
    const owned = () => Promise.all(hashes.map((hash) => f.view.owns(hash)));
    expect(await owned()).toEqual([false, true, true, true, false, false]);
    await expectSound(f);
  });
});

describe('publishing on a failing disk', () => {
  it('refuses the batch when the log was not written, and the next one is whole', async () => {
    const f = await fresh();
    await f.publisher.publish([event('a', 1)]);
    f.logs.failBefore = 1;
    await expect(f.publisher.publish([event('b', 1)])).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(f.commits.length).toBe(1);
    expect(await f.publisher.publish([event('b', 2)])).toMatchObject([{ version: 1, index: 1 }]);
    expect(await f.rows()).toEqual(['a v1 @0', 'b v1 @1']);
    await expectSound(f);
  });

  it('writes what was made meanwhile as if the batch that was not written had never been', async () => {
    const f = await fresh();
    await f.publisher.publish([event('a', 1)]);
    await f.publisher.idle();
    f.logs.failBefore = 1;
    const refused = f.publisher.publish([event('a', 2), event('b', 1)]);
    const next = f.publisher.publish([event('a', 3), ...rest]);
    await expect(refused).rejects.toThrow('the disk');
    const [again, another] = await next;
    expect(again).toMatchObject({ item: 'a', version: 2, index: 1 });
    expect(another).toMatchObject({ version: 1, index: 2 });
    expect((await f.rows()).slice(0, 2)).toEqual(['a v2 @1', 'item 0 v1 @2']);
    await expectSound(f);
  });

  it('leaves the items as they were, for readers too, when the log was not written', async () => {
    const f = await fresh();
    await f.publisher.publish([event('a', 1), event('b', 1)]);
    f.logs.failBefore = 1;
    await expect(f.publisher.publish([event('a', 2), event('c', 1)])).rejects.toThrow('the disk');
    expect(await f.rows()).toEqual(['a v1 @0', 'b v1 @1']);
  });

  it('finds what was written late, and goes on behind it', async () => {
    const f = await fresh();
    f.logs.failAfter = 1;
    await expect(f.publisher.publish([event('a', 1)])).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(await f.publisher.publish([event('a', 1), event('b', 1)])).toMatchObject([
      { status: 'unchanged', index: 0 },
      { status: 'published', index: 1 },
    ]);
    await expectSound(f);
  });

  it('acknowledges what is durable though the view was not written, and makes that up', async () => {
    const f = await fresh();
    f.views.failBefore = 1;
    expect(await f.publisher.publish([event('a', 1)])).toMatchObject([{ index: 0 }]);
    expect(f.commits.length).toBe(1);
    expect(await f.publisher.publish([event('a', 2)])).toMatchObject([{ version: 2, index: 1 }]);
    await expectSound(f);
  });

  it('publishes no entry whose record was not written', async () => {
    const f = await fresh();
    f.blockStore.failBefore = 1;
    const large = event('a', 'x'.repeat(30_000));
    await expect(f.publisher.publish([large])).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(f.log.size).toBe(0);
    expect(await f.publisher.publish([large])).toMatchObject([{ version: 1, index: 0 }]);
    await expectSound(f);
  });
});
