// Reads the CAR of a bundle from a file that nobody else can change meanwhile: size and sum as the manifest promises, every
// block the one that has to come, none too many. What the blocks mean is for whoever asks for them.

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Cid } from '../../protocols/codec.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { BundleIndex, IndexedLog } from '../../protocols/gap/bundle-index.ts';
import { structBlock } from '../../protocols/gap/bundle-index.ts';
import { BundleWalk, type OpenSegment, type Role } from '../../protocols/gap/bundle-walk.ts';
import { readCar } from '../../protocols/gap/car.ts';
import type { Manifest } from '../../protocols/gap/manifest.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { fileError } from '../home/files.ts';

const READ_BYTES = 1 << 20;
const RAW = 0x55;
/** What is kept as a block later: no larger than any that comes over the network. */
const KEPT: readonly Role[] = ['record', 'tree', 'chunk'];

export interface BundleBlock {
  readonly role: Role;
  /** Which log of the index it belongs to; -1 for the index and the root metadata. */
  readonly log: number;
  readonly hash: Buffer;
  /** Of records and chunks valid until the next block is asked for: the file is read into the same memory again and again. */
  readonly bytes: Buffer;
  /** Where its bytes begin in the file. */
  readonly at: number;
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
  const isLeaf = (role: Role, { codec }: Cid): boolean =>
    codec === RAW && (role === 'record' || role === 'chunk');
  const pieces = watched(file, sum, onProgress);
  for await (const block of readCar(pieces, structBlock(manifest.index))) {
    signal?.throwIfAborted();
    const { cid, at } = block;
    const expected = walk.next();
    const isExpected =
      expected?.cid.codec === cid.codec && Buffer.compare(expected.cid.hash, cid.hash) === 0;
    if (!expected || !isExpected)
      throw new MeshError(
        'MALFORMED',
        'a block of the CAR stands where its index does not have it',
      );
    const { role, log } = expected;
    if (block.bytes.length > LIMITS.blockBytes && KEPT.includes(role))
      throw new MeshError('TOO_LARGE', `a ${role} in the CAR is above ${LIMITS.blockBytes} bytes`);
    // The walk holds on to what names other blocks.
    const bytes = isLeaf(role, cid) ? block.bytes : Buffer.from(block.bytes);
    const segment = walk.take(bytes);
    if (walk.index && role === 'index') checkLogs(walk.index.logs, manifest);
    yield { role, log, hash: Buffer.from(cid.hash), bytes, at, segment };
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

/**
 * A file from its start to its end; the disk reads the next piece while somebody looks at this one. A piece is valid until the
 * next one is asked for: new memory for each would cost more than the reading.
 */
export async function* piecesOf(file: FileHandle): AsyncGenerator<Buffer> {
  const [even, odd] = [Buffer.allocUnsafeSlow(READ_BYTES), Buffer.allocUnsafeSlow(READ_BYTES)];
  let next = readPiece(file, even, 0);
  for (let at = 0, count = 1; ; count++) {
    const piece = await next;
    if (piece.length === 0) return;
    at += piece.length;
    next = readPiece(file, count % 2 === 0 ? even : odd, at);
    yield piece;
  }
}

function readPiece(file: FileHandle, into: Buffer, at: number): Promise<Buffer> {
  const reading = file
    .read(into, 0, READ_BYTES, at)
    .then(({ bytesRead }) => into.subarray(0, bytesRead));
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
