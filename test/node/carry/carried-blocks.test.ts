import { beforeEach, describe, expect, it } from 'vitest';
import { CarriedBlocks } from '../../../node/carry/carried-blocks.ts';
import { Blocks } from '../../../node/feed/blocks.ts';
import { logPrefix, tableRange } from '../../../node/store/keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { sha256 } from '../../../protocols/merkle.ts';
import { rawCid } from '../../../protocols/record.ts';

const FEED = Buffer.alloc(16, 1);
const OTHER = Buffer.alloc(16, 2);
const block = (text: string) => {
  const bytes = Buffer.from(text);
  return { hash: sha256(bytes), bytes };
};

describe('blocks that are carried for others', () => {
  let store: MemoryStore;
  let carried: CarriedBlocks;
  beforeEach(() => {
    store = new MemoryStore();
    carried = new CarriedBlocks(store);
  });

  const count = async (table: string): Promise<number> => {
    let rows = 0;
    for await (const _ of store.range(tableRange(table))) rows++;
    return rows;
  };

  it('are there for the feed that names them, and for no other', async () => {
    const one = block('one');
    await carried.of(FEED).put([one]);
    const cid = rawCid(one.bytes);
    expect(await carried.of(FEED).get(cid)).toEqual(one.bytes);
    expect(await carried.of(OTHER).get(cid)).toBeUndefined();
    expect(await new Blocks(store).get(cid)).toBeUndefined();
  });

  it('go with their feed, and none of another feed goes with them', async () => {
    const same = block('the same in both');
    await carried.of(FEED).put(Array.from({ length: 150 }, (_, i) => block(`block ${i}`)));
    await carried.of(FEED).put([same]);
    await carried.of(OTHER).put([same]);
    await new Blocks(store).put([same]);
    await carried.drop(FEED);
    expect([await count('v'), await count('b')]).toEqual([1, 1]);
    expect(await carried.of(OTHER).get(rawCid(same.bytes))).toEqual(same.bytes);
  });

  it('become the space’s own when it takes the feed, with the log that they were given for', async () => {
    const one = block('one');
    await carried.of(FEED).put([one, block('two')]);
    await carried.of(OTHER).put([block('three')]);
    await carried.release(FEED);
    const own = new Blocks(store);
    expect(await own.get(rawCid(one.bytes))).toEqual(one.bytes);
    expect(await own.givenFor(one.hash)).toEqual([logPrefix(FEED, 1)]);
    expect([await count('v'), await count('b')]).toEqual([1, 2]);
    await carried.release(FEED);
    expect(await count('b')).toBe(2);
  });
});
