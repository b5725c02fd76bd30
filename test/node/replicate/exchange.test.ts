import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Copies } from '../../../node/carry/copies.ts';
import { systemClock, systemRandom } from '../../../node/clock.ts';
import { Directory } from '../../../node/directory/directory.ts';
import { Trust } from '../../../node/directory/trust.ts';
import { DirectoryWriter } from '../../../node/directory/writer.ts';
import { Blocks } from '../../../node/feed/blocks.ts';
import { Feeds, type OpenFeed } from '../../../node/feed/feeds.ts';
import { takeIn } from '../../../node/feed/intake.ts';
import { ForkBook } from '../../../node/fork/fork-book.ts';
import { ownProver } from '../../../node/fork/prove.ts';
import { type Home, openHome } from '../../../node/home/home.ts';
import { silentLog } from '../../../node/log.ts';
import type { Members } from '../../../node/members.ts';
import type { SyncClient } from '../../../node/net/sync-client.ts';
import { createCarrier } from '../../../node/replicate/carrier.ts';
import { exchangeFeeds } from '../../../node/replicate/exchange.ts';
import { HeldNotes } from '../../../node/replicate/held-notes.ts';
import type { Subscription } from '../../../node/replicate/subscriptions.ts';
import { OwnKeys, signerOf } from '../../../node/rotate/own-keys.ts';
import { openLevelStore } from '../../../node/store/level.ts';
import type { Store } from '../../../node/store/store.ts';
import { decodeNote, signCheckpoint } from '../../../protocols/checkpoint.ts';
import { decodeEntry } from '../../../protocols/entry.ts';
import { type Code, MeshError } from '../../../protocols/errors.ts';
import {
  type FeedId,
  parseContextName,
  parseFeedId,
  parseFeedName,
  parseSpaceId,
  type SpaceId,
} from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { init, newFolder } from '../enrol/mesh.ts';

/** What one node holds and serves, without a network. */
interface Party {
  readonly feeds: Feeds;
  readonly forks: ForkBook;
  readonly blocks: Blocks;
  readonly heldNotes: HeldNotes;
  /** This node as others ask it. */
  readonly client: SyncClient;
  /** How often blocks were asked for. */
  readonly asked: { blocks: number };
}

/** A node that carries nothing for others. */
const NO_COPIES = {
  take: () => Promise.resolve(),
  fetchBlocks: () => Promise.resolve(),
  isFull: () => false,
  shortened: () => Promise.resolve(),
};
const NO_CARRY = {
  isCopied: () => false,
  block: () => Promise.resolve(undefined),
  copies: { whole: ({ log }: OpenFeed) => log.size } as unknown as Copies,
};

describe('exchange of feeds', () => {
  const stores: Store[] = [];
  let home: Home;
  let directory: Directory;
  let trust: Trust;
  let publisher: Party;

  const open = async (): Promise<Store> => {
    const store = await openLevelStore(await newFolder());
    stores.push(store);
    return store;
  };

  async function party(self: SpaceId): Promise<Party> {
    const [logs, views, blockStore] = [await open(), await open(), await open()];
    const blocks = new Blocks(blockStore);
    const forks = await ForkBook.open(logs, systemClock);
    const system = { clock: systemClock, random: systemRandom };
    const feeds = new Feeds({
      ...{ logs, views, blocks, directory, mesh: home.config.mesh, self, ...system },
      forks,
      keys: new OwnKeys(await home.nodeKey()),
      onCommitted: () => {},
      onApplied: () => {},
    });
    const heldNotes = new HeldNotes(logs);
    const asked = { blocks: 0 };
    // Whoever asks is a member: who may have what is not the matter here.
    const members = {
      requireMember: () => directory.state.spaces.get(home.config.space)!,
    } as unknown as Members;
    const carrier = createCarrier({
      carry: NO_CARRY,
      ...{ directory, members, feeds, blocks, heldNotes, clock: systemClock, trust: undefined },
      ...{ self, subscriptions: { get: () => undefined } },
      onRefused: () => {},
    });
    const client = {
      heads: async (ids: Buffer[]) =>
        (await Promise.all(ids.map((id) => carrier.carriedHeads('peer', id)))).flat(),
      source: (id: Buffer) => ({
        hashes: async (level: number, from: number, to: number) =>
          (await carrier.carriedLog('peer', id)).hashes(level, from, to),
        async *entries(from: number, to: number) {
          yield* (await carrier.carriedLog('peer', id)).segments(from, to);
        },
      }),
      consistency: async (id: Buffer, first: number, second: number) =>
        ownProver(await carrier.carriedLog('peer', id)).consistency(first, second),
      hashes: async (id: Buffer, level: number, from: number, to: number) =>
        (await carrier.carriedLog('peer', id)).hashes(level, from, to),
      blocks: (id: Buffer, cids: Parameters<Blocks['get']>[0][]) => {
        asked.blocks++;
        return Promise.all(
          cids.map(async (cid) => (await carrier.carriedBlock('peer', id, cid)) ?? null),
        );
      },
    } as unknown as SyncClient;
    return { feeds, forks, blocks, heldNotes, client, asked };
  }

  beforeAll(async () => {
    const dir = await newFolder();
    await init({ dir });
    home = await openHome(dir);
    const logs = await openLevelStore(home.paths.log);
    const views = await openLevelStore(home.paths.views);
    stores.push(logs, views);
    const { mesh, name } = home.config;
    const system = { clock: systemClock, random: systemRandom };
    directory = await Directory.open({
      ...{ store: logs, root: home.root.root, mesh, log: silentLog },
      ...system,
    });
    const writer = await DirectoryWriter.open({
      ...{ directory, views, blocks: new Blocks(await open()), space: name, ...system },
      directoryKey: await home.directoryKey(),
      timestampKey: await home.timestampKey(),
    });
    trust = new Trust({ mesh, directory, writer, ...system });
    publisher = await party(home.config.space);
  });
  afterAll(async () => {
    for (const store of stores) await store.close();
  });

  let count = 0;
  const subscriber = (): Promise<Party> =>
    party(parseSpaceId(`00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`));

  async function newFeed(name: string): Promise<OpenFeed> {
    const made = await trust.carryOut(home.config.space, {
      ...({ wish: 'feed', sync: 'chosen', to: 'all' } as const),
      name: parseFeedName(name),
      context: parseContextName('variables'),
    });
    return publisher.feeds.open(parseFeedId((JSON.parse(made) as { id: string }).id));
  }

  const publish = async (feed: OpenFeed, items: number, sizeBytes = 10): Promise<void> => {
    const from = feed.log.size;
    const body = { payload: { text: 'x'.repeat(sizeBytes) } };
    const drafts = Array.from({ length: items }, (_, i) => ({ item: `${from + i}`, body }));
    await feed.publisher!.publish(drafts);
  };

  /** One node asks another for a feed. Resolves to its own copy and to what it refused. */
  async function exchange(
    { feeds, forks, blocks, heldNotes }: Party,
    { client }: Party,
    id: FeedId,
    isWanted = true,
  ): Promise<{ feed: OpenFeed; refused: Code[] }> {
    const refused: Code[] = [];
    await exchangeFeeds(client, [id], () => (isWanted ? 'items' : 'head'), {
      ...{ directory, feeds, forks, blocks, heldNotes, copies: NO_COPIES },
      onCarried: () => {},
      onProgress: () => {},
      onRefused: (_, error) => refused.push(error.code),
    });
    return { feed: await feeds.open(id), refused };
  }

  it('brings a subscriber, and through it the next one, to the newest head', async () => {
    const feed = await newFeed('plain');
    await publish(feed, 3);
    const [first, second] = [await subscriber(), await subscriber()];
    expect((await exchange(first, publisher, feed.row.id)).feed.view.applied).toBe(3);
    const { feed: copy, refused } = await exchange(second, first, feed.row.id);
    expect({ held: copy.log.size, refused }).toEqual({ held: 3, refused: [] });
    expect(copy.log.root()).toEqual(feed.log.root());
  });

  it('serves a block for the feed that names it and for no other', async () => {
    const [open, secret] = [await newFeed('open'), await newFeed('secret')];
    for (const feed of [open, secret]) await publish(feed, 1, 30_000);
    const carrier = await subscriber();
    for (const { row } of [open, secret]) await exchange(carrier, publisher, row.id);
    const cid = decodeEntry((await secret.log.entry(0)).leaf).record!;
    for (const { client } of [publisher, carrier]) {
      expect(await client.blocks(open.id, [cid])).toEqual([null]);
      expect(await client.blocks(secret.id, [cid])).toEqual([expect.any(Buffer)]);
    }
  });

  it('serves a block whose entry came and is not applied yet', async () => {
    const feed = await newFeed('late');
    await publish(feed, 1, 30_000);
    const cid = decodeEntry((await feed.log.entry(0)).leaf).record!;
    const carrier = await subscriber();
    const copy = await carrier.feeds.open(feed.row.id);
    const block = { hash: cid.hash, bytes: (await publisher.blocks.get(cid))! };
    await carrier.blocks.put([block], true, copy.log.prefix);
    expect(await carrier.client.blocks(feed.id, [cid])).toEqual([null]);
    await copy.log.exclusively(async () =>
      copy.log.commit(await copy.log.grow([await feed.log.entry(0)]), undefined, false),
    );
    expect(await carrier.client.blocks(feed.id, [cid])).toEqual([expect.any(Buffer)]);
    expect(copy.view.applied).toBe(1);
  });

  it('serves what it holds while it knows of more, and tells of the newest head', async () => {
    const feed = await newFeed('partly');
    await publish(feed, 2);
    const [carrier, late] = [await subscriber(), await subscriber()];
    await exchange(carrier, publisher, feed.row.id);
    for (let i = 0; i < 3; i++) {
      await publish(feed, 2);
      await exchange(carrier, publisher, feed.row.id, false);
    }
    const { feed: copy, refused } = await exchange(late, carrier, feed.row.id);
    expect(refused).toEqual([]);
    expect({ held: copy.log.size, applied: copy.view.applied, head: copy.head?.size }).toEqual({
      held: 2,
      applied: 2,
      head: 8,
    });
    // It is itself a carrier of the same two entries now.
    const last = await exchange(await subscriber(), late, feed.row.id);
    expect(last.feed.log.size).toBe(2);
  });

  it('serves a feed whose head it knew from gossip before it could fetch the entries', async () => {
    const feed = await newFeed('heard');
    await publish(feed, 4);
    const carrier = await subscriber();
    const copy = await carrier.feeds.open(feed.row.id);
    expect(await carrier.feeds.adoptHead(copy, decodeNote(feed.log.note!))).toBe(true);
    await exchange(carrier, publisher, feed.row.id);
    const { feed: next } = await exchange(await subscriber(), carrier, feed.row.id);
    expect(next.log.size).toBe(4);
  });

  it("keeps one line, which may be the next key's, of what a carrier adds to a signed head", async () => {
    const feed = await newFeed('swollen');
    await publish(feed, 1);
    const junk = `— ${feed.origin} ${Buffer.alloc(68, 7).toString('base64')}\n`;
    const fat = Buffer.concat([feed.log.note!, Buffer.from(junk.repeat(9))]);
    const heads = async (ids: Buffer[]) => [{ log: ids[0]!, note: fat, held: 1 }];
    const swelling = Object.assign(Object.create(publisher.client), { heads }) as SyncClient;
    const { feed: copy } = await exchange(
      await subscriber(),
      { ...publisher, client: swelling },
      feed.row.id,
    );
    expect(copy.log.size).toBe(1);
    expect(copy.log.note).toEqual(Buffer.concat([feed.log.note!, Buffer.from(junk)]));
  });

  it('takes nothing more of a feed with two histories, not even an older head', async () => {
    const feed = await newFeed('forked');
    await publish(feed, 2);
    const older = feed.log.note!;
    await publish(feed, 2);
    const root = Buffer.alloc(32, 9);
    const key = await home.nodeKey();
    const forged = signCheckpoint(
      { origin: feed.origin, size: 4, root },
      signerOf(feed.origin, key).key,
      key,
    );
    const { feeds } = await subscriber();
    const copy = await feeds.open(feed.row.id);
    await feeds.acceptHead(copy, feed.log.note!);
    await expect(feeds.acceptHead(copy, forged)).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(feeds.acceptHead(copy, older)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it.each([1, 2, 3])(
    'leaves %i entries of the other history behind where the feed goes on without them',
    async (count) => {
      const feed = await newFeed(`left/${count}`);
      await publish(feed, 4, 20);
      const twin = await party(home.config.space);
      const other = await twin.feeds.open(feed.row.id);
      await publish(other, count, 30);
      const reader = await subscriber();
      const before = await exchange(reader, twin, feed.row.id);
      expect(before.feed.view.applied).toBe(count);
      await trust.startEpoch(feed.row.id, { size: 4, root: feed.log.root() });
      for (const { feeds } of [publisher, reader]) await feeds.followEpochs();
      const taken = await reader.feeds.open(feed.row.id);
      expect(taken.log.size).toBe(count);

      // Who cannot prove it changes nothing.
      const mute = Object.assign(Object.create(publisher.client), {
        consistency: () => Promise.resolve([Buffer.alloc(32)]),
      }) as SyncClient;
      const { refused } = await exchange(reader, { ...publisher, client: mute }, feed.row.id);
      expect(refused).toEqual(['ROOT_MISMATCH']);
      expect([taken.log.size, taken.log.root()]).toEqual([count, other.log.root()]);

      const after = await exchange(reader, publisher, feed.row.id);
      expect(after.refused).toEqual([]);
      expect(after.feed.log.root()).toEqual(feed.log.root());
      expect(after.feed.view.applied).toBe(4);
      await publish(await publisher.feeds.open(feed.row.id), 1);
      expect((await exchange(reader, publisher, feed.row.id)).feed.view.applied).toBe(5);
    },
  );

  it('asks for no hashes of a head whose size nobody could take in', async () => {
    const feed = await newFeed('endless');
    const size = LIMITS.catchUpEntries + 1;
    const checkpoint = { origin: feed.origin, size, root: Buffer.alloc(32) };
    const { feeds } = await subscriber();
    const { log, id: feedId } = await feeds.open(feed.row.id);
    let asked = 0;
    const hashes = async () => Buffer.alloc(32 * ++asked);
    const taken = takeIn({ log, feedId, checkpoint, source: { hashes, entries: () => [] } });
    await expect(taken).rejects.toMatchObject({ code: 'TOO_LARGE' });
    expect(asked).toBe(0);
  });

  it('asks for the large records of many entries at once', async () => {
    const feed = await newFeed('large');
    const items = 3 * LIMITS.blocksPerRequest;
    await publish(feed, items, LIMITS.inlineRecordBytes + 1000);
    const before = publisher.asked.blocks;
    const { feed: copy } = await exchange(await subscriber(), publisher, feed.row.id);
    expect(copy.view.applied).toBe(items);
    expect(publisher.asked.blocks - before).toBe(3);
  });

  it('of one feed goes on when another one is damaged, here or at the carrier', async () => {
    const [bad, good] = [await newFeed('bad'), await newFeed('good')];
    await publish(bad, 1);
    await publish(good, 2);
    const damaged = (of: Feeds): Feeds =>
      ({
        open: (id: FeedId) =>
          id === bad.row.id
            ? Promise.reject(new MeshError('STORE_DAMAGED', 'the head is missing'))
            : of.open(id),
        acceptHead: of.acceptHead.bind(of),
        peek: of.peek.bind(of),
      }) as unknown as Feeds;
    const here = await subscriber();
    const refused: Code[] = [];
    const ids = [bad.row.id, good.row.id];
    const options = {
      copies: NO_COPIES,
      ...{ directory, forks: here.forks, blocks: here.blocks, heldNotes: here.heldNotes },
      feeds: damaged(here.feeds),
      onCarried: () => {},
      onProgress: () => {},
      onRefused: (_: unknown, error: MeshError) => refused.push(error.code),
    };
    await exchangeFeeds(publisher.client, ids, () => 'items', options);
    expect((await here.feeds.open(good.row.id)).log.size).toBe(2);
    expect(refused).toEqual(['STORE_DAMAGED']);
    const members = {
      requireMember: () => directory.state.spaces.get(home.config.space)!,
    } as unknown as Members;
    const carrier = createCarrier({
      carry: NO_CARRY,
      ...{ directory, members, blocks: publisher.blocks, heldNotes: publisher.heldNotes },
      ...{ feeds: damaged(publisher.feeds), clock: systemClock, trust: undefined },
      ...{ self: home.config.space, subscriptions: { get: () => undefined } },
      onRefused: () => {},
    });
    expect(await carrier.carriedHeads('peer', bad.id)).toEqual([]);
    expect(await carrier.carriedHeads('peer', good.id)).toHaveLength(1);
  });

  it('opens no feed because a peer asks for it, only those that the node takes or makes', async () => {
    const feed = await newFeed('elsewhere');
    const { feeds, blocks, heldNotes } = await subscriber();
    const taken = new Set<FeedId>();
    const members = {
      requireMember: () => directory.state.spaces.get(home.config.space)!,
    } as unknown as Members;
    const refused: Code[] = [];
    const carrier = createCarrier({
      carry: NO_CARRY,
      ...{ directory, members, feeds, blocks, heldNotes, clock: systemClock, trust: undefined },
      self: parseSpaceId('00000000-0000-4000-8000-00000000ffff'),
      subscriptions: {
        get: (id) => (taken.has(id) ? ({ feed: id } as Subscription) : undefined),
      },
      onRefused: (code) => refused.push(code),
    });
    expect(await carrier.carriedHeads('peer', feed.id)).toEqual([]);
    await expect(carrier.carriedLog('peer', feed.id)).rejects.toMatchObject({
      code: 'FEED_UNKNOWN',
    });
    expect([...feeds.opened]).toEqual([]);
    taken.add(feed.row.id);
    expect((await carrier.carriedLog('peer', feed.id)).size).toBe(0);
    taken.clear();
    // Open already, for whatever reason: it costs nothing more.
    expect((await carrier.carriedLog('peer', feed.id)).size).toBe(0);
    expect(refused).toEqual([]);
  });

  it('refuses a carrier that lacks a block, and is whole after the next one', async () => {
    const feed = await newFeed('holes');
    await publish(feed, 2, LIMITS.inlineRecordBytes + 2000);
    const [late, hollow] = [await subscriber(), await subscriber()];
    await hollow.feeds.open(feed.row.id);
    const empty = { ...publisher, client: { ...publisher.client, blocks: hollow.client.blocks } };
    const first = await exchange(late, empty as Party, feed.row.id);
    expect(first.refused).toEqual(['RECORD_MISSING']);
    expect({ held: first.feed.log.size, applied: first.feed.view.applied }).toEqual({
      held: 2,
      applied: 0,
    });
    const second = await exchange(late, publisher, feed.row.id);
    expect({ refused: second.refused, applied: second.feed.view.applied }).toEqual({
      refused: [],
      applied: 2,
    });
  });
});
