// What a space could read of a feed: of a sealed one the versions of items for whose keys it was given a wrap, of an open one
// what was published before its access ended. What was read cannot be taken back, so whoever shuts a space out wants to know.
// Reads the log of a feed that this node can open.

import { decodeEntry, type Entry, KIND } from '../../protocols/entry.ts';
import type { Json } from '../../protocols/envelope.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import { findSensitive } from '../../protocols/sensitive.ts';
import { exchangeKeyId } from '../../protocols/share-key.ts';
import type { OpenFeed } from './feeds.ts';
import { type ReadEntry, readEntry } from './read-entries.ts';

export interface ExposedItem {
  readonly item: string;
  readonly isSealed: boolean;
  /** It holds a value that is marked as sensitive. */
  readonly isSensitive: boolean;
  /** The newest version that the space could read, when it was published, and whether there is none newer. */
  readonly version: number;
  readonly timeMs: number;
  readonly isCurrent: boolean;
}

export interface ExposureOptions {
  readonly feed: OpenFeed;
  /** All exchange keys that the space ever had, X25519 public keys. */
  readonly exchangeKeys: readonly Uint8Array[];
  /** Of an open feed: when its last grant for it ended, infinite while one goes on; what is sealed tells by itself. */
  readonly untilMs: number;
}

/** Items in the order in which they were first published; those that were withdrawn before are not among them. */
export async function* exposure(o: ExposureOptions): AsyncGenerator<ExposedItem> {
  const { feed } = o;
  if (!feed.opener) {
    yield* exposedInTheOpen(o);
    return;
  }
  const versions = await newestReadable(o);
  const current = new Map<string, number>();
  for await (const row of feed.view.list({
    withWithdrawn: true,
    limit: Number.POSITIVE_INFINITY,
  })) {
    const id = row.id.toString('hex');
    if (versions.has(id) && !row.isWithdrawn) current.set(id, row.version);
  }
  for (const [id, index] of versions) {
    const found = await readEntry(feed, index);
    if (found.item === undefined) continue;
    const { version, timeMs } = found.entry;
    yield {
      ...{ item: found.item, version, timeMs, isSealed: feed.row.isSealed },
      isSensitive: await isSensitive(feed, found),
      isCurrent: current.get(id) === version,
    };
  }
}

/**
 * A grant opens an open feed from its first entry, so of each item the space could fetch the newest version that was there when
 * its last one ended. Versions lead to those before them; nothing sensitive is ever among them.
 */
async function* exposedInTheOpen({ feed, untilMs }: ExposureOptions): AsyncGenerator<ExposedItem> {
  const all = { withWithdrawn: true, limit: Number.POSITIVE_INFINITY };
  for await (const row of feed.view.list(all)) {
    const isNewest = !row.isWithdrawn && row.timeMs <= untilMs;
    const read = isNewest ? row : await versionBefore(feed, row.index, untilMs);
    if (!read) continue;
    yield {
      ...{ item: row.name, version: read.version, timeMs: read.timeMs },
      ...{ isSealed: false, isSensitive: false, isCurrent: isNewest },
    };
  }
}

/** The newest version up to this one that had content and was there then. */
async function versionBefore(
  { log }: OpenFeed,
  index: number,
  untilMs: number,
): Promise<Entry | undefined> {
  for (let at: number | null = index; at !== null; ) {
    const entry = decodeEntry((await log.entry(at)).leaf);
    if (entry.kind !== KIND.withdraw && entry.timeMs <= untilMs) return entry;
    // A publisher that points forward is not followed.
    at = entry.prev !== null && entry.prev < at ? entry.prev : null;
  }
  return undefined;
}

/** By item id, the index of the newest version that was open to the space. */
async function newestReadable({
  feed,
  exchangeKeys,
}: ExposureOptions): Promise<Map<string, number>> {
  const keyIds = exchangeKeys.map((raw) => exchangeKeyId(raw).toString('hex'));
  const epochs = new Set<number>();
  for (const [epoch, { recipients }] of feed.opener?.ring.epochs ?? [])
    if (keyIds.some((id) => recipients.has(id))) epochs.add(epoch);
  const versions = new Map<string, number>();
  let index = 0;
  for await (const bytes of feed.log.segments(0, feed.log.size)) {
    for (const { leaf } of decodeSegment(bytes).entries) {
      const { kind, keyEpoch, item } = decodeEntry(leaf);
      const at = index++;
      if (kind === KIND.shareKeyEpoch || kind === KIND.withdraw) continue;
      if (feed.opener && (keyEpoch === null || !epochs.has(keyEpoch))) continue;
      versions.set(Buffer.from(item).toString('hex'), at);
    }
  }
  return versions;
}

async function isSensitive(feed: OpenFeed, { body }: ReadEntry): Promise<boolean> {
  if (!body) return false;
  if (body.kind === 'event') return findSensitive(body.envelope.payload) !== undefined;
  if (body.attachment.sizeBytes > LIMITS.jsonBytes) return false;
  const parts: Buffer[] = [];
  try {
    for await (const part of feed.blocks.content(body.attachment)) parts.push(part);
    return findSensitive(JSON.parse(Buffer.concat(parts).toString('utf8')) as Json) !== undefined;
  } catch {
    // No JSON, or not all of it is here: nothing in it is marked.
    return false;
  }
}
