// A store on another one, on which values rot and writes fail when a test says so, in the ways in which disks do that.

import type { RangeOptions, Row, Store, Write } from '../../../node/store/store.ts';
import { isRot, openValue, sealValue } from '../../../node/store/store.ts';
import { MeshError } from '../../../protocols/errors.ts';

export class FaultyStore implements Store {
  readonly #store: Store;
  readonly #rotten = new Set<string>();
  readonly #listeners = new Set<() => void>();
  #isBroken = false;
  /** What a write ends with from now on: no room, or a sync that failed after the rows were handed over. */
  fails: 'full' | 'sync' | undefined;
  /** A failed sync has left its rows or not. */
  keepsFailed = false;
  writes = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  rot(key: Buffer): void {
    this.#rotten.add(key.toString('hex'));
  }

  /** It was the cable. */
  heal(): void {
    this.#rotten.clear();
  }

  #open(key: Buffer, value: Buffer): Buffer {
    if (!this.#rotten.has(key.toString('hex'))) return value;
    const sealed = sealValue(key, value);
    sealed[sealed.length - 1]! ^= 1;
    return openValue(key, sealed);
  }

  /** After a failure the handle is of no use before it was opened again. */
  #ready(): void {
    if (!this.#isBroken) return;
    this.#isBroken = false;
    for (const listener of this.#listeners) listener();
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    this.#ready();
    const value = await this.#store.get(key);
    return value && this.#open(key, value);
  }

  getSync(key: Buffer): Buffer | undefined {
    const value = this.#store.getSync(key);
    return value && this.#open(key, value);
  }

  async getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  has(key: Buffer): Promise<boolean> {
    return this.#store.has(key);
  }

  async write(batch: readonly Write[], options?: { sync?: boolean }): Promise<void> {
    this.#ready();
    this.writes++;
    if (this.fails) {
      this.#isBroken = true;
      if (this.keepsFailed) await this.#store.write(batch, options);
      throw this.fails === 'full'
        ? new MeshError('DISK_FULL', 'the disk of the test is full')
        : new MeshError('STORE_DAMAGED', 'the database of the test fails: fsync: EIO');
    }
    await this.#store.write(batch, options);
    for (const { key } of batch) this.#rotten.delete(key.toString('hex'));
  }

  flush(): Promise<void> {
    return this.#store.flush();
  }

  async *range({ onDamaged, ...options }: RangeOptions): AsyncGenerator<Row> {
    this.#ready();
    for await (const { key, value } of this.#store.range(options)) {
      try {
        yield { key, value: this.#open(key, value) };
      } catch (error) {
        if (!onDamaged || !isRot(error)) throw error;
        onDamaged(key);
      }
    }
  }

  onReopened(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
