// A store on another one that takes few derived rows now and writes them a little later, many at once: a write of LevelDB
// wakes a thread and waits for it, whatever is in it. What was taken is read at once, and is written before, or together with,
// all that comes after it: what lies below is always a beginning of what was taken. The rest of it is lost with the process.

import { MeshError } from '../../protocols/errors.ts';
import type { TimerHandle, Timers } from '../clock.ts';
import { rangeUnder, within } from './overlay.ts';
import {
  isRot,
  nameOf,
  type RangeOptions,
  type Row,
  type Store,
  type Write,
  type WriteOptions,
} from './store.ts';

/** Rows wait so long at most, while the store below takes them; after a failure, for which it is opened anew, for longer. */
const WAIT_MS = 250;
const RETRY_MS = 5_000;
const MOST_RETRY_MS = 60_000;
/** More rows than these at once are written now, and so is whatever comes while this many wait. */
const FEW_ROWS = 16;
const MOST_WAITING = 512;

export class WriteBehind implements Store {
  readonly #store: Store;
  readonly #timers: Timers;
  /** By {@link nameOf} their key; until a write that had them has succeeded. */
  readonly #waiting = new Map<string, Write>();
  #timer: TimerHandle | undefined;
  /** The write that was handed over last: they follow each other, so that none overtakes an older one of the same row. */
  #last: Promise<void> | undefined;
  /** Batches that were handed over and have not begun. */
  #queued = 0;
  /** Rows that waited and that the batch under way changes: below they may be newer than here. */
  #changing: readonly Write[] = [];
  #retryMs = RETRY_MS;
  #isClosed = false;
  /** A batch that failed with rows that wait in front of it: it may be in the store below all the same. */
  #doubt: Doubt | undefined;

  constructor(store: Store, timers: Timers) {
    this.#store = store;
    this.#timers = timers;
  }

  async write(batch: readonly Write[], options: WriteOptions = {}): Promise<void> {
    const mayWait = options.isDerived && !options.sync && batch.length <= FEW_ROWS;
    // Rows that wait go in front of whatever begins after them: not in front of what was handed over before.
    if (!mayWait || this.#queued > 0 || this.#waiting.size >= MOST_WAITING || this.#isClosed)
      return this.#writeNow(batch, options);
    for (const write of batch) this.#waiting.set(nameOf(write.key), copyOf(write));
    this.#writeLater(WAIT_MS);
  }

  /** Nobody waits for the answer. */
  #writeLater(delayMs: number): void {
    this.#timer ??= this.#timers.setTimeout(() => {
      this.#timer = undefined;
      this.#writeNow().catch(() => {});
    }, delayMs);
  }

  #stopTimer(): void {
    if (this.#timer) this.#timers.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** With all that waits before it, as one batch. When that fails, what was waiting goes on waiting. */
  #writeNow(batch: readonly Write[] = [], options: WriteOptions = {}): Promise<void> {
    // In this turn when nothing is under way: the disk is at work while the caller goes on.
    const writing = this.#inTurn(this.#last, batch, options);
    this.#last = writing;
    const ended = () => {
      if (this.#last === writing) this.#last = undefined;
    };
    writing.then(ended, ended);
    return writing;
  }

  async #inTurn(
    last: Promise<void> | undefined,
    batch: readonly Write[],
    options: WriteOptions,
  ): Promise<void> {
    this.#queued++;
    try {
      try {
        if (last) await last.catch(() => {});
        if (this.#doubt) await this.#settle();
      } finally {
        this.#queued--;
      }
      this.#stopTimer();
      await this.#hand(batch, options);
      this.#retryMs = RETRY_MS;
    } catch (error) {
      if (this.#waiting.size > 0 && !this.#isClosed) this.#writeLater(this.#retryMs);
      this.#retryMs = Math.min(2 * this.#retryMs, MOST_RETRY_MS);
      throw error;
    }
  }

  async #hand(batch: readonly Write[], options: WriteOptions): Promise<void> {
    const waiting = [...this.#waiting.values()];
    if (waiting.length > 0) {
      const changed = new Set(batch.map(({ key }) => nameOf(key)));
      this.#changing = waiting.filter(({ key }) => changed.has(nameOf(key)));
    }
    try {
      await this.#store.write([...waiting, ...batch], options);
    } catch (error) {
      // Where the rows that wait are all there is, they are the same below and here.
      if (waiting.length > 0 && batch.length > 0) {
        const left = new Map([...waiting, ...batch].map((one) => [nameOf(one.key), one]));
        this.#doubt = { waiting, left };
      }
      throw error;
    } finally {
      this.#changing = [];
    }
    this.#forget(waiting);
  }

  #forget(written: readonly Write[]): void {
    for (const one of written) {
      const name = nameOf(one.key);
      if (this.#waiting.get(name) === one) this.#waiting.delete(name);
    }
  }

  /**
   * A write is whole or not at all: it is there when every row that waited is what it would have left. What waits would
   * hide newer rows then.
   * @throws what reading throws; the doubt stays
   */
  async #settle(): Promise<void> {
    const doubt = this.#doubt;
    if (!doubt) return;
    for (const { key } of doubt.waiting) {
      if (await isIn(this.#store, doubt.left.get(nameOf(key))!)) continue;
      if (this.#doubt === doubt) this.#doubt = undefined;
      return;
    }
    if (this.#doubt !== doubt) return;
    this.#forget(doubt.waiting);
    this.#doubt = undefined;
  }

  getSync(key: Buffer): Buffer | undefined {
    if (this.#doubt?.left.has(nameOf(key)))
      throw new MeshError('STORE_DAMAGED', 'a write has failed just now', {
        next: 'Try again in a moment: the disk is asked what became of it.',
      });
    const write = this.#of(key);
    return write ? valueIn(write) : this.#store.getSync(key);
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    if (this.#doubt) await this.#settle();
    const write = this.#of(key);
    return write ? valueIn(write) : this.#store.get(key);
  }

  async getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    if (this.#doubt) await this.#settle();
    const writes = keys.map((key) => this.#of(key));
    const others = await this.#store.getMany(keys.filter((_, i) => !writes[i]));
    let at = 0;
    return writes.map((write) => (write ? valueIn(write) : others[at++]));
  }

  async has(key: Buffer): Promise<boolean> {
    if (this.#doubt) await this.#settle();
    const write = this.#of(key);
    return write ? write.type === 'put' : this.#store.has(key);
  }

  #of(key: Buffer): Write | undefined {
    if (this.#isClosed) throw new MeshError('STORE_DAMAGED', 'the store is closed');
    return this.#waiting.size === 0 ? undefined : this.#waiting.get(nameOf(key));
  }

  async *range(options: RangeOptions): AsyncGenerator<Row> {
    while (this.#doubt || within(this.#changing, options).length > 0) {
      if (this.#doubt) await this.#settle();
      else await this.#last?.catch(() => {});
    }
    yield* rangeUnder(this.#store, [...this.#waiting.values()], options);
  }

  async flush(): Promise<void> {
    await this.#writeNow();
    await this.#store.flush();
  }

  onReopened(listener: () => void): () => void {
    return this.#store.onReopened(listener);
  }

  async close(): Promise<void> {
    // Derived rows that a full disk does not take are made again at the next start.
    this.#isClosed = true;
    await this.#writeNow().catch(() => {});
    this.#waiting.clear();
    await this.#store.close();
  }
}

interface Doubt {
  readonly waiting: readonly Write[];
  /** What the batch would have left of each of its rows, by key. */
  readonly left: ReadonlyMap<string, Write>;
}

/** Of a row that is damaged nothing can be told: then the others do, and whoever reads it makes it anew. */
async function isIn(store: Store, write: Write): Promise<boolean> {
  try {
    const found = await store.get(write.key);
    return write.type === 'put' ? found?.equals(write.value) === true : found === undefined;
  } catch (error) {
    if (isRot(error)) return true;
    throw error;
  }
}

const copyOf = (write: Write): Write =>
  write.type === 'put'
    ? { type: 'put', key: Buffer.from(write.key), value: Buffer.from(write.value) }
    : { type: 'del', key: Buffer.from(write.key) };

const valueIn = (write: Write): Buffer | undefined =>
  write.type === 'put' ? Buffer.from(write.value) : undefined;
