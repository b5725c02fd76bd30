// Gossip: topic names, and announcements of new heads with small records inline (wire §6). They can be verified by a node
// that knows nothing of the log but its key. Presence is in presence.ts.

import { decodeNote, type Note } from './checkpoint.ts';
import { Reader, Writer } from './codec.ts';
import { MeshError } from './errors.ts';
import { decodeForkProof, encodeForkProof, type ForkProof } from './fork-proof.ts';
import type { ContextName, MeshId } from './ids.ts';
import { LIMITS } from './limits.ts';
import { Frontier, leafHash } from './merkle.ts';
import { checkPacked } from './run-verifier.ts';
import { decodeSegment, type Segment } from './segment.ts';

export const contextTopic = (mesh: MeshId, context: ContextName): string =>
  `/odcm/${mesh}/feeds/${context}/1`;
export const directoryTopic = (mesh: MeshId): string => `/odcm/${mesh}/dir/1`;
export const presenceTopic = (mesh: MeshId): string => `/odcm/${mesh}/presence/3`;

/** A new head, and the entries since `from` when they are few and small. */
export interface Announcement {
  readonly note: Note;
  /** The tree just before the inline entries; with them it folds to the signed root. */
  readonly frontier: Frontier;
  readonly segments: readonly Segment[];
}

const FORMAT = 1;
/** APPEND ONLY. What else travels on the topic of the directory. */
const FORK = 2;

export function encodeAnnouncement(
  note: Uint8Array,
  frontier: Frontier,
  segments: readonly Uint8Array[],
): Buffer {
  const w = new Writer(1024).array(5).uint(FORMAT).bytes(note).uint(frontier.size);
  w.bytes(Buffer.concat(frontier.hashes)).array(segments.length);
  for (const segment of segments) w.bytes(segment);
  return w.take();
}

/** Takes an announcement apart; signature and folding are checked by {@link verifyInline} and the log's key. */
export function decodeAnnouncement(bytes: Uint8Array): Announcement {
  if (bytes.length > LIMITS.announcementMessageBytes)
    throw new MeshError('TOO_LARGE', 'an announcement is above its limit');
  const r = new Reader(bytes);
  r.tuple(5);
  if (r.uint() !== FORMAT) throw new MeshError('MALFORMED', 'unknown format of an announcement');
  const note = decodeNote(r.bytes(LIMITS.noteBytes));
  const from = r.uint();
  const hashes = r.bytes(LIMITS.proofHashes * 32);
  if (hashes.length % 32 !== 0) throw new MeshError('MALFORMED', 'a frontier is cut');
  const list: Buffer[] = [];
  for (let at = 0; at < hashes.length; at += 32) list.push(hashes.subarray(at, at + 32));
  const segments: Segment[] = [];
  const count = r.array(LIMITS.announceEntries);
  let next = from;
  for (let i = 0; i < count; i++) {
    const segment = decodeSegment(r.bytes(LIMITS.frameBytes));
    if (segment.from !== next)
      throw new MeshError('MALFORMED', 'segments of an announcement do not follow each other');
    next += segment.entries.length;
    segments.push(segment);
  }
  r.end();
  return { note, frontier: new Frontier(from, list), segments };
}

/**
 * The inline entries must be of this log, carry the records that they name, and lead from the given frontier exactly to
 * the signed root.
 * @param log 16-byte feed id, sixteen zero bytes for the directory
 */
export function verifyInline(a: Announcement, log: Uint8Array): void {
  const tree = a.frontier.clone();
  for (const segment of a.segments) {
    for (const packed of segment.entries) {
      checkPacked(packed, log);
      tree.append(leafHash(packed.leaf));
    }
  }
  const { size, root } = a.note.checkpoint;
  if (tree.size !== size || !tree.root().equals(root)) {
    throw new MeshError('ROOT_MISMATCH', 'the entries of an announcement do not fold to its root');
  }
}

/** What is told on the topic of the directory. */
export type DirectoryMessage =
  | { readonly type: 'head'; readonly announcement: Announcement }
  /** Some key of the mesh signed two histories: everybody is to know. */
  | { readonly type: 'fork'; readonly proof: ForkProof };

export const encodeForkMessage = (proof: ForkProof): Buffer =>
  new Writer(1024).array(2).uint(FORK).bytes(encodeForkProof(proof)).take();

export function decodeDirectoryMessage(bytes: Uint8Array): DirectoryMessage {
  if (bytes[0] !== ARRAY_OF_2) return { type: 'head', announcement: decodeAnnouncement(bytes) };
  if (bytes.length > LIMITS.forkProofBytes + 8)
    throw new MeshError('TOO_LARGE', 'a fork proof is above its limit');
  const r = new Reader(bytes);
  r.tuple(2);
  if (r.uint() !== FORK) throw new MeshError('MALFORMED', 'unknown kind of message');
  const proof = decodeForkProof(r.bytes(LIMITS.forkProofBytes));
  r.end();
  return { type: 'fork', proof };
}

/** First byte of a message of two fields; an announcement has five. */
const ARRAY_OF_2 = 0x82;
