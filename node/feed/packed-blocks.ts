// Blocks that lie in packs: for each a row that says in which, and where. What a pack gives is checked against the hash; what
// becomes of a block that is damaged is for whoever asks.

import type { Cid } from '../../protocols/codec.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { verifyBlock } from '../../protocols/record.ts';
import { blockKey, packedKey, tableRange } from '../store/keys.ts';
import type { Packs, Place } from '../store/packs.ts';
import { isRot, type Store, type Write } from '../store/store.ts';

export interface BlockInPack {
  readonly hash: Uint8Array;
  /** Of its first byte in the file. */
  readonly at: number;
  readonly sizeBytes: number;
}

/** Blocks that are looked for together: 4 MiB, should all of them be here. */
const LOOKED_FOR = 64;
const NAME_BYTES = 32;
const ROW_BYTES = NAME_BYTES + 10;

/** u256 pack, u48 first byte, u32 length. */
export function packedRow(pack: string, { hash, at, sizeBytes }: BlockInPack): Write {
  const value = Buffer.alloc(ROW_BYTES);
  value.write(pack, 'hex');
  value.writeUIntBE(at, NAME_BYTES, 6);
  value.writeUInt32BE(sizeBytes, NAME_BYTES + 6);
  return { type: 'put', key: packedKey(hash), value };
}

/** @throws STORE_DAMAGED for what no node writes */
export function decodePlace(key: Buffer, value: Buffer): Place {
  const sizeBytes = value.length === ROW_BYTES ? value.readUInt32BE(NAME_BYTES + 6) : 0;
  if (value.length !== ROW_BYTES || sizeBytes > LIMITS.blockBytes) {
    const name = key.toString('hex');
    throw new MeshError('STORE_DAMAGED', `the row ${name} names no place in a pack`, {
      detail: { key: name },
    });
  }
  const pack = value.toString('hex', 0, NAME_BYTES);
  return { pack, at: value.readUIntBE(NAME_BYTES, 6), sizeBytes };
}

/**
 * What says where these blocks lie, but for those that lie by themselves and are sound. A row of another pack is written over:
 * whether that one is sound is not known.
 */
export async function rowsOf(
  store: Store,
  pack: string,
  blocks: readonly BlockInPack[],
  isDamaged: (hash: Uint8Array) => boolean,
): Promise<Write[]> {
  const writes: Write[] = [];
  for (let at = 0; at < blocks.length; at += LOOKED_FOR) {
    const some = blocks.slice(at, at + LOOKED_FOR);
    const states = await alone(store, some);
    for (const [i, block] of some.entries()) {
      const isRotten = states[i] === 'rotten' || (states[i] === 'here' && isDamaged(block.hash));
      if (isRotten) writes.push({ type: 'del', key: blockKey(block.hash) });
      if (isRotten || !states[i]) writes.push(packedRow(pack, block));
    }
  }
  return writes;
}

/** Which lie by themselves. Asked for together: one by one costs more than to read those few that are here. */
async function alone(
  store: Store,
  blocks: readonly BlockInPack[],
): Promise<('here' | 'rotten' | undefined)[]> {
  try {
    const rows = await store.getMany(blocks.map(({ hash }) => blockKey(hash)));
    return rows.map((row) => row && 'here');
  } catch (error) {
    if (!isRot(error)) throw error;
    if (blocks.length === 1) return ['rotten'];
    return (await Promise.all(blocks.map((block) => alone(store, [block])))).flat();
  }
}

export class PackedBlocks {
  readonly packs: Packs;
  readonly #store: Store;
  #hasRows: Promise<boolean> | undefined;

  constructor(store: Store, packs: Packs) {
    this.#store = store;
    this.packs = packs;
  }

  /** The folder may be lost, or left out of a restore: the rows that were there at the start say so as well. */
  #isUsed(): boolean | Promise<boolean> {
    if (this.packs.isUsed) return true;
    this.#hasRows ??= hasRow(this.#store).catch((error: unknown) => {
      this.#hasRows = undefined;
      throw error;
    });
    return this.#hasRows;
  }

  /** Undefined where no row names it. @throws HASH_MISMATCH, STORE_DAMAGED */
  async get(cid: Cid): Promise<Buffer | undefined> {
    if (!(await this.#isUsed())) return undefined;
    const key = packedKey(cid.hash);
    const [row] = await this.#store.getMany([key]);
    if (!row) return undefined;
    const place = decodePlace(key, row);
    try {
      const bytes = await this.packs.read(place);
      if (bytes) verifyBlock(cid, bytes);
      else throw new MeshError('HASH_MISMATCH', `the pack ${place.pack} is gone or too short`);
      return bytes;
    } catch (error) {
      // Whoever asks again gets what is on the disk.
      this.packs.forget(place.pack);
      throw error;
    }
  }

  async has(hash: Uint8Array): Promise<boolean> {
    return (await this.#isUsed()) && this.#store.has(packedKey(hash));
  }
}

async function hasRow(store: Store): Promise<boolean> {
  let isThere = false;
  const onDamaged = () => {
    isThere = true;
  };
  for await (const _ of store.range({ ...tableRange('j'), limit: 1, onDamaged })) isThere = true;
  return isThere;
}
