import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Blocks } from '../../../node/feed/blocks.ts';
import { FeedLog } from '../../../node/feed/log.ts';
import { damagedLog } from '../../../node/feed/stored-segments.ts';
import { silentLog } from '../../../node/log.ts';
import type { MeshNode } from '../../../node/node.ts';
import { StoreCare } from '../../../node/scrub/store-care.ts';
import type { DiskGuard } from '../../../node/store/disk-guard.ts';
import { segmentKey } from '../../../node/store/keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { MeshError } from '../../../protocols/errors.ts';
import { formatUuid, parseFeedId } from '../../../protocols/ids.ts';
import { DIRECTORY_LOG } from '../../../protocols/sync.ts';
import { FEED_BYTES, noteOf, samplePack } from '../../protocols/sample-log.ts';
import { FaultyStore } from '../store/faulty-store.ts';
import { VirtualTime } from '../virtual-time.ts';

const FEED = parseFeedId(formatUuid(FEED_BYTES));

const cannot = () => new MeshError('SPACE_UNKNOWN', 'the space of the feed is not known');

interface Scene {
  /** In which the directory knows the feed; without one it does not. */
  readonly epoch?: number;
  readonly isDirectoryDamaged?: boolean;
}

/** A row of the log of a feed is rotten, and the feed cannot be opened before `heal`. */
async function scrubbed({ epoch, isDirectoryDamaged = false }: Scene) {
  const time = new VirtualTime();
  const logs = new FaultyStore(new MemoryStore());
  const blockStore = new MemoryStore();
  const log = await FeedLog.open(logs, FEED_BYTES);
  await log.commit(await log.grow(samplePack(3)), noteOf(samplePack(3)), true);
  const key = segmentKey(log.prefix, 0);
  logs.rot(key);
  const directoryLog = await FeedLog.open(logs, DIRECTORY_LOG);
  if (isDirectoryDamaged) directoryLog.markDamaged(damagedLog(directoryLog.prefix, 'a row'));
  let opening: MeshError | undefined = cannot();
  const open = async () => {
    if (opening) throw opening;
    return { log };
  };
  const feeds = new Map(epoch === undefined ? [] : [[FEED, { id: FEED, epoch }]]);
  const node = {
    ...{ clock: time, log: silentLog, blocks: new Blocks(blockStore) },
    directory: { log: directoryLog, state: { feeds } },
    feeds: { opened: [], open },
    home: { paths: { log: join(tmpdir(), 'no-such-store', 'log') } },
    reports: { forgetCounts: async () => {} },
  } as unknown as MeshNode;
  const stores = { logs, blockStore, views: new MemoryStore() };
  const disk = { stop: () => {} } as unknown as DiskGuard;
  const care = new StoreCare({ node, stores, disk, timers: time });
  await care.scrub.start();
  care.scrub.begin();
  await time.advance(5_000);
  const heal = () => {
    opening = undefined;
    return time.advance(5_000);
  };
  const seen = async () => {
    const [damage] = care.board.all;
    return [await logs.has(key), damage?.source ?? null, damage?.lastError?.split(':')[0] ?? null];
  };
  return { care, log, heal, seen };
}

describe('a damaged row of the log of a feed that cannot be opened', () => {
  it('stays, and its log is mended once the feed can be opened', async () => {
    const { care, log, heal, seen } = await scrubbed({ epoch: 1 });
    expect(await seen()).toEqual([true, null, 'SPACE_UNKNOWN']);
    await heal();
    expect((await seen()).slice(0, 2)).toEqual([true, 'its log is mended as a whole']);
    expect(log.damage?.code).toBe('STORE_DAMAGED');
    await care.stop();
  });

  it('stays while the directory is damaged, which may name the feed', async () => {
    const { care, seen } = await scrubbed({ isDirectoryDamaged: true });
    expect(await seen()).toEqual([true, null, 'STORE_DAMAGED']);
    await care.stop();
  });

  it.each([
    ['knows no such feed', {}],
    ['has the feed in another epoch', { epoch: 2 }],
  ])('is taken away where the directory %s', async (_, scene) => {
    const { care, seen } = await scrubbed(scene);
    expect(await seen()).toEqual([false, 'it is made anew', null]);
    await care.stop();
  });
});
