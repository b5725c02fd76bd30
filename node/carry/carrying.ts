// What a node has for carrying, wired to its other parts: whom the directory chooses, what is carried here, and what is known
// of the copies of others.

import { decodeNote } from '../../protocols/checkpoint.ts';
import type { FeedRow } from '../../protocols/directory.ts';
import { isMeshError } from '../../protocols/errors.ts';
import { feedOrigin, type SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { MeshNode } from '../node.ts';
import type { NodeOptions, Parts } from '../parts.ts';
import { Carry } from './carry.ts';
import { Duty } from './duty.ts';
import type { Room } from './room.ts';
import { Survey } from './survey.ts';

export interface Carrying {
  readonly duty: Duty;
  readonly carry: Carry;
  readonly survey: Survey;
}

/** @param node with its directory, feeds, subscriptions, members and carriers; the others are used later */
export function createCarrying(node: MeshNode, parts: Parts, o: NodeOptions): Carrying {
  const { directory, feeds, members, subscriptions, carriers, home, clock, trustClock, log } = node;
  const { mesh, space: self } = home.config;
  const duty = new Duty({ directory, self, odcm: home.root.root.odcm, clock: trustClock });
  const carry = new Carry({
    ...{ logs: parts.logs, blockStore: parts.blockStore, rows: parts.carryRows },
    ...{ directory, feeds, subscriptions, carriers, duty, self, clock, timers: o.timers, log },
    isGranted: (feed) => {
      const row = directory.state.feeds.get(feed);
      return row !== undefined && node.intent.grantOf(row) !== undefined;
    },
    peerOf: (space) => node.neighbours.peerOf(space),
    roomFor: (carriedBytes) => roomFor(parts, o, carriedBytes),
    onBegun: (publisher) => syncWith(node, publisher),
    onHeld: (feed) => node.provide(feed),
  });
  const isGenuine = (row: FeedRow, note: Buffer): boolean => {
    try {
      const origin = feedOrigin(mesh, row.space, row.id, row.epoch);
      directory.verifyFeedNote(decodeNote(note), row, origin);
      return true;
    } catch (error) {
      if (isMeshError(error)) return false;
      throw error;
    }
  };
  const survey = new Survey({
    ...{ directory, members, feeds, carriers, duty, self, clock, trusted: trustClock, isGenuine },
  });
  return { duty, carry, survey };
}

/** What was set by hand, or a share of the disk; undefined while the disk was not looked at yet. */
function roomFor({ disk }: Parts, o: NodeOptions, carriedBytes: number): Room | undefined {
  const isShort = disk !== undefined && !disk.mayCarry;
  const set = o.carryBytes ?? o.home.config.carryBytes;
  if (set !== undefined) return { quotaBytes: set, isShort };
  if (!disk) return { quotaBytes: Number.MAX_SAFE_INTEGER, isShort };
  if (!disk.space) return undefined;
  const share = (disk.space.freeBytes + carriedBytes) * (LIMITS.carryPercent / 100);
  return { quotaBytes: Math.floor(share), isShort };
}

/** The publisher has all of it; when it is away, somebody else may have some. */
function syncWith({ neighbours, host, replicator }: MeshNode, publisher: SpaceId): void {
  const peerId = neighbours.peerOf(publisher);
  if (peerId !== undefined && host.isConnected(peerId)) replicator.syncSoon(peerId);
  else for (const other of host.connectedPeers()) replicator.syncSoon(other);
}
