import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { FeedLog } from '../../../node/feed/log.ts';
import { headKey, segmentKey, tableRange, tileKey } from '../../../node/store/keys.ts';
import { openLevelStore } from '../../../node/store/level.ts';
import type { Store } from '../../../node/store/store.ts';
import { decodeNote } from '../../../protocols/checkpoint.ts';
import { isMeshError } from '../../../protocols/errors.ts';
import {
  consistencyProof,
  Frontier,
  foldInclusion,
  inclusionProof,
  isConsistent,
  leafHash,
  rootOf,
} from '../../../protocols/merkle.ts';
import { RunVerifier } from '../../../protocols/run-verifier.ts';
import { decodeSegment, type Packed, packSegments } from '../../../protocols/segment.ts';
import { checkpointOf, FEED_BYTES, noteOf, samplePack } from '../../protocols/sample-log.ts';
import { tempFolder } from '../temp-folder.ts';
import { Trouble } from './sample-feed.ts';

const entries = samplePack(1100);
const leaves = entries.map((p) => leafHash(p.leaf));
const tileRoot = (n: number) => rootOf(leaves.slice(n * 256, n * 256 + 256));

async function openedStore(): Promise<{ folder: string; store: Trouble }> {
  const folder = join(await tempFolder(), 'log');
  const store = new Trouble(await openLevelStore(folder));
  onTestFinished(() => store.close());
  return { folder, store };
}

const open = (store: Store) => FeedLog.open(store, FEED_BYTES);

async function append(log: FeedLog, packed: readonly Packed[], note?: Buffer): Promise<void> {
  await log.exclusively(async () => log.commit(await log.grow(packed), note, false));
}

/** Grows the log from where it is, in pieces of these sizes. */
async function appendIn(log: FeedLog, ...sizes: readonly number[]): Promise<void> {
  for (const size of sizes) await append(log, entries.slice(log.size, log.size + size));
}

async function contentOf(log: FeedLog, from = 0, to = log.size): Promise<Packed[]> {
  const out: Packed[] = [];
  for await (const bytes of log.segments(from, to)) {
    const segment = decodeSegment(bytes);
    expect(segment.from).toBe(from + out.length);
    out.push(...segment.entries);
  }
  return out;
}

/** Everything that can be read from a log of this size is that of the tree over its leaves. */
async function expectWhole(log: FeedLog, size: number): Promise<void> {
  expect(log.size).toBe(size);
  expect(log.root()).toEqual(rootOf(leaves.slice(0, size)));
  expect(await contentOf(log)).toEqual(entries.slice(0, size));
  expect(await log.hashes(0, 0, size)).toEqual(Buffer.concat(leaves.slice(0, size)));
  const tiles = Math.floor(size / 256);
  const roots = Array.from({ length: tiles }, (_, n) => tileRoot(n));
  expect(await log.hashes(1, 0, tiles)).toEqual(Buffer.concat(roots));
}

async function segmentCount(store: Store, log: FeedLog): Promise<number> {
  let count = 0;
  for await (const _ of store.range(tableRange('s', log.prefix))) count++;
  return count;
}

describe('log', () => {
  it.each([
    ['one entry', [1]],
    ['a tile', [256]],
    ['a tile and one', [257]],
    ['many batches', [1, 2, 253, 1, 255, 256, 100, 200]],
    ['a batch over several tiles', [100, 1000]],
    ['single entries over a tile border', [250, ...Array<number>(20).fill(1)]],
  ])('of %s is whole, now and when it was opened again', async (_, sizes) => {
    const { store } = await openedStore();
    const log = await open(store);
    await appendIn(log, ...sizes);
    const size = sizes.reduce((a, b) => a + b);
    await expectWhole(log, size);
    const again = await open(store);
    await expectWhole(again, size);
    await appendIn(again, 30);
    await expectWhole(again, Math.min(size + 30, entries.length));
    await expectWhole(await open(store), Math.min(size + 30, entries.length));
  });

  it('grows by verified segments as by its own', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    for (const [from, to] of [
      [0, 100],
      [100, 700],
      [700, 1100],
    ] as const) {
      const verifier = new RunVerifier(
        log.frontier(),
        checkpointOf(entries.slice(0, to)),
        FEED_BYTES,
      );
      const cut = [from, from + 7, to].flatMap((start, i, all) =>
        packSegments(start, entries.slice(start, all[i + 1] ?? start)),
      );
      const verified = cut.flatMap((bytes) => verifier.push(bytes));
      await log.exclusively(async () =>
        log.commit(await log.growVerified(verified), undefined, false),
      );
    }
    await expectWhole(log, 1100);
    await expectWhole(await open(store), 1100);
  });

  it('gives any range of its entries, however they are stored', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    await appendIn(log, 300, ...Array<number>(10).fill(1), 290);
    for (const [from, to] of [
      [0, 1],
      [0, 600],
      [255, 257],
      [256, 256],
      [299, 311],
      [305, 306],
      [599, 600],
      [590, 9999],
    ] as const) {
      expect(await contentOf(log, from, to)).toEqual(entries.slice(from, Math.min(to, 600)));
    }
    expect(await log.entry(305)).toEqual(entries[305]);
    await expect(log.entry(600)).rejects.toMatchObject({ code: 'NO_SUCH_ENTRY' });
  });

  it('gives all of a segment that a carrier packed more tightly than we do', async () => {
    const { store } = await openedStore();
    const large = Array.from({ length: 10 }, (_, i) => ({
      leaf: Buffer.of(i),
      record: Buffer.alloc(12_000, i),
    }));
    const header = Buffer.from('01000000000000000a', 'hex');
    const parts = large.flatMap(({ leaf, record }) => [
      Buffer.from('000100002ee0', 'hex'),
      leaf,
      record,
    ]);
    const tight = Buffer.concat([header, ...parts]);
    const log = await open(store);
    await log.exclusively(async () => log.commit(await log.grow(large, [tight]), undefined, false));
    expect(await contentOf(log, 1, 10)).toEqual(large.slice(1));
    expect(await contentOf(log)).toEqual(large);
  });

  it('proves its entries and its past out of its tiles', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    await appendIn(log, 1100);
    const node = (height: number, index: number) => log.node(height, index);
    for (const index of [0, 255, 256, 700, 1024, 1099]) {
      const proof = await inclusionProof(index, 1100, node);
      expect(foldInclusion(leaves[index]!, index, 1100, proof)).toEqual(log.root());
    }
    for (const first of [1, 255, 256, 257, 1023, 1024, 1099]) {
      const proof = await consistencyProof(first, 1100, node);
      const root = rootOf(leaves.slice(0, first));
      expect(isConsistent(first, root, 1100, log.root(), proof)).toBe(true);
    }
  });

  it('has a third level of tiles above 65,536 entries', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    const tiny = Array.from({ length: 66_000 }, (_, i) => {
      const leaf = Buffer.alloc(4);
      leaf.writeUInt32BE(i);
      return { leaf, record: Buffer.alloc(0) };
    });
    await append(log, tiny.slice(0, 65_500));
    await append(log, tiny.slice(65_500));
    const again = await open(store);
    const hashes = tiny.map((p) => leafHash(p.leaf));
    expect(again.root()).toEqual(rootOf(hashes));
    expect(await again.hashes(2, 0, 1)).toEqual(rootOf(hashes.slice(0, 65_536)));
    expect(await again.node(16, 0)).toEqual(rootOf(hashes.slice(0, 65_536)));
    expect(await again.node(8, 256)).toEqual(rootOf(hashes.slice(65_536, 65_792)));
    const proof = await inclusionProof(12_345, 66_000, (h, i) => again.node(h, i));
    expect(foldInclusion(hashes[12_345]!, 12_345, 66_000, proof)).toEqual(again.root());
  });

  it('gives no hash that it has not', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    await appendIn(log, 300);
    expect(await log.hashes(0, 299, 300)).toEqual(leaves[299]);
    for (const [level, from, to] of [
      [0, 0, 301],
      [1, 0, 2],
      [2, 0, 1],
      [4, 0, 1],
    ] as const) {
      await expect(log.hashes(level, from, to)).rejects.toMatchObject({ code: 'NO_SUCH_ENTRY' });
    }
  });

  it('gives the hashes of the size it had when it was asked, while it grows', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    await appendIn(log, 600);
    const [hashes] = await Promise.all([log.hashes(0, 0, 600), appendIn(log, 300)]);
    expect(hashes).toEqual(Buffer.concat(leaves.slice(0, 600)));
    expect(log.size).toBe(900);
  });
});

describe('log of single entries', () => {
  it('is rewritten in few segments when its tile is complete, and stays the same', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    await appendIn(log, ...Array<number>(255).fill(1));
    expect(log.isTidy).toBe(true);
    await log.tidy();
    expect(await segmentCount(store, log)).toBe(255);
    await appendIn(log, 1);
    expect(log.isTidy).toBe(false);
    await expectWhole(log, 256);
    await log.tidy();
    expect(log.isTidy).toBe(true);
    expect(await segmentCount(store, log)).toBe(1);
    await expectWhole(log, 256);
    await appendIn(log, ...Array<number>(20).fill(1));
    await log.tidy();
    expect(await segmentCount(store, log)).toBe(21);
    const again = await open(store);
    await appendIn(again, 300);
    await again.tidy();
    expect(await segmentCount(store, again)).toBe(3);
    await expectWhole(again, 576);
    await expectWhole(await open(store), 576);
  });

  it('is rewritten later when the disk would not take it, and grows meanwhile', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    await appendIn(log, ...Array<number>(256).fill(1));
    const write = vi.spyOn(store, 'write');
    write.mockImplementationOnce(() => Promise.reject(new Error('the disk is full')));
    await expect(log.tidy()).rejects.toThrow('the disk is full');
    expect(log.isTidy).toBe(false);
    await appendIn(log, ...Array<number>(256).fill(1));
    await log.tidy();
    write.mockRestore();
    expect(await segmentCount(store, log)).toBe(2);
    await expectWhole(log, 512);
  });

  it('is left as it is when its tile has few pieces', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    await appendIn(log, 100, 100, 56);
    await log.tidy();
    expect(await segmentCount(store, log)).toBe(3);
    await expectWhole(log, 256);
  });

  it.each([0, 1, 2, 3])(
    'is read whole while it is being rewritten, %d turns later',
    async (turns) => {
      const { store } = await openedStore();
      const log = await open(store);
      await appendIn(log, ...Array<number>(256).fill(1));
      const reading = log.segments(100, 255);
      const first = reading.next();
      for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
      await log.tidy();
      const read: Packed[] = [];
      for (let next = await first; !next.done; next = await reading.next()) {
        read.push(...decodeSegment(next.value).entries);
      }
      expect(read).toEqual(entries.slice(100, 255));
    },
  );
});

describe('head of a log', () => {
  const noteAt = (size: number) => noteOf(entries.slice(0, size));

  it('keeps the newest checkpoint, and never goes back to an older one', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    expect(log.note).toBeUndefined();
    await append(log, entries.slice(0, 5), noteAt(5));
    await log.setNote(noteAt(9), false);
    await log.setNote(noteAt(7), false);
    expect(log.note).toEqual(noteAt(9));
    await append(log, entries.slice(5, 6), noteAt(6));
    await append(log, entries.slice(6, 7));
    expect(log.note).toEqual(noteAt(9));
    const again = await open(store);
    expect(again.note).toEqual(noteAt(9));
    expect(again.size).toBe(7);
    await again.setNote(noteAt(8), false);
    expect(again.note).toEqual(noteAt(9));
  });

  it('takes the same checkpoint with other signatures', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    await append(log, entries.slice(0, 5), noteAt(5));
    const line = `— witness ${Buffer.alloc(68).toString('base64')}\n`;
    const more = Buffer.concat([noteAt(5), Buffer.from(line)]);
    await log.setNote(more, true);
    expect((await open(store)).note).toEqual(more);
    expect(log.isAt(decodeNote(more).checkpoint)).toBe(true);
    expect(log.isAt(decodeNote(noteAt(6)).checkpoint)).toBe(false);
  });

  it('is not lost when a checkpoint and entries come at once', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    await Promise.all([
      append(log, entries.slice(0, 5), noteAt(5)),
      log.setNote(noteAt(5), false),
      append(log, entries.slice(5, 9), noteAt(9)),
      log.setNote(noteAt(5), false),
    ]);
    expect((await open(store)).note).toEqual(noteAt(9));
    await expectWhole(await open(store), 9);
  });

  it('refuses a growth that starts elsewhere', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    const growth = await log.grow(entries.slice(0, 2));
    await appendIn(log, 3);
    await expect(log.commit(growth, undefined, false)).rejects.toMatchObject({ code: 'BUSY' });
    await expectWhole(await open(store), 3);
  });
});

describe('log on a failing disk', () => {
  it('is what it was when nothing was written, and goes on', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    await appendIn(log, 300);
    store.failBefore = 1;
    await expect(appendIn(log, 10)).rejects.toThrow('the disk fails');
    await expectWhole(log, 300);
    await appendIn(log, 20);
    await expectWhole(log, 320);
  });

  it('asks the disk when a write failed late, and goes on from what is there', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    await appendIn(log, 300);
    store.failAfter = 1;
    await expect(appendIn(log, 10)).rejects.toThrow('the disk fails late');
    await log.refresh();
    await expectWhole(log, 310);
    await appendIn(log, 20);
    await expectWhole(await open(store), 330);
  });

  it('does not grow while the disk is being asked', async () => {
    const { store } = await openedStore();
    const log = await open(store);
    await appendIn(log, 300);
    store.failAfter = 1;
    await expect(appendIn(log, 10)).rejects.toThrow('the disk fails late');
    const asked = log.refresh();
    let from = 0;
    const growing = log.exclusively(async () => {
      from = log.size;
      await log.commit(await log.grow(entries.slice(from, from + 20)), undefined, false);
    });
    await Promise.all([asked, growing]);
    expect(from).toBe(310);
    await expectWhole(log, 330);
    await expectWhole(await open(store), 330);
  });
});

describe('damaged log', () => {
  const damage = async (spoil: (store: Store, log: FeedLog) => Promise<void>) => {
    const { store } = await openedStore();
    const log = await open(store);
    await appendIn(log, 300, 300);
    await spoil(store, log);
    return { store, log };
  };
  const drop = (key: (log: FeedLog) => Buffer) => (store: Store, log: FeedLog) =>
    store.write([{ type: 'del', key: key(log) }]);

  /** It opens, says why, and takes nothing. */
  const expectReadOnly = async (store: Store) => {
    const log = await open(store);
    expect(log.damage).toMatchObject({ code: 'STORE_DAMAGED' });
    await expect(log.refresh()).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  };

  it('is not taken for a new one when its head is gone', async () => {
    const { store } = await damage(drop((log) => headKey(log.prefix)));
    await expectReadOnly(store);
  });

  it('is read-only when its newest entries or the tile above them are gone', async () => {
    for (const key of [
      (log: FeedLog) => segmentKey(log.prefix, 512),
      (log: FeedLog) => tileKey(log.prefix, 1, 0),
    ]) {
      const { store } = await damage(drop(key));
      await expectReadOnly(store);
    }
  });

  it('is read-only when its newest entries are others', async () => {
    const { store } = await damage((s, log) => {
      const [value] = packSegments(512, entries.slice(500, 588));
      return s.write([{ type: 'put', key: segmentKey(log.prefix, 512), value: value! }]);
    });
    await expectReadOnly(store);
  });

  it('gives no entries over a gap', async () => {
    const { store } = await damage(drop((log) => segmentKey(log.prefix, 256)));
    const log = await open(store);
    expect(await contentOf(log, 0, 256)).toEqual(entries.slice(0, 256));
    await expect(contentOf(log, 0, 600)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await expect(log.entry(260)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    expect(await contentOf(log, 512, 600)).toEqual(entries.slice(512, 600));
  });

  it('gives no hashes of a tile that is gone', async () => {
    const { store } = await damage(drop((log) => tileKey(log.prefix, 0, 1)));
    const log = await open(store);
    expect(await log.hashes(0, 0, 256)).toEqual(Buffer.concat(leaves.slice(0, 256)));
    await expect(log.hashes(0, 0, 300)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  });

  it('gives with any flipped bit in its files a right beginning or a refusal', async () => {
    const base = await tempFolder();
    const folder = join(base, 'log');
    // What was written before an opening is in a table after it; the rest is in the write-ahead log.
    for (const sizes of [[300, ...Array<number>(50).fill(1), 300], [200]]) {
      const first = await openLevelStore(folder);
      await appendIn(await open(first), ...sizes);
      await first.close();
    }
    const files = (await readdir(folder)).filter((f) => /\.(ldb|log)$/.test(f));
    let refusals = 0;
    for (const file of files) {
      const bytes = await readFile(join(folder, file));
      for (let n = 0; n < 8; n++) {
        const copy = join(base, `${file}-${n}`);
        await cp(folder, copy, { recursive: true });
        await writeFile(`${copy}.initialised`, '');
        const changed = Buffer.from(bytes);
        changed[Math.floor(((n + 0.5) * bytes.length) / 8)]! ^= 1 << n;
        await writeFile(join(copy, file), changed);
        if (!(await isRightBeginning(copy))) refusals++;
      }
    }
    expect(refusals).toBeGreaterThan(0);
  });

  async function isRightBeginning(folder: string): Promise<boolean> {
    let store: Store | undefined;
    try {
      store = await openLevelStore(folder);
      const log = await open(store);
      if (log.damage) return false;
      const tree = new Frontier();
      for (const leaf of leaves.slice(0, log.size)) tree.append(leaf);
      expect(log.root()).toEqual(tree.root());
      expect(await contentOf(log)).toEqual(entries.slice(0, log.size));
      return true;
    } catch (error) {
      if (!isMeshError(error, 'STORE_DAMAGED')) throw error;
      return false;
    } finally {
      await store?.close();
    }
  }
});
