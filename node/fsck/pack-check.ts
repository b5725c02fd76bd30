// Blocks that lie in packs: each must be in its file as its row says. A file that is gone is told once, with what lay in it.

import { isMeshError } from '../../protocols/errors.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { decodePlace } from '../feed/packed-blocks.ts';
import type { Packs } from '../store/packs.ts';
import type { OrphanBlocks } from './orphan-blocks.ts';
import type { Report } from './report.ts';

export interface PackCheckOptions {
  readonly report: Report;
  readonly packs: Packs;
  /** What to do about what is wrong. */
  readonly next: string;
}

const nameOf = (pack: string): string => `store/packs/${pack}.car`;

export class PackCheck {
  readonly #o: PackCheckOptions;
  /** Blocks that lay in files that are gone. */
  readonly #gone = new Map<string, number>();
  #values = 0;
  #bytes = 0;

  constructor(options: PackCheckOptions) {
    this.#o = options;
  }

  /** @param orphans where those are already that lie by themselves: of these the pack need not be right */
  async check(key: Buffer, value: Buffer, orphans: OrphanBlocks): Promise<void> {
    const { report, packs, next } = this.#o;
    const hash = key.subarray(1);
    const block = `the block ${hash.toString('hex')}`;
    try {
      const place = decodePlace(key, value);
      const { pack, sizeBytes } = place;
      this.#values++;
      this.#bytes += sizeBytes;
      if (orphans.has(hash)) return;
      orphans.add(hash, sizeBytes);
      if (!packs.has(pack)) {
        this.#gone.set(pack, (this.#gone.get(pack) ?? 0) + 1);
        return;
      }
      const bytes = await packs.read(place);
      report.read(sizeBytes);
      if (bytes && sha256(bytes).equals(hash)) return;
      const what = bytes ? 'holds other bytes than its hash says' : 'is behind the end of the file';
      report.problem('HASH_MISMATCH', `${block} in ${nameOf(pack)} ${what}`, next);
    } catch (error) {
      if (!isMeshError(error)) throw error;
      report.caught(error, block, next);
    }
  }

  async finish(): Promise<void> {
    const { report, packs, next } = this.#o;
    for (const [pack, count] of this.#gone) {
      const blocks = count === 1 ? '1 block lay' : `${count} blocks lay`;
      report.problem('STORE_MISSING', `${nameOf(pack)} is gone: ${blocks} in it`, next);
    }
    const { length: files } = await packs.list();
    if (files + this.#values === 0) return;
    const counts = { values: this.#values, bytes: this.#bytes };
    report.databases.push({ name: 'store/packs', files, ...counts });
  }
}
