// By which keys heads of feeds are verified: those that the directory names for their spaces, made ready once.

import type { Checkpoint, LogKey, Note } from '../../protocols/checkpoint.ts';
import type { DirectoryState, FeedRow, SpaceRow } from '../../protocols/directory.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { Origin } from '../../protocols/ids.ts';
import { makeLogKey, verifyFeedNote } from './log-authority.ts';

export class FeedKeys {
  readonly #state: () => DirectoryState;
  readonly #keys = new Map<string, LogKey>();

  constructor(state: () => DirectoryState) {
    this.#state = state;
  }

  /** @throws SPACE_UNKNOWN, WRONG_ORIGIN, UNKNOWN_KEY, BAD_SIGNATURE */
  verify(note: Note, row: FeedRow, origin: Origin): Checkpoint {
    const space = this.#publisherOf(row);
    return verifyFeedNote(note, space, row, origin, (of, raw) => this.#key(of, raw));
  }

  /** Keys whose lines in heads of the feed are worth keeping, newest first. */
  of(row: FeedRow, origin: Origin): LogKey[] {
    const { keys } = this.#publisherOf(row);
    return keys
      .slice(-2)
      .reverse()
      .map(({ nodeKey }) => this.#key(origin, nodeKey));
  }

  #publisherOf(row: FeedRow): SpaceRow {
    const space = this.#state().spaces.get(row.space);
    if (space) return space;
    throw new MeshError('SPACE_UNKNOWN', `the space of feed ${row.name} is not in the directory`);
  }

  /** Importing a key costs as much as a fifth of a verification. */
  #key(origin: Origin, nodeKey: Buffer): LogKey {
    const name = origin + nodeKey.toString('latin1');
    let key = this.#keys.get(name);
    if (!key) {
      key = makeLogKey(origin, nodeKey);
      this.#keys.set(name, key);
    }
    return key;
  }
}
