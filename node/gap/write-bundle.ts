// Writes the three files of a bundle: first it learns which segments come and which records are missing, then it writes the CAR
// in one go, and last the manifest with the sum of it and the signature. Holds one block at a time; what is written under a
// name of its own gets its right name when all of it is there.

import { createHash, type KeyObject } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type SignCmsOptions, signCms } from '../../certs/cms.ts';
import { MeshError } from '../../protocols/errors.ts';
import {
  encodeBundleIndex,
  encodePage,
  type IndexedLog,
} from '../../protocols/gap/bundle-index.ts';
import { BundleWalk, type Expected } from '../../protocols/gap/bundle-walk.ts';
import { carHeader, sectionHead } from '../../protocols/gap/car.ts';
import { encodeManifest, type Manifest } from '../../protocols/gap/manifest.ts';
import type { Origin } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Frontier, sha256 } from '../../protocols/merkle.ts';
import { structCid } from '../../protocols/record.ts';
import { fileError, syncFolder } from '../home/files.ts';

const OWNER_ONLY = 0o600;
/** Collected before it is written and summed: a system call costs as much as a hundred kilobytes. */
const WRITE_BYTES = 1 << 20;

/** A run of one log that goes into a bundle. */
export interface ExportedLog {
  readonly origin: Origin;
  /** 16 bytes of the feed's id; zeros for the directory. */
  readonly log: Buffer;
  readonly before: Frontier;
  readonly note: Buffer;
  /** Size of the log at that note. */
  readonly to: number;
  /** Segments of exactly the entries [before.size, to), the same at each call. */
  readonly segments: () => AsyncIterable<Buffer>;
}

export interface BundleSource {
  readonly roots: readonly Buffer[];
  /** The directory first. */
  readonly logs: readonly ExportedLog[];
  /** A block of a record, or undefined when it is not here. */
  readonly block: (hash: Uint8Array) => Promise<Buffer | undefined>;
  /** Blocks that records of an entry name, records included, as far as it is known which. */
  readonly named: (segment: Buffer) => AsyncIterable<Uint8Array>;
}

export interface WriteBundleOptions extends BundleSource {
  /** Without its ending: three files with this name are written. */
  readonly path: string;
  readonly manifest: Omit<Manifest, 'index' | 'blocks' | 'sizeBytes' | 'logs' | 'sha256' | 'car'>;
  readonly signer: Omit<SignCmsOptions, 'content' | 'nowMs'> & { readonly key: KeyObject };
  readonly signal: AbortSignal;
  /** Bytes written so far. */
  readonly onProgress?: (bytes: number) => void;
}

export interface WrittenBundle {
  readonly manifest: Manifest;
  readonly manifestBytes: Buffer;
  /** Records that the exporter did not have, in hex. */
  readonly missing: readonly string[];
}

export const bundleFiles = (path: string) => ({
  manifest: `${path}.manifest`,
  signature: `${path}.manifest.p7s`,
  car: `${path}.car`,
});

/**
 * Writes CAR, signature and manifest, in this order, so that whoever sees a manifest finds the rest beside it.
 * @throws what the source throws, TOO_LARGE, DISK_FULL, FILE_UNREADABLE; nothing is left behind then
 */
export async function writeBundle(options: WriteBundleOptions): Promise<WrittenBundle> {
  checkName(options);
  // Looking for each block before it is read would read all twice: only where one turned out to be missing.
  const first = await attempt(options, false);
  return first ?? (await attempt(options, true))!;
}

/** A name that no manifest may have is refused before hours of writing, not behind them. */
function checkName({ path, manifest }: WriteBundleOptions): void {
  const nothing = Buffer.alloc(32);
  const car = basename(bundleFiles(path).car);
  const rest = { index: nothing, sha256: nothing, blocks: 1, sizeBytes: 0, logs: [], car };
  encodeManifest({ ...manifest, ...rest });
}

async function attempt(
  o: WriteBundleOptions,
  isChecking: boolean,
): Promise<WrittenBundle | undefined> {
  const plan = await makePlan(o, isChecking);
  const files = bundleFiles(o.path);
  const written: string[] = [];
  try {
    const car = await writeCar(o, plan, partOf(files.car), written);
    if (car === undefined) return undefined;
    const manifest: Manifest = {
      ...o.manifest,
      index: sha256(plan.index),
      ...car,
      logs: o.logs.map(({ origin, before, to }) => ({ origin, from: before.size, to })),
      car: basename(files.car),
    };
    const manifestBytes = encodeManifest(manifest);
    const signature = signCms({ ...o.signer, content: manifestBytes, nowMs: manifest.createdMs });
    await writePart(files.signature, signature, written);
    await writePart(files.manifest, manifestBytes, written);
    for (const path of [files.car, files.signature, files.manifest])
      await rename(partOf(path), path);
    await syncFolder(dirname(o.path));
    return { manifest, manifestBytes, missing: [...plan.missing] };
  } catch (cause) {
    if (cause instanceof MeshError) throw cause;
    throw fileError('write', o.path, cause);
  } finally {
    for (const path of written) await rm(path, { force: true });
  }
}

/** In the same folder, so that renaming is one step; hidden, so that nobody takes it for a bundle. */
const partOf = (path: string): string => join(dirname(path), `.${basename(path)}.part`);

async function writePart(path: string, bytes: Uint8Array, written: string[]): Promise<void> {
  const part = partOf(path);
  const file = await open(part, 'w', OWNER_ONLY);
  written.push(part);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

interface Plan {
  readonly index: Buffer;
  /** Index, roots and pages by hash, in hex. */
  readonly known: ReadonlyMap<string, Buffer>;
  readonly missing: ReadonlySet<string>;
}

async function makePlan(o: WriteBundleOptions, isChecking: boolean): Promise<Plan> {
  const known = new Map<string, Buffer>();
  const missing = new Set<string>();
  const keep = (bytes: Buffer): Buffer => {
    const hash = sha256(bytes);
    known.set(hash.toString('hex'), bytes);
    return hash;
  };
  const roots = o.roots.map(keep);
  const logs: IndexedLog[] = [];
  for (const { log, before, note, segments } of o.logs) {
    const pages: Buffer[] = [];
    let page = newPage();
    for await (const bytes of segments()) {
      o.signal.throwIfAborted();
      const lacking = isChecking ? await missingOf(o, bytes) : [];
      if (page.segments.length > 0 && !fits(page, lacking)) {
        pages.push(keep(encodePage(page)));
        page = newPage();
      }
      page.segments.push(sha256(bytes));
      page.missing.push(...lacking);
      for (const hash of lacking) missing.add(hash.toString('hex'));
    }
    if (page.segments.length > 0) pages.push(keep(encodePage(page)));
    logs.push({ log, before, note, pages });
  }
  const index = encodeBundleIndex({ roots, logs });
  keep(index);
  return { index, known, missing };
}

const newPage = () => ({ segments: [] as Buffer[], missing: [] as Buffer[] });

const fits = (page: ReturnType<typeof newPage>, lacking: readonly Buffer[]): boolean =>
  page.segments.length < LIMITS.bundleFanout &&
  page.missing.length + lacking.length <= LIMITS.bundleFanout;

async function missingOf(o: WriteBundleOptions, segment: Buffer): Promise<Buffer[]> {
  const out: Buffer[] = [];
  for await (const hash of o.named(segment))
    if ((await o.block(hash)) === undefined) out.push(Buffer.from(hash));
  return out;
}

/** Undefined when a block is missing that the plan promises. */
async function writeCar(
  o: WriteBundleOptions,
  plan: Plan,
  path: string,
  written: string[],
): Promise<Pick<Manifest, 'blocks' | 'sizeBytes' | 'sha256'> | undefined> {
  const sum = createHash('sha256');
  const file = await open(path, 'w', OWNER_ONLY);
  written.push(path);
  let sizeBytes = 0;
  // The same memory all the time: a buffer for each piece is much more than the collector is in a hurry to take away.
  const buffer = Buffer.allocUnsafeSlow(WRITE_BYTES);
  let waiting = 0;
  const flush = async (): Promise<void> => {
    const bytes = buffer.subarray(0, waiting);
    waiting = 0;
    sum.update(bytes);
    await file.appendFile(bytes);
    sizeBytes += bytes.length;
    o.onProgress?.(sizeBytes);
    o.signal.throwIfAborted();
  };
  const add = async (...pieces: readonly Buffer[]): Promise<void> => {
    const bytes = pieces.reduce((total, piece) => total + piece.length, 0);
    if (waiting + bytes > buffer.length) await flush();
    for (const piece of pieces) waiting += piece.copy(buffer, waiting);
  };
  const segments = allSegments(o.logs);
  try {
    const walk = new BundleWalk(sha256(plan.index));
    await add(carHeader(structCid(plan.index)));
    for (let next = walk.next(); next; next = walk.next()) {
      const bytes = await bytesOf(next, o, plan, segments);
      if (bytes === undefined) return undefined;
      await add(sectionHead(next.cid, bytes.length), bytes);
      walk.take(bytes);
    }
    await flush();
    await file.sync();
    return { blocks: walk.blocks, sizeBytes, sha256: sum.digest() };
  } finally {
    await segments.return(undefined);
    await file.close();
  }
}

async function* allSegments(logs: readonly ExportedLog[]): AsyncGenerator<Buffer, undefined> {
  for (const { segments } of logs) yield* segments();
  return undefined;
}

async function bytesOf(
  { cid, role }: Expected,
  o: BundleSource,
  plan: Plan,
  segments: AsyncGenerator<Buffer, undefined>,
): Promise<Buffer | undefined> {
  if (role === 'segment') {
    const { value } = await segments.next();
    if (value && sha256(value).equals(cid.hash)) return value;
    throw new MeshError('BUSY', 'a log changed while it was exported', { next: 'Export again.' });
  }
  if (role === 'record' || role === 'tree' || role === 'chunk') return o.block(cid.hash);
  return plan.known.get(Buffer.from(cid.hash).toString('hex'));
}
