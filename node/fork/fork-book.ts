// The forks that were proven: kept for ever in the database of the logs, one for each log and epoch. A log in this book is
// frozen. What is in it was verified by whoever added it.

import { Reader, Writer } from '../../protocols/codec.ts';
import { decodeForkProof, encodeForkProof, type ForkProof } from '../../protocols/fork-proof.ts';
import { type Origin, parseFeedId, parseOrigin, uuidBytes } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { DIRECTORY_LOG } from '../../protocols/sync.ts';
import type { Clock } from '../clock.ts';
import { conflictKey, logPrefix, tableRange } from '../store/keys.ts';
import type { Store } from '../store/store.ts';
import { Turn } from '../turn.ts';

export interface Fork {
  readonly origin: Origin;
  readonly proof: ForkProof;
  /** By the clock of this node. */
  readonly foundMs: number;
  /** Entries of this node's copy that are proven to be in both histories. */
  readonly commonSize: number;
}

type Listener = (fork: Fork) => void;

export class ForkBook {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #forks = new Map<Origin, Fork>();
  readonly #listeners = new Set<Listener>();
  readonly #turn = new Turn();

  private constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  static async open(store: Store, clock: Clock): Promise<ForkBook> {
    const book = new ForkBook(store, clock);
    // A damaged proof keeps no node from starting: whoever has it tells it again until the fork is settled.
    for await (const { value } of store.range({ ...tableRange('x'), onDamaged: () => {} })) {
      const fork = decodeFork(value);
      book.#forks.set(fork.origin, fork);
    }
    return book;
  }

  of(origin: Origin): Fork | undefined {
    return this.#forks.get(origin);
  }

  /** It only grows. */
  get count(): number {
    return this.#forks.size;
  }

  all(): Fork[] {
    return [...this.#forks.values()];
  }

  /** Called once for each fork, when it is durable. */
  onAdded(listener: Listener): void {
    this.#listeners.add(listener);
  }

  /** Keeps a proof that was verified; of a log that is in the book already the first one stays. */
  add(proof: ForkProof): Promise<void> {
    return this.#turn.take(async () => {
      const { origin } = proof.notes[0].checkpoint;
      if (this.#forks.has(origin)) return;
      const fork = { origin, proof, foundMs: this.#clock.nowMs(), commonSize: 0 };
      await this.#write(fork);
      for (const listener of this.#listeners) listener(fork);
    });
  }

  /** More of this node's copy was proven to be in both histories. */
  noteCommon(origin: Origin, commonSize: number): Promise<void> {
    return this.#turn.take(async () => {
      const fork = this.#forks.get(origin);
      if (fork && commonSize > fork.commonSize) await this.#write({ ...fork, commonSize });
    });
  }

  async #write(fork: Fork): Promise<void> {
    const value = encodeFork(fork);
    await this.#store.write([{ type: 'put', key: conflictKey(prefixOf(fork.origin)), value }], {
      sync: true,
    });
    this.#forks.set(fork.origin, fork);
  }
}

export function prefixOf(origin: Origin): Buffer {
  const { log, epoch } = parseOrigin(origin);
  const id = log === 'dir' ? DIRECTORY_LOG : uuidBytes(parseFeedId(log.slice('feed-'.length)));
  return logPrefix(id, epoch);
}

const encodeFork = ({ proof, foundMs, commonSize }: Fork): Buffer =>
  new Writer(1024).array(3).bytes(encodeForkProof(proof)).uint(foundMs).uint(commonSize).take();

/** As it rests in the database. */
export function decodeFork(value: Uint8Array): Fork {
  const r = new Reader(value);
  r.tuple(3);
  const proof = decodeForkProof(r.bytes(LIMITS.forkProofBytes));
  const fork = { proof, foundMs: r.uint(), commonSize: r.uint() };
  r.end();
  return { origin: proof.notes[0].checkpoint.origin, ...fork };
}
