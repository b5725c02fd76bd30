// A feed of its own on real databases: log, blocks, view and publisher, with a clock and randomness that can be foretold.

import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { Random } from '../../../node/clock.ts';
import type { Applied } from '../../../node/feed/apply.ts';
import type { Draft } from '../../../node/feed/batch.ts';
import { Blocks } from '../../../node/feed/blocks.ts';
import { FeedLog } from '../../../node/feed/log.ts';
import { type Commit, Publisher } from '../../../node/feed/publisher.ts';
import { FeedView } from '../../../node/feed/view.ts';
import { openLevelStore } from '../../../node/store/level.ts';
import type { Store } from '../../../node/store/store.ts';
import { BUILT_IN_CONTEXTS } from '../../../protocols/contexts.ts';
import { parseFeedName, parseSpaceName } from '../../../protocols/ids.ts';
import { FEED_BYTES, KEY, LOG_KEY, ORIGIN } from '../../protocols/sample-log.ts';
import { VirtualTime } from '../virtual-time.ts';

export const IDENTITY = {
  space: parseSpaceName('library'),
  feed: parseFeedName('variables/base'),
  context: BUILT_IN_CONTEXTS.find((c) => c.name === 'variables')!,
};

/** Different bytes at each call, the same in each run. */
export function countingRandom(): Random {
  let call = 0;
  return {
    bytes(count) {
      const out = Buffer.alloc(count);
      call++;
      for (let i = 0; i < count; i++) out[i] = (call * 31 + i) & 255;
      // No two ids of a call are the same.
      for (let at = 0; at + 16 <= count; at += 16) out.writeUInt16BE(at >> 4, at);
      return out;
    },
  };
}

/** A store that does what the other one does, but fails or pauses when it is told to. */
export class Trouble implements Store {
  readonly #store: Store;
  failBefore = 0;
  failAfter = 0;
  /** Writes begin when it resolves. */
  held: Promise<void> | undefined;
  writes = 0;
  synced = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  get = (key: Buffer) => this.#store.get(key);
  getSync = (key: Buffer) => this.#store.getSync(key);
  getMany = (keys: readonly Buffer[]) => this.#store.getMany(keys);
  has = (key: Buffer) => this.#store.has(key);
  range: Store['range'] = (options) => this.#store.range(options);
  onReopened = (listener: () => void) => this.#store.onReopened(listener);
  flush = () => this.#store.flush();
  close = () => this.#store.close();

  async write(...[batch, options]: Parameters<Store['write']>): Promise<void> {
    this.writes++;
    if (options?.sync) this.synced++;
    await this.held;
    if (this.failBefore > 0 && this.failBefore--) throw new Error('the disk fails');
    await this.#store.write(batch, options);
    if (this.failAfter > 0 && this.failAfter--) throw new Error('the disk fails late');
  }
}

export class SampleFeed {
  readonly folder: string;
  readonly logs: Trouble;
  readonly views: Trouble;
  readonly blockStore: Trouble;
  readonly log: FeedLog;
  readonly blocks: Blocks;
  readonly view: FeedView;
  readonly publisher: Publisher;
  readonly commits: Commit[] = [];
  readonly time = new VirtualTime();
  readonly applied: Applied[];
  readonly #identity: typeof IDENTITY;
  #isClosed = false;

  private constructor(
    folder: string,
    [logs, views, blockStore]: readonly [Trouble, Trouble, Trouble],
    log: FeedLog,
    view: FeedView,
    applied: Applied[],
    identity: typeof IDENTITY,
  ) {
    this.#identity = identity;
    this.folder = folder;
    this.logs = logs;
    this.views = views;
    this.blockStore = blockStore;
    this.log = log;
    this.view = view;
    this.applied = applied;
    this.blocks = new Blocks(blockStore);
    this.publisher = new Publisher({
      ...identity,
      ...{ log, view, blocks: this.blocks, origin: ORIGIN, feedId: FEED_BYTES },
      signers: () => [{ key: LOG_KEY, privateKey: KEY.privateKey }],
      clock: this.time,
      random: countingRandom(),
      onCommitted: (commit) => this.commits.push(commit),
    });
    onTestFinished(() => this.close());
  }

  static async open(folder: string, identity: Partial<typeof IDENTITY> = {}): Promise<SampleFeed> {
    const store = async (name: string) => new Trouble(await openLevelStore(join(folder, name)));
    const stores = [await store('log'), await store('views'), await store('blocks')] as const;
    const log = await FeedLog.open(stores[0], FEED_BYTES);
    const applied: Applied[] = [];
    const whole = { ...IDENTITY, ...identity };
    const view = await FeedView.open(stores[1], log, new Blocks(stores[2]), whole, (a) =>
      applied.push(a),
    );
    return new SampleFeed(folder, stores, log, view, applied, whole);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const store of [this.logs, this.views, this.blockStore]) await store.close();
  }

  async reopened(): Promise<SampleFeed> {
    await this.close();
    return SampleFeed.open(this.folder, this.#identity);
  }

  /** Names, versions and states of all items, read from the view. */
  async rows(): Promise<string[]> {
    const out: string[] = [];
    for await (const item of this.view.list({ withWithdrawn: true })) {
      out.push(
        `${item.name} v${item.version} @${item.index}${item.isWithdrawn ? ' withdrawn' : ''}`,
      );
    }
    return out;
  }
}

export const event = (item: string, payload: unknown): Draft => ({
  item,
  body: { payload: payload as string },
});

export async function* pieces(bytes: Buffer, size = 10_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Keeps one database of a closed feed as it is now, to put it back later. */
export async function keep(folder: string, name: string): Promise<() => Promise<void>> {
  const copy = join(folder, `${name}-before`);
  await cp(join(folder, name), copy, { recursive: true });
  return async () => {
    await rm(join(folder, name), { recursive: true });
    await cp(copy, join(folder, name), { recursive: true });
  };
}
