// Whether a block may be served to a peer. All logs share one store of blocks, and a publisher can name the hash of a block it
// never had: being named by a log that the peer may have is therefore not enough. The block must also have come here by a
// log that the peer may have. Nobody gets by naming what others gave.

import { type FeedId, formatUuid, parseFeedId } from '../../protocols/ids.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';

export interface BlockRightsOptions {
  readonly blocks: Pick<Blocks, 'givenFor'>;
  readonly feeds: Pick<Feeds, 'opened'>;
  /** Whether the peer may have the feed with this id. */
  readonly mayHave: (feed: FeedId) => boolean;
}

/** @param asked the feed that was asked for, which names the block and which the peer may have */
export async function mayServeBlock(
  { blocks, feeds, mayHave }: BlockRightsOptions,
  asked: OpenFeed,
  hash: Uint8Array,
): Promise<boolean> {
  // What this space publishes it made itself.
  if (asked.publisher) return true;
  // Of a feed, whatever the epoch of its log was then.
  const feedIds = (await blocks.givenFor(hash)).map((log) =>
    parseFeedId(formatUuid(log.subarray(0, FEED_ID_BYTES))),
  );
  if (feedIds.includes(asked.row.id) || feedIds.some(mayHave)) return true;
  for (const feed of feeds.opened) {
    if (feed.publisher && mayHave(feed.row.id) && (await feed.view.owns(hash))) return true;
  }
  return false;
}

const FEED_ID_BYTES = 16;
