// The newest signed statement of each space that came here in a file: a bundle that it made, a receipt that it gave. Of a
// space that no network reaches, nothing else tells that it is there.

import type { SpaceId } from '../../protocols/ids.ts';
import type { Crossing, Ledger } from './ledger.ts';
import type { KeptReceipt, ReceiptBook } from './receipt-book.ts';

export interface ByFile {
  /** When the space said it, by its own clock. */
  readonly atMs: number;
  /** What it is found under: `bundle 17`, `receipt 3`. */
  readonly what: string;
}

export class HeardByFile {
  readonly #newest = new Map<SpaceId, ByFile>();

  of(space: SpaceId): ByFile | undefined {
    return this.#newest.get(space);
  }

  crossed({ way, space, sequence, signedAtMs }: Crossing): void {
    if (way === 'in') this.#say(space, { atMs: signedAtMs, what: `bundle ${sequence}` });
  }

  received({ space, index, receipt }: Pick<KeptReceipt, 'space' | 'index' | 'receipt'>): void {
    const at = receipt.kind === 'import' ? receipt.appliedAt : receipt.finishedAt;
    this.#say(space.id, { atMs: Date.parse(at), what: `receipt ${index}` });
  }

  #say(space: SpaceId, said: ByFile): void {
    const known = this.#newest.get(space);
    if (!known || said.atMs > known.atMs) this.#newest.set(space, said);
  }

  /** What came before this start. */
  async open(ledger: Ledger, book: ReceiptBook): Promise<void> {
    for await (const row of ledger.crossings('in')) this.crossed(row);
    for await (const kept of book.newestOfEach()) this.received(kept);
  }
}
