// Where libp2p keeps what it knows of peers, and the DHT its records. Each stream that is opened reads the row of its peer and
// writes it again, and all peers are pinged at once: rows of peers stay in memory, and are written a while later, together.
// They are hints: addresses are in the directory, and what a crash takes of them is learned again.

import { LevelDatastore } from 'datastore-level';
import type { TimerHandle, Timers } from '../clock.ts';

type Key = Parameters<LevelDatastore['get']>[0];
type Options = Parameters<LevelDatastore['get']>[1];
type Query = Parameters<LevelDatastore['query']>[0];
type KeyQuery = Parameters<LevelDatastore['queryKeys']>[0];

/** Of the peer store of libp2p (@libp2p/peer-store, utils/peer-id-to-datastore-key). */
const PEERS = '/peers/';
const WAIT_MS = 5_000;
/** Rows in memory: those of the peers that were spoken to last. A row has some hundred bytes. */
const MOST_ROWS = 1024;

export class AddressStore extends LevelDatastore {
  readonly #timers: Timers;
  /** Newest last. */
  readonly #rows = new Map<string, Uint8Array>();
  /** Those of them that are not written yet. */
  readonly #unwritten = new Set<string>();
  #timer: TimerHandle | undefined;
  #writing: Promise<void> = Promise.resolve();
  #deletes = 0;

  constructor(path: string, timers: Timers) {
    super(path);
    this.#timers = timers;
  }

  override async put(key: Key, value: Uint8Array, options?: Options): Promise<Key> {
    const name = key.toString();
    if (!name.startsWith(PEERS) || this.db.status !== 'open') return super.put(key, value, options);
    this.#unwritten.add(name);
    this.#keep(name, value);
    this.#timer ??= this.#timers.setTimeout(() => void this.#write(), WAIT_MS);
    return key;
  }

  override async get(key: Key, options?: Options): Promise<Uint8Array> {
    const name = key.toString();
    const row = this.#rows.get(name);
    if (row) return row;
    const deletes = this.#deletes;
    // A row that had to leave the memory may be on its way to the disk.
    await this.#writing;
    const found = await super.get(key, options);
    // It may have been put or deleted meanwhile.
    const isSame = this.#deletes === deletes && !this.#rows.has(name);
    if (name.startsWith(PEERS) && isSame) this.#keep(name, found);
    return this.#rows.get(name) ?? found;
  }

  override async has(key: Key, options?: Options): Promise<boolean> {
    if (this.#rows.has(key.toString())) return true;
    await this.#writing;
    return super.has(key, options);
  }

  override async delete(key: Key, options?: Options): Promise<void> {
    this.#forget(key.toString());
    await this.#writing;
    await super.delete(key, options);
    // Whoever read it meanwhile may have kept it.
    this.#forget(key.toString());
  }

  #forget(name: string): void {
    this.#deletes++;
    this.#rows.delete(name);
    this.#unwritten.delete(name);
  }

  #keep(name: string, row: Uint8Array): void {
    this.#rows.delete(name);
    this.#rows.set(name, row);
    for (const oldest of this.#rows.keys()) {
      if (this.#rows.size <= MOST_ROWS) return;
      if (this.#unwritten.has(oldest)) break;
      this.#rows.delete(oldest);
    }
    if (this.#rows.size > MOST_ROWS) void this.#write();
  }

  #stopTimer(): void {
    if (this.#timer) this.#timers.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Never rejects: what the database does not take is learned again. */
  #write(): Promise<void> {
    this.#stopTimer();
    const names = [...this.#unwritten];
    this.#unwritten.clear();
    if (names.length === 0) return this.#writing;
    const puts = names.map((key) => ({ type: 'put' as const, key, value: this.#rows.get(key)! }));
    this.#writing = this.#writing.then(() => this.db.batch(puts)).catch(() => {});
    return this.#writing;
  }

  override async *query(query: Query, options?: Options): ReturnType<LevelDatastore['query']> {
    if (mayReachPeers(query.prefix)) await this.#write();
    yield* super.query(query, options);
  }

  override async *queryKeys(
    query: KeyQuery,
    options?: Options,
  ): ReturnType<LevelDatastore['queryKeys']> {
    if (mayReachPeers(query.prefix)) await this.#write();
    yield* super.queryKeys(query, options);
  }

  override async close(): Promise<void> {
    await this.#write();
    await super.close();
    // A dial that was under way may have told something to the end.
    this.#stopTimer();
    this.#rows.clear();
    this.#unwritten.clear();
  }
}

const mayReachPeers = (prefix = ''): boolean =>
  prefix.startsWith(PEERS) || PEERS.startsWith(prefix);
