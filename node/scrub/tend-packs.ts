// Packs of which little is still of use: one that no row names is taken away, and of one that is mostly passed over the rest
// is written out block by block, so that the file can go. At every moment each block is named in one of the two places.

import { sha256 } from '../../protocols/merkle.ts';
import type { Blocks } from '../feed/blocks.ts';
import { decodePlace } from '../feed/packed-blocks.ts';
import type { Log } from '../log.ts';
import { blockKey, tableRange } from '../store/keys.ts';
import { isRot, type Store } from '../store/store.ts';

/** Written out together. */
const GROUP_BYTES = 4 << 20;

export interface TendPacksOptions {
  readonly blockStore: Store;
  readonly blocks: Blocks;
  readonly pace: (bytes: number) => Promise<void>;
  /** Whether there is room for the blocks of a pack beside it. */
  readonly hasRoom: () => boolean;
  readonly log: Log;
}

/** Resolves to how many files were taken away. */
export async function tendPacks(o: TendPacksOptions): Promise<number> {
  const { packs } = o.blocks;
  if (!packs?.isUsed) return 0;
  packs.beginRound();
  const files = (await packs.list()).filter(({ pack }) => !packs.isFresh(pack));
  const uses = files.length > 0 ? await usesOf(o) : undefined;
  // A row that cannot be read may name any of them.
  if (!uses) return 0;
  let count = 0;
  // One by one: with the first of them there is room for the next.
  for (const { pack, sizeBytes } of files) {
    const use = uses.get(pack);
    // Where a block is damaged the file stays until it comes anew, so nothing is won by writing out the others.
    const mayGo = !use || (2 * use.bytes < sizeBytes && !use.isDamaged);
    if (!mayGo || (use && !(await writeOut(o, pack)))) continue;
    // A row that a power cut brings back must not name a file that is gone.
    await o.blocks.flush();
    if (await packs.remove(pack)) count++;
  }
  if (count > 0) o.log.info({ packs: count }, 'packs of which little was left were taken away');
  return count;
}

/** What rows say of packs; undefined when some of it could not be read. */
async function usesOf(o: TendPacksOptions) {
  const uses = new Map<string, { bytes: number; isDamaged: boolean }>();
  const rotten: Buffer[] = [];
  const onDamaged = (key: Buffer) => {
    rotten.push(Buffer.from(key));
  };
  for await (const { key, value } of o.blockStore.range({ ...tableRange('j'), onDamaged })) {
    await o.pace(key.length + value.length);
    const place = placeOf(key, value);
    if (!place) {
      onDamaged(key);
      continue;
    }
    const { bytes, isDamaged } = uses.get(place.pack) ?? { bytes: 0, isDamaged: false };
    uses.set(place.pack, {
      bytes: bytes + place.sizeBytes,
      isDamaged: isDamaged || o.blocks.isDamaged(key.subarray(1)),
    });
  }
  for (const key of rotten) if (!(await forgetPlace(o, key))) return undefined;
  return uses;
}

/** A row that cannot be read goes where its block is sound by itself. */
async function forgetPlace({ blockStore }: TendPacksOptions, key: Buffer): Promise<boolean> {
  const hash = key.subarray(1);
  try {
    const bytes = await blockStore.get(blockKey(hash));
    if (!bytes || !sha256(bytes).equals(hash)) return false;
  } catch (error) {
    if (isRot(error)) return false;
    throw error;
  }
  await blockStore.write([{ type: 'del', key }]);
  return true;
}

function placeOf(key: Buffer, value: Buffer) {
  try {
    return decodePlace(key, value);
  } catch (error) {
    if (isRot(error)) return undefined;
    throw error;
  }
}

/** Resolves to whether nothing is left to write: a block that is damaged stays where it is, and so do all for want of room. */
async function writeOut(o: TendPacksOptions, pack: string): Promise<boolean> {
  const { blockStore, blocks, pace, hasRoom } = o;
  let isWhole = true;
  let group: { hash: Buffer; bytes: Buffer }[] = [];
  let groupBytes = 0;
  const onDamaged = () => {
    isWhole = false;
  };
  if (!hasRoom()) return false;
  for await (const { key, value } of blockStore.range({ ...tableRange('j'), onDamaged })) {
    const place = placeOf(key, value);
    if (place && place.pack !== pack) continue;
    const hash = key.subarray(1);
    const bytes = place && (await blocks.get({ codec: 0x55, hash }));
    if (!place || !bytes) {
      isWhole = false;
      continue;
    }
    await pace(place.sizeBytes);
    group.push({ hash, bytes });
    groupBytes += bytes.length;
    if (groupBytes < GROUP_BYTES) continue;
    await blocks.put(group);
    if (!hasRoom()) return false;
    group = [];
    groupBytes = 0;
  }
  await blocks.put(group);
  return isWhole;
}
