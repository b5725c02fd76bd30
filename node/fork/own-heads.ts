// What another member has of this node's own feeds, compared with what is here: this node may be an older image of itself.
// What it lacks it takes back, record by record as from any carrier; what contradicts it changes nothing.

import { decodeNote } from '../../protocols/checkpoint.ts';
import { asMeshError } from '../../protocols/errors.ts';
import type { MeshId } from '../../protocols/ids.ts';
import { type CarriedHead, syncProtocol } from '../../protocols/sync.ts';
import type { Timers } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import { takeIn } from '../feed/intake.ts';
import type { Log } from '../log.ts';
import type { Network } from '../net/network.ts';
import { SyncClient } from '../net/sync-client.ts';
import { applyWithBlocks } from '../replicate/exchange.ts';
import { beginningOf, peerProver, rootAt } from './prove.ts';
import { unproven } from './suspicion.ts';

export interface OwnHeadsOptions {
  readonly host: Network;
  readonly mesh: MeshId;
  readonly directory: Pick<Directory, 'verifyFeedNote'>;
  readonly blocks: Blocks;
  readonly timers: Timers;
  readonly log: Log;
}

export interface Answers {
  readonly onHead: (feed: OpenFeed, head: CarriedHead, client: SyncClient) => Promise<void>;
  /** The peer has shown all that it has of the feed. */
  readonly onAnswered: (feed: OpenFeed) => void;
}

/** Asks one peer for its heads of these feeds; throws when it does not answer, or cannot show what it says. */
export async function askPeer(
  { host, mesh, timers }: OwnHeadsOptions,
  peerId: string,
  feeds: readonly OpenFeed[],
  signal: AbortSignal,
  { onHead, onAnswered }: Answers,
): Promise<void> {
  const channel = await host.open(peerId, syncProtocol(mesh), { signal });
  const client = new SyncClient(channel, signal, timers);
  try {
    const heads = await client.heads(feeds.map((feed) => feed.id));
    for (const feed of feeds) {
      for (const head of heads) if (head.log.equals(feed.id)) await onHead(feed, head, client);
      onAnswered(feed);
    }
    await client.close();
  } catch (error) {
    client.abort(asMeshError(error));
    throw error;
  }
}

/**
 * @param onWanted told of a size that was signed by this node and is not here
 * @returns `known`: just what is here; `older`: a beginning of it; `taken back`: it was more, and is here now; a size: other
 * entries below it than here
 */
export async function compareOwn(
  o: OwnHeadsOptions,
  feed: OpenFeed,
  head: CarriedHead,
  client: SyncClient,
  onWanted: (size: number) => void,
): Promise<'known' | 'older' | 'taken back' | number> {
  const note = decodeNote(head.note);
  o.directory.verifyFeedNote(note, feed.row, feed.origin);
  const { size, root } = note.checkpoint;
  const { log } = feed;
  if (size <= log.size) {
    if (!(await rootAt(log, size)).equals(root)) return size;
    return size === log.size ? 'known' : 'older';
  }
  onWanted(size);
  const from = log.size;
  // Who only heard of it cannot show it.
  if (head.held < size) throw unproven(note);
  const beginning = await beginningOf(from, note.checkpoint, peerProver(client, feed.id));
  if (!beginning) throw unproven(note);
  // At the size that was asked about: the log may have grown meanwhile, by what another peer gave.
  if (!beginning.root.equals(await rootAt(log, from))) return from;
  await takeBack(feed, Buffer.from(head.note), client, o.blocks);
  o.log.warn(
    { feed: feed.path, from, to: log.size },
    'others had more of this feed than this node: it was taken back from them',
  );
  return 'taken back';
}

async function takeBack(
  feed: OpenFeed,
  note: Buffer,
  client: SyncClient,
  blocks: Blocks,
): Promise<void> {
  const { log, id: feedId } = feed;
  const { checkpoint } = decodeNote(note);
  const source = client.source(feedId);
  await feed.intake.take(() => takeIn({ log, feedId, checkpoint, note, source, sync: true }));
  feed.head = checkpoint;
  feed.headNote = log.note;
  await applyWithBlocks(client, feed, { blocks, onProgress: () => {} });
}
