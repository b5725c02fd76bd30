// A second copy of the directory, in the database of views: without the directory a node knows no member that could give it
// back. It is written behind the log, is never read while the log is sound, and is verified like what any stranger sends.

import { type Checkpoint, decodeNote, sizeOfNote } from '../../protocols/checkpoint.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { segmentRange } from '../../protocols/segment.ts';
import type { FeedLog } from '../feed/log.ts';
import type { Donor } from '../feed/mend-log.ts';
import { StoredSegments } from '../feed/stored-segments.ts';
import { copiedNoteKey, copiedSegmentKey } from '../store/keys.ts';
import { isRot, type Store, type Write } from '../store/store.ts';

export class DirectoryCopy {
  readonly #store: Store;
  #size: number | undefined;
  /** Of the log that is followed: another epoch has rows of its own. */
  #prefix: Buffer | undefined;

  /** @param store the one of the views */
  constructor(store: Store) {
    this.#store = store;
  }

  /** Adds what the log has and the copy has not; a log that waits for entries of its head is copied later. */
  async follow(log: FeedLog): Promise<void> {
    const { note, size, prefix } = log;
    if (!note || sizeOfNote(note) !== size) return;
    this.#prefix ??= prefix;
    if (!this.#prefix.equals(prefix)) this.#size = undefined;
    this.#prefix = prefix;
    this.#size ??= await this.#sizeOf(prefix);
    // A copy that is ahead belongs to another past of this log: it is written over from the start.
    const from = this.#size > size ? 0 : this.#size;
    const writes: Write[] = [];
    for await (const bytes of log.segments(from, size))
      writes.push({
        type: 'put',
        key: copiedSegmentKey(prefix, segmentRange(bytes).from),
        value: bytes,
      });
    writes.push({ type: 'put', key: copiedNoteKey(prefix), value: note });
    await this.#store.write(writes);
    this.#size = size;
  }

  /** What is there counts no more: it is written over. */
  forget(): void {
    this.#size = 0;
  }

  async #note(prefix: Buffer): Promise<Buffer | undefined> {
    try {
      return await this.#store.get(copiedNoteKey(prefix));
    } catch (error) {
      if (isRot(error)) return undefined;
      throw error;
    }
  }

  async #sizeOf(prefix: Buffer): Promise<number> {
    const note = await this.#note(prefix);
    return note ? sizeOfNote(note) : 0;
  }

  /** The copy as somebody who may have what is missing; undefined when it has nothing that verifies. */
  async donor(log: FeedLog, verify: (note: Buffer) => Checkpoint): Promise<Donor | undefined> {
    const note = await this.#note(log.prefix);
    if (!note) return undefined;
    try {
      verify(note);
    } catch (error) {
      if (isMeshError(error)) return undefined;
      throw error;
    }
    const rows = new StoredSegments(this.#store, log.prefix, 'r');
    return {
      note,
      source: {
        entries: (from, to) => rows.read(from, Math.min(to, decodeNote(note).checkpoint.size)),
        hashes: () => Promise.reject(new MeshError('NO_SUCH_ENTRY', 'a copy has no tiles')),
      },
    };
  }
}
