// How much room there is for what is carried, who has it now, and who may have more.

import type { FeedId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Directory } from '../directory/directory.ts';
import type { CarryRow, CarryRows } from './carry-rows.ts';
import type { Duty } from './duty.ts';
import { crowdedOut, type Room, shareRoom, type Tenant, type Verdict } from './room.ts';

export interface RoomBookOptions {
  readonly rows: CarryRows;
  readonly duty: Duty;
  readonly directory: Directory;
  /** This space takes the feed itself: that needs no room here. */
  readonly isTaken: (feed: FeedId) => boolean;
}

export class RoomBook {
  readonly #o: RoomBookOptions;
  /** Undefined while it is not known yet. */
  room: Room | undefined;

  constructor(options: RoomBookOptions) {
    this.#o = options;
  }

  get usedBytes(): number {
    return this.#o.rows.all().reduce((sum, row) => sum + bytesOf(row), 0);
  }

  /** Whether another step of fetching fits beside those that are under way. */
  hasRoom(feed: FeedId, stepsUnderWay: number): boolean {
    const { room } = this;
    if (!room) return false;
    const reservedBytes = stepsUnderWay * LIMITS.carrySlackBytes;
    // Those behind it in turn give way at the next look, not before.
    const isFull = this.usedBytes + reservedBytes + LIMITS.carrySlackBytes > room.quotaBytes;
    return !isFull && shareRoom(this.#tenants(), { ...room, reservedBytes }).get(feed) === 'fetch';
  }

  /** @param isComplete nothing more of the feed is to be fetched */
  verdicts(room: Room, isComplete: (feed: FeedId) => boolean): Map<FeedId, Verdict> {
    const tenants = this.#tenants();
    const verdicts = shareRoom(tenants, room);
    const isHungry = (id: FeedId) => verdicts.get(id) === 'fetch' && !isComplete(id);
    const last = crowdedOut(tenants, room.quotaBytes, isHungry);
    if (last !== undefined) verdicts.set(last, 'drop');
    return verdicts;
  }

  #tenants(): Tenant[] {
    const { rows, duty, directory, isTaken } = this.#o;
    return rows.all().flatMap((row) => {
      const publisher = directory.state.feeds.get(row.feed)?.space;
      if (publisher === undefined || row.state === 'dropping' || isTaken(row.feed)) return [];
      const rank = duty.rank(row.feed);
      const neededBytes = row.state === 'crowded out' ? row.bytes : 0;
      const place = rank < 0 ? LIMITS.carriersMax : rank;
      return [{ feed: row.feed, publisher, rank: place, bytes: bytesOf(row), neededBytes }];
    });
  }
}

const bytesOf = (row: CarryRow): number => (row.state === 'crowded out' ? 0 : row.bytes);
