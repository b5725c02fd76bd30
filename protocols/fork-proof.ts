// A fork proof (wire §6): two checkpoints of one log, both signed by its key, that cannot both be true. Whoever has the key
// can check it alone, and nobody can make one against a log that has one history. Pure: bytes and the rule.

import { type Checkpoint, decodeNote, type Note } from './checkpoint.ts';
import { Reader, Writer } from './codec.ts';
import { MeshError } from './errors.ts';
import { LIMITS } from './limits.ts';
import { HASH_BYTES, isConsistent } from './merkle.ts';

export interface ForkProof {
  /** The smaller one first; of one size, the one with the smaller root. */
  readonly notes: readonly [Note, Note];
  /** What the first one's root would have to be, by the second one's tree; null when they have one size. */
  readonly altRoot: Buffer | null;
  /** Consistency path from `altRoot` to the root of the second; empty when they have one size. */
  readonly path: readonly Buffer[];
}

const FORMAT = 1;

/** Two notes in the one order that a proof has them in. */
export function inProofOrder(a: Note, b: Note): readonly [Note, Note] {
  const [x, y] = [a.checkpoint, b.checkpoint];
  const isFirst = x.size < y.size || (x.size === y.size && x.root.compare(y.root) < 0);
  return isFirst ? [a, b] : [b, a];
}

export function encodeForkProof({ notes, altRoot, path }: ForkProof): Buffer {
  const w = new Writer(1024).array(5).uint(FORMAT).bytes(notes[0].bytes).bytes(notes[1].bytes);
  if (altRoot) w.bytes(altRoot);
  else w.nothing();
  const bytes = w.bytes(Buffer.concat(path)).take();
  if (bytes.length > LIMITS.forkProofBytes)
    throw new MeshError('TOO_LARGE', 'a fork proof is above its limit');
  return bytes;
}

/** Takes a proof apart. Nothing is proven before {@link verifyForkProof}. */
export function decodeForkProof(bytes: Uint8Array): ForkProof {
  if (bytes.length > LIMITS.forkProofBytes)
    throw new MeshError('TOO_LARGE', 'a fork proof is above its limit');
  const r = new Reader(bytes);
  r.tuple(5);
  if (r.uint() !== FORMAT) throw new MeshError('MALFORMED', 'unknown format of a fork proof');
  const notes = [
    decodeNote(r.bytes(LIMITS.noteBytes)),
    decodeNote(r.bytes(LIMITS.noteBytes)),
  ] as const;
  const altRoot = r.nothing() ? null : Buffer.from(r.bytesOf(HASH_BYTES));
  const hashes = r.bytes((LIMITS.proofHashes + 1) * HASH_BYTES);
  r.end();
  if (hashes.length % HASH_BYTES !== 0) throw new MeshError('MALFORMED', 'a fork proof is cut');
  const path: Buffer[] = [];
  for (let at = 0; at < hashes.length; at += HASH_BYTES)
    path.push(Buffer.from(hashes.subarray(at, at + HASH_BYTES)));
  return { notes, altRoot, path };
}

/**
 * Proves the fork or throws. What is proven: the key signed both, and no tree has both as its beginnings.
 * @param verifyHead verifies the signature of a head of this log by the log's key, and gives its checkpoint
 */
export function verifyForkProof(
  { notes, altRoot, path }: ForkProof,
  verifyHead: (note: Note) => Checkpoint,
): readonly [Checkpoint, Checkpoint] {
  const [a, b] = notes.map(({ checkpoint }) => checkpoint) as [Checkpoint, Checkpoint];
  if (a.origin !== b.origin)
    throw new MeshError('WRONG_ORIGIN', 'the two heads of a fork proof are of different logs');
  if (inProofOrder(notes[0], notes[1])[0] !== notes[0])
    throw new MeshError('NOT_CANONICAL', 'the heads of a fork proof are in the wrong order');
  if (!contradict(a, b, altRoot, path))
    throw new MeshError(
      'ROOT_MISMATCH',
      'the two heads of a fork proof do not contradict each other',
    );
  return [verifyHead(notes[0]), verifyHead(notes[1])];
}

function contradict(
  a: Checkpoint,
  b: Checkpoint,
  altRoot: Buffer | null,
  path: readonly Buffer[],
): boolean {
  if (a.size === b.size) return altRoot === null && path.length === 0 && !a.root.equals(b.root);
  if (altRoot === null || altRoot.equals(a.root)) return false;
  return isConsistent(a.size, altRoot, b.size, b.root, path);
}
