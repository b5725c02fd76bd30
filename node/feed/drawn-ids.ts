// What a batch needs of chance, drawn at once: an event id and perhaps an item id for each draft, an activity id for each request.

import { uuidFromHex } from '../../protocols/ids.ts';
import type { Random } from '../clock.ts';

const ID_BYTES = 16;

export class DrawnIds {
  readonly #bytes: Buffer;
  /** The same as text: one for the whole batch costs a third of one for each id. */
  readonly #hex: string;
  #used = 0;

  constructor(random: Random, drafts: number, requests: number) {
    const drawn = random.bytes(ID_BYTES * (2 * drafts + requests));
    this.#bytes = Buffer.from(drawn.buffer, drawn.byteOffset, drawn.byteLength);
    this.#hex = this.#bytes.toString('hex');
  }

  /** The next 16 random bytes. */
  bytes(): Buffer {
    this.#used += ID_BYTES;
    return this.#bytes.subarray(this.#used - ID_BYTES, this.#used);
  }

  /** The next 16 as a version 4 UUID. */
  uuid(): string {
    this.#used += ID_BYTES;
    return uuidFromHex(this.#hex, 2 * (this.#used - ID_BYTES));
  }
}
