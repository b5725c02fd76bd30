// Where bundles lie between their arrival and their end: copies that only this node can write to. What was checked here is
// what is let in, whatever happens to the file that somebody brought.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { MeshError } from '../../protocols/errors.ts';
import { decodeManifest, type Manifest } from '../../protocols/gap/manifest.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { fileError, syncFolder, writeFileDurable } from '../home/files.ts';
import { openPlainFile } from './read-bundle.ts';
import { bundleFiles } from './write-bundle.ts';

const COPY_BYTES = 1 << 20;
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

  /** A copy of all three files, whole or not at all. @throws HASH_MISMATCH for another size, DISK_FULL, FILE_UNREADABLE */
  async take(
    { id, manifest, manifestBytes, signature, carPath }: Brought,
    signal: AbortSignal,
    onProgress: (bytes: number) => void = () => {},
  ): Promise<void> {
    const paths = this.#paths(id);
    const incoming = join(this.#folder, `.${id}`);
    try {
      await rm(incoming, { recursive: true, force: true });
      await mkdir(incoming, { recursive: true, mode: 0o700 });
      await writeFileDurable(join(incoming, basename(paths.manifest)), manifestBytes);
      await writeFileDurable(join(incoming, basename(paths.signature)), signature);
      await copy(carPath, join(incoming, basename(paths.car)), manifest.sizeBytes, {
        signal,
        onProgress,
      });
      await rm(paths.folder, { recursive: true, force: true });
      await rename(incoming, paths.folder);
      await syncFolder(this.#folder);
    } catch (error) {
      await rm(incoming, { recursive: true, force: true });
      throw fileError('keep', carPath, error);
    }
  }

  async open(id: string): Promise<{ manifest: Manifest; file: Awaited<ReturnType<typeof open>> }> {
    const paths = this.#paths(id);
    const manifest = decodeManifest(await readPlain(paths.manifest, LIMITS.manifestBytes));
    return { manifest, file: await openPlainFile(paths.car, manifest.sizeBytes) };
  }

  async signed(id: string): Promise<Pick<Brought, 'manifest' | 'manifestBytes' | 'signature'>> {
    const paths = this.#paths(id);
    const manifestBytes = await readPlain(paths.manifest, LIMITS.manifestBytes);
    const signature = await readPlain(paths.signature, LIMITS.cmsBytes);
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

async function copy(
  from: string,
  to: string,
  sizeBytes: number,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (bytes: number) => void },
): Promise<void> {
  const wrong = (): MeshError =>
    new MeshError('HASH_MISMATCH', `${from} has not the ${sizeBytes} bytes of its manifest`);
  const source = await openPlainFile(from, Number.MAX_SAFE_INTEGER);
  try {
    // Before a byte is read: nothing promises how long a larger file is.
    if ((await source.stat()).size !== sizeBytes) throw wrong();
    const target = await open(to, 'wx', OWNER_ONLY);
    try {
      const buffer = Buffer.allocUnsafe(COPY_BYTES);
      let at = 0;
      // One byte more than promised is asked for: a file that grows meanwhile is another one.
      for (;;) {
        signal.throwIfAborted();
        const { bytesRead } = await source.read(buffer, 0, COPY_BYTES, at);
        if (bytesRead === 0) break;
        at += bytesRead;
        if (at > sizeBytes) break;
        await target.write(buffer, 0, bytesRead);
        onProgress(at);
      }
      if (at !== sizeBytes) throw wrong();
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}
