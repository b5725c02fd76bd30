import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KeysAtRest } from '../../../node/feed/keys-at-rest.ts';
import { newestEntries, readEntries, readEntry } from '../../../node/feed/read-entries.ts';
import { putSealedContent } from '../../../node/feed/seal-content.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { BUILT_IN_CONTEXTS } from '../../../protocols/contexts.ts';
import { decodeEntry, KIND } from '../../../protocols/entry.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { event, pieces } from './sample-feed.ts';
import { dump, newParty, SCOPE, SealedFeed } from './sealed-feed.ts';

const FILES = BUILT_IN_CONTEXTS.find((c) => c.name === 'server-extensions')!;
const code = (name: string) => expect.objectContaining({ code: name });

async function collect(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

describe('sealed feed', () => {
  it('is opened by the key in its log, whatever rests of another history', async () => {
    const bob = await newParty();
    const feed = await SealedFeed.open([bob]);
    for (const party of [bob, feed.owner]) {
      const localKey = () => Promise.resolve(party.localKey);
      const random = { bytes: (count: number) => randomBytes(count) };
      const rest = new KeysAtRest({ logs: party.logs, scope: SCOPE, random, localKey });
      await rest.put(1, randomBytes(32));
    }
    await feed.start();
    await bob.open();
    await feed.publisher.publish([event('Region', 'eu')]);
    await feed.deliver(bob);
    expect(await bob.rows()).toEqual(['Region v1 e1']);
    await bob.open();
    await feed.start();
    expect(bob.ring.key(1)).toEqual(feed.owner.ring.key(1));
    await feed.publisher.publish([event('Region', 'us')]);
    await feed.deliver(bob);
    expect(await bob.rows()).toEqual(['Region v2 e1']);
  });

  it('takes opened keys along to a new local key, under which alone they rest from then on', async () => {
    const party = await newParty();
    const [old, fresh] = [party.localKey, (await newParty()).localKey];
    const random = { bytes: (count: number) => randomBytes(count) };
    const share = randomBytes(32);
    const rest = (key: typeof old, former?: typeof old) =>
      new KeysAtRest({
        ...{ logs: party.logs, scope: SCOPE, random, localKey: () => Promise.resolve(key) },
        formerLocalKey: () => Promise.resolve(former),
      });
    await rest(old).put(1, share);
    expect(await rest(fresh).all()).toEqual(new Map());
    expect(await rest(fresh, old).all()).toEqual(new Map([[1, share]]));
    expect(await rest(fresh).all()).toEqual(new Map([[1, share]]));
    expect(await rest(old).all()).toEqual(new Map());
  });

  it('takes nothing new from a publisher that cannot open what it published', async () => {
    const feed = await SealedFeed.open();
    await feed.publisher.publish([event('Region', 'eu')]);
    const { owner } = feed;
    owner.views = new MemoryStore();
    for await (const { key } of owner.logs.range({ gte: Buffer.from('w'), lt: Buffer.from('x') }))
      await owner.logs.write([{ type: 'del', key }]);
    const lost = await newParty();
    Object.assign(owner, { exchange: lost.exchange, localKey: lost.localKey });
    await feed.start();
    const { size } = owner.log;
    const publishing = feed.publisher.publish([event('Region', 'us')]);
    await expect(publishing).rejects.toEqual(code('KEY_UNKNOWN'));
    expect(owner.log.size).toBe(size);
  });

  it('tells of a batch that is durable, also when its key cannot be kept', async () => {
    const feed = await SealedFeed.open();
    const { ring } = feed.owner;
    ring.adopt = () => Promise.reject(new Error('the disk of the test is full'));
    await expect(feed.publisher.publish([event('Region', 'eu')])).rejects.toThrow();
    await feed.publisher.idle();
    expect(feed.commits[0]?.checkpoint.size).toBe(2);
    expect(feed.owner.log.size).toBe(2);
  });

  it('is read by whoever was given the key, as an open one', async () => {
    const bob = await newParty();
    const feed = await SealedFeed.open([bob]);
    const drafts = [event('Db.Password', { value: 's3cret' }), event('Region', 'eu')];
    expect(await feed.publisher.publish(drafts)).toMatchObject([
      { item: 'Db.Password', status: 'published', version: 1 },
      { item: 'Region', status: 'published', version: 1 },
    ]);
    expect(await feed.publisher.publish(drafts)).toMatchObject([
      { status: 'unchanged', version: 1 },
      { status: 'unchanged', version: 1 },
    ]);
    await feed.publisher.publish([{ item: 'Region', body: null }]);
    await feed.deliver(bob);
    expect(await bob.rows()).toEqual(['Db.Password v1 e1', 'Region v2 e1']);
    expect(bob.view.isLevel).toBe(true);
    const { index, sizeBytes } = (await bob.view.item('Db.Password'))!;
    expect(sizeBytes).toBe('{"value":"s3cret"}'.length);
    const { body, entry, item } = await readEntry(bob, index);
    expect({ item, event: entry.event }).toEqual({
      item: 'Db.Password',
      event: 'VariableSetPublishedV1Event',
    });
    expect(body?.envelope.payload).toEqual({ value: 's3cret' });
    expect(bob.applied.map(({ item: name, entry: e }) => `${name} ${e.event}`)).toEqual([
      'Db.Password VariableSetPublishedV1Event',
      'Region VariableSetPublishedV1Event',
      'Region VariableSetWithdrawnV1Event',
    ]);
  });

  it('has ciphertext only in logs and blocks, and its keys wrapped', async () => {
    const bob = await newParty();
    const feed = await SealedFeed.open([bob]);
    const canary = 'CANARY-7f3a';
    await feed.publisher.publish([
      event(`name ${canary}`, { value: canary }),
      event('large', { value: canary.repeat(3_000) }),
    ]);
    await feed.deliver(bob);
    const key = feed.owner.ring.key(1)!;
    for (const { logs, blockStore } of [feed.owner, bob]) {
      for (const store of [logs, blockStore]) {
        const bytes = await dump(store);
        expect(bytes.includes(canary)).toBe(false);
        expect(bytes.includes('VariableSet')).toBe(false);
        expect(bytes.includes(key)).toBe(false);
      }
    }
    for await (const bytes of bob.log.segments(0, bob.log.size))
      expect(bytes.includes(canary)).toBe(false);
    const { event: type, keyEpoch } = decodeEntry((await bob.log.entry(1)).leaf);
    expect({ type, keyEpoch }).toEqual({ type: 'SealedV1Event', keyEpoch: 1 });
  });

  it('shows no length of a secret', async () => {
    const feed = await SealedFeed.open();
    const secrets = ['x', 'y'.repeat(200)];
    await feed.publisher.publish(secrets.map((value, i) => event(`secret ${i}`, { value })));
    const seen = [1, 2].map(async (index) => {
      const { leaf, record } = await feed.owner.log.entry(index);
      return { size: decodeEntry(leaf).sizeBytes, bytes: record!.length };
    });
    const [short, long] = await Promise.all(seen);
    expect(short).toEqual(long);
  });

  it('streams a large file, of which carriers can walk and check every block', async () => {
    const bob = await newParty();
    const feed = await SealedFeed.open([bob], FILES);
    const content = randomBytes(5 * LIMITS.chunkBytes + 123);
    const fileKey = randomBytes(32);
    const { blocks } = feed.owner;
    const stored = await putSealedContent(blocks, pieces(content), SCOPE, fileKey);
    expect(stored.sha256).toEqual(createHash('sha256').update(content).digest());
    const mediaType = 'application/zip';
    await feed.publisher.publish([{ item: 'tool', body: { ...stored, mediaType } }]);
    const again = await putSealedContent(blocks, pieces(content), SCOPE, randomBytes(32));
    expect(
      await feed.publisher.publish([{ item: 'tool', body: { ...again, mediaType } }]),
    ).toMatchObject([{ status: 'unchanged' }]);

    const { record } = decodeEntry((await feed.owner.log.entry(1)).leaf);
    const { record: bytes } = await feed.owner.log.entry(1);
    const carrier = await newParty();
    const missing = await carrier.blocks.missing(bytes!, 100);
    expect(missing.length).toBe(6);
    expect(record!.codec).toBe(0x71);

    await bob.open(FILES);
    await feed.deliver(bob, { withBlocks: false });
    expect(await bob.rows()).toEqual([]);
    await feed.deliver(bob);
    expect((await bob.view.item('tool'))?.sizeBytes).toBe(content.length);
    const { body } = await readEntry(bob, 1);
    if (body?.kind !== 'attachment') throw new Error('it is a file');
    expect(await collect(bob.blocks.content(body.attachment))).toEqual(content);
  });

  it('keeps a small file inside its record, and nothing of it elsewhere', async () => {
    const bob = await newParty();
    const feed = await SealedFeed.open([bob], FILES);
    const content = Buffer.from('CANARY small file');
    const stored = await putSealedContent(
      feed.owner.blocks,
      pieces(content),
      SCOPE,
      randomBytes(32),
    );
    await feed.publisher.publish([{ item: 'note', body: { ...stored, mediaType: 'text/plain' } }]);
    expect((await dump(feed.owner.blockStore)).includes('CANARY')).toBe(false);
    await bob.open(FILES);
    await feed.deliver(bob);
    expect(await bob.view.deadLetters(10)).toEqual([]);
    expect((await bob.view.item('note'))?.sizeBytes).toBe(content.length);
    const { body } = await readEntry(bob, 1);
    if (body?.kind !== 'attachment') throw new Error('it is a file');
    expect(await collect(bob.blocks.content(body.attachment))).toEqual(content);
  });

  it('waits for a key that may come, and goes on by itself when it is there', async () => {
    const bob = await newParty();
    const feed = await SealedFeed.open();
    await feed.publisher.publish([event('a', 1)]);
    await feed.deliver(bob);
    expect(bob.view.waitsForKey).toBe(true);
    expect(await bob.rows()).toEqual([]);
    expect(await bob.view.deadLetters(10)).toEqual([]);
    feed.granted = [{ party: bob }];
    await feed.publisher.rekey();
    await feed.deliver(bob);
    expect(await bob.rows()).toEqual(['a v1 e1']);
    expect(bob.view.waitsForKey).toBe(false);
  });

  it('gives a new reader the newest key and no earlier one, and the newest versions with it', async () => {
    const [bob, lisa] = [await newParty(), await newParty()];
    const feed = await SealedFeed.open([bob]);
    await feed.publisher.publish([event('a', 1), event('gone', 1)]);
    await feed.publisher.publish([event('a', 2), { item: 'gone', body: null }]);
    feed.granted = [];
    await feed.publisher.rekey();
    feed.granted = [{ party: lisa }];
    await feed.publisher.rekey();
    await feed.deliver(lisa);
    expect(lisa.ring.key(1)).toBeUndefined();
    expect(await lisa.rows()).toEqual(['a v2 e2']);
    expect(lisa.view.isLevel).toBe(true);
    expect(lisa.view.deadLetterCount).toBe(0);
    const closed = (await lisa.view.deadLetters(10)).map((d) => d.code);
    expect(closed).toEqual(Array(4).fill('KEY_UNKNOWN'));
  });

  it('gives history when that is asked for, also to one who has the newest key already', async () => {
    const lisa = await newParty();
    const feed = await SealedFeed.open();
    await feed.publisher.publish([event('a', 1)]);
    const bob = await newParty();
    feed.granted = [{ party: bob }];
    await feed.publisher.rekey();
    feed.granted = [{ party: lisa }];
    await feed.publisher.rekey();
    await feed.deliver(lisa);
    expect(lisa.ring.key(1)).toBeUndefined();
    feed.granted = [{ party: lisa, withHistory: true }];
    await feed.publisher.rekey();
    await feed.deliver(lisa);
    expect(lisa.ring.key(1)).toEqual(feed.owner.ring.key(1));
    expect(await lisa.rows()).toEqual(['a v1 e2']);
    expect(await lisa.view.deadLetters(10)).toEqual([]);
    const first = (await newestEntries(lisa, 2, 1))[0]!;
    expect(first.body?.envelope.payload).toBe(1);
  });

  it('begins a new epoch when a reader may read no more, and seals the newest versions again', async () => {
    const [bob, lisa] = [await newParty(), await newParty()];
    const feed = await SealedFeed.open([bob, lisa]);
    await feed.publisher.publish([event('a', 1), event('b', 1)]);
    await feed.publisher.publish([event('a', 2)]);
    await feed.deliver(bob);
    await feed.deliver(lisa);
    feed.granted = [{ party: lisa }];
    await feed.publisher.rekey();
    await feed.publisher.publish([event('c', 'after')]);
    await feed.deliver(bob);
    await feed.deliver(lisa);
    expect(await lisa.rows()).toEqual(['a v2 e2', 'b v1 e2', 'c v1 e2']);
    expect(lisa.applied.map(({ item }) => item)).toEqual(['a', 'b', 'a', 'c']);
    // What bob could read he still has; nothing after.
    expect(await bob.rows()).toEqual(['a v2 e1', 'b v1 e1']);
    expect(bob.ring.key(2)).toBeUndefined();
    expect(bob.view.waitsForKey).toBe(true);
    for await (const { entry, body } of readEntries(bob, 4, bob.log.size))
      if (entry.kind !== KIND.shareKeyEpoch) expect(body).toBeUndefined();
  });

  it('publishes nothing under the old key once a reader may read no more, also before it was rekeyed', async () => {
    const bob = await newParty();
    const feed = await SealedFeed.open([bob]);
    await feed.publisher.publish([event('a', 1)]);
    feed.granted = [];
    await feed.publisher.publish([event('a', 2)]);
    await feed.publisher.idle();
    expect(await feed.owner.rows()).toEqual(['a v2 e2']);
    expect(feed.owner.ring.epoch(2)?.recipients.size).toBe(1);
  });

  it('does nothing when it is done again, and goes on where a stop has left it', async () => {
    const bob = await newParty();
    const feed = await SealedFeed.open([bob]);
    const many = Array.from({ length: 450 }, (_, i) => event(`item ${i}`, i));
    await feed.publisher.publish(many);
    feed.granted = [];
    let count = 0;
    // The process ends behind the first batch of the new epoch.
    const { size } = feed.owner.log;
    const whole = feed.publisher.rekey();
    while (feed.owner.log.size === size && count++ < 10_000) await new Promise(setImmediate);
    await whole;
    const { size: done } = feed.owner.log;
    expect(done).toBe(size + 1 + 450);
    await feed.publisher.rekey();
    expect(feed.owner.log.size).toBe(done);
    await feed.start();
    await feed.publisher.rekey();
    expect(feed.owner.log.size).toBe(done);
    expect(new Set((await feed.owner.rows()).map((row) => row.slice(-2)))).toEqual(new Set(['e2']));
  });

  it('has its keys again after a restart, and out of the log when what was at rest is gone', async () => {
    const bob = await newParty();
    const feed = await SealedFeed.open([bob]);
    await feed.publisher.publish([event('a', 1)]);
    await feed.deliver(bob);
    const key = bob.ring.key(1)!;
    await bob.open();
    expect(bob.ring.key(1)).toEqual(key);
    for await (const { key: row } of bob.logs.range({
      gte: Buffer.from('w'),
      lt: Buffer.from('x'),
    }))
      await bob.logs.write([{ type: 'del', key: row }]);
    await bob.open();
    expect(bob.ring.key(1)).toEqual(key);
    bob.views = new MemoryStore();
    await bob.open();
    await bob.view.catchUp();
    expect(await bob.rows()).toEqual(['a v1 e1']);
    await feed.start();
    expect(await feed.publisher.publish([event('a', 1)])).toMatchObject([{ status: 'unchanged' }]);
  });

  it('begins a new epoch after 90 days', async () => {
    const feed = await SealedFeed.open();
    await feed.publisher.publish([event('a', 1)]);
    await feed.publisher.rekey();
    expect(feed.owner.ring.newest).toBe(1);
    await feed.time.advance(LIMITS.shareKeyAgeMs);
    await feed.publisher.publish([event('b', 1)]);
    await feed.publisher.idle();
    expect(await feed.owner.rows()).toEqual(['a v1 e2', 'b v1 e2']);
  });

  it('begins a new epoch after 10,000 records, and counts what it seals again apart', async () => {
    const feed = await SealedFeed.open();
    const drafts = (round: number) =>
      Array.from({ length: 1000 }, (_, i) => event(`item ${i}`, `${round} ${i}`));
    for (let round = 0; round < 10; round++) await feed.publisher.publish(drafts(round));
    expect(feed.owner.ring.newest).toBe(1);
    await feed.publisher.publish([event('one more', 1)]);
    await feed.publisher.idle();
    expect(feed.owner.ring.newest).toBe(2);
    await feed.publisher.publish(drafts(11));
    await feed.publisher.idle();
    expect(feed.owner.ring.newest).toBe(2);
  }, 30_000);

  it('makes dead letters of what is not sealed, of what was sealed elsewhere, and of keys that are not the promised ones', async () => {
    const bob = await newParty();
    const feed = await SealedFeed.open([bob]);
    await feed.publisher.publish([event('a', 1)]);
    const { leaf, record } = await feed.owner.log.entry(1);
    const entry = decodeEntry(leaf);
    expect(() => bob.opener.open({ ...entry, keyEpoch: null }, record!)).toThrow(
      code('EVENT_INVALID'),
    );
    await feed.deliver(bob);
    expect(() => bob.opener.open({ ...entry, event: 'Other' }, record!)).toThrow(
      code('EVENT_INVALID'),
    );
    const page = await feed.owner.log.entry(0);
    const kept = decodeEntry(page.leaf);
    await expect(bob.ring.take(9, { ...kept, keyEpoch: 2 }, page.record!)).rejects.toThrow(
      code('SEAL_BROKEN'),
    );
  });
});
