// A store in memory with the contract of the one on disk: rows in key order, checked values, whole batches, ranges as they
// were when the reading began. Nothing outlives it.

import { MeshError } from '../../protocols/errors.ts';
import {
  nameOf,
  openRow,
  openValue,
  type RangeOptions,
  type Row,
  type Store,
  sealValue,
  type Write,
} from './store.ts';

/** Never changed: a reader of a range keeps the rows it found at its start. */
interface SealedRow {
  /** {@link nameOf} the key. */
  readonly name: string;
  readonly key: Buffer;
  readonly sealed: Buffer;
}

export class MemoryStore implements Store {
  readonly #rows: SealedRow[] = [];
  #isClosed = false;

  /** Place of the first row that is not before the name. */
  #place(name: string): number {
    let low = 0;
    let high = this.#rows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#rows[middle]!.name < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #row(key: Buffer): SealedRow | undefined {
    if (this.#isClosed) throw new MeshError('STORE_DAMAGED', 'the store in memory is closed');
    const name = nameOf(key);
    const row = this.#rows[this.#place(name)];
    return row?.name === name ? row : undefined;
  }

  getSync(key: Buffer): Buffer | undefined {
    const row = this.#row(key);
    // A copy, as from a disk: a caller that changes it changes nothing here.
    return row && openValue(row.key, Buffer.from(row.sealed));
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    return this.getSync(key);
  }

  async getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return keys.map((key) => this.getSync(key));
  }

  async has(key: Buffer): Promise<boolean> {
    return this.#row(key) !== undefined;
  }

  async write(batch: readonly Write[]): Promise<void> {
    if (this.#isClosed) throw new MeshError('STORE_DAMAGED', 'the store in memory is closed');
    for (const write of batch) {
      const name = nameOf(write.key);
      const at = this.#place(name);
      const isThere = this.#rows[at]?.name === name ? 1 : 0;
      if (write.type === 'del') this.#rows.splice(at, isThere);
      else {
        const key = Buffer.from(write.key);
        this.#rows.splice(at, isThere, { name, key, sealed: sealValue(key, write.value) });
      }
    }
  }

  async flush(): Promise<void> {}

  async *range(options: RangeOptions): AsyncGenerator<Row> {
    if (this.#isClosed) throw new MeshError('STORE_DAMAGED', 'the store in memory is closed');
    for (const { key, sealed } of this.#cut(options)) {
      const row = openRow(Buffer.from(key), Buffer.from(sealed), options.onDamaged);
      if (row) yield row;
    }
  }

  #cut({ gte, gt, lt, lte, reverse = false, limit }: RangeOptions): SealedRow[] {
    const behind = (key: Buffer) => this.#place(`${nameOf(key)}\0`);
    let from = 0;
    if (gte) from = this.#place(nameOf(gte));
    if (gt) from = Math.max(from, behind(gt));
    let to = this.#rows.length;
    if (lt) to = this.#place(nameOf(lt));
    if (lte) to = Math.min(to, behind(lte));
    if (from >= to) return [];
    const count = Math.min(limit === undefined || limit < 0 ? to - from : limit, to - from);
    return reverse
      ? this.#rows.slice(to - count, to).reverse()
      : this.#rows.slice(from, from + count);
  }

  /** A write never fails here, so nothing is ever opened again. */
  onReopened(): () => void {
    return () => {};
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }
}
