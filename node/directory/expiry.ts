// What has expired once does not begin again because a clock is set back: which word of ODCM was the newest when the
// directory expired is kept on the disk, and only a newer word ends it.

import { Reader, Writer } from '../../protocols/codec.ts';
import type { Log } from '../log.ts';
import { markKey } from '../store/keys.ts';
import type { Store } from '../store/store.ts';

const KEY = markKey('directory-expired');

export class Expiry {
  readonly #store: Store;
  readonly #log: Log;
  #endedMs = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(store: Store, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  async load(): Promise<void> {
    const bytes = await this.#store.get(KEY);
    if (!bytes) return;
    const r = new Reader(bytes);
    r.tuple(1);
    this.#endedMs = r.uint();
  }

  /** True when this word of ODCM was too old once. */
  has(vouchedMs: number): boolean {
    return vouchedMs <= this.#endedMs;
  }

  /** Resolves when what was noted is on the disk. */
  settle(): Promise<void> {
    return this.#writing;
  }

  /** This word of ODCM is too old now. */
  note(vouchedMs: number): void {
    this.#endedMs = vouchedMs;
    const value = new Writer(16).array(1).uint(vouchedMs).take();
    this.#writing = this.#store
      .write([{ type: 'put', key: KEY, value }], { sync: true })
      .catch((error: unknown) => {
        this.#log.warn({ reason: String(error) }, 'that the directory expired was not written');
      });
  }
}
