import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../node/clock.ts';
import { ForkBook } from '../../../node/fork/fork-book.ts';
import { compareHeads } from '../../../node/fork/prove.ts';
import { isFirstStart, STARTED } from '../../../node/fork/release-gate.ts';
import { conflictKey, logPrefix } from '../../../node/store/keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import type { RangeOptions, Row, Write } from '../../../node/store/store.ts';
import { MeshError } from '../../../protocols/errors.ts';
import type { ForkProof } from '../../../protocols/fork-proof.ts';
import { forked, headOf } from '../../protocols/forked-log.ts';
import { FEED_BYTES, ORIGIN } from '../../protocols/sample-log.ts';

/** Rows whose value fails its check, as a disk may have them. */
class RottenStore extends MemoryStore {
  readonly #rotten = new Set<string>();

  flip(key: Buffer): void {
    this.#rotten.add(key.toString('hex'));
  }

  override async get(key: Buffer): Promise<Buffer | undefined> {
    if (this.#rotten.has(key.toString('hex'))) throw new MeshError('STORE_DAMAGED', 'rotten');
    return super.get(key);
  }

  override async *range(options: RangeOptions): AsyncGenerator<Row> {
    for await (const row of super.range(options)) {
      if (!this.#rotten.has(row.key.toString('hex'))) yield row;
      else if (options.onDamaged) options.onDamaged(row.key);
      else throw new MeshError('STORE_DAMAGED', 'rotten');
    }
  }

  override async write(batch: readonly Write[]): Promise<void> {
    await super.write(batch);
    for (const { key } of batch) this.#rotten.delete(key.toString('hex'));
  }
}

async function proofOf(): Promise<ForkProof> {
  const [a, b] = forked(5, 2, 3);
  return (await compareHeads(headOf(a.leaves), headOf(b.leaves), b.prover)) as ForkProof;
}

describe('the book of forks', () => {
  it('keeps a proof over a restart', async () => {
    const store = new RottenStore();
    await (await ForkBook.open(store, systemClock)).add(await proofOf());
    expect((await ForkBook.open(store, systemClock)).of(ORIGIN)?.commonSize).toBe(0);
  });

  it('opens without a proof that is damaged, and takes it again', async () => {
    const store = new RottenStore();
    const proof = await proofOf();
    await (await ForkBook.open(store, systemClock)).add(proof);
    store.flip(conflictKey(logPrefix(FEED_BYTES, 1)));
    const book = await ForkBook.open(store, systemClock);
    expect(book.all()).toEqual([]);
    await book.add(proof);
    expect((await ForkBook.open(store, systemClock)).of(ORIGIN)).toBeDefined();
  });
});

describe('the mark of the first start', () => {
  it('counts by being there, damaged or not', async () => {
    const store = new RottenStore();
    expect(await isFirstStart(store)).toBe(true);
    expect(await isFirstStart(store)).toBe(false);
    store.flip(STARTED);
    expect(await isFirstStart(store)).toBe(false);
  });
});
