// Proof that a log holds a leaf at an index, as text with the signed checkpoint in it (C2SP tlog-proof): what travels with a
// receipt, and what a shell script can check.

import { type Checkpoint, decodeNote, type LogKey, type Note, verifyNote } from '../checkpoint.ts';
import { decodeUtf8 } from '../codec.ts';
import { MeshError } from '../errors.ts';
import type { Origin } from '../ids.ts';
import { LIMITS } from '../limits.ts';
import { foldInclusion, HASH_BYTES, leafHash } from '../merkle.ts';

const FIRST = 'c2sp.org/tlog-proof@v1';
const INDEX = /^index (0|[1-9][0-9]{0,15})$/;

export interface TlogProof {
  readonly index: number;
  /** From the leaf upwards. */
  readonly hashes: readonly Buffer[];
  readonly note: Note;
}

export function encodeTlogProof(
  index: number,
  hashes: readonly Buffer[],
  note: Uint8Array,
): Buffer {
  const head = [FIRST, `index ${index}`, ...hashes.map((hash) => hash.toString('base64')), '', ''];
  return Buffer.concat([Buffer.from(head.join('\n')), note]);
}

/** @throws TOO_LARGE, MALFORMED, NOT_CANONICAL */
export function decodeTlogProof(bytes: Uint8Array): TlogProof {
  if (bytes.length > LIMITS.tlogProofBytes)
    throw new MeshError('TOO_LARGE', `a proof is above ${LIMITS.tlogProofBytes} bytes`);
  const text = decodeUtf8(bytes);
  const end = text.indexOf('\n\n');
  if (end < 0) throw bad('has no checkpoint');
  const [first, second, ...lines] = text.slice(0, end).split('\n');
  const index = Number(INDEX.exec(second ?? '')?.[1] ?? Number.NaN);
  if (first !== FIRST || !Number.isSafeInteger(index)) throw bad('begins otherwise');
  if (lines.length > LIMITS.proofHashes) throw bad('has more hashes than any log needs');
  const hashes = lines.map((line) => {
    const hash = Buffer.from(line, 'base64');
    if (hash.length !== HASH_BYTES || hash.toString('base64') !== line)
      throw bad('has a hash that is none');
    return hash;
  });
  const note = decodeNote(Buffer.from(text.slice(end + 2)));
  return { index, hashes, note };
}

/**
 * The checkpoint, once it is signed by the log's key and the leaf stands under its root at the index.
 * @throws WRONG_ORIGIN, UNKNOWN_KEY, BAD_SIGNATURE, ROOT_MISMATCH
 */
export function verifyTlogProof(
  proof: TlogProof,
  leaf: Uint8Array,
  origin: Origin,
  key: LogKey,
): Checkpoint {
  const checkpoint = verifyNote(proof.note, origin, key);
  const { index, hashes } = proof;
  const root = foldInclusion(leafHash(leaf), index, checkpoint.size, hashes);
  if (!root?.equals(checkpoint.root))
    throw new MeshError(
      'ROOT_MISMATCH',
      'a receipt does not stand in the log that its proof names',
    );
  return checkpoint;
}

const bad = (why: string): MeshError => new MeshError('MALFORMED', `a proof ${why}`);
