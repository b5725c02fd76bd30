import { beforeEach, describe, expect, it } from 'vitest';
import { FeedLog } from '../../../node/feed/log.ts';
import { continueLog, takeOver } from '../../../node/fork/continue-log.ts';
import type { ForkBook } from '../../../node/fork/fork-book.ts';
import { headKey, logPrefix, segmentKey } from '../../../node/store/keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import type { FeedRow } from '../../../protocols/directory.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import {
  FEED,
  FEED_BYTES,
  MESH,
  noteOf,
  SPACE,
  samplePack,
  treeOf,
} from '../../protocols/sample-log.ts';
import { FaultyStore } from '../store/faulty-store.ts';

const ENTRIES = samplePack(5);
const CONTINUES = 3;

describe('the log of a new epoch', () => {
  let store: FaultyStore;

  const grown = async (epoch: number, from: number, to: number): Promise<FeedLog> => {
    const log = await FeedLog.open(store, FEED_BYTES, epoch);
    const packed = ENTRIES.slice(from, to);
    await log.exclusively(async () =>
      log.commit(await log.grow(packed), noteOf(ENTRIES.slice(0, to)), true),
    );
    return log;
  };
  const opened = (epoch = 2): Promise<FeedLog> => FeedLog.open(store, FEED_BYTES, epoch);
  const headOf = (epoch: number): Buffer => headKey(logPrefix(FEED_BYTES, epoch));
  const goOn = (log: FeedLog, isOwn = true, begin = ENTRIES.slice(0, CONTINUES)) => {
    const continues = { size: begin.length, root: treeOf(begin).root() };
    const row = { id: FEED, space: SPACE, epoch: 2, continues } as FeedRow;
    const forks = { of: () => undefined } as unknown as ForkBook;
    return continueLog({ logs: store, forks, mesh: MESH, row, log, isOwn });
  };

  beforeEach(async () => {
    store = new FaultyStore(new MemoryStore());
    await grown(1, 0, 4);
  });

  it('begins with the entries of the former one up to where that is continued', async () => {
    const log = await opened();
    await goOn(log);
    expect([log.size, (await opened()).size]).toEqual([CONTINUES, CONTINUES]);
  });

  it('takes nothing over behind what it has, where its head could not be read for a moment', async () => {
    const { size } = await grown(2, 0, 5);
    store.rot(headOf(2));
    const log = await opened();
    expect([log.size, log.damage?.code]).toEqual([0, 'STORE_DAMAGED']);
    store.heal();
    await goOn(log);
    await takeOver(log, await opened(1), CONTINUES);
    expect([log.size, log.damage, (await opened()).size]).toEqual([size, undefined, size]);
  });

  it('is left as it is while its head cannot be read, and goes on when it is mended', async () => {
    await grown(2, 0, 2);
    store.rot(headOf(2));
    const log = await opened();
    await goOn(log);
    expect([log.size, log.damage?.code]).toEqual([0, 'STORE_DAMAGED']);
    store.heal();
    await log.mend(async () => {});
    await goOn(log);
    expect(log.root()).toEqual(treeOf(ENTRIES.slice(0, CONTINUES)).root());
  });

  it.each([true, false])(
    'begins with what can be read of the former one, and lacks the rest (own: %s)',
    async (isOwn) => {
      const size = LIMITS.tileHashes * 2 + 1;
      const entries = samplePack(size);
      const former = await opened(1);
      await former.exclusively(async () =>
        former.commit(await former.grow(entries.slice(former.size)), noteOf(entries), true),
      );
      store.rot(segmentKey(logPrefix(FEED_BYTES, 1), LIMITS.tileHashes));
      const log = await opened();
      await goOn(log, isOwn, entries);
      expect([log.size, log.damage]).toEqual([LIMITS.tileHashes, undefined]);
      store.heal();
      await goOn(log, isOwn, entries);
      expect(log.root()).toEqual(treeOf(entries).root());
    },
  );
});
