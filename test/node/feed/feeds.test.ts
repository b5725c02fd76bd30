import { beforeEach, describe, expect, it } from 'vitest';
import type { Directory } from '../../../node/directory/directory.ts';
import { Blocks } from '../../../node/feed/blocks.ts';
import { Feeds, type OpenFeed } from '../../../node/feed/feeds.ts';
import { FeedLog } from '../../../node/feed/log.ts';
import { takeOver } from '../../../node/fork/continue-log.ts';
import { ForkBook } from '../../../node/fork/fork-book.ts';
import { OwnKeys } from '../../../node/rotate/own-keys.ts';
import { headKey, logPrefix, segmentKey } from '../../../node/store/keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { decodeNote } from '../../../protocols/checkpoint.ts';
import type { FeedRow } from '../../../protocols/directory.ts';
import type { MeshError } from '../../../protocols/errors.ts';
import { parseSpaceId } from '../../../protocols/ids.ts';
import { FEED, FEED_BYTES, KEY, MESH, SPACE } from '../../protocols/sample-log.ts';
import { FaultyStore } from '../store/faulty-store.ts';
import { seededRandom, VirtualTime } from '../virtual-time.ts';
import { event, IDENTITY } from './sample-feed.ts';

const CONTINUES = 3;
const HEAD = headKey(logPrefix(FEED_BYTES, 2));

describe('a feed in a new epoch', () => {
  let logs: FaultyStore;
  let views: MemoryStore;
  let row: FeedRow;
  let root: Buffer;
  let told: { readonly feed: OpenFeed; readonly damage: MeshError }[];

  const newRow = (epoch: number, continues: FeedRow['continues']): void => {
    const { feed: name, context } = IDENTITY;
    row = {
      ...{ id: FEED, space: SPACE, name, context: context.name, epoch, continues },
      isSealed: false,
    } as unknown as FeedRow;
  };

  /** The node starts. */
  const started = async (self = SPACE): Promise<Feeds> => {
    const time = new VirtualTime();
    const state = {
      feeds: new Map([[FEED, row]]),
      spaces: new Map([[SPACE, { name: IDENTITY.space, revoked: null }]]),
      contexts: new Map([[IDENTITY.context.name, IDENTITY.context]]),
      feedPath: () => 'library/variables/base',
    };
    told = [];
    return new Feeds({
      ...{ logs, views, blocks: new Blocks(new MemoryStore()), mesh: MESH, self, clock: time },
      directory: { state } as unknown as Directory,
      forks: await ForkBook.open(logs, time),
      keys: new OwnKeys(KEY.privateKey),
      random: seededRandom(row.epoch),
      onCommitted: () => {},
      onApplied: () => {},
      onDamaged: (feed, damage) => told.push({ feed, damage }),
    });
  };
  const publish = (feed: OpenFeed, ...items: string[]) =>
    feed.publisher!.publish(items.map((item) => event(item, item)));
  const stored = (): Promise<FeedLog> => FeedLog.open(logs, FEED_BYTES, 2);
  const shown = ({ log, head, headNote }: OpenFeed) => ({
    log: log.size,
    damage: log.damage?.code,
    head: head?.size,
    note: headNote && decodeNote(headNote).checkpoint.size,
  });
  const UNREAD = { log: 0, damage: 'STORE_DAMAGED', head: undefined, note: undefined };
  const whole = (size: number) => ({ log: size, damage: undefined, head: size, note: size });

  /** What the repairer does where the rows read well again. */
  const mend = async (feeds: Feeds, feed: OpenFeed): Promise<void> => {
    logs.heal();
    await feed.log.mend(async () => {});
    await feeds.mended(feed);
  };

  beforeEach(async () => {
    logs = new FaultyStore(new MemoryStore());
    views = new MemoryStore();
    newRow(1, null);
    const feed = await (await started()).open(FEED);
    await publish(feed, 'a', 'b', 'c');
    root = feed.log.root();
    newRow(2, { size: CONTINUES, root });
  });

  it('begins with what it continues from, and its head says so', async () => {
    expect(shown(await (await started()).open(FEED))).toEqual(whole(CONTINUES));
    expect((await stored()).root()).toEqual(root);
  });

  it('is open and told of when its head cannot be read, and as before once it is mended', async () => {
    const before = await (await started()).open(FEED);
    await publish(before, 'd', 'e');
    logs.rot(HEAD);
    const feeds = await started();
    const feed = await feeds.open(FEED);
    expect(told).toEqual([{ feed, damage: feed.log.damage }]);
    expect(shown(feed)).toEqual(UNREAD);
    await mend(feeds, feed);
    expect(shown(feed)).toEqual(whole(5));
    expect(feed.headNote).toEqual(before.headNote);
    await publish(feed, 'f');
    expect(shown(feed)).toEqual(whole(6));
  });

  it.each([0, 2, 3])(
    'of which %i entries were taken over goes on when it is mended',
    async (size) => {
      const log = await stored();
      await takeOver(log, await FeedLog.open(logs, FEED_BYTES, 1), size);
      if (size === 0)
        await log.exclusively(async () => log.commit(await log.grow([]), undefined, true));
      logs.rot(HEAD);
      const feeds = await started();
      const feed = await feeds.open(FEED);
      expect(shown(feed)).toEqual(UNREAD);
      await mend(feeds, feed);
      expect(shown(feed)).toEqual(whole(CONTINUES));
      expect((await stored()).note).toEqual(feed.headNote);
    },
  );

  it('is open as a copy, and signs nothing, whatever is mended of it', async () => {
    await takeOver(await stored(), await FeedLog.open(logs, FEED_BYTES, 1), 2);
    logs.rot(HEAD);
    const feeds = await started(parseSpaceId('0199b7c2-1f00-4000-8000-000000000002'));
    const feed = await feeds.open(FEED);
    expect([told.length, shown(feed)]).toEqual([1, UNREAD]);
    await mend(feeds, feed);
    expect(shown(feed)).toEqual({ ...whole(CONTINUES), head: undefined, note: undefined });
  });

  it('is open without what cannot be read of the former one', async () => {
    logs.rot(segmentKey(logPrefix(FEED_BYTES, 1), 0));
    const feed = await (await started()).open(FEED);
    expect([feed.log.size, feed.head?.size]).toEqual([0, CONTINUES]);
  });
});
