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
import type { Copies } from '../carry/copies.ts';
import type { Directory } from '../directory/directory.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { Feeds, OpenFeed } from '../feed/feeds.ts';
import { takeIn } from '../feed/intake.ts';
import {
  acceptDirectory,
  afterMismatch,
  checkOlder,
  isLeftBehind,
  knownHeads,
  learnCommon,
} from '../fork/contradiction.ts';
import type { ForkBook } from '../fork/fork-book.ts';
import { readingOn } from '../fork/read-on.ts';
import type { SyncClient } from '../net/sync-client.ts';
import type { HeldNotes } from './held-notes.ts';

export interface ExchangeOptions {
  /** Asks the peer for newer root metadata, when that is due: heads of the directory are verified by it. */
  readonly askRoots?: ((client: SyncClient) => Promise<void>) | undefined;
  readonly directory: Directory;
  readonly forks: ForkBook;
  readonly feeds: Feeds;
  readonly blocks: Blocks;
  readonly heldNotes: HeldNotes;
  /** What is kept for others only. */
  readonly copies: Pick<Copies, 'take' | 'fetchBlocks' | 'isFull' | 'shortened'>;
  /** What the peer says that it has of a feed; the head is undefined when it gives none. */
  readonly onCarried: (feed: OpenFeed, head: CarriedHead | undefined) => void;
  readonly onProgress: (feed: OpenFeed) => void;
  readonly onRefused: (feed: OpenFeed | undefined, error: MeshError) => void;
}

/** Brings the directory up to what the peer has. */
export async function exchangeDirectory(
  client: SyncClient,
  { directory, forks, onRefused, askRoots }: ExchangeOptions,
): Promise<void> {
  try {
    await askRoots?.(client);
  } catch (error) {
    // A peer with a root that does not verify may still carry a good directory.
    const refusal = asMeshError(error);
    onRefused(undefined, refusal);
    if (refusal.code === 'PEER_UNREACHABLE' || refusal.code === 'TIMEOUT') throw refusal;
  }
  for (const head of await client.heads([DIRECTORY_LOG])) {
    try {
      // A peer that is behind its own head cannot prove it; another can, and is sought.
      if (head.held < decodeNote(head.note).checkpoint.size)
        directory.judge(Buffer.from(head.note));
      else await acceptDirectory(client, Buffer.from(head.note), { directory, forks });
    } catch (error) {
      // A head that is refused, by a wrong clock for example, must not cost the feeds.
      const refusal = asMeshError(error);
      onRefused(undefined, refusal);
      if (refusal.code === 'PEER_UNREACHABLE' || refusal.code === 'TIMEOUT') throw refusal;
    }
  }
}

/** What is done with a feed: it becomes items, or a copy kept for others; or only its head is learnt. */
export type Take = 'items' | 'copy' | 'head';

/**
 * Learns the peer's heads of these feeds, and fetches what `takeOf` says.
 * A fault of one feed is reported and does not stop the others; a broken stream ends the exchange.
 */
export async function exchangeFeeds(
  client: SyncClient,
  ids: readonly FeedId[],
  takeOf: (feed: OpenFeed) => Take,
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
  const given = new Set(heads.map((head) => head.log.toString('hex')));
  for (const [name, feed] of open) if (!given.has(name)) options.onCarried(feed, undefined);
  for (const head of heads) {
    const feed = open.get(head.log.toString('hex'))!;
    const take = takeOf(feed);
    try {
      await exchangeFeed(client, feed, head, take, options);
    } catch (error) {
      const refusal = asMeshError(error);
      // It ended because it had to: nobody did anything wrong.
      if (take === 'copy' && options.copies.isFull(feed.row.id)) continue;
      options.onRefused(feed, refusal);
      if (refusal.code === 'PEER_UNREACHABLE' || refusal.code === 'TIMEOUT') throw refusal;
    }
  }
}

async function exchangeFeed(
  client: SyncClient,
  feed: OpenFeed,
  head: CarriedHead,
  take: Take,
  options: ExchangeOptions,
): Promise<void> {
  const { checkpoint } = decodeNote(head.note);
  const { forks, heldNotes } = options;
  if (feed.isFrozen) return learnCommon(client, feed, forks);
  await heldNotes.keep(feed.log, checkpoint.size);
  const known = await knownHeads(feed, heldNotes);
  const note = await options.feeds.acceptHead(feed, Buffer.from(head.note));
  const suspect = { feed, note, known };
  await checkOlder(client, suspect, forks);
  options.onCarried(feed, head);
  if (take === 'head') return;
  await feed.intake.take(async () => {
    // A peer that is still catching up cannot prove a prefix of this head: it gave an older one, or is asked later.
    if (checkpoint.size <= feed.log.size || head.held < checkpoint.size) return;
    const { log, id: feedId } = feed;
    const source = readingOn(client.source(feedId));
    // Where an epoch begins stands in the directory: what is here is brought to that first.
    const { continues } = feed.row;
    if (continues && log.size < continues.size) {
      const begin = { origin: feed.origin, ...continues };
      const toBegin = { log, feedId, checkpoint: begin, source };
      await takeIn(toBegin).catch(async (error: unknown) => {
        if (!(await isLeftBehind(client, feed, begin, error))) throw error;
        await options.feeds.startOver(feed);
        await options.copies.shortened(feed);
        await takeIn(toBegin);
      });
    }
    const mismatch = (error: unknown) => afterMismatch(client, suspect, forks, error);
    if (take === 'copy')
      return options.copies.take(feed, { checkpoint, note, source }).catch(mismatch);
    // What is verified becomes readable while the rest still arrives, and intake runs no further ahead of it than a
    // few groups; faults of applying show when all is applied below.
    const onVerified = async (run: readonly Verified[], stored: Promise<void>) => {
      await feed.view.take(run, stored).catch(() => {});
      options.onProgress(feed);
    };
    // With its note: it may be known from gossip already, and then was not written.
    await takeIn({ log, feedId, checkpoint, note, source, onVerified }).catch(mismatch);
  });
  if (take === 'copy') await options.copies.fetchBlocks(client, feed);
  else await applyWithBlocks(client, feed, options);
}

/** Applies what is held, fetching missing blocks from this peer as far as it has them. */
export async function applyWithBlocks(
  client: SyncClient,
  feed: OpenFeed,
  { blocks, onProgress }: Pick<ExchangeOptions, 'blocks' | 'onProgress'>,
): Promise<void> {
  for (;;) {
    const missing = await feed.view.catchUp();
    onProgress(feed);
    if (missing.length === 0) return;
    const wanted = await lookAhead(feed, missing, blocks);
    const got = await fetchBlocks(client, feed, wanted, blocks);
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
  { id, log }: OpenFeed,
  missing: readonly Cid[],
  blocks: Blocks,
): Promise<number> {
  let count = 0;
  for (let at = 0; at < missing.length; at += LIMITS.blocksPerRequest) {
    const cids = missing.slice(at, at + LIMITS.blocksPerRequest);
    const answers = await client.blocks(id, cids);
    const found: { hash: Uint8Array; bytes: Buffer }[] = [];
    answers.forEach((bytes, i) => {
      if (!bytes) return;
      verifyBlock(cids[i]!, bytes);
      found.push({ hash: cids[i]!.hash, bytes });
    });
    // Synced: the view, a database apart, says that they are here, and must not outlive them in a power cut.
    if (found.length > 0) await blocks.put(found, true, log.prefix);
    count += found.length;
  }
  return count;
}
