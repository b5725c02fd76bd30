// The store on LevelDB. Knows how LevelDB fails: it silently makes an empty database where one is missing, it keeps
// failing after a full disk until it is opened again, and it never checks what it reads.

import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BatchOperation, Level } from 'level';
import { MeshError } from '../../protocols/errors.ts';
import {
  openRow,
  openValue,
  type RangeOptions,
  type Row,
  type Store,
  sealedForNow,
  sealValue,
  type Write,
} from './store.ts';
import { Wakeful } from './wakeful.ts';

/** With what the database has in Node only. */
type Database = Level<Buffer, Buffer> & {
  compactRange(start: Buffer, end: Buffer): Promise<void>;
};

/** Written once a database was made: from then on a missing database is a loss, not a first start. */
export const markOf = (folder: string): string => `${folder}.initialised`;
const SET_ASIDE =
  'Look with: odcm fsck. To have it filled again from other members: odcm fsck --set-aside log (or blocks, views).';
/** Rows fetched from LevelDB at a time: enough to amortise the call, few enough to bound what a page holds. */
const PAGE_ROWS = 256;
const PAGE_BYTES = 1024 * 1024;
/** LevelDB holds up to two of these for each database: the one being filled and the one being written out. */
const WRITE_BUFFER_BYTES = 4 * 1024 * 1024;
const CACHE_BYTES = 4 * 1024 * 1024;
/** Tables of 2 MiB are mapped into memory while they are open. */
const MAX_OPEN_FILES = 64;
/** No key of ours is behind it. */
const BEHIND_ALL = Buffer.alloc(2, 0xff);
/** Up to this many rows an array of operations is the cheaper way to hand them over. */
const FEW_ROWS = 32;
/** Up to this many values are read without leaving the event loop. */
const FEW_KEYS = 8;

export const storeMissing = (folder: string): MeshError =>
  new MeshError('STORE_MISSING', `the database in ${folder} is gone or damaged`, {
    detail: { folder },
    next: SET_ASIDE,
  });

export interface LevelStoreOptions {
  /** Bytes LevelDB collects in memory before it writes a table. */
  readonly writeBufferBytes?: number;
  readonly cacheBytes?: number;
  /** The disk had no room for a write; there may be some when this resolves. */
  readonly onFull?: () => Promise<void>;
}

/** Opens the database in `folder`, or makes it when this is the folder's first start. */
export async function openLevelStore(
  folder: string,
  options: LevelStoreOptions = {},
): Promise<Store> {
  const mark = markOf(folder);
  const isFirst = !existsSync(mark);
  if (!isFirst && !existsSync(join(folder, 'CURRENT'))) {
    throw storeMissing(folder);
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const store = new LevelStore(folder, options, await openDatabase(folder, options, isFirst));
  if (isFirst)
    await writeFile(mark, 'This file says that the database beside it was made; keep both.\n', {
      flush: true,
    });
  return store;
}

async function openDatabase(
  folder: string,
  options: LevelStoreOptions,
  createIfMissing: boolean,
): Promise<Database> {
  // The constructor starts opening by itself: one instance for each attempt, never one in reserve.
  const db = new Level<Buffer, Buffer>(folder, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    createIfMissing,
    // Hashes and sealed records do not compress, and text costs more time than it saves space here.
    compression: false,
    writeBufferSize: options.writeBufferBytes ?? WRITE_BUFFER_BYTES,
    cacheSize: options.cacheBytes ?? CACHE_BYTES,
    maxOpenFiles: MAX_OPEN_FILES,
  }) as Database;
  try {
    await db.open();
    return db;
  } catch (error) {
    throw openError(folder, error);
  }
}

type Operations = BatchOperation<Database, Buffer, Buffer>[];

function sealed(batch: readonly Write[]): Operations {
  return batch.map((w) =>
    w.type === 'put'
      ? { type: 'put', key: w.key, value: sealValue(w.key, w.value) }
      : { type: 'del', key: w.key },
  );
}

/**
 * Row by row into LevelDB's own buffer, which takes a copy: handing over an array costs more than twice as much a row, but
 * less at once.
 */
function fill(db: Database, batch: readonly Write[]) {
  const chain = db.batch();
  for (const w of batch) {
    if (w.type === 'put') chain.put(w.key, sealedForNow(w.key, w.value));
    else chain.del(w.key);
  }
  return chain;
}

class LevelStore implements Store {
  readonly #folder: string;
  readonly #options: LevelStoreOptions;
  #db: Database;
  #failed = false;
  #isFull = false;
  #isClosed = false;
  #reopening: Promise<void> | undefined;
  readonly #listeners = new Set<() => void>();
  readonly #wakeful = new Wakeful();

  constructor(folder: string, options: LevelStoreOptions, db: Database) {
    this.#folder = folder;
    this.#options = options;
    this.#db = db;
  }

  /** The database can be used in this very turn. */
  get #isReady(): boolean {
    return !this.#failed && !this.#isClosed;
  }

  async #ready(): Promise<Database> {
    // Nothing that comes late may open it again: the next process could not.
    if (this.#isClosed)
      throw new MeshError('STORE_DAMAGED', `the database in ${this.#folder} is closed`);
    if (this.#failed) {
      this.#reopening ??= this.#reopen().finally(() => {
        this.#reopening = undefined;
      });
      await this.#reopening;
    }
    return this.#db;
  }

  async #reopen(): Promise<void> {
    await this.#db.close().catch(() => {});
    if (this.#isFull) await this.#options.onFull?.();
    this.#db = await openDatabase(this.#folder, this.#options, false);
    this.#failed = false;
    this.#isFull = false;
    for (const listener of this.#listeners) listener();
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    const db = await this.#ready();
    const sealed = await guard(this.#folder, () => db.get(key));
    return sealed && openValue(key, sealed);
  }

  getSync(key: Buffer): Buffer | undefined {
    try {
      const sealed = this.#db.getSync(key);
      return sealed && openValue(key, sealed);
    } catch (error) {
      throw ioError(this.#folder, error);
    }
  }

  async getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    const db = this.#isReady ? this.#db : await this.#ready();
    const sealed = await guard(this.#folder, async () =>
      keys.length <= FEW_KEYS ? keys.map((key) => db.getSync(key)) : db.getMany(keys as Buffer[]),
    );
    return sealed.map((value, i) => value && openValue(keys[i]!, value));
  }

  async has(key: Buffer): Promise<boolean> {
    const db = await this.#ready();
    return guard(this.#folder, () => db.has(key));
  }

  async write(batch: readonly Write[], { sync = false } = {}): Promise<void> {
    // Handed over in the same turn: the disk is at work while the caller goes on.
    const db = this.#isReady ? this.#db : await this.#ready();
    if (batch.length === 0) return;
    try {
      const written =
        batch.length <= FEW_ROWS
          ? db.batch(sealed(batch), { sync })
          : fill(db, batch).write({ sync });
      await (sync ? this.#wakeful.during(written) : written);
    } catch (error) {
      // LevelDB's handle stays broken after a failed write, even when space is freed: the next use opens it again.
      this.#failed = true;
      const failure = ioError(this.#folder, error);
      this.#isFull = failure.code === 'DISK_FULL';
      throw failure;
    }
  }

  /**
   * A range without rows, and yet LevelDB first writes out what it holds in memory, as tables that it syncs. It does not tell
   * when that failed, but takes no write from then on: so one follows that changes nothing.
   */
  async flush(): Promise<void> {
    const db = await this.#ready();
    try {
      await db.compactRange(BEHIND_ALL, BEHIND_ALL);
    } catch (error) {
      this.#failed = true;
      throw ioError(this.#folder, error);
    }
    await this.write([{ type: 'del', key: BEHIND_ALL }], { sync: true });
  }

  async *range({ onDamaged, ...options }: RangeOptions): AsyncGenerator<Row> {
    const db = this.#isReady ? this.#db : await this.#ready();
    const iterator = db.iterator({ ...options, highWaterMarkBytes: PAGE_BYTES } as never);
    try {
      for (;;) {
        const page = (await guard(this.#folder, () => iterator.nextv(PAGE_ROWS))) as [
          Buffer,
          Buffer,
        ][];
        if (page.length === 0) return;
        for (const [key, sealed] of page) {
          const row = openRow(key, sealed, onDamaged);
          if (row) yield row;
        }
      }
    } finally {
      await iterator.close();
    }
  }

  onReopened(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#db.close();
  }
}

async function guard<T>(folder: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw ioError(folder, error);
  }
}

function codesOf(error: unknown): string {
  const parts: string[] = [];
  for (let e = error; e instanceof Error; e = e.cause) {
    parts.push((e as { code?: string }).code ?? '', e.message);
  }
  return parts.join(' ');
}

function openError(folder: string, cause: unknown): MeshError {
  const codes = codesOf(cause);
  if (/LEVEL_LOCKED|lock/i.test(codes)) {
    return new MeshError('LOCKED', `another process works on ${folder}`, { cause });
  }
  if (/does not exist/.test(codes))
    return new MeshError('STORE_MISSING', `the database in ${folder} is gone`, {
      cause,
      next: SET_ASIDE,
    });
  return ioError(folder, cause);
}

function ioError(folder: string, cause: unknown): MeshError {
  if (cause instanceof MeshError) return cause;
  const codes = codesOf(cause);
  if (/No space left|ENOSPC|File too large|EFBIG|Disk quota/.test(codes)) {
    return new MeshError('DISK_FULL', `the disk of ${folder} is full`, { cause });
  }
  const isCorrupt = /LEVEL_CORRUPTION|Corruption/.test(codes);
  return new MeshError(
    'STORE_DAMAGED',
    `the database in ${folder} fails: ${codes.trim().slice(0, 200)}`,
    { cause, ...(isCorrupt ? { detail: { folder, isCorrupt } } : {}) },
  );
}
