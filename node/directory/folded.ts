// The state of the directory, folded from a log: entry by entry as it grows, and as a whole where another log takes the place
// of the last one. What others have not heard yet is in force here first.

import { DirectoryState } from '../../protocols/directory.ts';
import { parseEnvelope } from '../../protocols/envelope.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import { Frontier } from '../../protocols/merkle.ts';
import type { DirectoryHead } from '../../protocols/presence.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import type { FeedLog } from '../feed/log.ts';
import type { Log } from '../log.ts';

export class Folded {
  readonly #log: Log;
  readonly #listeners = new Set<() => void>();
  /** Of the log that the state is folded from. */
  #source: Buffer | undefined;
  #state = new DirectoryState();
  #applied: DirectoryHead = { size: 0, root: new Frontier().root() };

  constructor(log: Log) {
    this.#log = log;
  }

  get state(): DirectoryState {
    return this.#state;
  }

  /** What is on the disk, folded, and in force here. */
  get applied(): DirectoryHead {
    return this.#applied;
  }

  /** Called after entries were folded. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Folds what is new in this log; all of it, when the state is that of another one. */
  async follow(source: FeedLog): Promise<void> {
    const [size, root] = [source.size, source.root()];
    const last = this.#state;
    const isOther = this.#source !== undefined && !this.#source.equals(source.prefix);
    const state = isOther ? new DirectoryState() : last;
    const before = state.size;
    for await (const bytes of source.segments(before, size))
      for (const { record } of decodeSegment(bytes).entries) this.#fold(state, record);
    this.#source = source.prefix;
    this.#state = state;
    if (isOther) this.#tellWhatLapsed(last);
    if (state.size > before) for (const listener of this.#listeners) listener();
    // Only now is it said to others: what follows from the entries has begun.
    this.#applied = { size, root };
  }

  #fold(state: DirectoryState, record: Buffer | null): void {
    try {
      if (record === null)
        throw new MeshError('EVENT_INVALID', 'a directory entry without its record');
      state.apply(parseEnvelope(record));
    } catch (error) {
      if (!isMeshError(error)) throw error;
      this.#log.warn({ code: error.code, entry: state.size }, error.message);
      state.passOver();
    }
  }

  /** Access that was taken away behind the point, and is there again: ODCM decided so, or did not know. */
  #tellWhatLapsed(last: DirectoryState): void {
    for (const { id, name, revoked } of last.spaces.values())
      if (revoked && this.#state.spaces.get(id)?.revoked === null)
        this.#log.error({ space: name }, `the directory goes on without the revocation of ${name}`);
    for (const { id } of last.endedGrants)
      if (this.#state.grants.has(id))
        this.#log.error({ grant: id }, 'the directory goes on with a grant that had ended');
  }
}
