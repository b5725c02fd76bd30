// Exchange with one peer: the directory first, then the feeds this space takes, each to the newest head, with the blocks
// its items need. Everything a peer says is a hint until it is verified; what one peer fails to give, another may.

import { decodeNote } from '../../protocols/checkpoint.ts';
import type { Cid } from '../../protocols/codec.ts';
import { decodeEntry } from '../../protocols/entry.ts';
import { asMeshError, MeshError } from '../../protocols/errors.ts';
import type { FeedId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { verifyBlock } from '../../protocols/record.ts';
import type { Verified } from '../../protocols/run-verifier.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import { type CarriedHead, DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { Directory } from '../directory/directory.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';
import { takeIn } from '../feed/intake.ts';
import type { SyncClient } from '../net/sync-client.ts';
import type { HeldNotes } from './held-notes.ts';

export interface ExchangeOptions {
  readonly directory: Directory;
  readonly feeds: Feeds;
  readonly blocks: Blocks;
  readonly heldNotes: HeldNotes;
  /** What the peer holds of a feed. */
  readonly onCarried: (feed: FeedId, held: number) => void;
  readonly onProgress: (feed: OpenFeed) => void;
  readonly onRefused: (feed: OpenFeed | undefined, error: MeshError) => void;
}

/** Brings the directory up to what the peer has. */
export async function exchangeDirectory(
  client: SyncClient,
  { directory, onRefused }: ExchangeOptions,
): Promise<void> {
  for (const head of await client.heads([DIRECTORY_LOG])) {
    try {
      // A peer that is behind its own head cannot prove it; another can.
      if (head.held < decodeNote(head.note).checkpoint.size) continue;
      await directory.accept(Buffer.from(head.note), client.source(DIRECTORY_LOG));
    } catch (error) {
      // A head that is refused, by a wrong clock for example, must not cost the feeds.
      const refusal = asMeshError(error);
      onRefused(undefined, refusal);
      if (refusal.code === 'PEER_UNREACHABLE' || refusal.code === 'TIMEOUT') throw refusal;
    }
  }
}

/**
 * Learns the peer's heads of these feeds, and fetches those that `shouldFetch` names.
 * A fault of one feed is reported and does not stop the others; a broken stream ends the exchange.
 */
export async function exchangeFeeds(
  client: SyncClient,
  ids: readonly FeedId[],
  shouldFetch: (feed: OpenFeed) => boolean,
  options: ExchangeOptions,
): Promise<void> {
  const open = new Map<string, OpenFeed>();
  for (const id of ids) {
    try {
      const feed = await options.feeds.open(id);
      open.set(feed.id.toString('hex'), feed);
    } catch (error) {
      // A damaged log of one feed is no reason to go without the others.
      options.onRefused(undefined, asMeshError(error));
    }
  }
  const heads = await client.heads([...open.values()].map((feed) => feed.id));
  for (const head of heads) {
    const feed = open.get(head.log.toString('hex'))!;
    try {
      await exchangeFeed(client, feed, head, shouldFetch(feed), options);
    } catch (error) {
      const refusal = asMeshError(error);
      options.onRefused(feed, refusal);
      if (refusal.code === 'PEER_UNREACHABLE' || refusal.code === 'TIMEOUT') throw refusal;
    }
  }
}

async function exchangeFeed(
  client: SyncClient,
  feed: OpenFeed,
  head: CarriedHead,
  isWanted: boolean,
  options: ExchangeOptions,
): Promise<void> {
  const { checkpoint } = decodeNote(head.note);
  await options.heldNotes.keep(feed.log, checkpoint.size);
  const note = await options.feeds.acceptHead(feed, Buffer.from(head.note));
  options.onCarried(feed.row.id, head.held);
  if (!isWanted) return;
  await feed.intake.take(async () => {
    // A peer that is still catching up cannot prove a prefix of this head: it gave an older one, or is asked later.
    if (checkpoint.size <= feed.log.size || head.held < checkpoint.size) return;
    const { log, id: feedId } = feed;
    // What is verified becomes readable while the rest still arrives, and intake runs no further ahead of it than one
    // group; faults of applying show when all is applied below.
    const onVerified = async (run: readonly Verified[], stored: Promise<void>) => {
      await feed.view.take(run, stored).catch(() => {});
      options.onProgress(feed);
    };
    // With its note: it may be known from gossip already, and then was not written.
    await takeIn({ log, feedId, checkpoint, note, source: client.source(feedId), onVerified });
  });
  await applyWithBlocks(client, feed, options);
}

/** Applies what is held, fetching missing blocks from this peer as far as it has them. */
async function applyWithBlocks(
  client: SyncClient,
  feed: OpenFeed,
  { blocks, onProgress }: Pick<ExchangeOptions, 'blocks' | 'onProgress'>,
): Promise<void> {
  for (;;) {
    const missing = await feed.view.catchUp();
    onProgress(feed);
    if (missing.length === 0) return;
    const wanted = await lookAhead(feed, missing, blocks);
    const got = await fetchBlocks(client, feed.id, wanted, blocks);
    if (got === 0) {
      throw new MeshError('RECORD_MISSING', `the peer does not hold a block of ${feed.path}`, {
        next: 'It will be fetched from another carrier.',
      });
    }
  }
}

/** With the blocks that stop the view now, the records of the entries after: one question instead of one for each. */
async function lookAhead(feed: OpenFeed, missing: readonly Cid[], blocks: Blocks): Promise<Cid[]> {
  const wanted = [...missing];
  const from = feed.view.applied;
  for await (const bytes of feed.log.segments(from, from + LIMITS.segmentEntries)) {
    for (const { leaf, record } of decodeSegment(bytes).entries) {
      if (wanted.length >= LIMITS.blocksPerRequest) return wanted;
      const cid = record === null ? decodeEntry(leaf).record : null;
      if (!cid || wanted.some(({ hash }) => Buffer.compare(cid.hash, hash) === 0)) continue;
      if (!(await blocks.has(cid))) wanted.push(cid);
    }
  }
  return wanted;
}

async function fetchBlocks(
  client: SyncClient,
  log: Uint8Array,
  missing: readonly Cid[],
  blocks: Blocks,
): Promise<number> {
  let count = 0;
  for (let at = 0; at < missing.length; at += LIMITS.blocksPerRequest) {
    const cids = missing.slice(at, at + LIMITS.blocksPerRequest);
    const answers = await client.blocks(log, cids);
    const found: { hash: Uint8Array; bytes: Buffer }[] = [];
    answers.forEach((bytes, i) => {
      if (!bytes) return;
      verifyBlock(cids[i]!, bytes);
      found.push({ hash: cids[i]!.hash, bytes });
    });
    // Synced: the view, a database apart, says that they are here, and must not outlive them in a power cut.
    if (found.length > 0) await blocks.put(found, true);
    count += found.length;
  }
  return count;
}
