// What the alerts need to know of the air gap, out of the ledger and the receipts. These are rows on the disk that change
// seldom and grow for years: they are read again only now and then.

import { LIMITS } from '../../protocols/limits.ts';
import type { GapFact } from '../alerts/facts.ts';
import type { MeshNode } from '../node.ts';

const EVERY_MS = 30_000;

export class GapFacts {
  readonly #node: MeshNode;
  #known: GapFact | undefined;
  #readMs = Number.NEGATIVE_INFINITY;

  constructor(node: MeshNode) {
    this.#node = node;
  }

  async gather(): Promise<GapFact> {
    const nowMs = this.#node.clock.nowMs();
    if (this.#known && Math.abs(nowMs - this.#readMs) < EVERY_MS) return this.#known;
    const [waiting, unacknowledged, missing] = await Promise.all([
      this.#waiting(nowMs),
      this.#unacknowledged(nowMs),
      this.#missing(),
    ]);
    this.#readMs = nowMs;
    this.#known = { waiting, unacknowledged, missing };
    return this.#known;
  }

  async #waiting(nowMs: number): Promise<GapFact['waiting']> {
    const { ledger, imports } = this.#node.gap;
    const { needed } = imports;
    const waiting = [];
    for await (const { state, name, sequence, atMs, approvals } of ledger.crossings('in'))
      if (state === 'waiting')
        waiting.push({
          ...{ exporter: name, sequence, needed, approvals: approvals.length },
          waitingMs: Math.max(0, nowMs - atMs),
        });
    return waiting;
  }

  /** Rows come newest first: what lies behind an acknowledged one has arrived with it or was made anew in it. */
  async #unacknowledged(nowMs: number): Promise<GapFact['unacknowledged']> {
    const oldest = new Map<string, GapFact['unacknowledged'][number]>();
    const done = new Set<string>();
    for await (const { state, space, name, sequence, atMs } of this.#node.gap.ledger.crossings(
      'out',
    )) {
      if (state === 'acknowledged') done.add(space);
      if (state === 'written' && !done.has(space))
        oldest.set(space, { space: name, sequence, ageMs: Math.max(0, nowMs - atMs) });
    }
    return [...oldest.values()];
  }

  async #missing(): Promise<GapFact['missing']> {
    const { book } = this.#node.gap;
    const missing = [];
    for (const { id, name } of this.#node.directory.state.spaces.values()) {
      if ((await book.sizeOf(id)) === 0) continue;
      const numbers = await book.missing(id, LIMITS.pageRows);
      const [first] = numbers;
      if (first !== undefined) missing.push({ space: name, count: numbers.length, first });
    }
    return missing;
  }
}
