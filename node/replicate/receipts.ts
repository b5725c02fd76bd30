// The newest signed statement of each space, on the disk: with it this node can show that a space has applied what the
// directory says up to some entry, also after a restart. Written when the directory in it has grown, not at each heartbeat.

import type { SpaceId } from '../../protocols/ids.ts';
import { decodePresences, encodePresences, type Presence } from '../../protocols/presence.ts';
import type { Log } from '../log.ts';
import { markKey, markRange } from '../store/keys.ts';
import type { Store } from '../store/store.ts';

const TABLE = 'receipt/';

export class Receipts {
  readonly #store: Store;
  readonly #log: Log;
  readonly #newest = new Map<SpaceId, Presence>();
  readonly #written = new Map<SpaceId, number>();
  readonly #waiting = new Map<SpaceId, Presence>();
  #writing: Promise<void> | undefined;

  private constructor(store: Store, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  /** @param store the one that the logs are in */
  static async open(store: Store, log: Log): Promise<Receipts> {
    const receipts = new Receipts(store, log);
    for await (const { value } of store.range(markRange(TABLE))) {
      const [statement] = decodePresences(value);
      if (!statement) continue;
      receipts.#newest.set(statement.space, statement);
      receipts.#written.set(statement.space, statement.directory.size);
    }
    return receipts;
  }

  /** The newest statement that was ever verified here. */
  of(space: SpaceId): Presence | undefined {
    return this.#newest.get(space);
  }

  /** A statement whose signature was verified. */
  keep(statement: Presence): void {
    const { space, timeMs, directory } = statement;
    const known = this.#newest.get(space);
    if (known && known.timeMs >= timeMs) return;
    this.#newest.set(space, statement);
    if (directory.size <= (this.#written.get(space) ?? -1)) return;
    this.#waiting.set(space, statement);
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
  }

  async #write(): Promise<void> {
    // Others that come in the same turn go along.
    await Promise.resolve();
    while (this.#waiting.size > 0) {
      const batch = [...this.#waiting.values()];
      this.#waiting.clear();
      try {
        await this.#store.write(
          batch.map((statement) => ({
            type: 'put',
            key: markKey(`${TABLE}${statement.space}`),
            value: encodePresences([statement]),
          })),
        );
        for (const { space, directory } of batch) this.#written.set(space, directory.size);
      } catch (error) {
        // Its next statement is tried again.
        this.#log.warn({ reason: String(error) }, 'statements of others were not written down');
      }
    }
  }

  /** Waits until what was heard is written. */
  async stop(): Promise<void> {
    await this.#writing;
  }
}
