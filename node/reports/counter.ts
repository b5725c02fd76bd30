// Counts one feed's applied entries from its log, in groups, as far as its view is. Dead letters are not counted. Where the
// counts and the log do not fit together, they are made anew.

import { KIND } from '../../protocols/entry.ts';
import { MeshError } from '../../protocols/errors.ts';
import { leafHash } from '../../protocols/merkle.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import { type ReadEntry, readEntries } from '../feed/read-entries.ts';
import { deadLetterKey, indexOfKey } from '../store/keys.ts';
import type { Store } from '../store/store.ts';
import type { Change } from './counted.ts';
import type { FeedCounts } from './feed-counts.ts';

/** Entries counted together: enough that the rows of sums are written seldom. */
const GROUP = 1000;

/** What of a feed is read. */
export type CountableFeed = Pick<OpenFeed, 'path' | 'log' | 'publisher'> & {
  readonly opener?: OpenFeed['opener'];
  readonly view: Pick<OpenFeed['view'], 'applied' | 'catchUp'>;
};

export class Counter {
  readonly counts: FeedCounts;
  readonly #feed: CountableFeed;
  readonly #views: Store;
  readonly #blocks: Blocks;
  #running: Promise<void> | undefined;
  #isChecked = false;

  constructor(feed: CountableFeed, counts: FeedCounts, views: Store, blocks: Blocks) {
    this.#feed = feed;
    this.counts = counts;
    this.#views = views;
    this.#blocks = blocks;
  }

  /** Entries that wait to be counted. */
  async behind(): Promise<number> {
    return Math.max(0, this.#end - (await this.counts.cursor()).next);
  }

  /** Counts until nothing is left or the signal fires; whoever asks while it runs waits for what came meanwhile too. */
  async catchUp(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const joined = this.#running;
      this.#running ??= this.#run(signal).finally(() => {
        this.#running = undefined;
      });
      await this.#running;
      if (!joined || (await this.behind()) === 0) return;
    }
  }

  /** A publisher's view may be written ahead of its log. */
  get #end(): number {
    return Math.min(this.#feed.view.applied, this.#feed.log.size);
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { view, publisher } = this.#feed;
    // After a crash the view of an own feed is made again by whoever needs it first.
    if (publisher) await view.catchUp();
    while (!signal.aborted) {
      const { next, tail } = await this.counts.cursor();
      if (!this.#isChecked && next > 0 && !(await this.#isOfThisLog(next, tail))) {
        await this.counts.clear();
        continue;
      }
      this.#isChecked = true;
      if (next >= this.#end) return;
      await this.#count(next, Math.min(this.#end, next + GROUP));
    }
  }

  async #isOfThisLog(next: number, tail: Buffer): Promise<boolean> {
    const { log } = this.#feed;
    return next <= log.size && leafHash((await log.entry(next - 1)).leaf).equals(tail);
  }

  async #count(from: number, to: number): Promise<void> {
    const { log, opener } = this.#feed;
    const dead = await this.#deadLetters(from, to);
    const changes: Change[] = [];
    let last: Buffer | undefined;
    for await (const read of readEntries({ log, blocks: this.#blocks, opener }, from, to)) {
      last = read.leaf;
      if (read.entry.kind === KIND.shareKeyEpoch) continue;
      if (!dead.has(read.index)) changes.push(this.#changeOf(read));
    }
    // A view that is made anew has lost its dead letters: they would be counted.
    if (this.#end >= to) await this.counts.fold(changes, to, leafHash(last!));
  }

  #changeOf({ index, entry, body, item }: ReadEntry): Change {
    if (!body || item === undefined) {
      const what = `the record of entry ${index} of ${this.#feed.path} is not here`;
      throw new MeshError('RECORD_MISSING', what);
    }
    const { kind, version, timeMs } = entry;
    const content = body.kind === 'event' ? { payload: body.envelope.payload } : ('file' as const);
    return { index, item, version, timeMs, body: kind === KIND.withdraw ? null : content };
  }

  async #deadLetters(from: number, to: number): Promise<Set<number>> {
    const { prefix } = this.#feed.log;
    const range = { gte: deadLetterKey(prefix, from), lt: deadLetterKey(prefix, to) };
    const dead = new Set<number>();
    for await (const { key } of this.#views.range(range)) dead.add(indexOfKey(key));
    return dead;
  }
}
