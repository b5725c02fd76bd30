// What this node serves, and to whom: the directory to every member, a feed to whoever has a grant for it.

import type { Code } from '../../protocols/errors.ts';
import { MeshError } from '../../protocols/errors.ts';
import { type FeedId, formatUuid, parseFeedId, type SpaceId } from '../../protocols/ids.ts';
import { type CarriedHead, DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { Carry } from '../carry/carry.ts';
import type { Clock } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Trust } from '../directory/trust.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';
import type { FeedLog } from '../feed/log.ts';
import type { ForkBook } from '../fork/fork-book.ts';
import type { Members } from '../members.ts';
import type { Carrier } from '../net/sync-server.ts';
import type { Roots } from '../rotate/roots.ts';
import { mayServeBlock } from './block-rights.ts';
import type { DirectoryFirst } from './directory-first.ts';
import type { HeldNotes } from './held-notes.ts';
import type { Subscriptions } from './subscriptions.ts';

export interface CarrierOptions {
  readonly directory: Directory;
  readonly forks?: ForkBook;
  /** An own feed that is held is given to nobody. */
  readonly isReleased?: (feed: OpenFeed) => boolean;
  /** The newest head that was heard of a feed that is not carried here. */
  readonly heardNote?: (feed: FeedId) => Buffer | undefined;
  readonly members: Members;
  readonly feeds: Feeds;
  readonly blocks: Blocks;
  readonly heldNotes: HeldNotes;
  readonly self: SpaceId;
  readonly odcm?: SpaceId;
  readonly subscriptions: Pick<Subscriptions, 'get'>;
  /** What is kept for others. */
  readonly carry: Pick<Carry, 'block' | 'isCopied' | 'copies'>;
  /** The time that trust goes by. */
  readonly clock: Clock;
  readonly directoryFirst?: Pick<DirectoryFirst, 'settled'>;
  readonly roots?: Pick<Roots, 'from'> | undefined;
  /** A space said this of itself, itself. */
  readonly told?: (space: SpaceId, statement: Uint8Array, peerId: string) => Buffer | undefined;
  /** Proofs of forks that are not settled yet. */
  readonly openForks?: () => readonly Buffer[];
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
  'BUSY',
]);

export function createCarrier(o: CarrierOptions): Carrier {
  const isDirectory = (log: Uint8Array) => Buffer.compare(log, DIRECTORY_LOG) === 0;
  const granted = async (
    peerId: string,
    log: Uint8Array,
    what: 'entries' | 'proofs' = 'entries',
  ): Promise<OpenFeed> => {
    // The directory before data: what it says may be that this peer is shut out.
    await o.directoryFirst?.settled(peerId);
    const space = o.members.requireMember(peerId);
    const row = o.directory.state.feeds.get(parseFeedId(formatUuid(log)));
    if (!row) throw new MeshError('FEED_UNKNOWN', 'the feed is not in the directory');
    // Of a sealed feed there is nothing to be read without its keys.
    // ODCM, which settles forks, is shown hashes and heads of everything.
    const isJudge = what === 'proofs' && space.id === o.odcm;
    if (!row.isSealed && !isJudge && !o.directory.state.grantFor(space.id, row, o.clock.nowMs())) {
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
    const feed = await o.feeds.open(row.id);
    if (o.isReleased?.(feed) !== false) return feed;
    throw new MeshError(
      'BUSY',
      `${feed.path} is held until others have shown what they have of it`,
    );
  };
  /** A publisher that lost its newest entries must at least learn that there are some. */
  const heardByPublisher = (peerId: string, log: Uint8Array): Buffer | undefined => {
    const row = o.directory.state.feeds.get(parseFeedId(formatUuid(log)));
    const isIts = row !== undefined && o.members.requireMember(peerId).id === row.space;
    return isIts ? o.heardNote?.(row.id) : undefined;
  };
  return {
    async carriedLog(peerId, log, what): Promise<FeedLog> {
      if (!isDirectory(log)) return (await granted(peerId, log, what)).log;
      o.members.requireMember(peerId);
      return o.directory.shown;
    },
    async carriedBlock(peerId, log, cid): Promise<Buffer | undefined> {
      const feed = await granted(peerId, log);
      const { view } = feed;
      const copied = await o.carry.block(feed, cid);
      if (copied) return copied;
      // All feeds share one block store: a grant for one of them opens none of the others.
      if (!(await o.blocks.has(cid))) return undefined;
      if (!(await view.owns(cid.hash))) {
        // Its entry may be here and not be applied yet; of what is kept for others none ever is.
        if (view.isLevel || o.carry.isCopied(feed.row.id)) return undefined;
        await view.catchUp();
        if (!(await view.owns(cid.hash))) return undefined;
      }
      const { state } = o.directory;
      const { id: reader } = o.members.requireMember(peerId);
      const mayHave = (id: FeedId): boolean => {
        const row = state.feeds.get(id);
        if (!row) return false;
        return row.isSealed || state.grantFor(reader, row, o.clock.nowMs()) !== undefined;
      };
      if (!(await mayServeBlock({ ...o, mayHave }, feed, cid.hash))) return undefined;
      return o.blocks.get(cid);
    },
    async carriedHeads(peerId, log): Promise<CarriedHead[]> {
      try {
        const held = await this.carriedLog(peerId, log, 'proofs');
        const feed = isDirectory(log)
          ? undefined
          : await o.feeds.open(parseFeedId(formatUuid(log)));
        const whole = feed ? o.carry.copies.whole(feed) : held.size;
        const notes = await o.heldNotes.of(held);
        const end = this.servedTo?.(log) ?? held.size;
        return notes.map((note) => ({
          ...{ log: Buffer.from(log), note },
          ...{ held: Math.min(held.size, end), whole: Math.min(whole, end) },
        }));
      } catch (error) {
        const heard = heardByPublisher(peerId, log);
        if (heard) return [{ log: Buffer.from(log), note: heard, held: 0, whole: 0 }];
        // One feed that the peer may not have, or that is damaged here, hides none of the others from it.
        if (error instanceof MeshError && HIDES_ONE.has(error.code)) return [];
        throw error;
      }
    },
    servedTo(log) {
      if (isDirectory(log)) return undefined;
      const feed = o.feeds.peek(parseFeedId(formatUuid(log)));
      return feed && o.forks?.of(feed.origin)?.commonSize;
    },
    roots(peerId, version) {
      o.members.requireMember(peerId);
      return o.roots?.from(version) ?? [];
    },
    told(peerId, statement) {
      return o.told?.(o.members.requireMember(peerId).id, statement, peerId);
    },
    forks(peerId) {
      o.members.requireMember(peerId);
      return o.openForks?.() ?? [];
    },
    petition(peerId, bytes) {
      const speaker = o.members.requireMember(peerId);
      if (o.trust) return o.trust.petition(speaker, bytes);
      throw new MeshError('NOT_ODCM', 'petitions are carried out by ODCM only');
    },
  };
}
