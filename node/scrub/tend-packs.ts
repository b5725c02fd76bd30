// Packs of which little is still of use: one that no row names is taken away, and of one that is mostly passed over the rest
// is written out block by block, so that the file can go. At every moment each block is named in one of the two places.

import type { Blocks } from '../feed/blocks.ts';
import { decodePlace } from '../feed/packed-blocks.ts';
import type { Log } from '../log.ts';
import { tableRange } from '../store/keys.ts';
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
  const named = files.length > 0 ? await namedBytes(o) : undefined;
  // A row that cannot be read may name any of them.
  if (!named) return 0;
  const empty: string[] = [];
  const sparse = new Set<string>();
  for (const { pack, sizeBytes } of files) {
    const bytes = named.get(pack) ?? 0;
    if (bytes === 0) empty.push(pack);
    else if (2 * bytes < sizeBytes && o.hasRoom()) sparse.add(pack);
  }
  if (sparse.size > 0) empty.push(...(await writeOut(o, sparse)));
  if (empty.length === 0) return 0;
  // A row that a power cut brings back must not name a file that is gone.
  await o.blocks.flush();
  for (const pack of empty) await packs.remove(pack);
  o.log.info({ packs: empty.length }, 'packs of which little was left were taken away');
  return empty.length;
}

/** Bytes of blocks by pack; undefined when some of it could not be read. */
async function namedBytes({ blockStore, pace }: TendPacksOptions) {
  const named = new Map<string, number>();
  let isWhole = true;
  const onDamaged = () => {
    isWhole = false;
  };
  for await (const { key, value } of blockStore.range({ ...tableRange('j'), onDamaged })) {
    await pace(key.length + value.length);
    const place = placeOf(key, value);
    if (place) named.set(place.pack, (named.get(place.pack) ?? 0) + place.sizeBytes);
    else isWhole = false;
  }
  return isWhole ? named : undefined;
}

function placeOf(key: Buffer, value: Buffer) {
  try {
    return decodePlace(key, value);
  } catch (error) {
    if (isRot(error)) return undefined;
    throw error;
  }
}

/** Gives back those of which nothing is left to write. A block that is damaged stays where it is until it comes anew. */
async function writeOut(
  { blockStore, blocks, pace }: TendPacksOptions,
  sparse: Set<string>,
): Promise<Set<string>> {
  let group: { hash: Buffer; bytes: Buffer }[] = [];
  let groupBytes = 0;
  for await (const { key, value } of blockStore.range({
    ...tableRange('j'),
    onDamaged: () => {},
  })) {
    const place = placeOf(key, value);
    if (!place || !sparse.has(place.pack)) continue;
    const hash = key.subarray(1);
    const bytes = await blocks.get({ codec: 0x55, hash });
    await pace(place.sizeBytes);
    if (!bytes) {
      sparse.delete(place.pack);
      continue;
    }
    group.push({ hash, bytes });
    groupBytes += bytes.length;
    if (groupBytes < GROUP_BYTES) continue;
    await blocks.put(group);
    group = [];
    groupBytes = 0;
  }
  await blocks.put(group);
  return sparse;
}
