// Entries for people: decoded, with the event they carry when its record is here. Newest or oldest first, in any range.

import { decodeEntry, type Entry, KIND } from '../../protocols/entry.ts';
import { parseSource } from '../../protocols/envelope.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Body, decodeRecord } from '../../protocols/record.ts';
import { decodeSegment, type Packed } from '../../protocols/segment.ts';
import type { Blocks } from './blocks.ts';
import type { Item } from './items.ts';
import type { FeedLog } from './log.ts';
import type { Opener } from './opener.ts';
import type { FeedView } from './view.ts';

export interface ReadEntry {
  readonly index: number;
  readonly leaf: Buffer;
  readonly entry: Entry;
  /** Absent while the record is not here, or when it breaks its contract. */
  readonly body: Body | undefined;
  readonly item: string | undefined;
}

/** What entries are read from. */
export interface Readable {
  readonly log: FeedLog;
  readonly blocks: Blocks;
  /** Of a sealed feed. */
  readonly opener?: Opener | undefined;
}

async function readOne(index: number, packed: Packed, from: Readable): Promise<ReadEntry> {
  const { leaf } = packed;
  const kept = decodeEntry(leaf);
  const opened = await readBody(kept, packed.record, from);
  const { entry, body } = opened ?? { entry: kept, body: undefined };
  const item = body && itemName(body);
  return { index, leaf, entry, body, item };
}

/** The entry comes back as it would be in an open feed, when it could be opened. */
async function readBody(
  entry: Entry,
  inline: Buffer | null,
  { blocks, opener }: Readable,
): Promise<{ entry: Entry; body: Body } | undefined> {
  const { record: cid } = entry;
  if (!cid || entry.kind === KIND.shareKeyEpoch) return undefined;
  const bytes = inline ?? (await blocks.get(cid));
  if (!bytes) return undefined;
  try {
    return opener ? opener.open(entry, bytes) : { entry, body: decodeRecord(cid, bytes) };
  } catch (error) {
    // A dead letter is still an entry; its record is not shown as something it is not.
    if (isMeshError(error)) return undefined;
    throw error;
  }
}

function itemName(body: Body): string | undefined {
  try {
    return parseSource(body.envelope.source).item;
  } catch {
    return undefined;
  }
}

/**
 * The newest version of an item whose entry can be read. While a batch is being written its rows may be there before its
 * entries: then what comes of the batch is waited for.
 */
export async function readableItem(
  log: FeedLog,
  view: FeedView,
  name: string,
): Promise<Item | undefined> {
  const item = await view.item(name);
  return item && item.index >= log.size ? log.exclusively(() => view.item(name)) : item;
}

export async function readEntry(feed: Readable, index: number): Promise<ReadEntry> {
  return readOne(index, await feed.log.entry(index), feed);
}

/** Entries [from, to), oldest first. */
export async function* readEntries(
  feed: Readable,
  from: number,
  to: number,
): AsyncGenerator<ReadEntry> {
  let index = from;
  for await (const bytes of feed.log.segments(from, to)) {
    for (const packed of decodeSegment(bytes).entries) yield readOne(index++, packed, feed);
  }
}

/** At most `limit` entries before `before`, newest first. */
export async function newestEntries(
  feed: Readable,
  before: number,
  limit: number,
): Promise<ReadEntry[]> {
  const end = Math.min(before, feed.log.size);
  const out: ReadEntry[] = [];
  for await (const entry of readEntries(feed, Math.max(0, end - limit), end)) out.push(entry);
  return out.reverse();
}

/** The versions of one item, newest first, along the links from each version to the one before. */
export async function* versionsOf(feed: Readable, newest: number): AsyncGenerator<ReadEntry> {
  let index: number | null = newest;
  for (let steps = 0; index !== null && steps < LIMITS.pageRows; steps++) {
    const found: ReadEntry = await readEntry(feed, index);
    yield found;
    const { prev } = found.entry;
    // Links only ever lead back: a publisher that makes a ring cannot keep a reader busy.
    if (prev !== null && prev >= index)
      throw new MeshError('EVENT_INVALID', `entry ${index} names a later entry as its predecessor`);
    index = prev;
  }
}
