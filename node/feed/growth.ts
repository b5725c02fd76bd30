// What new entries change in a log: its tree, its unfinished tiles, and the rows to write. Computes; writes nothing.

import { LIMITS } from '../../protocols/limits.ts';
import type { Frontier } from '../../protocols/merkle.ts';
import type { TileHash } from '../../protocols/run-verifier.ts';
import { segmentRange } from '../../protocols/segment.ts';
import { tileKey } from '../store/keys.ts';
import type { Write } from '../store/store.ts';
import { putSegment } from './stored-segments.ts';

const TILE = LIMITS.tileHashes;
/** A tile that came in more pieces than this is rewritten in few when it is complete. */
const PIECES = 4;

/** What is known in memory of the entries of a log. */
export interface Grown {
  readonly tree: Frontier;
  /** Hashes of the unfinished tile of each level; level 0 is the leaves. */
  readonly levels: readonly (readonly Buffer[])[];
  /** Segments of the unfinished tile. */
  readonly pieces: number;
}

/** What an append changes, before it is written. */
export interface Growth extends Grown {
  /** Size of the log that it continues. */
  readonly from: number;
  /** Start of a tile that it completes and that lies in many pieces. */
  readonly scattered: number | undefined;
  readonly writes: Write[];
}

/** @param tree the log with the new entries; @param hashes that these add to it; @param segments that hold them */
export function growthOf(
  prefix: Buffer,
  before: Grown,
  tree: Frontier,
  hashes: readonly TileHash[],
  segments: readonly Buffer[],
): Growth {
  const from = before.tree.size;
  const levels = before.levels.map((row) => [...row]);
  const tiles = new Map<string, Write>();
  for (const hash of hashes) addHash(prefix, levels, tiles, hash);
  const writes: Write[] = [...tiles.values()];
  for (const bytes of segments) writes.push(putSegment(prefix, bytes));
  const tileStart = tree.size - (tree.size % TILE);
  const inTile = segments.filter((bytes) => segmentRange(bytes).to > tileStart).length;
  const isScattered = before.pieces >= PIECES && from < tileStart;
  return {
    ...{ from, tree, levels, writes },
    pieces: (from >= tileStart ? before.pieces : 0) + inTile,
    scattered: isScattered ? from - (from % TILE) : undefined,
  };
}

/** A tile of leaves is written when it is full; those above, which grow slowly, whenever they grow. */
function addHash(
  prefix: Buffer,
  levels: Buffer[][],
  tiles: Map<string, Write>,
  { level, index, hash }: TileHash,
): void {
  levels[level] ??= [];
  const hashes = levels[level];
  hashes.push(hash);
  if (level > 0 || hashes.length === TILE) {
    const n = Math.floor(index / TILE);
    const key = tileKey(prefix, level, n);
    tiles.set(`${level}/${n}`, { type: 'put', key, value: Buffer.concat(hashes) });
  }
  if (hashes.length === TILE) levels[level] = [];
}
