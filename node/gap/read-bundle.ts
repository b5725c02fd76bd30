// Reads the CAR of a bundle from a file that nobody else can change meanwhile: size and sum as the manifest promises, every
// block the one that has to come, none too many. What the blocks mean is for whoever asks for them.

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { MeshError } from '../../protocols/errors.ts';
import type { BundleIndex, IndexedLog } from '../../protocols/gap/bundle-index.ts';
import { structBlock } from '../../protocols/gap/bundle-index.ts';
import { BundleWalk, type OpenSegment, type Role } from '../../protocols/gap/bundle-walk.ts';
import { readCar } from '../../protocols/gap/car.ts';
import type { Manifest } from '../../protocols/gap/manifest.ts';
import { fileError } from '../home/files.ts';

const READ_BYTES = 1 << 20;

export interface BundleBlock {
  readonly role: Role;
  /** Which log of the index it belongs to; -1 for the index and the root metadata. */
  readonly log: number;
  readonly hash: Buffer;
  /** Never written to again, so it may be kept: each piece of the file is read into a buffer of its own, which it then holds. */
  readonly bytes: Buffer;
  /** What is in it where it is one. */
  readonly segment: OpenSegment | undefined;
}

export interface ReadBundleOptions {
  readonly manifest: Manifest;
  /**
   * The sum of the file was found to be the one of the manifest when it came here. From the root that the manifest names
   * on, every byte of a CAR follows from a hash and from the one order of blocks, so it need not be summed again.
   */
  readonly isSummed?: boolean;
  readonly signal?: AbortSignal;
  /** Bytes read so far. */
  readonly onProgress?: (bytes: number) => void;
}

/** What is known when all blocks have come. */
export interface BundleEnd {
  readonly index: BundleIndex;
  /** Records that the exporter did not have, in hex. */
  readonly missing: readonly string[];
}

/** Opens a file that is one, not a link, a device or a pipe, which could wait for ever. */
export async function openPlainFile(path: string, maxBytes: number): Promise<FileHandle> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    throw fileError('read', path, cause);
  }
  const stat = await file.stat();
  if (stat.isFile() && stat.size <= maxBytes) return file;
  await file.close();
  if (!stat.isFile()) throw new MeshError('FILE_UNREADABLE', `${path} is not a plain file`);
  throw new MeshError('TOO_LARGE', `${path} has ${stat.size} bytes, more than ${maxBytes}`);
}

/**
 * The blocks of the bundle in their order; returns when the whole file was what the manifest promises.
 * @throws HASH_MISMATCH, MALFORMED, NOT_CANONICAL, TOO_LARGE; what was given before that must not have had any effect
 */
export async function* readBundle(
  file: FileHandle,
  { manifest, isSummed = false, signal, onProgress }: ReadBundleOptions,
): AsyncGenerator<BundleBlock, BundleEnd, undefined> {
  const { size } = await file.stat();
  if (size !== manifest.sizeBytes)
    throw new MeshError('HASH_MISMATCH', `the CAR has ${size} bytes, not ${manifest.sizeBytes}`);
  const sum = isSummed ? undefined : createHash('sha256');
  const walk = new BundleWalk(manifest.index);
  for await (const { cid, bytes } of readCar(
    watched(file, sum, onProgress),
    structBlock(manifest.index),
  )) {
    signal?.throwIfAborted();
    const expected = walk.next();
    const isExpected =
      expected?.cid.codec === cid.codec && Buffer.compare(expected.cid.hash, cid.hash) === 0;
    if (!expected || !isExpected)
      throw new MeshError(
        'MALFORMED',
        'a block of the CAR stands where its index does not have it',
      );
    const segment = walk.take(bytes);
    if (walk.index && expected.role === 'index') checkLogs(walk.index.logs, manifest);
    yield { role: expected.role, log: expected.log, hash: Buffer.from(cid.hash), bytes, segment };
  }
  if (walk.next() || !walk.index || walk.blocks !== manifest.blocks)
    throw new MeshError('MALFORMED', 'the CAR ends before all blocks of its index have come');
  if (sum && !sum.digest().equals(manifest.sha256))
    throw new MeshError('HASH_MISMATCH', 'the CAR is not the one that the manifest names');
  return { index: walk.index, missing: [...walk.missing] };
}

async function* watched(
  file: FileHandle,
  sum: ReturnType<typeof createHash> | undefined,
  onProgress: ((bytes: number) => void) | undefined,
): AsyncGenerator<Buffer> {
  let at = 0;
  for await (const piece of piecesOf(file)) {
    sum?.update(piece);
    at += piece.length;
    onProgress?.(at);
    yield piece;
  }
}

/** A file from its start to its end; the disk reads the next piece while somebody looks at this one. */
export async function* piecesOf(file: FileHandle): AsyncGenerator<Buffer> {
  let next = readPiece(file, 0);
  for (let at = 0; ; ) {
    const piece = await next;
    if (piece.length === 0) return;
    at += piece.length;
    next = readPiece(file, at);
    yield piece;
  }
}

/** Into a new buffer each time, and of no pool: whoever collects blocks of the last ones keeps them as they are. */
function readPiece(file: FileHandle, at: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  const reading = file
    .read(buffer, 0, READ_BYTES, at)
    .then(({ bytesRead }) => buffer.subarray(0, bytesRead));
  // Whoever stops in the middle does not wait for it.
  reading.catch(() => {});
  return reading;
}

/** The manifest names the same logs, from the same sizes on: it is what people and policies look at. */
function checkLogs(logs: readonly IndexedLog[], manifest: Manifest): void {
  const isSame =
    logs.length === manifest.logs.length &&
    logs.every(({ before }, at) => before.size === manifest.logs[at]!.from);
  if (!isSame) throw new MeshError('MALFORMED', 'the index names other logs than the manifest');
}
