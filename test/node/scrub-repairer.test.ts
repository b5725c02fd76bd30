import { beforeEach, describe, expect, it } from 'vitest';
import { Blocks } from '../../node/feed/blocks.ts';
import type { OpenFeed } from '../../node/feed/feeds.ts';
import { FeedLog } from '../../node/feed/log.ts';
import { silentLog } from '../../node/log.ts';
import type { SyncClient } from '../../node/net/sync-client.ts';
import { DamageBoard } from '../../node/scrub/damage-board.ts';
import { Repairer, type RepairerOptions } from '../../node/scrub/repairer.ts';
import { blockKey, headKey, segmentKey } from '../../node/store/keys.ts';
import { MemoryStore } from '../../node/store/memory.ts';
import type { decodeNote } from '../../protocols/checkpoint.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { encodeAttachment, structCid } from '../../protocols/record.ts';
import { type Packed, packSegments } from '../../protocols/segment.ts';
import { FEED_BYTES, noteOf, samplePack, samplePacked } from '../protocols/sample-log.ts';
import { FaultyStore } from './store/faulty-store.ts';
import { VirtualTime } from './virtual-time.ts';

const CHUNK = Buffer.alloc(LIMITS.inlineContentBytes + 1, 7);
const HASH = sha256(CHUNK);
/** Of an entry whose file has this block. */
const record = encodeAttachment({
  envelope: Buffer.from('{}'),
  sizeBytes: CHUNK.length,
  sha256: HASH,
  content: { depth: 0, hashes: [HASH] },
});
const naming = (beside: boolean): Packed => {
  const { leaf } = samplePacked(2, { record: structCid(record), sizeBytes: record.length });
  return { leaf, record: beside ? record : null };
};

describe('a damaged block that no applied entry names', () => {
  let time: VirtualTime;
  let store: FaultyStore;
  let blocks: Blocks;
  let board: DamageBoard;
  /** What peers give. */
  let given: Buffer | undefined;

  beforeEach(async () => {
    time = new VirtualTime();
    store = new FaultyStore(new MemoryStore());
    blocks = new Blocks(store);
    board = new DamageBoard(time);
    given = undefined;
    await blocks.put([{ hash: HASH, bytes: CHUNK }]);
    store.rot(blockKey(HASH));
  });

  interface View {
    readonly isLevel?: boolean;
    readonly waitsForKey?: boolean;
    readonly applied?: number;
  }

  const feedOf = (entries: readonly Packed[], view: View, damage?: MeshError): OpenFeed =>
    ({
      ...{ id: FEED_BYTES, path: 'library/base' },
      view: { isLevel: false, waitsForKey: true, applied: 1, owns: async () => false, ...view },
      log: {
        ...{ damage, size: entries.length },
        segments: async function* (from: number, to: number) {
          yield* packSegments(from, entries.slice(from, to));
        },
      },
    }) as unknown as OpenFeed;

  /** What becomes of it with these feeds: what the board says of it, and whether it is still in the store. */
  async function repaired(opened: OpenFeed | OpenFeed[], again = 0, between = async () => {}) {
    const client = { blocks: async () => [given] } as unknown as SyncClient;
    const options = {
      ...{ board, blocks, timers: time, log: silentLog, feeds: { opened: [opened].flat() } },
      isCopied: () => false,
      peers: () => ['peer'],
      ask: (_: string, work: (one: SyncClient) => Promise<unknown>) => work(client),
      nameOf: () => 'payments',
    } as unknown as RepairerOptions;
    const repairer = new Repairer(options);
    blocks.onDamaged = (hash) => repairer.block(hash);
    expect(await blocks.get({ codec: 0x55, hash: HASH })).toBeUndefined();
    await time.advance(10);
    if (again > 0) await between();
    for (let i = 0; i < again; i++) await time.advance(2_000);
    await repairer.stop();
    const [damage] = board.all;
    const { tries } = damage!;
    const isHere = await store.has(blockKey(HASH));
    return {
      source: damage!.source,
      error: damage!.lastError?.split(':')[0] ?? null,
      isHere,
      tries,
    };
  }

  const some = [samplePacked(0), samplePacked(1)];
  const GONE = { source: 'nothing names it: it was taken away', error: null, isHere: false };

  it('is taken away, also where a feed waits for a key that never comes', async () => {
    expect(await repaired([feedOf(some, { isLevel: true }), feedOf(some, {})])).toMatchObject(GONE);
  });

  it('is taken away where only a record that never came could name it', async () => {
    expect(await repaired(feedOf([...some, naming(false)], {}))).toMatchObject(GONE);
  });

  it('is fetched where an entry that waits for a key names it', async () => {
    given = CHUNK;
    const feed = feedOf([...some, naming(true)], {});
    const mended = { source: 'payments', error: null, isHere: true };
    expect(await repaired(feed)).toMatchObject(mended);
    expect(await blocks.get({ codec: 0x55, hash: HASH })).toEqual(CHUNK);
  });

  it('stays where an entry that waits for a key names it, and nobody else has it', async () => {
    expect(await repaired(feedOf([...some, naming(true)], {}))).toMatchObject({
      ...{ source: null, error: 'PEER_UNREACHABLE', isHere: true },
    });
  });

  const counted = (of: OpenFeed): { readonly feed: OpenFeed; readonly read: () => number } => {
    let reads = 0;
    const segments = (from: number, to: number) => {
      reads++;
      return of.log.segments(from, to);
    };
    const log = { ...of.log, size: of.log.size, segments };
    return { feed: { ...of, log } as unknown as OpenFeed, read: () => reads };
  };

  it('is looked for once in entries that wait for a key, however often it is tried again', async () => {
    const { feed, read } = counted(feedOf(some, {}));
    const named = counted(feedOf([...some, naming(true)], {}));
    expect(await repaired([feed, named.feed], 5)).toMatchObject({ tries: 6, isHere: true });
    expect([read(), named.read()]).toEqual([1, 1]);
  });

  it('is looked for again once a record came that names it, before it is taken away', async () => {
    const { hash } = structCid(record);
    const { feed, read } = counted(feedOf([...some, naming(false)], {}));
    let isWaiting = false;
    const other = feedOf(some, {});
    Object.defineProperty(other.view, 'waitsForKey', { get: () => isWaiting });
    const came = async () => {
      await blocks.put([{ hash, bytes: record }]);
      isWaiting = true;
    };
    expect(await repaired([feed, other], 1, came)).toMatchObject({ tries: 2, isHere: true });
    expect(read()).toBe(2);
  });

  it.each<[string, () => Promise<OpenFeed>]>([
    ['entries are about to be applied', async () => feedOf(some, { waitsForKey: false })],
    [
      'the log of a feed is damaged',
      async () => feedOf(some, {}, new MeshError('STORE_DAMAGED', 'rotten')),
    ],
    [
      'the record that may name it is damaged',
      async () => {
        const { hash } = structCid(record);
        await blocks.put([{ hash, bytes: record }]);
        store.rot(blockKey(hash));
        return feedOf([...some, naming(false)], {});
      },
    ],
  ])('stays as long as %s', async (_, feed) => {
    expect(await repaired(await feed())).toMatchObject({ source: null, isHere: true });
  });
});

describe('a damaged log of an own feed', () => {
  const entries = samplePack(5);

  /** Opened damaged, with a view that is empty; each peer shows the head of `told` and has `held` of it. */
  async function repaired(peers: Readonly<Record<string, { told: number; held: number }>>) {
    const time = new VirtualTime();
    const store = new FaultyStore(new MemoryStore());
    const whole = await FeedLog.open(store, FEED_BYTES);
    await whole.commit(await whole.grow(entries), noteOf(entries), true);
    for (const key of [headKey(whole.prefix), segmentKey(whole.prefix, 0)]) store.rot(key);
    const log = await FeedLog.open(store, FEED_BYTES);
    const clientOf = (peer: string) => {
      const { told, held } = peers[peer]!;
      return {
        heads: async () => [{ note: noteOf(entries.slice(0, told)), held }],
        source: () => ({
          entries: (from: number, to: number) =>
            packSegments(from, entries.slice(from, Math.min(to, held))),
        }),
      } as unknown as SyncClient;
    };
    const signed: number[] = [];
    const board = new DamageBoard(time);
    const repairer = new Repairer({
      ...{ board, logs: store, timers: time, log: silentLog },
      directory: { verifyFeedNote: ({ checkpoint }: ReturnType<typeof decodeNote>) => checkpoint },
      feeds: {
        mended: () => {},
        signAgain: (_: unknown, { size }: { readonly size: number }) => {
          signed.push(size);
          return noteOf(entries.slice(0, size));
        },
      },
      peers: () => Object.keys(peers),
      ask: (peer: string, work: (one: SyncClient) => Promise<unknown>) => work(clientOf(peer)),
      nameOf: (peer: string) => peer,
    } as unknown as RepairerOptions);
    const view = { applied: 0, catchUp: async () => {} };
    const path = 'library/base';
    repairer.log(
      { ...{ id: FEED_BYTES, path, log, view }, publisher: {} } as unknown as OpenFeed,
      'rotten',
    );
    await time.advance(10);
    await repairer.stop();
    const [damage] = board.all;
    const error = damage!.lastError?.split(':')[0] ?? null;
    return { source: damage!.source, error, size: log.size, signed };
  }

  it('is not cut to what one member has when another one was told of more', async () => {
    const short = { told: 3, held: 3 };
    expect(await repaired({ payments: { told: 5, held: 3 }, shipping: short })).toEqual({
      ...{ source: null, error: 'STORE_DAMAGED', size: 0, signed: [] },
    });
    const both = { payments: { told: 5, held: 5 }, shipping: short };
    expect(await repaired(both)).toMatchObject({ source: 'payments', error: null, size: 5 });
    expect(await repaired({ shipping: short })).toMatchObject({ source: 'shipping', size: 3 });
  });
});
