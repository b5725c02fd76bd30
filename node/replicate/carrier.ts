// What this node serves, and to whom: the directory to every member, a feed to whoever has a grant for it.

import type { Code } from '../../protocols/errors.ts';
import { MeshError } from '../../protocols/errors.ts';
import { formatUuid, parseFeedId, type SpaceId } from '../../protocols/ids.ts';
import { type CarriedHead, DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { Clock } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Trust } from '../directory/trust.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';
import type { FeedLog } from '../feed/log.ts';
import type { Members } from '../members.ts';
import type { Carrier } from '../net/sync-server.ts';
import type { HeldNotes } from './held-notes.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface CarrierOptions {
  readonly directory: Directory;
  readonly members: Members;
  readonly feeds: Feeds;
  readonly blocks: Blocks;
  readonly heldNotes: HeldNotes;
  readonly self: SpaceId;
  readonly subscriptions: Pick<Subscriptions, 'get'>;
  readonly clock: Clock;
  /** Present at the ODCM node only. */
  readonly trust: Trust | undefined;
  readonly onRefused: (code: Code) => void;
}

/** Refusals that are about one feed, and not about the peer that asks for it. */
const HIDES_ONE: ReadonlySet<Code> = new Set([
  'NO_GRANT',
  'FEED_UNKNOWN',
  'SPACE_UNKNOWN',
  'CONTEXT_UNKNOWN',
  'STORE_DAMAGED',
]);

export function createCarrier(o: CarrierOptions): Carrier {
  const isDirectory = (log: Uint8Array) => Buffer.compare(log, DIRECTORY_LOG) === 0;
  const granted = async (peerId: string, log: Uint8Array): Promise<OpenFeed> => {
    const space = o.members.requireMember(peerId);
    const row = o.directory.state.feeds.get(parseFeedId(formatUuid(log)));
    if (!row) throw new MeshError('FEED_UNKNOWN', 'the feed is not in the directory');
    if (!o.directory.state.grantFor(space.id, row, o.clock.nowMs())) {
      o.onRefused('NO_GRANT');
      throw new MeshError(
        'NO_GRANT',
        `${space.name} has no grant for ${o.directory.state.feedPath(row)}`,
      );
    }
    // Otherwise a peer could have every feed of the mesh opened here, and kept open.
    const isCarried =
      row.space === o.self || o.subscriptions.get(row.id) || o.feeds.peek(row.id) !== undefined;
    if (!isCarried) throw new MeshError('FEED_UNKNOWN', 'the feed is not carried here');
    return o.feeds.open(row.id);
  };
  return {
    async carriedLog(peerId, log): Promise<FeedLog> {
      if (!isDirectory(log)) return (await granted(peerId, log)).log;
      o.members.requireMember(peerId);
      return o.directory.log;
    },
    async carriedBlock(peerId, log, cid): Promise<Buffer | undefined> {
      const { view } = await granted(peerId, log);
      // All feeds share one block store: a grant for one of them opens none of the others.
      if (!(await o.blocks.has(cid))) return undefined;
      if (!(await view.owns(cid.hash))) {
        // Its entry may be here and not be applied yet.
        if (view.isLevel) return undefined;
        await view.catchUp();
        if (!(await view.owns(cid.hash))) return undefined;
      }
      return o.blocks.get(cid);
    },
    async carriedHeads(peerId, log): Promise<CarriedHead[]> {
      try {
        const held = await this.carriedLog(peerId, log);
        const notes = await o.heldNotes.of(held);
        return notes.map((note) => ({ log: Buffer.from(log), note, held: held.size }));
      } catch (error) {
        // One feed that the peer may not have, or that is damaged here, hides none of the others from it.
        if (error instanceof MeshError && HIDES_ONE.has(error.code)) return [];
        throw error;
      }
    },
    petition(peerId, bytes) {
      const speaker = o.members.requireMember(peerId);
      if (o.trust) return o.trust.petition(speaker, bytes);
      throw new MeshError('NOT_ODCM', 'petitions are carried out by ODCM only');
    },
  };
}
