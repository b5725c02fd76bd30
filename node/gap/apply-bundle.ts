// Lets a bundle in that was verified: root metadata, directory, and each feed with its records before the entries that name
// them. Every step is one that the node could also have taken by itself, and taking it twice is the same as taking it once:
// after a crash in the middle the whole bundle is let in again from its start.

import type { FileHandle } from 'node:fs/promises';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Verified } from '../../protocols/run-verifier.ts';
import { packSegments } from '../../protocols/segment.ts';
import { crashpoint } from '../crashpoint.ts';
import type { Directory } from '../directory/directory.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';
import { type EntrySource, type Opened, takeIn } from '../feed/intake.ts';
import type { Subscriptions } from '../replicate/subscriptions.ts';
import type { Roots } from '../rotate/roots.ts';
import type { Store } from '../store/store.ts';
import { BlockSink, Groups, PackSink, type Sink } from './block-groups.ts';
import type { BundleLog } from './bundle-log.ts';
import { COMPARE_CLOCKS } from './import-checks.ts';
import { type BundleBlock, readBundle } from './read-bundle.ts';
import type { FeedDiff, VerifiedBundle } from './verify-bundle.ts';

export interface ApplyOptions {
  /** The very file that was verified: nobody else can write to it. */
  readonly file: FileHandle;
  readonly bundle: VerifiedBundle;
  readonly roots: Pick<Roots, 'adopt'>;
  readonly directory: Directory;
  readonly feeds: Feeds;
  readonly blocks: Blocks;
  /** That the file is kept as, where its records stay in it. */
  readonly pack: string | undefined;
  /** The database of logs. */
  readonly logs: Pick<Store, 'flush'>;
  readonly subscriptions: Pick<Subscriptions, 'get' | 'put'>;
  readonly onProgress?: (bytes: number) => void;
}

export async function applyBundle(o: ApplyOptions): Promise<void> {
  const { bundle, roots } = o;
  if (bundle.newRoots.length > 0) await roots.adopt(bundle.newRoots);
  const cursor = new Cursor(o);
  try {
    await applyLogs(o, cursor);
  } finally {
    o.blocks.near = undefined;
  }
  // Until here the disk was not waited for: after a power cut everything would be let in again.
  await Promise.all([o.blocks.flush(), o.logs.flush()]);
}

async function applyLogs(o: ApplyOptions, cursor: Cursor): Promise<void> {
  const { bundle, directory, feeds } = o;
  const [first, ...rest] = bundle.logs;
  await directory.accept(first!.indexed.note, cursor.source(0, first!));
  // A head that waits for its time takes nothing; without it the bundle would count as let in, and its revocations be lost.
  if (directory.log.size < first!.checkpoint.size)
    throw new MeshError(
      'BUNDLE_EXPIRED',
      'the directory in the bundle was not taken: it is dated in the future',
      { next: COMPARE_CLOCKS },
    );
  crashpoint('import.after-log');
  for (const [at, log] of rest.entries()) {
    const feed = await feeds.open(bundle.feeds[at]!.row.id);
    await applyFeed(o, cursor, feed, { at: at + 1, log });
    await subscribe(o, bundle.feeds[at]!);
    crashpoint('import.after-log');
  }
  await cursor.end();
}

async function applyFeed(
  o: ApplyOptions,
  cursor: Cursor,
  feed: OpenFeed,
  { at, log }: { at: number; log: BundleLog },
): Promise<void> {
  const note = await o.feeds.acceptHead(feed, log.indexed.note);
  await feed.intake.take(async () => {
    const { id: feedId } = feed;
    const { checkpoint } = log;
    const source = cursor.source(at, log, feed.log.prefix);
    // Faults of applying show when all is applied below.
    const onVerified = async (run: readonly Verified[], stored: Promise<void>) => {
      await feed.view.take(run, stored).catch(() => {});
    };
    if (checkpoint.size > feed.log.size)
      await takeIn({ log: feed.log, feedId, checkpoint, note, source, onVerified });
    // Records of entries that were here already may come as well.
    else for await (const _ of source.entries(checkpoint.size, checkpoint.size));
  });
  const missing = await feed.view.catchUp();
  // What entries before the bundle have lacked all along is not its fault.
  const isOfBundle = feed.view.applied >= log.range.from;
  if (isOfBundle && missing.some(({ hash }) => !isAbsent(o.bundle, hash)))
    throw new MeshError('RECORD_MISSING', `records of ${feed.path} did not come with the bundle`);
}

/** Its exporter said that it does not have it. */
const isAbsent = ({ missing }: VerifiedBundle, hash: Uint8Array): boolean =>
  missing.includes(Buffer.from(hash).toString('hex'));

/** What is let in is also shown; from where else it comes is for people to say. */
async function subscribe({ subscriptions }: ApplyOptions, { row }: FeedDiff): Promise<void> {
  if (!subscriptions.get(row.id))
    await subscriptions.put({ feed: row.id, mode: 'auto', via: 'manual', everyMs: null });
}

/** Walks through the blocks once, from log to log. */
class Cursor {
  readonly #reader: AsyncGenerator<BundleBlock, unknown>;
  readonly #sinkOf: (log: Buffer | undefined) => Sink;
  #next: BundleBlock | undefined;
  #isDone = false;

  constructor({ file, bundle, blocks, pack, onProgress }: ApplyOptions) {
    const { manifest } = bundle;
    const progress = onProgress ? { onProgress } : {};
    this.#reader = readBundle(file, { manifest, isSummed: true, ...progress });
    this.#sinkOf = (log) =>
      pack === undefined ? new BlockSink(blocks, log) : new PackSink(blocks, pack, log);
  }

  async #peek(): Promise<BundleBlock | undefined> {
    if (this.#next || this.#isDone) return this.#next;
    const step = await this.#reader.next();
    if (step.done) this.#isDone = true;
    else this.#next = step.value;
    return this.#next;
  }

  /** Reads what is left: only then is it certain that all blocks of the bundle have come. */
  async end(): Promise<void> {
    while (await this.#peek()) this.#next = undefined;
  }

  source(at: number, log: BundleLog, prefix?: Buffer): EntrySource {
    return {
      hashes: async (level, from, to) => Buffer.concat(hashesOf(log, level, from, to)),
      entries: (from) => this.#entries(at, log, from, prefix),
    };
  }

  /** Segments of a log from an index on, each once its records are in the database. */
  async *#entries(
    at: number,
    log: BundleLog,
    from: number,
    prefix: Buffer | undefined,
  ): AsyncGenerator<Buffer | Opened> {
    const groups = new Groups(this.#sinkOf(prefix));
    for (let block = await this.#peek(); block && block.log <= at; block = await this.#peek()) {
      this.#next = undefined;
      if (block.log < at || block.role === 'page') continue;
      for (const segment of await groups.add(block)) yield* behind(segment, from, log);
    }
    for (const segment of await groups.end()) yield* behind(segment, from, log);
  }
}

/**
 * The part of a segment that is not before the index. The check saw the same bytes, as their hash in the bundle says, and hashed
 * their leaves.
 */
function behind(
  { bytes, open }: Opened,
  index: number,
  log: BundleLog,
): readonly (Buffer | Opened)[] {
  const { from, entries } = open;
  if (from >= index)
    return [{ bytes, open: { ...open, leaves: log.leaves(from, entries.length) } }];
  return packSegments(index, entries.slice(index - from));
}

function hashesOf(log: BundleLog, level: number, from: number, to: number): readonly Buffer[] {
  const { firstTile, tiles, tail } = log.hashes;
  if (level === 1) return tiles.slice(from - firstTile, to - firstTile);
  const start = log.range.to - tail.length;
  // Intake asks for leaves of the last tile only, and only where the run begins before that.
  if (level !== 0 || from < start)
    throw new MeshError('NO_SUCH_ENTRY', 'a bundle has no such hash');
  return tail.slice(from - start, Math.min(to - start, LIMITS.tileHashes));
}
