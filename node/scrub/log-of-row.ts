// Whose log a row of the store belongs to, and whether that log is in use. Judges nothing but names; changes nothing.

import { type FeedId, formatUuid, parseFeedId, uuidBytes } from '../../protocols/ids.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import type { FeedLog } from '../feed/log.ts';
import type { MeshNode } from '../node.ts';
import { logPrefix } from '../store/keys.ts';

type Opened = Pick<MeshNode, 'directory' | 'feeds'>;

const feedOf = (prefix: Buffer): FeedId => parseFeedId(formatUuid(prefix.subarray(0, 16)));

/** The feed of which this is the log; undefined also where it cannot be opened now. */
export async function openedOf({ feeds }: Opened, prefix: Buffer): Promise<OpenFeed | undefined> {
  const feed = await feeds.open(feedOf(prefix)).catch(() => undefined);
  return feed?.log.prefix.equals(prefix) ? feed : undefined;
}

/**
 * The log, where the directory names it; undefined where it does not: nobody goes on from its rows.
 * @throws while that is not known, or the feed cannot be opened: its rows are evidence until then
 */
export async function logInUse(
  { directory, feeds }: Opened,
  prefix: Buffer,
): Promise<FeedLog | undefined> {
  if (directory.log.damage) throw directory.log.damage;
  const row = directory.state.feeds.get(feedOf(prefix));
  if (!row || !logPrefix(uuidBytes(row.id), row.epoch).equals(prefix)) return undefined;
  return (await feeds.open(row.id)).log;
}
