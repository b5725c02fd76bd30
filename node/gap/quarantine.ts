// Where bundles lie between their arrival and their end: copies that only this node can write to. What was checked here is
// what is let in, whatever happens to the file that somebody brought.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { MeshError } from '../../protocols/errors.ts';
import { decodeManifest, type Manifest } from '../../protocols/gap/manifest.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { fileError, syncFolder, writeFileDurable } from '../home/files.ts';
import { openPlainFile, piecesOf } from './read-bundle.ts';
import { bundleFiles } from './write-bundle.ts';

/** A file is synced each time that so much was written: less would make writing wait for the disk, more would gather in memory. */
const SYNC_BYTES = 64 << 20;
const OWNER_ONLY = 0o600;
const ENDING = /(\.manifest|\.manifest\.p7s|\.car)$/;

/** What was brought: the two small files, and where the large one is. */
export interface Brought {
  readonly manifest: Manifest;
  readonly manifestBytes: Buffer;
  readonly signature: Buffer;
  readonly carPath: string;
  /** SHA-256 of the manifest, in hex: what the bundle is called here. */
  readonly id: string;
}

/** Any of its three files, or their common beginning, names a bundle. */
export async function readBrought(path: string): Promise<Brought> {
  const files = bundleFiles(path.replace(ENDING, ''));
  const manifestBytes = await readPlain(files.manifest, LIMITS.manifestBytes);
  const signature = await readPlain(files.signature, LIMITS.cmsBytes);
  const manifest = decodeManifest(manifestBytes);
  const carPath = join(dirname(path), manifest.car);
  return { manifest, manifestBytes, signature, carPath, id: sha256(manifestBytes).toString('hex') };
}

async function readPlain(path: string, maxBytes: number): Promise<Buffer> {
  const file = await openPlainFile(path, maxBytes);
  try {
    // One byte more than may be there: a file that grows meanwhile is refused, however long it gets.
    const bytes = Buffer.alloc(maxBytes + 1);
    let length = 0;
    for (let read = -1; read !== 0 && length <= maxBytes; length += read)
      ({ bytesRead: read } = await file.read(bytes, length, bytes.length - length, length));
    if (length <= maxBytes) return bytes.subarray(0, length);
    throw new MeshError('TOO_LARGE', `${path} has more than ${maxBytes} bytes`);
  } finally {
    await file.close();
  }
}

export class Quarantine {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  #paths(id: string) {
    const folder = join(this.#folder, id);
    return { folder, ...bundleFiles(join(folder, 'bundle')) };
  }

  /**
   * A copy of all three files, whole or not at all. It can be read at once; only what waits for `durable` survives a power cut.
   * @throws HASH_MISMATCH for another CAR, DISK_FULL, FILE_UNREADABLE; `durable` may reject with the last two
   */
  async take(
    { id, manifest, manifestBytes, signature, carPath }: Brought,
    signal: AbortSignal,
    onProgress: (bytes: number) => void = () => {},
  ): Promise<{ readonly durable: Promise<void> }> {
    const paths = this.#paths(id);
    const incoming = join(this.#folder, `.${id}`);
    const failed = (error: unknown) => fileError('keep', carPath, error);
    let copied: SyncedWriter | undefined;
    try {
      await rm(incoming, { recursive: true, force: true });
      await mkdir(incoming, { recursive: true, mode: 0o700 });
      await writeFileDurable(join(incoming, basename(paths.manifest)), manifestBytes);
      await writeFileDurable(join(incoming, basename(paths.signature)), signature);
      const car = join(incoming, basename(paths.car));
      copied = await copy(carPath, car, manifest, { signal, onProgress });
      await rm(paths.folder, { recursive: true, force: true });
      await rename(incoming, paths.folder);
      const durable = copied
        .finish()
        .then(() => syncFolder(this.#folder))
        .catch((error: unknown) => {
          throw failed(error);
        });
      // Until it is waited for.
      durable.catch(() => {});
      return { durable };
    } catch (error) {
      await copied?.abandon();
      await rm(incoming, { recursive: true, force: true });
      throw failed(error);
    }
  }

  carOf(id: string): string {
    return this.#paths(id).car;
  }

  async open(id: string): Promise<{ manifest: Manifest; file: Awaited<ReturnType<typeof open>> }> {
    const manifest = decodeManifest(await this.#manifest(id));
    return { manifest, file: await openPlainFile(this.#paths(id).car, manifest.sizeBytes) };
  }

  /** The very bytes that were signed, and approved under this id. @throws HASH_MISMATCH */
  async #manifest(id: string): Promise<Buffer> {
    const bytes = await readPlain(this.#paths(id).manifest, LIMITS.manifestBytes);
    if (sha256(bytes).toString('hex') === id) return bytes;
    throw new MeshError('HASH_MISMATCH', `the manifest of ${id} in quarantine was changed`, {
      next: 'Import the file again from its medium.',
    });
  }

  async signed(id: string): Promise<Pick<Brought, 'manifest' | 'manifestBytes' | 'signature'>> {
    const manifestBytes = await this.#manifest(id);
    const signature = await readPlain(this.#paths(id).signature, LIMITS.cmsBytes);
    return { manifest: decodeManifest(manifestBytes), manifestBytes, signature };
  }

  async drop(id: string): Promise<void> {
    await rm(this.#paths(id).folder, { recursive: true, force: true });
  }

  /** Gives up what has lain here for longer than its time; what is still waiting or under way is kept. */
  async sweep(nowMs: number, isNeeded: (id: string) => boolean): Promise<void> {
    if (!existsSync(this.#folder)) return;
    const names = await readdir(this.#folder);
    for (const name of names) {
      const path = join(this.#folder, name);
      const { mtimeMs } = await lstat(path);
      const isHalf = name.startsWith('.');
      const isOld = nowMs - mtimeMs > LIMITS.quarantineMs && !isNeeded(name);
      if (isHalf || isOld) await rm(path, { recursive: true, force: true });
    }
  }

  /**
   * Runs the malware scanner of the site on a bundle.
   * @param command program and arguments; the folder of the bundle is added as the last one
   * @throws SCAN_REFUSED with what it said
   */
  async scan(id: string, command: readonly string[]): Promise<void> {
    const [program, ...args] = command;
    try {
      await promisify(execFile)(program!, [...args, this.#paths(id).folder], {
        timeout: LIMITS.scanTimeoutMs,
        maxBuffer: 1 << 20,
      });
    } catch (cause) {
      const { code, stdout = '' } = cause as { code?: unknown; stdout?: string };
      const said = stdout.trim().slice(0, 300);
      throw new MeshError(
        'SCAN_REFUSED',
        `${program} ended with ${String(code)}${said ? `: ${said}` : ''}`,
        { cause },
      );
    }
  }
}

interface CopyOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (bytes: number) => void;
}

/** Reading, summing and writing go on beside each other, a piece each. @returns the file, of which the end is not synced yet */
async function copy(
  from: string,
  to: string,
  { sizeBytes, sha256 }: Manifest,
  { signal, onProgress }: CopyOptions,
): Promise<SyncedWriter> {
  const wrong = (): MeshError =>
    new MeshError('HASH_MISMATCH', `${from} has not the ${sizeBytes} bytes of its manifest`);
  const source = await openPlainFile(from, Number.MAX_SAFE_INTEGER);
  let writer: SyncedWriter | undefined;
  try {
    // Before a byte is read: nothing promises how long a larger file is.
    if ((await source.stat()).size !== sizeBytes) throw wrong();
    writer = new SyncedWriter(await open(to, 'wx', OWNER_ONLY));
    const sum = createHash('sha256');
    let at = 0;
    // One byte more than promised is asked for: a file that grows meanwhile is another one.
    for await (const piece of piecesOf(source)) {
      signal.throwIfAborted();
      at += piece.length;
      if (at > sizeBytes) break;
      const writing = writer.write(piece);
      sum.update(piece);
      await writing;
      onProgress(at);
    }
    if (at !== sizeBytes) throw wrong();
    if (!sum.digest().equals(sha256))
      throw new MeshError('HASH_MISMATCH', 'the CAR is not the one that the manifest names');
    return writer;
  } catch (error) {
    await writer?.abandon();
    throw error;
  } finally {
    await source.close();
  }
}

/** A new file. The disk begins with what was written while the rest comes, so that little is left to wait for at the end. */
class SyncedWriter {
  readonly #file: FileHandle;
  #size = 0;
  #unsynced = 0;
  #isSyncing = false;
  #syncing: Promise<void> | undefined;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async write(piece: Buffer): Promise<void> {
    for (let done = 0; done < piece.length; ) {
      const { bytesWritten } = await this.#file.write(piece, done, piece.length - done, this.#size);
      done += bytesWritten;
      this.#size += bytesWritten;
    }
    this.#unsynced += piece.length;
    if (this.#unsynced < SYNC_BYTES || this.#isSyncing) return;
    // A file tells of a failed sync once.
    await this.#syncing;
    this.#unsynced = 0;
    this.#isSyncing = true;
    this.#syncing = this.#file.datasync().finally(() => {
      this.#isSyncing = false;
    });
    // Until it is waited for.
    this.#syncing.catch(() => {});
  }

  /** All of it is on the disk, and the file closed, when it resolves. */
  async finish(): Promise<void> {
    try {
      await this.#syncing;
      await this.#file.sync();
    } finally {
      await this.#file.close();
    }
  }

  /** Closes the file, whatever became of it. */
  async abandon(): Promise<void> {
    await this.#syncing?.catch(() => {});
    await this.#file.close().catch(() => {});
  }
}
