// Whose signature a head needs: that of the directory by the root metadata, that of a feed by the directory. Judges by what it
// is given, so that it serves for what is in force here and for what a bundle would put in force; it remembers only keys that
// it made ready.

import {
  type Checkpoint,
  cosignedAt,
  type LogKey,
  logKey,
  type Note,
  verifyNote,
} from '../../protocols/checkpoint.ts';
import type { FeedRow, SpaceRow } from '../../protocols/directory.ts';
import { ed25519FromRaw } from '../../protocols/ed25519.ts';
import { asMeshError, isMeshError, MeshError } from '../../protocols/errors.ts';
import type { Origin } from '../../protocols/ids.ts';
import type { Root, RootRoleName } from '../../protocols/root.ts';
import { keysAt } from '../../protocols/space-keys.ts';

/** Makes the key of a log; importing one costs as much as a fifth of a verification. */
export type KeyMaker = (origin: Origin, raw: Buffer) => LogKey;

export const makeLogKey: KeyMaker = (origin, raw) => logKey(origin, ed25519FromRaw(raw), raw);

/** By role and origin, as long as the root is in use. */
const ready = new WeakMap<Root, Map<string, readonly LogKey[]>>();
/** A root has one origin for each epoch of the directory; one that somebody made up must not fill the memory. */
const MOST_USES = 16;

/** Keys that the root names for a role of the directory. */
export function rootKeys(root: Root, role: RootRoleName, origin: Origin): readonly LogKey[] {
  const uses = ready.get(root) ?? new Map<string, readonly LogKey[]>();
  ready.set(root, uses);
  const use = `${role} ${origin}`;
  const kept = uses.get(use);
  if (kept) return kept;
  if (uses.size === MOST_USES) uses.clear();
  const keys = root.roles[role].keyids.map((id) => makeLogKey(origin, root.keys.get(id)!));
  uses.set(use, keys);
  return keys;
}

/** Verifies a head of the directory by the threshold of its keys in the root. @throws WRONG_ORIGIN, UNKNOWN_KEY, BAD_SIGNATURE */
export function verifyDirectoryNote(note: Note, root: Root, origin: Origin): Checkpoint {
  let signatures = 0;
  let refusal: MeshError | undefined;
  for (const key of rootKeys(root, 'directory', origin)) {
    try {
      verifyNote(note, origin, key);
      signatures++;
    } catch (error) {
      refusal = asMeshError(error);
    }
  }
  if (signatures >= root.roles.directory.threshold) return note.checkpoint;
  throw refusal ?? new MeshError('UNKNOWN_KEY', 'the root names no key for the directory');
}

/** When a timestamp key of the root last vouched for the head, in ms; undefined when none did. */
export function vouchedMs(note: Note, root: Root, origin: Origin): number | undefined {
  const times = rootKeys(root, 'timestamp', origin).map((key) => cosignedAt(note, key));
  const seconds = times.filter((time) => time !== undefined);
  return seconds.length === 0 ? undefined : Math.max(...seconds) * 1000;
}

/**
 * Verifies a head of a feed by a key that the directory names for its space at that size.
 * @throws WRONG_ORIGIN, UNKNOWN_KEY, BAD_SIGNATURE
 */
export function verifyFeedNote(
  note: Note,
  space: Pick<SpaceRow, 'keys' | 'name'>,
  feed: Pick<FeedRow, 'id'>,
  origin: Origin,
  keyOf: KeyMaker = makeLogKey,
): Checkpoint {
  let refusal: MeshError | undefined;
  for (const raw of keysAt(space.keys, feed.id, note.checkpoint.size)) {
    try {
      return verifyNote(note, origin, keyOf(origin, raw));
    } catch (error) {
      // Of several keys most sign nothing here: that one of them signed wrongly says more.
      if (!isMeshError(refusal, 'BAD_SIGNATURE')) refusal = asMeshError(error);
    }
  }
  throw refusal ?? new MeshError('UNKNOWN_KEY', `${space.name} has no key`);
}
