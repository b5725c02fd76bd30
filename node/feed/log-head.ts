// The head row of a log, and what is kept in memory of the log's newest entries, read back and checked against each other.
// Reads; changes nothing.

import { decodeNote } from '../../protocols/checkpoint.ts';
import { Reader, Writer } from '../../protocols/codec.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { Frontier, HASH_BYTES, leafHash } from '../../protocols/merkle.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import { headKey, tileKey } from '../store/keys.ts';
import type { Store, Write } from '../store/store.ts';
import type { Grown } from './growth.ts';
import { damagedLog, type StoredSegments } from './stored-segments.ts';

const TILE = LIMITS.tileHashes;

export interface LogHead {
  readonly tree: Frontier;
  /** Newest accepted checkpoint; may be ahead of the tree while entries are still coming. */
  readonly note: Buffer | undefined;
}

export function putHead(prefix: Buffer, { tree, note }: LogHead): Write {
  const head = new Writer(1024).array(3).uint(tree.size).bytes(Buffer.concat(tree.hashes));
  if (note) head.bytes(note);
  else head.nothing();
  return { type: 'put', key: headKey(prefix), value: head.take() };
}

export function decodeHead(bytes: Buffer): LogHead {
  const r = new Reader(bytes);
  r.tuple(3);
  const tree = new Frontier(r.uint(), splitHashes(r.bytes(LIMITS.proofHashes * HASH_BYTES)));
  return { tree, note: r.nothing() ? undefined : Buffer.from(r.bytes(LIMITS.noteBytes)) };
}

/** Undefined when the log has no row and no entry: continuing it from nothing while it has entries would fork it. */
export async function readHead(
  store: Store,
  prefix: Buffer,
  segments: StoredSegments,
): Promise<LogHead | undefined> {
  const bytes = await store.get(headKey(prefix));
  if (!bytes) {
    if (await segments.isEmpty()) return undefined;
    throw damagedLog(prefix, 'the head is missing');
  }
  const head = decodeHead(bytes);
  if (head.note && !isRootOf(head.tree, head.note))
    throw damagedLog(prefix, 'the head is not the signed one');
  return head;
}

/** A checkpoint of exactly these entries must be of this tree; one of more entries says nothing of it. */
function isRootOf(tree: Frontier, note: Buffer): boolean {
  const { size, root } = decodeNote(note).checkpoint;
  return size !== tree.size || root.equals(tree.root());
}

/** The unfinished tiles of a tree, and how many pieces the newest one lies in. */
export async function readLevels(
  store: Store,
  prefix: Buffer,
  segments: StoredSegments,
  tree: Frontier,
): Promise<Grown> {
  const { size } = tree;
  const leaves: Buffer[] = [];
  const levels = [leaves];
  let pieces = 0;
  for await (const bytes of segments.read(size - (size % TILE), size)) {
    for (const { leaf } of decodeSegment(bytes).entries) leaves.push(leafHash(leaf));
    pieces++;
  }
  let nodes = Math.floor(size / TILE);
  for (let level = 1; nodes > 0; level++) {
    const used = nodes % TILE;
    const n = Math.floor(nodes / TILE);
    const tile = used > 0 ? await store.get(tileKey(prefix, level, n)) : undefined;
    if (used > 0 && (tile?.length ?? 0) < used * HASH_BYTES)
      throw damagedLog(prefix, 'a tile is missing');
    levels[level] = tile ? splitHashes(tile.subarray(0, used * HASH_BYTES)) : [];
    nodes = n;
  }
  const rest = new Frontier();
  for (const leaf of leaves) rest.append(leaf);
  const tail = tree.hashes.slice(tree.hashes.length - rest.hashes.length);
  if (!tail.every((hash, i) => hash.equals(rest.hashes[i]!)))
    throw damagedLog(prefix, 'the newest entries do not fold');
  return { tree, levels, pieces };
}

export function splitHashes(bytes: Buffer): Buffer[] {
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += HASH_BYTES)
    out.push(bytes.subarray(at, at + HASH_BYTES));
  return out;
}
