// A disk that outlives the processes that use it, and what happens to disks: a process dies in the middle of a write, the
// power goes with what was not synced, space runs out, a value rots.

import type { Timers } from '../../node/clock.ts';
import { MemoryStore } from '../../node/store/memory.ts';
import {
  isRot,
  openValue,
  type RangeOptions,
  type Row,
  type Store,
  sealValue,
  type Write,
} from '../../node/store/store.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { Dice } from './time.ts';

/** Batches that an operating system may hold back before they are on the disk after all. */
const MAX_UNSYNCED = 500;
/** Of the operations of a store, this part takes time, during which others go on. */
const SLOW_PART = 0.05;
const SLOW_MS: readonly [number, number] = [0, 4];

/** What is left of one database when nobody runs. */
export class SimDisk {
  isFull = false;
  /** Of the values that are read, this part comes with a changed bit, for as long as the cable is loose. */
  rotten = 0;
  /** Of the reads and the writes, this part fails with an I/O error. */
  failing = 0;
  #hadFault = false;
  readonly rows = new MemoryStore();
  readonly dice: Dice;
  readonly #rotten = new Set<string>();
  /** How to take back each batch that is not synced yet, oldest first. */
  readonly #unsynced: Write[][] = [];

  constructor(dice: Dice) {
    this.dice = dice;
  }

  /** Opened by a process, with whose timers it works and dies. */
  open(timers: Timers): SimStore {
    this.recover();
    return new SimStore(this, timers);
  }

  /** As LevelDB does on opening: what it finds in its log goes into a table, synced, before anybody reads it. */
  recover(): void {
    this.#unsynced.length = 0;
  }

  async apply(batch: readonly Write[], sync: boolean): Promise<void> {
    const undo = new Map<string, Write>();
    for (const { key } of batch) {
      const name = key.toString('hex');
      const value = this.rows.getSync(key);
      if (!undo.has(name))
        undo.set(name, value ? { type: 'put', key, value } : { type: 'del', key });
      this.#rotten.delete(name);
    }
    await this.rows.write(batch);
    if (sync) this.#unsynced.length = 0;
    else this.#unsynced.push([...undo.values()]);
    if (this.#unsynced.length > MAX_UNSYNCED) this.#unsynced.shift();
  }

  /** The power goes: of what was not synced a beginning of random length is left. */
  async loseUnsynced(): Promise<void> {
    const keep = this.dice.below(this.#unsynced.length + 1);
    for (const undo of this.#unsynced.splice(keep).reverse()) await this.rows.write(undo);
    this.#unsynced.length = 0;
  }

  /** True if an operation fails now. */
  fails(): boolean {
    if (this.failing === 0 || !this.dice.chance(this.failing)) return false;
    this.#hadFault = true;
    return true;
  }

  /** Whether it went wrong since this was asked last. */
  takeFault(): boolean {
    const had = this.#hadFault;
    this.#hadFault = false;
    return had;
  }

  rot(key: Buffer): void {
    this.#rotten.add(key.toString('hex'));
  }

  /** The value as it is read: one bit of a rotten one has changed. */
  read(key: Buffer, value: Buffer): Buffer {
    if (this.fails()) throw ioError('read');
    const isLoose = this.rotten > 0 && this.dice.chance(this.rotten);
    this.#hadFault ||= isLoose;
    if (!isLoose && !this.#rotten.has(key.toString('hex'))) return value;
    const sealed = sealValue(key, value);
    sealed[sealed.length - 1]! ^= 1;
    return openValue(key, sealed);
  }
}

const ioError = (what: string): MeshError =>
  new MeshError('STORE_DAMAGED', `the simulated disk does not ${what}: EIO`);

/** A database as one process has it open. */
export class SimStore implements Store {
  readonly #disk: SimDisk;
  readonly #timers: Timers;
  readonly #listeners = new Set<() => void>();
  #hasFailed = false;
  #isDead = false;

  constructor(disk: SimDisk, timers: Timers) {
    this.#disk = disk;
    this.#timers = timers;
  }

  /** The process is gone: nothing that it still waits for ever comes. */
  kill(): void {
    this.#isDead = true;
  }

  async #pause(): Promise<void> {
    const { dice } = this.#disk;
    if (dice.chance(SLOW_PART))
      await new Promise<void>((resolve) => this.#timers.setTimeout(resolve, dice.between(SLOW_MS)));
    if (this.#isDead) await new Promise<never>(() => {});
  }

  async #ready(): Promise<MemoryStore> {
    await this.#pause();
    if (this.#hasFailed) {
      this.#hasFailed = false;
      this.#disk.recover();
      for (const listener of this.#listeners) listener();
    }
    return this.#disk.rows;
  }

  #read(key: Buffer, value: Buffer | undefined): Buffer | undefined {
    return value && this.#disk.read(key, value);
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    return this.#read(key, await (await this.#ready()).get(key));
  }

  getSync(key: Buffer): Buffer | undefined {
    if (this.#isDead) throw new MeshError('STORE_DAMAGED', 'the process of this store is gone');
    return this.#read(key, this.#disk.rows.getSync(key));
  }

  async getMany(keys: readonly Buffer[]): Promise<(Buffer | undefined)[]> {
    const values = await (await this.#ready()).getMany(keys);
    return values.map((value, i) => this.#read(keys[i]!, value));
  }

  async has(key: Buffer): Promise<boolean> {
    return (await this.#ready()).has(key);
  }

  async write(batch: readonly Write[], { sync = false } = {}): Promise<void> {
    await this.#ready();
    if (this.#disk.isFull) {
      this.#hasFailed = true;
      // Whether such a batch is there afterwards is not known to who wrote it.
      if (this.#disk.dice.chance(0.3)) await this.#disk.apply(batch, false);
      throw new MeshError('DISK_FULL', 'the simulated disk is full');
    }
    if (this.#disk.fails()) {
      this.#hasFailed = true;
      // A sync that failed leaves what was written where it is not safe.
      if (this.#disk.dice.chance(0.5)) await this.#disk.apply(batch, false);
      throw ioError('write');
    }
    await this.#disk.apply(batch, sync);
    // A process may die between a write and the moment in which it knows of it.
    await this.#pause();
  }

  flush(): Promise<void> {
    return this.write([], { sync: true });
  }

  async *range({ onDamaged, ...options }: RangeOptions): AsyncGenerator<Row> {
    const rows = await this.#ready();
    for await (const { key, value } of rows.range(options)) {
      if (this.#isDead) await new Promise<never>(() => {});
      const read = this.#readOrTell(key, value, onDamaged);
      if (read) yield { key, value: read };
    }
  }

  #readOrTell(key: Buffer, value: Buffer, onDamaged: RangeOptions['onDamaged']) {
    try {
      return this.#disk.read(key, value);
    } catch (error) {
      if (!onDamaged || !isRot(error)) throw error;
      onDamaged(key);
      return undefined;
    }
  }

  onReopened(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#isDead = true;
  }
}
