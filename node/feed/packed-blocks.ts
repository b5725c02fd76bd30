// Blocks that lie in packs: for each a row that says in which, and where. What a pack gives is checked against the hash; what
// becomes of a block that is damaged is for whoever asks.

import type { Cid } from '../../protocols/codec.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { verifyBlock } from '../../protocols/record.ts';
import { packedKey } from '../store/keys.ts';
import type { Packs, Place } from '../store/packs.ts';
import type { Store, Write } from '../store/store.ts';

export interface BlockInPack {
  readonly hash: Uint8Array;
  /** Of its first byte in the file. */
  readonly at: number;
  readonly sizeBytes: number;
}

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

export class PackedBlocks {
  readonly packs: Packs;
  readonly #store: Store;

  constructor(store: Store, packs: Packs) {
    this.#store = store;
    this.packs = packs;
  }

  /** Undefined where no row names it. @throws HASH_MISMATCH, STORE_DAMAGED */
  async get(cid: Cid): Promise<Buffer | undefined> {
    if (!this.packs.isUsed) return undefined;
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
    return this.packs.isUsed && this.#store.has(packedKey(hash));
  }

  /** What goes when the block is written by itself, or taken away. */
  keysOf(hash: Uint8Array): Buffer[] {
    return this.packs.isUsed ? [packedKey(hash)] : [];
  }
}
