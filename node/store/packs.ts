// Packs: files of many blocks that came together and were verified as a whole, kept as they came. Which block lies where is
// in rows of a database; here are the files. Whoever reads a block checks it against its hash.

import { constants, existsSync } from 'node:fs';
import { type FileHandle, link, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { codeOf, fileError, syncFolder } from '../home/files.ts';
import { Turn } from '../turn.ts';

/** Where a block lies. */
export interface Place {
  /** SHA-256 of the whole file, in hex: its name. */
  readonly pack: string;
  readonly at: number;
  readonly sizeBytes: number;
}

export interface PackFile {
  readonly pack: string;
  readonly sizeBytes: number;
}

const MOST_OPEN = 4;
const NAME = /^([0-9a-f]{64})\.car$/;
const INCOMING = '.incoming';
/** Of a disk on which a copy has no place either. */
const NO_DISK = new Set(['ENOSPC', 'EDQUOT', 'EIO']);
/** Of a machine that has too little of something just now. */
const BUSY = new Set(['EMFILE', 'ENFILE', 'ENOMEM', 'EAGAIN']);

export class Packs {
  readonly #folder: string;
  /** The one that was used last comes last. */
  readonly #open = new Map<string, OpenPack>();
  /** Adopted since the last round, and whether all rows of it are there. */
  readonly #fresh = new Map<string, { isSettled: boolean }>();
  readonly #turn = new Turn();
  /** False on most nodes: then there is no pack, and nothing is looked for in one. */
  isUsed: boolean;
  #isClosed = false;

  constructor(folder: string) {
    this.#folder = folder;
    this.isUsed = existsSync(folder);
  }

  #path(pack: string): string {
    return join(this.#folder, `${pack}.car`);
  }

  /**
   * Keeps a file that is on the disk and that nobody else writes to, under a second name. Until it is {@link settle}d it is not
   * taken away, however few rows name it.
   * @returns false where the file system gives no second name, for whatever reason: a copy is as good
   */
  adopt(path: string, pack: string): Promise<boolean> {
    return this.#turn.take(async () => {
      const incoming = join(this.#folder, INCOMING);
      try {
        await mkdir(this.#folder, { recursive: true, mode: 0o700 });
        await rm(incoming, { force: true });
        await link(path, incoming);
        // What has the name already may be rotten by now: this one was verified.
        await rename(incoming, this.#path(pack));
        await rm(incoming, { force: true });
        for (const folder of [this.#folder, dirname(this.#folder)]) await syncFolder(folder);
      } catch (cause) {
        const code = codeOf(cause);
        if (code === undefined || NO_DISK.has(code)) throw fileError('keep', path, cause);
        return false;
      }
      this.isUsed = true;
      this.#fresh.set(pack, { isSettled: false });
      this.forget(pack);
      return true;
    });
  }

  /** All rows that will name it are in the database. */
  settle(pack: string): void {
    const fresh = this.#fresh.get(pack);
    if (fresh) fresh.isSettled = true;
  }

  /** Whoever counts rows afterwards finds all of those packs that are not fresh. */
  beginRound(): void {
    for (const [pack, { isSettled }] of this.#fresh) if (isSettled) this.#fresh.delete(pack);
  }

  isFresh(pack: string): boolean {
    return this.#fresh.has(pack);
  }

  /** Undefined where the file is gone, too short, or does not let itself be read: as good as rotten. */
  async read({ pack, at, sizeBytes }: Place): Promise<Buffer | undefined> {
    try {
      const file = await this.#use(pack);
      try {
        return await file.read(at, sizeBytes);
      } finally {
        file.release();
      }
    } catch (cause) {
      const code = codeOf(cause);
      if (code !== undefined && !BUSY.has(code)) return undefined;
      // Not the file's fault, so nothing is said of what is in it.
      const what = `the pack ${pack} cannot be read (${code ?? cause})`;
      throw new MeshError('STORE_DAMAGED', what, { cause });
    }
  }

  async #use(pack: string): Promise<OpenPack> {
    if (this.#isClosed) throw new Error('the packs are closed');
    const file = this.#open.get(pack) ?? new OpenPack(this.#path(pack));
    this.#open.delete(pack);
    this.#open.set(pack, file);
    const [oldest] = this.#open.keys();
    if (this.#open.size > MOST_OPEN) this.forget(oldest!);
    try {
      await file.use();
    } catch (error) {
      this.forget(pack);
      throw error;
    }
    return file;
  }

  /** What was read of it does not count any more: it is opened anew. */
  forget(pack: string): void {
    void this.#open.get(pack)?.close();
    this.#open.delete(pack);
  }

  has(pack: string): boolean {
    return existsSync(this.#path(pack));
  }

  async list(): Promise<PackFile[]> {
    const files: PackFile[] = [];
    for (const name of await readdir(this.#folder).catch(noFolder)) {
      const [, pack] = NAME.exec(name) ?? [];
      if (pack === undefined) continue;
      const stat = await lstat(join(this.#folder, name));
      if (stat.isFile()) files.push({ pack, sizeBytes: stat.size });
    }
    return files;
  }

  /** Resolves to false for one that came meanwhile: it stays. */
  remove(pack: string): Promise<boolean> {
    return this.#turn.take(async () => {
      if (this.#fresh.has(pack)) return false;
      this.forget(pack);
      await rm(this.#path(pack), { force: true });
      return true;
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const files = [...this.#open.values()];
    this.#open.clear();
    for (const file of files) await file.close();
  }
}

function noFolder(error: unknown): string[] {
  if (codeOf(error) === 'ENOENT') return [];
  throw error;
}

/** Whoever reads blocks in their order gets this much at a time, and the next while he looks at it. */
const WINDOW_BYTES = 1 << 20;
/** Between two records that are read one behind the other stand their heads, and a segment now and then. */
const GAP_BYTES = 256 << 10;
const OVERLAP_BYTES = LIMITS.blockBytes;

/** A part of a file. */
interface Window {
  readonly from: number;
  readonly bytes: Buffer;
}

class OpenPack {
  readonly #opening: Promise<FileHandle>;
  #users = 0;
  #isOver = false;
  #closing: Promise<void> | undefined;
  /** Where the last read ended. */
  #end = Number.POSITIVE_INFINITY;
  #window: Window | undefined;
  #next: Promise<Window> | undefined;

  constructor(path: string) {
    this.#opening = open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
    // Until it is waited for.
    this.#opening.catch(() => {});
  }

  async use(): Promise<void> {
    this.#users++;
    await this.#opening;
  }

  release(): void {
    this.#users--;
    if (this.#isOver) void this.close();
  }

  /** Once nobody reads in it. */
  close(): Promise<void> | undefined {
    this.#isOver = true;
    if (this.#users > 0) return undefined;
    this.#closing ??= this.#opening.then((file) => file.close()).catch(() => {});
    return this.#closing;
  }

  async read(at: number, sizeBytes: number): Promise<Buffer | undefined> {
    const gap = at - this.#end;
    this.#end = at + sizeBytes;
    const near = cut(this.#window, at, sizeBytes);
    if (near) return near;
    if (gap < 0 || gap > GAP_BYTES || sizeBytes > OVERLAP_BYTES)
      return cut(await this.#piece(at, sizeBytes), at, sizeBytes);
    const ahead = await this.#next?.catch(() => undefined);
    const window = ahead && cut(ahead, at, sizeBytes) ? ahead : await this.#piece(at, WINDOW_BYTES);
    this.#window = window;
    this.#next = this.#behind(window);
    // Until it is waited for.
    this.#next?.catch(() => {});
    return cut(window, at, sizeBytes);
  }

  /** Whatever does not end in one window is whole in the next. */
  #behind({ from, bytes }: Window): Promise<Window> | undefined {
    if (bytes.length < WINDOW_BYTES) return undefined;
    return this.#piece(from + WINDOW_BYTES - OVERLAP_BYTES, WINDOW_BYTES);
  }

  async #piece(from: number, sizeBytes: number): Promise<Window> {
    const file = await this.#opening;
    const bytes = Buffer.allocUnsafeSlow(sizeBytes);
    let length = 0;
    for (let read = -1; read !== 0 && length < sizeBytes; length += read)
      ({ bytesRead: read } = await file.read(bytes, length, sizeBytes - length, from + length));
    return { from, bytes: bytes.subarray(0, length) };
  }
}

function cut(window: Window | undefined, at: number, sizeBytes: number): Buffer | undefined {
  if (!window || at < window.from || at + sizeBytes > window.from + window.bytes.length)
    return undefined;
  return window.bytes.subarray(at - window.from, at - window.from + sizeBytes);
}
