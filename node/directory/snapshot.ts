// The directory in one message, for a node that joins: a signed head and the segments below it, CBOR [1, note, [segment…]].
// Whoever reads it verifies it like anything that comes from a peer.

import { Reader, Writer } from '../../protocols/codec.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { Frontier, leafHash, rootOf } from '../../protocols/merkle.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import type { EntrySource } from '../feed/intake.ts';
import type { FeedLog } from '../feed/log.ts';
import type { Directory } from './directory.ts';

const FORMAT = 1;
/** Of an enrolment answer it may take what base64 makes fit beside certificates and proofs. */
export const SNAPSHOT_BYTES = Math.floor(
  ((LIMITS.enrolAnswerBytes - LIMITS.enrolFrameBytes) * 3) / 4,
);
/** Head of a CBOR byte string. */
const ITEM_BYTES = 5;

export type SignPrefix = (size: number, root: Buffer) => Buffer;

/**
 * A directory that is too large is cut: its beginning names the nodes from which the rest comes. The cut part gets a
 * head of its own, without a date: it never was the newest while it is sent.
 */
export async function encodeSnapshot(
  log: FeedLog,
  note: Buffer,
  maxBytes: number,
  signPrefix: SignPrefix,
): Promise<Buffer> {
  const { size } = log;
  const kept: Buffer[] = [];
  const tree = new Frontier();
  let left = maxBytes - LIMITS.noteBytes - 3 * ITEM_BYTES;
  for await (const segment of log.segments(0, size)) {
    left -= segment.length + ITEM_BYTES;
    if (left < 0 || kept.length === LIMITS.cborItems) break;
    kept.push(segment);
    for (const { leaf } of decodeSegment(segment).entries) tree.append(leafHash(leaf));
  }
  const head = tree.size === size ? note : signPrefix(tree.size, tree.root());
  const w = new Writer().array(3).uint(FORMAT).bytes(head).array(kept.length);
  for (const segment of kept) w.bytes(segment);
  return w.take();
}

/** Takes a snapshot in; everything in it is verified by the directory's keys in the root. */
export async function importSnapshot(directory: Directory, bytes: Uint8Array): Promise<void> {
  const r = new Reader(bytes);
  r.tuple(3);
  if (r.uint() !== FORMAT)
    throw new MeshError('MALFORMED', 'unknown format of a directory snapshot');
  const note = Buffer.from(r.bytes(LIMITS.noteBytes));
  const count = r.array(LIMITS.cborItems);
  const segments = Array.from({ length: count }, () => Buffer.from(r.bytes(LIMITS.frameBytes)));
  r.end();
  await directory.accept(note, sourceOf(segments));
}

/** Hashes are computed from the segments; the intake holds them against the signed head. */
function sourceOf(segments: readonly Buffer[]): EntrySource {
  let leaves: Buffer[] | undefined;
  return {
    entries: () => segments,
    hashes: async (level, from, to) => {
      leaves ??= segments.flatMap((s) =>
        decodeSegment(s).entries.map(({ leaf }) => leafHash(leaf)),
      );
      const width = LIMITS.tileHashes ** level;
      const nodes: Buffer[] = [];
      for (let n = from; n < to; n++) nodes.push(rootOf(leaves.slice(n * width, (n + 1) * width)));
      return Buffer.concat(nodes);
    },
  };
}
