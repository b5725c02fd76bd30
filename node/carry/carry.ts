// Carrying feeds for others: begins with those that this node is chosen for, keeps them within the room there is, and hands
// them over when the directory chooses others. What this space takes itself is none of its business.

import { asMeshError } from '../../protocols/errors.ts';
import { type FeedId, type SpaceId, uuidBytes } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Clock, TimerHandle, Timers } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';
import type { Log } from '../log.ts';
import type { Carriers } from '../replicate/carriers.ts';
import type { Subscriptions } from '../replicate/subscriptions.ts';
import type { Store } from '../store/store.ts';
import { Turn } from '../turn.ts';
import { CarriedBlocks } from './carried-blocks.ts';
import type { CarryRow, CarryRows } from './carry-rows.ts';
import { Copies } from './copies.ts';
import type { Duty } from './duty.ts';
import { eraseEntries } from './erase.ts';
import { isHandedOver } from './handover.ts';
import type { Room } from './room.ts';
import { RoomBook } from './room-book.ts';

export interface CarryOptions {
  readonly logs: Store;
  readonly blockStore: Store;
  readonly rows: CarryRows;
  readonly directory: Directory;
  readonly feeds: Feeds;
  readonly subscriptions: Subscriptions;
  readonly carriers: Carriers;
  readonly duty: Duty;
  readonly self: SpaceId;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  /** The directory grants the feed to this space. */
  readonly isGranted: (feed: FeedId) => boolean;
  readonly peerOf: (space: SpaceId) => string | undefined;
  /** Undefined while it is not known yet. */
  readonly roomFor: (carriedBytes: number) => Room | undefined;
  /** Feeds of this publisher are to be fetched from now on. */
  readonly onBegun: (publisher: SpaceId) => void;
  /** A copy is here that others may be told of. */
  readonly onHeld: (feed: OpenFeed) => void;
}

/** What this node does with a feed that it was chosen for, or carries still. */
export interface Carrying {
  readonly state: 'complete' | 'fetching' | 'handing over' | 'no room';
  readonly bytes: number;
}

export class Carry {
  readonly copies: Copies;
  readonly #o: CarryOptions;
  readonly #carried: CarriedBlocks;
  readonly #turn = new Turn();
  readonly #book: RoomBook;
  #timer: TimerHandle | undefined;
  #isLooking = false;
  #isStopped = false;
  readonly #nextMs = new Map<FeedId, number>();

  constructor(options: CarryOptions) {
    this.#o = options;
    const { rows, blockStore, duty, directory } = options;
    this.#carried = new CarriedBlocks(blockStore);
    const isTaken = (feed: FeedId) => this.#isTaken(feed);
    this.#book = new RoomBook({ rows, duty, directory, isTaken });
    const hasRoom = (feed: FeedId, steps: number) => this.#book.hasRoom(feed, steps);
    this.copies = new Copies({ rows, carried: this.#carried, hasRoom });
  }

  /** Finishes what a stop interrupted and opens what is carried; to be called before any feed is open. */
  async start(): Promise<void> {
    for (const row of this.#o.rows.all()) {
      if (row.state === 'dropping') await this.#erase(row.feed);
      else if (row.state === 'kept' && !this.#isTaken(row.feed)) await this.#open(row.feed);
    }
    this.#schedule(0);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    await this.#turn.idle();
  }

  /** The directory or a subscription changed. */
  lookSoon(): void {
    if (this.#isStopped || this.#isLooking) return;
    if (this.#timer) this.#o.timers.clearTimeout(this.#timer);
    this.#schedule(LIMITS.carryLookMs / 20);
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return;
    this.#timer = this.#o.timers.setTimeout(() => {
      this.#isLooking = true;
      void this.#turn
        .take(() => this.#look())
        .catch((error: unknown) => {
          const { code, message } = asMeshError(error);
          this.#o.log.warn({ code }, message);
        })
        .then(() => {
          this.#isLooking = false;
          this.#schedule(LIMITS.carryLookMs);
        });
    }, delayMs);
  }

  /** Copied here, and not taken by this space itself. */
  isCopied(feed: FeedId): boolean {
    return this.#o.rows.get(feed)?.state === 'kept' && !this.#isTaken(feed);
  }

  /** New entries of it are fetched, to be kept for others. */
  isFetched(feed: FeedId): boolean {
    const { feeds, duty } = this.#o;
    if (!this.isCopied(feed) || duty.rank(feed) < 0 || feeds.peek(feed)?.isFrozen) return false;
    return this.#isDated && !this.copies.isFull(feed);
  }

  /** Feeds whose heads are asked for. */
  *copied(): Generator<FeedId> {
    for (const { feed } of this.#o.rows.all()) if (this.isCopied(feed)) yield feed;
  }

  /** Copies that lack something, those that have waited long enough to be asked for. */
  due(nowMs: number): FeedId[] {
    const due: FeedId[] = [];
    for (const { feed: id } of this.#o.rows.all()) {
      if (nowMs < (this.#nextMs.get(id) ?? 0) || !this.isFetched(id)) continue;
      const feed = this.#o.feeds.peek(id);
      if (!feed || this.#isComplete(feed)) continue;
      // Of a feed without any head nobody may have one: there is nothing to be in a hurry for.
      const pauseMs = feed.head ? LIMITS.replicateMs * 2 : LIMITS.antiEntropyMs;
      this.#nextMs.set(id, nowMs + pauseMs);
      due.push(id);
    }
    return due;
  }

  /** A block of a log that is carried only. */
  block(feed: OpenFeed, cid: Parameters<Blocks['get']>[0]): Promise<Buffer | undefined> {
    return this.#carried.of(feed.id).get(cid);
  }

  /** What this node does with the feed for others; undefined when nothing. */
  carrying(id: FeedId): Carrying | undefined {
    const row = this.#o.rows.get(id);
    if (!row || row.state === 'dropping' || this.#isTaken(id)) return undefined;
    const { bytes } = row;
    if (row.state === 'crowded out') return { state: 'no room', bytes: 0 };
    if (this.#o.duty.rank(id) < 0) return { state: 'handing over', bytes };
    const feed = this.#o.feeds.peek(id);
    if (feed && this.#isComplete(feed)) return { state: 'complete', bytes };
    return { state: this.copies.isFull(id) ? 'no room' : 'fetching', bytes };
  }

  get carriedBytes(): number {
    return this.#book.usedBytes;
  }

  /** Null while it is not known yet. */
  get quotaBytes(): number | null {
    return this.#book.room?.quotaBytes ?? null;
  }

  /** The space takes the feed itself from now on: its copy becomes its own. */
  release(id: FeedId): Promise<void> {
    return this.#turn.take(() => this.#release(id));
  }

  async #release(id: FeedId): Promise<void> {
    const row = this.#o.rows.get(id);
    if (!row) return;
    if (row.state === 'dropping') return this.#drop(row);
    await this.copies.settled(id);
    await this.#carried.release(uuidBytes(id));
    await this.#o.rows.remove(id);
  }

  /** A directory without a date could be of any age: what it says is not acted on. */
  get #isDated(): boolean {
    const { age } = this.#o.directory;
    return age !== 'expired' && age !== 'unknown';
  }

  /** What a space takes by itself is kept as it says, also when it says on demand. */
  #isTaken(feed: FeedId): boolean {
    return this.#o.subscriptions.get(feed) !== undefined && this.#o.isGranted(feed);
  }

  #isComplete(feed: OpenFeed): boolean {
    const { head, log } = feed;
    return (
      head !== undefined &&
      log.size >= Math.min(head.size, feed.endsAt) &&
      this.copies.whole(feed) === log.size
    );
  }

  async #open(id: FeedId): Promise<OpenFeed | undefined> {
    try {
      return await this.#o.feeds.open(id);
    } catch (error) {
      // One damaged log is no reason to go without the others.
      const { code, message } = asMeshError(error);
      this.#o.log.warn({ code, feed: id }, message);
      return undefined;
    }
  }

  async #look(): Promise<void> {
    const { rows, duty, self, directory } = this.#o;
    const room = this.#o.roomFor(this.carriedBytes);
    this.#book.room = room;
    if (!this.#isDated) return;
    const isOff = !room || room.quotaBytes === 0;
    const begun = new Set<SpaceId>();
    for (const id of duty.of(self)) {
      if (this.#isStopped) return;
      if (rows.get(id) || this.#isTaken(id) || isOff) continue;
      await rows.put({ feed: id, state: 'kept', whole: 0, bytes: 0 }, true);
      if (await this.#open(id)) begun.add(directory.state.feeds.get(id)!.space);
    }
    for (const row of rows.all()) {
      if (this.#isStopped) return;
      await this.#judge(row);
    }
    if (room) await this.#makeRoom(room, begun);
    for (const space of begun) this.#o.onBegun(space);
  }

  async #judge(row: CarryRow): Promise<void> {
    if (this.#isTaken(row.feed)) return this.#release(row.feed);
    if (row.state === 'dropping' || isHandedOver(row, { ...this.#o, copies: this.copies }))
      return this.#drop(row);
    const feed = this.#o.feeds.peek(row.feed);
    if (feed && feed.log.size > 0) this.#o.onHeld(feed);
  }

  async #makeRoom(room: Room, begun: Set<SpaceId>): Promise<void> {
    const { rows, directory, feeds } = this.#o;
    const verdicts = this.#book.verdicts(room, (id) => {
      const feed = feeds.peek(id);
      return feed !== undefined && this.#isComplete(feed);
    });
    for (const row of rows.all()) {
      const verdict = verdicts.get(row.feed);
      if (row.state === 'kept' && verdict === 'drop') await this.#crowdOut(row);
      if (row.state !== 'crowded out' || verdict !== 'fetch') continue;
      await rows.put({ feed: row.feed, state: 'kept', whole: 0, bytes: 0 }, true);
      if (await this.#open(row.feed)) begun.add(directory.state.feeds.get(row.feed)!.space);
    }
  }

  /** It is remembered how much room it took: it comes back when there is that much. */
  async #crowdOut(row: CarryRow): Promise<void> {
    this.#o.log.info({ feed: row.feed, bytes: row.bytes }, 'dropped for want of room');
    await this.#drop(row);
    await this.#o.rows.put({ ...row, state: 'crowded out', whole: 0 }, true);
  }

  async #drop(row: CarryRow): Promise<void> {
    await this.#o.rows.put({ ...row, state: 'dropping' }, true);
    const feed = this.#o.feeds.peek(row.feed);
    await this.copies.settled(row.feed);
    if (!feed) await this.#erase(row.feed);
    else await feed.intake.take(() => this.#eraseOpen(feed));
    this.#nextMs.delete(row.feed);
  }

  /** What was taken once and read stays readable; only what was added since for others goes. */
  async #eraseOpen(feed: OpenFeed): Promise<void> {
    const { id } = feed.row;
    if (feed.view.applied > 0) {
      await this.#carried.drop(feed.id);
      await this.#o.rows.remove(id);
    } else await feed.log.mend(() => this.#erase(id));
  }

  async #erase(id: FeedId): Promise<void> {
    const bytes = uuidBytes(id);
    await eraseEntries(this.#o.logs, bytes);
    await this.#carried.drop(bytes);
    await this.#o.rows.remove(id);
  }
}
