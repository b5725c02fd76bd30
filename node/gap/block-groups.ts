// Records of a bundle on their way into the store, in groups: segments come out behind the last record that their entries name.
// Records are copied, or only named where the file itself is kept.

import type { Blocks } from '../feed/blocks.ts';
import type { Opened } from '../feed/intake.ts';
import type { BlockInPack } from '../feed/packed-blocks.ts';
import type { BundleBlock } from './read-bundle.ts';

/** What takes the records of a group. */
export interface Sink {
  readonly isEmpty: boolean;
  add(block: BundleBlock): void;
  /** Those since the last time. */
  write(): Promise<void>;
}

/**
 * Blocks are written together up to this size. LevelDB makes one table of such a write: in smaller ones it spends most of its
 * time merging them. Three of them are in memory at most.
 */
const GROUP_BYTES = 32 << 20;

/** Collects records; while a group of them is written the next is read. */
export class Groups {
  readonly #sink: Sink;
  /** Segments whose records are still to be written, and those whose records are being written. */
  #segments: Opened[] = [];
  #behind: Opened[] = [];
  #bytes = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  /** Gives back the segments of which all records have been written by now. */
  async add(block: BundleBlock): Promise<readonly Opened[]> {
    const { bytes, segment: open } = block;
    this.#bytes += bytes.length;
    if (open) {
      const done = this.#sink.isEmpty ? await this.end() : [];
      this.#segments.push({ bytes, open });
      if (done.length > 0) return done;
    } else this.#sink.add(block);
    return this.#bytes < GROUP_BYTES ? [] : this.#write();
  }

  async #write(): Promise<readonly Opened[]> {
    await this.#writing;
    const done = this.#behind;
    // Of the last one more records may come.
    this.#behind = this.#segments.splice(0, this.#segments.length - 1);
    this.#writing = this.#sink.write();
    // Until it is waited for.
    this.#writing.catch(() => {});
    this.#bytes = 0;
    return done;
  }

  /** The rest of them. */
  async end(): Promise<readonly Opened[]> {
    const done = this.#sink.isEmpty ? [] : await this.#write();
    await this.#writing;
    return [...done, ...this.#behind.splice(0), ...this.#segments.splice(0)];
  }
}

/** Blocks by hash, in hexadecimal. */
type Group = Map<string, { hash: Buffer; bytes: Buffer }>;

/** Copies each into the database. What was written last is read from memory. */
export class BlockSink implements Sink {
  readonly #blocks: Blocks;
  readonly #log: Buffer | undefined;
  #group: Group = new Map();
  #before: Group | undefined;

  constructor(blocks: Blocks, log: Buffer | undefined) {
    this.#blocks = blocks;
    this.#log = log;
  }

  get isEmpty(): boolean {
    return this.#group.size === 0;
  }

  add({ hash, bytes }: BundleBlock): void {
    this.#group.set(hash.toString('hex'), { hash, bytes: Buffer.from(bytes) });
  }

  write(): Promise<void> {
    const [group, before] = [this.#group, this.#before];
    this.#blocks.near = (name) => (group.get(name) ?? before?.get(name))?.bytes;
    this.#before = group;
    this.#group = new Map();
    return this.#blocks.put([...group.values()], false, this.#log);
  }
}

/** Names each where it lies in the file. */
export class PackSink implements Sink {
  readonly #blocks: Blocks;
  readonly #pack: string;
  readonly #log: Buffer | undefined;
  #rows: BlockInPack[] = [];

  constructor(blocks: Blocks, pack: string, log: Buffer | undefined) {
    this.#blocks = blocks;
    this.#pack = pack;
    this.#log = log;
  }

  get isEmpty(): boolean {
    return this.#rows.length === 0;
  }

  add({ hash, at, bytes }: BundleBlock): void {
    this.#rows.push({ hash, at, sizeBytes: bytes.length });
  }

  write(): Promise<void> {
    return this.#blocks.putPacked(this.#pack, this.#rows.splice(0), this.#log);
  }
}
