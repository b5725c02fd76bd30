// What an exchange does with a head that contradicts what is held: it proves a fork with the help of the peer, or lets the
// head be. Of a forked feed it learns from each peer how much of what is held is in both histories.

import { type Checkpoint, decodeNote } from '../../protocols/checkpoint.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { Directory } from '../directory/directory.ts';
import { elsewhere } from '../directory/epoch.ts';
import type { OpenFeed } from '../feed/feeds.ts';
import type { SyncClient } from '../net/sync-client.ts';
import type { HeldNotes } from '../replicate/held-notes.ts';
import type { ForkBook } from './fork-book.ts';
import { beginningOf, peerProver, rootAt } from './prove.ts';
import { readingOn } from './read-on.ts';
import { commonSize, isContradicted, proveAgainst, unproven } from './suspicion.ts';

export interface ContradictionOptions {
  readonly directory: Directory;
  readonly forks: ForkBook;
  readonly heldNotes: HeldNotes;
}

/** Heads of the feed that were signed and are known here; to be asked for before another takes their place. */
export async function knownHeads(feed: OpenFeed, heldNotes: HeldNotes): Promise<Buffer[]> {
  const notes = [...(await heldNotes.of(feed.log)), ...(feed.headNote ? [feed.headNote] : [])];
  return notes.filter((note, i) => notes.findIndex((other) => other.equals(note)) === i);
}

/** A head of a feed and what was known when it came. */
export interface Suspect {
  readonly feed: OpenFeed;
  /** Verified. */
  readonly note: Buffer;
  readonly known: readonly Buffer[];
}

/**
 * A head below what is held must be one of its beginnings.
 * @throws CONFLICT when a fork is proven, ROOT_MISMATCH when nothing is
 */
export async function checkOlder(
  client: SyncClient,
  suspect: Suspect,
  forks: ForkBook,
): Promise<void> {
  const { log } = suspect.feed;
  const head = decodeNote(suspect.note);
  if (head.checkpoint.size < log.size && (await isContradicted(log, head)))
    await refute(client, suspect, forks);
}

/** Entries did not lead to the head: its signer may have two histories, or the peer lies. */
export async function afterMismatch(
  client: SyncClient,
  suspect: Suspect,
  forks: ForkBook,
  error: unknown,
): Promise<never> {
  if (isMeshError(error, 'ROOT_MISMATCH')) await refute(client, suspect, forks);
  throw error;
}

/**
 * Entries did not lead to the point that the epoch of a feed continues from: what was taken over of the epoch before, short of
 * that point, may be of the other history. Only a proof against the root in the directory counts.
 * @returns true when it is proven that what is here is not a beginning of what goes on
 */
export async function isLeftBehind(
  client: SyncClient,
  { id, log, publisher }: OpenFeed,
  point: Checkpoint,
  error: unknown,
): Promise<boolean> {
  if (!isMeshError(error, 'ROOT_MISMATCH') || publisher || log.size === 0) return false;
  const beginning = await beginningOf(log.size, point, peerProver(client, id));
  return beginning !== undefined && !beginning.root.equals(log.root());
}

async function refute(
  client: SyncClient,
  { feed, note, known }: Suspect,
  forks: ForkBook,
): Promise<never> {
  const head = decodeNote(note);
  const proof = await proveAgainst(head, known, feed.log, peerProver(client, feed.id));
  if (!proof) throw unproven(head);
  await forks.add(proof);
  throw new MeshError('CONFLICT', `two histories of ${feed.path} are proven`);
}

/** Of a forked feed one thing is still asked for: how much of what is here is in both histories. */
export async function learnCommon(
  client: SyncClient,
  feed: OpenFeed,
  forks: ForkBook,
): Promise<void> {
  const fork = forks.of(feed.origin);
  const { log } = feed;
  if (!fork || fork.commonSize >= log.size) return;
  const peer = peerProver(client, feed.id);
  let common = log.size;
  for (const note of fork.proof.notes) {
    const isHeld = log.size >= note.checkpoint.size && !(await isContradicted(log, note));
    if (!isHeld) common = Math.min(common, await commonSize(log, note, peer).catch(() => 0));
  }
  await forks.noteCommon(feed.origin, common);
}

/** ODCM is watched as everybody is: every peer shows which directory it was given. */
export async function acceptDirectory(
  client: SyncClient,
  bytes: Buffer,
  { directory, forks }: Pick<ContradictionOptions, 'directory' | 'forks'>,
): Promise<void> {
  const note = decodeNote(bytes);
  const known = directory.log.note;
  if (directory.isWaiting && (await isElsewhere(directory, client)))
    throw elsewhere(directory.epoch);
  try {
    await directory.accept(bytes, readingOn(client.source(DIRECTORY_LOG)));
    if (!(await isContradicted(directory.log, note))) return;
  } catch (error) {
    if (!isMeshError(error, 'ROOT_MISMATCH') && !isMeshError(error, 'CONFLICT')) throw error;
    if (directory.refusal || directory.isWaiting) throw error;
  }
  directory.verify(note);
  const peer = peerProver(client, DIRECTORY_LOG);
  const before = known ? bareIfSigned(directory, known) : [];
  const proof = await proveAgainst(directory.bare(note), before, directory.log, peer);
  if (!proof) throw unproven(note);
  await forks.add(proof);
  throw new MeshError('CONFLICT', 'ODCM signed two directories that contradict each other');
}

/** Proven against the point that the root names: what this node followed does not lead there. */
async function isElsewhere({ log, epoch }: Directory, client: SyncClient): Promise<boolean> {
  const { size } = log;
  if (!epoch || size === 0 || size >= epoch.continues.size) return false;
  const prover = peerProver(client, DIRECTORY_LOG);
  const beginning = await beginningOf(size, epoch.continues, prover).catch(() => undefined);
  return beginning !== undefined && !beginning.root.equals(await rootAt(log, size));
}

/** What was signed by keys that the root no longer names proves nothing. */
function bareIfSigned(directory: Directory, known: Buffer): Buffer[] {
  const note = decodeNote(known);
  try {
    directory.verify(note);
  } catch {
    return [];
  }
  return [directory.bare(note).bytes];
}
