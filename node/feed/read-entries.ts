// Entries for people: decoded, with the event they carry when its record is here. Newest or oldest first, in any range.

import type { Cid } from '../../protocols/codec.ts';
import { decodeEntry, type Entry } from '../../protocols/entry.ts';
import { parseSource } from '../../protocols/envelope.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Body, decodeRecord } from '../../protocols/record.ts';
import { decodeSegment, type Packed } from '../../protocols/segment.ts';
import type { Blocks } from './blocks.ts';
import type { Item } from './items.ts';
import type { FeedLog } from './log.ts';
import type { FeedView } from './view.ts';

export interface ReadEntry {
  readonly index: number;
  readonly leaf: Buffer;
  readonly entry: Entry;
  /** Absent while the record is not here, or when it breaks its contract. */
  readonly body: Body | undefined;
  readonly item: string | undefined;
}

async function readOne(index: number, packed: Packed, blocks: Blocks): Promise<ReadEntry> {
  const entry = decodeEntry(packed.leaf);
  const body = await readBody(entry.record, packed.record, blocks);
  const item = body && itemName(body);
  return { index, leaf: packed.leaf, entry, body, item };
}

async function readBody(
  cid: Cid | null,
  inline: Buffer | null,
  blocks: Blocks,
): Promise<Body | undefined> {
  if (!cid) return undefined;
  const bytes = inline ?? (await blocks.get(cid));
  try {
    return bytes && decodeRecord(cid, bytes);
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

export async function readEntry(log: FeedLog, blocks: Blocks, index: number): Promise<ReadEntry> {
  return readOne(index, await log.entry(index), blocks);
}

/** Entries [from, to), oldest first. */
export async function* readEntries(
  log: FeedLog,
  blocks: Blocks,
  from: number,
  to: number,
): AsyncGenerator<ReadEntry> {
  let index = from;
  for await (const bytes of log.segments(from, to)) {
    for (const packed of decodeSegment(bytes).entries) yield readOne(index++, packed, blocks);
  }
}

/** At most `limit` entries before `before`, newest first. */
export async function newestEntries(
  log: FeedLog,
  blocks: Blocks,
  before: number,
  limit: number,
): Promise<ReadEntry[]> {
  const end = Math.min(before, log.size);
  const out: ReadEntry[] = [];
  for await (const entry of readEntries(log, blocks, Math.max(0, end - limit), end))
    out.push(entry);
  return out.reverse();
}

/** The versions of one item, newest first, along the links from each version to the one before. */
export async function* versionsOf(
  log: FeedLog,
  blocks: Blocks,
  newest: number,
): AsyncGenerator<ReadEntry> {
  let index: number | null = newest;
  for (let steps = 0; index !== null && steps < LIMITS.pageRows; steps++) {
    const found: ReadEntry = await readEntry(log, blocks, index);
    yield found;
    const { prev } = found.entry;
    // Links only ever lead back: a publisher that makes a ring cannot keep a reader busy.
    if (prev !== null && prev >= index)
      throw new MeshError('EVENT_INVALID', `entry ${index} names a later entry as its predecessor`);
    index = prev;
  }
}
