// Looks at every row of one log in the store: which entries are sound, which are missing or damaged, whether the tiles are
// those of the entries. Trusts nothing that it reads and changes nothing. What can be done about it is mend-log.ts.

import { isMeshError, type MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { Frontier, HASH_BYTES, leafHash, TILE_HEIGHT } from '../../protocols/merkle.ts';
import { checkPacked } from '../../protocols/run-verifier.ts';
import { decodeSegment, type Packed } from '../../protocols/segment.ts';
import { indexOfKey, tableRange, tileKey } from '../store/keys.ts';
import { isRot, type Store } from '../store/store.ts';
import { damagedLog } from './stored-segments.ts';

const TILE = LIMITS.tileHashes;

/** Hashes of leaves by index, with holes: 32 bytes an entry, tile by tile. */
export class Leaves {
  readonly #tiles: (Buffer | undefined)[] = [];
  readonly #present: Uint8Array[] = [];
  /** Just behind the last one that is known. */
  end = 0;

  set(index: number, hash: Buffer): void {
    const n = Math.floor(index / TILE);
    this.#tiles[n] ??= Buffer.alloc(TILE * HASH_BYTES);
    this.#present[n] ??= new Uint8Array(TILE);
    this.#tiles[n].set(hash, (index % TILE) * HASH_BYTES);
    this.#present[n][index % TILE] = 1;
    this.end = Math.max(this.end, index + 1);
  }

  get(index: number): Buffer | undefined {
    const n = Math.floor(index / TILE);
    if (this.#present[n]?.[index % TILE] !== 1) return undefined;
    const at = (index % TILE) * HASH_BYTES;
    return this.#tiles[n]!.subarray(at, at + HASH_BYTES);
  }

  /** Runs of entries below `size` that are not known. */
  gaps(size: number): { from: number; to: number }[] {
    const out: { from: number; to: number }[] = [];
    for (let i = 0; i < size; i++) {
      if (this.get(i)) continue;
      const from = i;
      while (i < size && !this.get(i)) i++;
      out.push({ from, to: i });
    }
    return out;
  }
}

export interface Survey {
  readonly leaves: Leaves;
  /** Keys of segments that are damaged, or that say something else than their key. */
  readonly badKeys: readonly Buffer[];
}

/** Told how many bytes were read; the survey goes on when it resolves. */
export type Pace = (bytes: number) => Promise<void>;

/** Every segment of a log, entry by entry. */
export async function surveySegments(
  store: Store,
  prefix: Buffer,
  { pace, onEntry }: { pace?: Pace | undefined; onEntry?: (packed: Packed) => void } = {},
): Promise<Survey> {
  const leaves = new Leaves();
  const badKeys: Buffer[] = [];
  const feedId = prefix.subarray(0, 16);
  const onDamaged = (key: Buffer) => badKeys.push(key);
  for await (const { key, value } of store.range({ ...tableRange('s', prefix), onDamaged })) {
    await pace?.(key.length + value.length);
    const packed = soundEntries(key, value, feedId);
    if (!packed) {
      badKeys.push(key);
      continue;
    }
    const from = indexOfKey(key);
    packed.forEach((one, i) => {
      leaves.set(from + i, leafHash(one.leaf));
      onEntry?.(one);
    });
  }
  return { leaves, badKeys };
}

/** Entries of a segment, each with the record that it names; undefined when it is not what it should be. */
function soundEntries(
  key: Buffer,
  value: Buffer,
  feedId: Uint8Array,
): readonly Packed[] | undefined {
  try {
    const { from, entries } = decodeSegment(value);
    if (from !== indexOfKey(key)) return undefined;
    for (const packed of entries) checkPacked(packed, feedId);
    return entries;
  } catch (error) {
    if (isMeshError(error)) return undefined;
    throw error;
  }
}

/** A tile row as it must be. */
export interface TileRow {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** The tree over the first `size` leaves, none of which may be missing, with every row of tiles that belongs to it. */
export function foldLeaves(
  prefix: Buffer,
  leaves: Leaves,
  size: number,
): { tree: Frontier; tiles: TileRow[] } {
  const tree = new Frontier();
  const levels: Buffer[][] = [];
  const tiles: TileRow[] = [];
  for (let i = 0; i < size; i++) {
    tree.append(leaves.get(i)!, (height, index, hash) => {
      if (height % TILE_HEIGHT !== 0) return;
      const level = height / TILE_HEIGHT;
      levels[level] ??= [];
      const row = levels[level];
      row.push(hash);
      if (row.length < TILE) return;
      const key = tileKey(prefix, level, Math.floor(index / TILE));
      tiles.push({ key, value: Buffer.concat(row) });
      levels[level] = [];
    });
  }
  // Tiles of leaves are stored when they are full, those above whenever they grow.
  for (let level = 1; level < levels.length; level++) {
    const row = levels[level]!;
    const count = Math.floor(size / TILE ** level);
    if (row.length === 0) continue;
    const key = tileKey(prefix, level, Math.floor((count - 1) / TILE));
    tiles.push({ key, value: Buffer.concat(row) });
  }
  return { tree, tiles };
}

/** Rows of tiles that are missing or hold something else. */
export async function wrongTiles(store: Store, tiles: readonly TileRow[]): Promise<TileRow[]> {
  const out: TileRow[] = [];
  for (const row of tiles) {
    const stored = await store.get(row.key).catch((error: unknown) => {
      if (isRot(error)) return undefined;
      throw error;
    });
    // One that grew meanwhile begins with what it was.
    if (!stored?.subarray(0, row.value.length).equals(row.value)) out.push(row);
  }
  return out;
}

/** What is wrong with a log that stands at this tree; undefined when every row of it is as it must be. */
export async function faultOfLog(
  store: Store,
  prefix: Buffer,
  { size, root }: { readonly size: number; readonly root: Buffer },
  options: { pace?: Pace | undefined; onEntry?: (packed: Packed) => void } = {},
): Promise<MeshError | undefined> {
  const { leaves } = await surveySegments(store, prefix, options);
  const [gap] = leaves.gaps(size);
  if (gap) {
    const which =
      gap.to - gap.from === 1 ? `entry ${gap.from}` : `entries ${gap.from}..${gap.to - 1}`;
    return damagedLog(prefix, `${which} damaged or missing`);
  }
  const { tree, tiles } = foldLeaves(prefix, leaves, size);
  if (!tree.root().equals(root)) return damagedLog(prefix, 'the entries do not fold to the head');
  const [wrong] = await wrongTiles(store, tiles);
  return (
    wrong && damagedLog(prefix, `tile ${wrong.key.readUInt8(19)}/${indexOfKey(wrong.key)} damaged`)
  );
}
