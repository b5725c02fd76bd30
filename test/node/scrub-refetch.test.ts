import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import type { OpenFeed } from '../../node/feed/feeds.ts';
import { FeedLog } from '../../node/feed/log.ts';
import { silentLog } from '../../node/log.ts';
import type { MeshNode } from '../../node/node.ts';
import { Refetch, refetchMark } from '../../node/scrub/refetch.ts';
import { MemoryStore } from '../../node/store/memory.ts';
import { Turn } from '../../node/turn.ts';
import { type Checkpoint, type Note, verifyNote } from '../../protocols/checkpoint.ts';
import { packSegments } from '../../protocols/segment.ts';
import {
  FEED,
  FEED_BYTES,
  LOG_KEY,
  noteOf,
  ORIGIN,
  SPACE,
  samplePack,
} from '../protocols/sample-log.ts';
import { tempFolder } from './temp-folder.ts';
import { VirtualTime } from './virtual-time.ts';

const entries = samplePack(30);

describe('own feeds after their database was set aside', () => {
  let time: VirtualTime;
  let folder: string;
  let log: FeedLog;
  let refetch: Refetch;
  let start: () => Refetch;
  let directory: { age: string; isBehind: boolean };
  /** Peers by name: the size of the head that they give, and how many entries they have. */
  let peers: Map<string, { size: number; held: number }>;
  let levelled: number;

  const clientOf = ({ size, held }: { size: number; held: number }) => ({
    heads: () =>
      Promise.resolve([{ log: FEED_BYTES, note: noteOf(entries.slice(0, size)), held, whole: 0 }]),
    source: () => ({
      hashes: () => Promise.reject(new Error('no hashes are needed')),
      entries: (from: number, to: number) => packSegments(from, entries.slice(from, to)),
    }),
  });

  beforeEach(async () => {
    time = new VirtualTime();
    folder = join(await tempFolder(), 'log');
    await writeFile(refetchMark(folder), '');
    log = await FeedLog.open(new MemoryStore(), FEED_BYTES);
    directory = { age: 'fresh', isBehind: false };
    peers = new Map();
    levelled = 0;
    const row = { id: FEED, space: SPACE };
    const catchUp = () => Promise.resolve(levelled++);
    const feed = {
      row,
      log,
      id: FEED_BYTES,
      origin: ORIGIN,
      intake: new Turn(),
      view: { catchUp },
    };
    const node = {
      home: { paths: { log: folder }, config: { space: SPACE } },
      log: silentLog,
      directory: Object.assign(directory, {
        state: { feeds: new Map([[FEED, row]]) },
        verifyFeedNote: (note: Note): Checkpoint => verifyNote(note, ORIGIN, LOG_KEY),
      }),
      feeds: { open: () => Promise.resolve(feed), mended: () => {} },
      neighbours: { odcmPeer: 'odcm' },
      replicator: {
        ask: (peerId: string, work: (client: unknown) => Promise<void>) =>
          work(clientOf(peers.get(peerId)!)),
      },
    } as unknown as MeshNode;
    start = () =>
      new Refetch({
        ...{ node, timers: time },
        peers: (of: OpenFeed | undefined) => (of ? [...peers.keys()] : []),
      });
    refetch = start();
  });

  const settled = async (): Promise<void> => {
    refetch.start();
    // Files are really looked at and removed; one round is over when the next one waits, or none is left to do.
    await vi.waitFor(() => expect(time.waiting === 1 || !refetch.isOpen).toBe(true), {
      timeout: 10_000,
    });
    await refetch.stop();
  };
  const expectWaiting = async (): Promise<void> => {
    await settled();
    expect(() => refetch.requireDone()).toThrow(expect.objectContaining({ code: 'STORE_MISSING' }));
    expect([refetch.isOpen, existsSync(refetchMark(folder))]).toEqual([true, true]);
  };
  const expectDone = async (size: number): Promise<void> => {
    await settled();
    refetch.requireDone();
    expect([refetch.isOpen, existsSync(refetchMark(folder))]).toEqual([false, false]);
    expect([log.size, levelled]).toEqual([size, 1]);
  };

  it('come back from ODCM alone, and then publishing goes on', async () => {
    peers.set('odcm', { size: 30, held: 30 });
    await expectDone(30);
  });

  it('come back from two other members, the longer of what they have', async () => {
    peers.set('library', { size: 20, held: 20 }).set('platform', { size: 30, held: 30 });
    await expectDone(30);
  });

  it('wait while one member alone, or nobody, was asked', async () => {
    await expectWaiting();
    peers.set('library', { size: 30, held: 30 });
    refetch = start();
    await expectWaiting();
    expect(log.size).toBe(30);
  });

  it('wait while somebody has heard of a later head than anybody has entries for', async () => {
    peers.set('odcm', { size: 20, held: 20 }).set('library', { size: 30, held: 20 });
    await expectWaiting();
    expect(log.size).toBe(20);
  });

  it.each([
    ['is old', { age: 'stale', isBehind: false }],
    ['has more entries elsewhere', { age: 'fresh', isBehind: true }],
  ])('wait while the directory %s', async (_, state) => {
    Object.assign(directory, state);
    peers.set('odcm', { size: 30, held: 30 });
    await expectWaiting();
    expect(log.size).toBe(0);
  });

  it('are asked for no more once they are back', async () => {
    peers.set('odcm', { size: 30, held: 30 });
    await expectDone(30);
    refetch.kick();
    expect(time.waiting).toBe(0);
  });
});
