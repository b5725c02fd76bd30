// Blocks of logs that are only carried for others. They rest apart from those of this node's own records, each under the log
// that names it: dropping a log drops its blocks, and no block of another feed can ever go with them.

import { Blocks } from '../feed/blocks.ts';
import {
  blockKey,
  carriedBlockKey,
  givenForKey,
  hashOfOwnedKey,
  logOfKey,
  logPrefix,
  tableRange,
} from '../store/keys.ts';
import type { RangeOptions, Row, Store, Write } from '../store/store.ts';

/** Rows moved or deleted together: about 4 MiB of blocks. */
const GROUP = 64;
const NO_BYTES = Buffer.alloc(0);

export class CarriedBlocks {
  readonly #store: Store;
  readonly #ofLog = new Map<string, Blocks>();

  /** @param store the one that all blocks are in */
  constructor(store: Store) {
    this.#store = store;
  }

  /** The blocks of one feed, whatever the epoch of its log, to be used as if there were no others. */
  of(feed: Uint8Array): Blocks {
    const log = logPrefix(feed, 1);
    const name = log.toString('hex');
    let blocks = this.#ofLog.get(name);
    if (!blocks) {
      blocks = new Blocks(new RowsOfLog(this.#store, log));
      this.#ofLog.set(name, blocks);
    }
    return blocks;
  }

  /** From now on the log's records are this node's own: its blocks go to all the others. Done again, it does the rest. */
  async release(feed: Uint8Array): Promise<void> {
    await this.#each(feed, (rows) => {
      // In one batch: at every moment each block is in one of the two places.
      return rows.flatMap(({ key, value }): Write[] => {
        const hash = hashOfOwnedKey(key);
        return [
          { type: 'put', key: blockKey(hash), value },
          { type: 'put', key: givenForKey(hash, logOfKey(key)), value: NO_BYTES },
          { type: 'del', key },
        ];
      });
    });
  }

  async drop(feed: Uint8Array): Promise<void> {
    await this.#each(feed, (rows) => rows.map(({ key }): Write => ({ type: 'del', key })));
  }

  async #each(feed: Uint8Array, writesOf: (rows: readonly Row[]) => Write[]): Promise<void> {
    const range = tableRange('v', Buffer.from(feed));
    for (;;) {
      const rows: Row[] = [];
      // A damaged block is as good as none; it is fetched again where it is needed.
      const damaged: Write[] = [];
      const onDamaged = (key: Buffer) => damaged.push({ type: 'del', key });
      for await (const row of this.#store.range({ ...range, limit: GROUP, onDamaged }))
        rows.push(row);
      if (rows.length + damaged.length === 0) return;
      await this.#store.write([...writesOf(rows), ...damaged], { sync: true });
    }
  }
}

/** The carried blocks of one log under the keys of plain blocks. */
class RowsOfLog implements Store {
  readonly #store: Store;
  readonly #log: Buffer;

  constructor(store: Store, log: Buffer) {
    this.#store = store;
    this.#log = log;
  }

  #key(plain: Buffer): Buffer {
    return carriedBlockKey(this.#log, plain.subarray(1));
  }

  get(key: Buffer): Promise<Buffer | undefined> {
    return this.#store.get(this.#key(key));
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.#store.getSync(this.#key(key));
  }

  getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    return this.#store.getMany(keys.map((key) => this.#key(key)));
  }

  has(key: Buffer): Promise<boolean> {
    return this.#store.has(this.#key(key));
  }

  write(batch: readonly Write[], options?: { sync?: boolean }): Promise<void> {
    const moved = batch.map((write) => ({ ...write, key: this.#key(write.key) }));
    return this.#store.write(moved, options);
  }

  flush(): Promise<void> {
    return this.#store.flush();
  }

  async *range(options: RangeOptions): AsyncGenerator<Row> {
    const { gte, lt } = tableRange('v', this.#log);
    const { limit, reverse, onDamaged } = options;
    const bounds = {
      gte: options.gte ? this.#key(options.gte) : gte,
      lt: options.lt ? this.#key(options.lt) : lt,
      ...(limit === undefined ? {} : { limit }),
      ...(reverse === undefined ? {} : { reverse }),
      ...(onDamaged
        ? { onDamaged: (key: Buffer) => onDamaged(blockKey(hashOfOwnedKey(key))) }
        : {}),
    };
    for await (const { key, value } of this.#store.range(bounds))
      yield { key: blockKey(hashOfOwnedKey(key)), value };
  }

  onReopened(listener: () => void): () => void {
    return this.#store.onReopened(listener);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
