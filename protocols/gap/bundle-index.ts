// The index of a bundle, root of its CAR (wire §10): what stands in the CAR, in which order, and the signed heads that all of
// it leads to. From it a reader knows of each block, before it comes, that this one and no other has to come.

import { type Cid, Reader, Writer } from '../codec.ts';
import { MeshError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import { Frontier } from '../merkle.ts';

/** One log of a bundle. */
export interface IndexedLog {
  /** 16 bytes of the feed's id; zeros for the directory. */
  readonly log: Buffer;
  /** The tree before the first entry that comes along. */
  readonly before: Frontier;
  /** Signed note of the head that the entries lead to. */
  readonly note: Buffer;
  /** SHA-256 of the pages that name its segments, in order; a page is {@link encodePage}. */
  readonly pages: readonly Buffer[];
}

export interface BundleIndex {
  /** SHA-256 of the envelopes of all root versions, oldest first. */
  readonly roots: readonly Buffer[];
  /** The directory first. */
  readonly logs: readonly IndexedLog[];
}

const FORMAT = 1;

export const rawBlock = (hash: Buffer): Cid => ({ codec: 0x55, hash });
export const structBlock = (hash: Buffer): Cid => ({ codec: 0x71, hash });

export function encodeBundleIndex({ roots, logs }: BundleIndex): Buffer {
  const w = new Writer(1024).array(3).uint(FORMAT).bytes(Buffer.concat(roots)).array(logs.length);
  for (const { log, before, note, pages } of logs) {
    w.array(5).bytes(log).uint(before.size).bytes(Buffer.concat(before.hashes)).bytes(note);
    w.bytes(Buffer.concat(pages));
  }
  const bytes = w.take();
  // Whoever reads it would refuse it, and only at the far side.
  decodeBundleIndex(bytes);
  return bytes;
}

export function decodeBundleIndex(bytes: Uint8Array): BundleIndex {
  if (bytes.length > LIMITS.frameBytes)
    throw new MeshError('TOO_LARGE', 'the index of a bundle is above its limit');
  const r = new Reader(bytes);
  r.tuple(3);
  if (r.uint() !== FORMAT) throw new MeshError('MALFORMED', 'unknown format of a bundle');
  const roots = hashes(r.bytes(LIMITS.rootVersions * 32));
  if (roots.length === 0) throw new MeshError('MALFORMED', 'a bundle has no root metadata');
  const logs: IndexedLog[] = [];
  const seen = new Set<string>();
  for (let left = r.array(LIMITS.pageRows); left > 0; left--) {
    r.tuple(5);
    const log = Buffer.from(r.bytesOf(16));
    const size = r.uint();
    const before = new Frontier(size, hashes(r.bytes(LIMITS.proofHashes * 32)));
    const note = Buffer.from(r.bytes(LIMITS.noteBytes));
    const pages = hashes(r.bytes(LIMITS.bundleFanout * 32));
    seen.add(log.toString('hex'));
    logs.push({ log, before, note, pages });
  }
  r.end();
  if (seen.size !== logs.length) throw new MeshError('MALFORMED', 'a bundle has a log twice');
  return { roots, logs };
}

/** Consecutive segments of a log, and records and chunks named in them that the exporter did not have. */
export interface Page {
  readonly segments: readonly Buffer[];
  readonly missing: readonly Buffer[];
}

export function encodePage({ segments, missing }: Page): Buffer {
  const [come, gone] = [Buffer.concat(segments), Buffer.concat(missing)];
  const w = new Writer(come.length + gone.length + 32).array(3).uint(FORMAT);
  return w.bytes(come).bytes(gone).take();
}

export function decodePage(bytes: Uint8Array): Page {
  const r = new Reader(bytes);
  r.tuple(3);
  if (r.uint() !== FORMAT) throw new MeshError('MALFORMED', 'unknown format of a page of a bundle');
  const segments = hashes(r.bytes(LIMITS.bundleFanout * 32));
  const missing = hashes(r.bytes(LIMITS.bundleFanout * 32));
  r.end();
  if (segments.length === 0) throw new MeshError('MALFORMED', 'a page of a bundle is empty');
  return { segments, missing };
}

function hashes(bytes: Uint8Array): Buffer[] {
  if (bytes.length % 32 !== 0) throw new MeshError('MALFORMED', 'a list of hashes is cut');
  const own = Buffer.from(bytes);
  return Array.from({ length: own.length / 32 }, (_, at) => own.subarray(at * 32, at * 32 + 32));
}
