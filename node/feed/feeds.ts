// The feeds a node holds: for each its log, its view, and for its own ones the publisher. Opened when first needed.
// Judges heads of feeds: who may sign them, what is newer, what contradicts. Knows nothing of peers.

import {
  type Checkpoint,
  decodeNote,
  type Note,
  signCheckpointBy,
  signedOnly,
} from '../../protocols/checkpoint.ts';
import type { FeedRow, SpaceRow } from '../../protocols/directory.ts';
import { MeshError } from '../../protocols/errors.ts';
import {
  type FeedId,
  feedOrigin,
  type MeshId,
  type SpaceId,
  uuidBytes,
} from '../../protocols/ids.ts';
import type { Clock, Random } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import { continueLog } from '../fork/continue-log.ts';
import type { ForkBook } from '../fork/fork-book.ts';
import type { OwnKeys } from '../rotate/own-keys.ts';
import { isRot, type Store } from '../store/store.ts';
import { Turn } from '../turn.ts';
import type { Applied } from './apply.ts';
import type { Blocks } from './blocks.ts';
import { isSignedByMore, judgeHead } from './judge-head.ts';
import type { SealSecrets } from './key-ring.ts';
import { FeedLog } from './log.ts';
import { forgetLog } from './mend-log.ts';
import type { OpenFeed } from './open-feed.ts';
import { type Commit, Publisher } from './publisher.ts';
import { openSealing } from './sealing.ts';
import { FeedView } from './view.ts';

export type { OpenFeed } from './open-feed.ts';

export interface FeedsOptions {
  readonly logs: Store;
  readonly views: Store;
  readonly blocks: Blocks;
  readonly directory: Directory;
  readonly forks: ForkBook;
  readonly mesh: MeshId;
  readonly self: SpaceId;
  /** Sign the heads of this space's own feeds. */
  readonly keys: Pick<OwnKeys, 'signers'>;
  readonly clock: Clock;
  readonly random: Random;
  /** What sealed feeds need; a sealed feed cannot be opened without. `trusted` is the time that trust goes by. */
  readonly sealing?: { readonly secrets: SealSecrets; readonly trusted: Clock };
  /** A batch of an own feed is durable and may be announced. */
  readonly onCommitted: (feed: OpenFeed, commit: Commit) => void;
  readonly onApplied: (feed: OpenFeed, applied: Applied) => void;
  /** Something of the feed, its log or its view, was found damaged. */
  readonly onDamaged?: ((feed: OpenFeed, damage: MeshError) => void) | undefined;
  /** Throws while there is no room for anything new of this space's own. */
  readonly requireRoom?: (() => void) | undefined;
}

export class Feeds {
  readonly #o: FeedsOptions;
  readonly #open = new Map<FeedId, Promise<OpenFeed>>();
  readonly #ready = new Map<FeedId, OpenFeed>();
  /** Whether something may be published to a feed of this space now: waited for before each batch. */
  mayPublish: (feed: OpenFeed) => Promise<void> | void = () => {};

  constructor(options: FeedsOptions) {
    this.#o = options;
  }

  /** Feeds that are open now, without waiting for any. */
  get opened(): IterableIterator<OpenFeed> {
    return this.#ready.values();
  }

  peek(id: FeedId): OpenFeed | undefined {
    return this.#ready.get(id);
  }

  /** @throws FEED_UNKNOWN when the directory does not know the feed */
  open(id: FeedId): Promise<OpenFeed> {
    let feed = this.#open.get(id);
    if (!feed) {
      feed = this.#make(id);
      this.#open.set(id, feed);
      feed.then((f) => this.#ready.set(id, f)).catch(() => this.#open.delete(id));
    }
    return feed;
  }

  /** After a change of the directory: feeds of spaces that were shut out end where it says. */
  async cutOff(): Promise<void> {
    const { state } = this.#o.directory;
    // One that the directory knows no more is left, by {@link followEpochs}.
    for (const feed of this.#ready.values())
      if (state.feeds.has(feed.row.id)) await this.#endWhereItMust(feed);
  }

  async #endWhereItMust(feed: OpenFeed): Promise<void> {
    const end = this.#endOf(feed.row);
    if (end === feed.endsAt) return;
    feed.endsAt = end;
    await feed.view.endAt(end);
  }

  #endOf(row: FeedRow): number {
    return this.#publisherOf(row).revoked?.lastGood[row.id] ?? Number.POSITIVE_INFINITY;
  }

  #publisherOf(row: FeedRow): SpaceRow {
    const space = this.#o.directory.state.spaces.get(row.space);
    if (!space)
      throw new MeshError('SPACE_UNKNOWN', `the space of feed ${row.name} is not in the directory`);
    return space;
  }

  async #make(id: FeedId): Promise<OpenFeed> {
    const { logs, views, blocks, directory, forks, mesh, self, keys, clock, random } = this.#o;
    const row = directory.state.feeds.get(id);
    if (!row) throw new MeshError('FEED_UNKNOWN', `feed ${id} is not in the directory`);
    const space = this.#publisherOf(row);
    const context = directory.state.contexts.get(row.context);
    if (!context)
      throw new MeshError('CONTEXT_UNKNOWN', `context ${row.context} is not in the directory`);
    const bytes = uuidBytes(id);
    const origin = feedOrigin(mesh, row.space, id, row.epoch);
    const log = await FeedLog.open(logs, bytes, row.epoch);
    const isOwn = row.space === self;
    if (row.continues) await continueLog({ logs, forks, mesh, row, log, isOwn });
    let feed: OpenFeed | undefined;
    const identity = { space: space.name, feed: row.name, context };
    const sealing = await openSealing(row, log, { ...this.#o, ...this.#o.sealing });
    const opener = sealing?.opener;
    const tell = (applied: Applied) => {
      // Of an own feed each commit is told; a reader that applies the same entries meanwhile must not tell them twice.
      if (feed && !feed.publisher) this.#o.onApplied(feed, applied);
    };
    const view = await FeedView.open(views, log, blocks, identity, tell, opener);
    const publisher = isOwn
      ? new Publisher({
          ...identity,
          ...{ view, blocks, log, origin, clock, random, sealing },
          ...{ feedId: bytes, requireRoom: this.#o.requireRoom },
          signers: () => keys.signers(origin),
          mayPublish: () => this.mayPublish(feed!),
          onCommitted: (commit) => {
            feed!.head = commit.checkpoint;
            feed!.headNote = commit.note;
            this.#o.onCommitted(feed!, commit);
          },
        })
      : undefined;
    feed = {
      ...{ row, origin, log, view, blocks, publisher, sealing, opener, id: bytes },
      intake: new Turn(),
      path: directory.state.feedPath(row),
      head: log.note && decodeNote(log.note).checkpoint,
      headNote: log.note,
      get isFrozen() {
        return forks.of(origin) !== undefined;
      },
      endsAt: Number.POSITIVE_INFINITY,
    };
    this.#watch(feed);
    if (publisher && row.continues) await this.#beginEpoch(feed, row.continues);
    await this.#endWhereItMust(feed);
    return feed;
  }

  #watch(feed: OpenFeed): void {
    const { log, view } = feed;
    const tell = (damage: MeshError) => this.#o.onDamaged?.(feed, damage);
    log.onDamaged = tell;
    view.onDamaged = tell;
    const found = log.damage ?? view.damage;
    if (found) tell(found);
  }

  /** Signs a head of an own feed whose entries are in its log, as it was signed before. */
  signAgain(feed: OpenFeed, { size, root }: Pick<Checkpoint, 'size' | 'root'>): Buffer {
    return signCheckpointBy({ origin: feed.origin, size, root }, this.#o.keys.signers(feed.origin));
  }

  /** The log was mended: what is remembered of its head is read anew, and what its epoch begins with is made up for. */
  async mended(feed: OpenFeed): Promise<void> {
    const { logs, forks, mesh } = this.#o;
    const { row, log, publisher } = feed;
    readHead(feed);
    if (!row.continues) return;
    const isOwn = publisher !== undefined;
    await continueLog({ logs, forks, mesh, row, log, isOwn });
    if (isOwn) await this.#beginEpoch(feed, row.continues);
  }

  /**
   * Judges a head of a feed that came from anywhere: signature, authority, extension; and remembers it. Gives it back
   * without the lines that carriers may have added: kept, they would swell the answers of this node.
   * @throws BAD_SIGNATURE, UNKNOWN_KEY, WRONG_ORIGIN, REVOKED, CONFLICT (which freezes the feed)
   */
  async acceptHead(feed: OpenFeed, received: Buffer): Promise<Buffer> {
    const note = decodeNote(received);
    const { directory } = this.#o;
    directory.verifyFeedNote(note, feed.row, feed.origin);
    const keys = directory.feedKeys(feed.row, feed.origin);
    const bytes = signedOnly(note, keys);
    const isNewer = await this.adoptHead(feed, { ...note, bytes });
    if (isNewer || isSignedByMore(feed, note, bytes, keys)) await feed.log.setNote(bytes, false);
    return bytes;
  }

  /**
   * The same for a head whose signature was verified just now; true when it is newer than any known here. Who calls this
   * writes the note, alone or with the entries that lead to it.
   */
  async adoptHead(feed: OpenFeed, { checkpoint, bytes }: Note): Promise<boolean> {
    return judgeHead(feed, { checkpoint, bytes }, this.#publisherOf(feed.row), this.#o.forks);
  }

  /**
   * The first head of an epoch is the point that it continues from: its publisher says so before anything else. Not where it
   * cannot be read how far the log has come: that head may be an old one.
   */
  async #beginEpoch(
    feed: OpenFeed,
    continues: { readonly size: number; readonly root: Buffer },
  ): Promise<void> {
    if (feed.head || feed.log.damage) return;
    try {
      await feed.log.setNote(this.signAgain(feed, continues), true);
    } catch (error) {
      // Found damaged just now, and told of: this is done once it is mended.
      if (!isRot(error)) throw error;
    }
    readHead(feed);
  }

  /** What is here of another's feed is proven to be of another history than the one that goes on: it is fetched anew. */
  async startOver(feed: OpenFeed): Promise<void> {
    const { log, view, headNote } = feed;
    await forgetLog(this.#o.logs, log);
    if (headNote) await log.setNote(headNote, true);
    await view.reconcile();
  }

  /** The directory opened new epochs: logs of older ones are left, those of the new ones taken up. */
  async followEpochs(): Promise<OpenFeed[]> {
    const moved: OpenFeed[] = [];
    for (const feed of [...this.#ready.values()]) {
      const { id, epoch } = feed.row;
      const row = this.#o.directory.state.feeds.get(id);
      if (row?.epoch === epoch || this.#ready.get(id) !== feed) continue;
      this.#ready.delete(id);
      this.#open.delete(id);
      if (!row) {
        // It was left behind where the directory itself went on; its entries stay where they are.
        await this.#leave(feed);
        continue;
      }
      const next = this.#leave(feed).then(() => this.#make(id));
      this.#open.set(id, next);
      await next.then(
        (opened) => {
          this.#ready.set(id, opened);
          moved.push(opened);
        },
        (error: unknown) => {
          this.#open.delete(id);
          throw error;
        },
      );
    }
    return moved;
  }

  /** Waits for what is under way; from now on nothing is published to it. */
  async #leave(feed: OpenFeed): Promise<void> {
    feed.publisher?.end(
      new MeshError('BUSY', `${feed.path} goes on in a new epoch just now`, {
        next: 'Publish it again.',
      }),
    );
    await feed.publisher?.idle();
    await feed.intake.take(async () => {});
  }
}

/** What the log says of its head, unless a newer one was heard of. */
function readHead(feed: OpenFeed): void {
  const { note } = feed.log;
  const checkpoint = note && decodeNote(note).checkpoint;
  if (!checkpoint || checkpoint.size < (feed.head?.size ?? 0)) return;
  feed.head = checkpoint;
  feed.headNote = note;
}
