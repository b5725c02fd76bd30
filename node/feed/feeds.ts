// The feeds a node holds: for each its log, its view, and for its own ones the publisher. Opened when first needed.
// Judges heads of feeds: who may sign them, what is newer, what contradicts. Knows nothing of peers.

import type { KeyObject } from 'node:crypto';
import {
  type Checkpoint,
  decodeNote,
  type LogKey,
  logKey,
  type Note,
  signedOnly,
  verifyNote,
} from '../../protocols/checkpoint.ts';
import { Writer } from '../../protocols/codec.ts';
import type { FeedRow, SpaceRow } from '../../protocols/directory.ts';
import { ed25519FromRaw } from '../../protocols/ed25519.ts';
import { MeshError } from '../../protocols/errors.ts';
import {
  type FeedId,
  feedOrigin,
  type MeshId,
  type Origin,
  type SpaceId,
  uuidBytes,
} from '../../protocols/ids.ts';
import type { Clock, Random } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import { conflictKey } from '../store/keys.ts';
import type { Store } from '../store/store.ts';
import { Turn } from '../turn.ts';
import type { Applied } from './apply.ts';
import type { Blocks } from './blocks.ts';
import { FeedLog } from './log.ts';
import { type Commit, Publisher } from './publisher.ts';
import { FeedView } from './view.ts';

/** A feed that is open in this node. */
export interface OpenFeed {
  readonly row: FeedRow;
  readonly path: string;
  readonly id: Buffer;
  readonly origin: Origin;
  readonly key: LogKey;
  readonly log: FeedLog;
  readonly view: FeedView;
  /** Present when the feed is this space's own. */
  readonly publisher: Publisher | undefined;
  /** Entries come in from one source at a time. */
  readonly intake: Turn;
  /** Newest head whose signature was verified here; its entries may still be missing. */
  head: Checkpoint | undefined;
  isFrozen: boolean;
}

export interface FeedsOptions {
  readonly logs: Store;
  readonly views: Store;
  readonly blocks: Blocks;
  readonly directory: Directory;
  readonly mesh: MeshId;
  readonly self: SpaceId;
  readonly nodeKey: KeyObject;
  readonly clock: Clock;
  readonly random: Random;
  /** A batch of an own feed is durable and may be announced. */
  readonly onCommitted: (feed: OpenFeed, commit: Commit) => void;
  readonly onApplied: (feed: OpenFeed, applied: Applied) => void;
}

export class Feeds {
  readonly #o: FeedsOptions;
  readonly #open = new Map<FeedId, Promise<OpenFeed>>();
  readonly #ready = new Map<FeedId, OpenFeed>();

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

  #publisherOf(row: FeedRow): SpaceRow {
    const space = this.#o.directory.state.spaces.get(row.space);
    if (!space)
      throw new MeshError('SPACE_UNKNOWN', `the space of feed ${row.name} is not in the directory`);
    return space;
  }

  async #make(id: FeedId): Promise<OpenFeed> {
    const { logs, views, blocks, directory, mesh, self, nodeKey, clock, random } = this.#o;
    const row = directory.state.feeds.get(id);
    if (!row) throw new MeshError('FEED_UNKNOWN', `feed ${id} is not in the directory`);
    const space = this.#publisherOf(row);
    const context = directory.state.contexts.get(row.context);
    if (!context)
      throw new MeshError('CONTEXT_UNKNOWN', `context ${row.context} is not in the directory`);
    const bytes = uuidBytes(id);
    const origin = feedOrigin(mesh, row.space, id);
    const key = logKey(origin, ed25519FromRaw(space.nodeKey), space.nodeKey);
    const log = await FeedLog.open(logs, bytes);
    let feed: OpenFeed | undefined;
    const identity = { space: space.name, feed: row.name, context };
    const view = await FeedView.open(views, log, blocks, identity, (applied) => {
      // Of an own feed each commit is told; a reader that applies the same entries meanwhile must not tell them twice.
      if (feed && !feed.publisher) this.#o.onApplied(feed, applied);
    });
    const publisher =
      row.space === self
        ? new Publisher({
            ...identity,
            ...{
              view,
              blocks,
              log,
              origin,
              key,
              clock,
              random,
              privateKey: nodeKey,
              feedId: bytes,
            },
            onCommitted: (commit) => {
              feed!.head = commit.checkpoint;
              this.#o.onCommitted(feed!, commit);
            },
          })
        : undefined;
    feed = {
      ...{ row, origin, key, log, view, publisher, id: bytes, intake: new Turn() },
      path: directory.state.feedPath(row),
      head: log.note && decodeNote(log.note).checkpoint,
      isFrozen: await logs.has(conflictKey(log.prefix)),
    };
    return feed;
  }

  /**
   * Judges a head of a feed that came from anywhere: signature, authority, extension; and remembers it. Gives it back
   * without the lines that carriers may have added: kept, they would swell the answers of this node.
   * @throws BAD_SIGNATURE, UNKNOWN_KEY, WRONG_ORIGIN, REVOKED, CONFLICT (which freezes the feed)
   */
  async acceptHead(feed: OpenFeed, received: Buffer): Promise<Buffer> {
    const note = decodeNote(received);
    verifyNote(note, feed.origin, feed.key);
    const bytes = signedOnly(note, feed.key);
    if (await this.adoptHead(feed, { ...note, bytes })) await feed.log.setNote(bytes, false);
    return bytes;
  }

  /**
   * The same for a head whose signature was verified just now; true when it is newer than any known here. Who calls this
   * writes the note, alone or with the entries that lead to it.
   */
  async adoptHead(feed: OpenFeed, { checkpoint, bytes }: Note): Promise<boolean> {
    this.#checkAuthority(feed, checkpoint);
    // First of all: below the newest head, too, it is unknown which of the two histories a head belongs to.
    if (feed.isFrozen) throw new MeshError('CONFLICT', `the feed ${feed.path} is frozen`);
    const known = feed.head;
    if (known && checkpoint.size < known.size) return false;
    const contradicts = (size: number, root: Buffer) =>
      size === checkpoint.size && !root.equals(checkpoint.root);
    const isFork =
      (known && contradicts(known.size, known.root)) || contradicts(feed.log.size, feed.log.root());
    if (isFork) await this.#freeze(feed, bytes);
    if (known && checkpoint.size === known.size) return false;
    feed.head = checkpoint;
    return true;
  }

  #checkAuthority(feed: OpenFeed, checkpoint: Checkpoint): void {
    const space = this.#publisherOf(feed.row);
    if (!space.revoked) return;
    const lastGood = space.revoked.lastGood[feed.row.id] ?? feed.log.size;
    if (checkpoint.size > lastGood) {
      throw new MeshError(
        'REVOKED',
        `${space.name} was revoked: ${feed.path} ends at entry ${lastGood}`,
      );
    }
  }

  /** Keeps both statements as evidence; nothing new is accepted until the directory opens a new epoch. */
  async #freeze(feed: OpenFeed, other: Buffer): Promise<void> {
    const evidence = new Writer(1024)
      .array(2)
      .bytes(feed.log.note ?? Buffer.alloc(0))
      .bytes(other)
      .take();
    await this.#o.logs.write(
      [{ type: 'put', key: conflictKey(feed.log.prefix), value: evidence }],
      { sync: true },
    );
    feed.isFrozen = true;
    throw new MeshError(
      'CONFLICT',
      `two histories of ${feed.path} meet at size ${decodeNote(other).checkpoint.size}`,
    );
  }
}
