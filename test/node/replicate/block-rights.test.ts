import { describe, expect, it } from 'vitest';
import { Blocks } from '../../../node/feed/blocks.ts';
import type { OpenFeed } from '../../../node/feed/feeds.ts';
import { mayServeBlock } from '../../../node/replicate/block-rights.ts';
import { blockKey, logPrefix } from '../../../node/store/keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import { formatUuid } from '../../../protocols/ids.ts';
import { sha256 } from '../../../protocols/merkle.ts';

const BLOCK = Buffer.alloc(20_000, 'z');
const HASH = sha256(BLOCK);
const LURE = Buffer.from('00000000000040008000000000000001', 'hex');
const SECRET = Buffer.from('00000000000040008000000000000002', 'hex');
const PUBLIC = Buffer.from('00000000000040008000000000000003', 'hex');

/** A feed that is open here; as another names the block, or publishes it. */
const feed = (id: Buffer, isOwn = false, owns = true): OpenFeed =>
  ({
    row: { id: formatUuid(id) },
    log: { prefix: logPrefix(id, 1) },
    publisher: isOwn ? {} : undefined,
    view: { owns: async () => owns },
  }) as unknown as OpenFeed;

interface Given {
  /** Feeds for which peers gave the block. */
  readonly givenFor?: readonly Buffer[];
  /** Feeds that the asking peer may have besides the one it asks for. */
  readonly may?: readonly Buffer[];
  readonly opened?: readonly OpenFeed[];
  readonly asked?: OpenFeed;
}

async function serves({ givenFor = [], may = [], opened = [], asked = feed(LURE) }: Given) {
  const blocks = new Blocks(new MemoryStore());
  for (const id of givenFor)
    await blocks.put([{ hash: HASH, bytes: BLOCK }], false, logPrefix(id, 1));
  const names = new Set([asked.row.id, ...may.map(formatUuid)] as string[]);
  const mayHave = (id: string) => names.has(id);
  const feeds = { opened: opened.values() };
  return mayServeBlock({ blocks, feeds, mayHave }, asked, HASH);
}

describe('a block', () => {
  it('is not given for a feed that only names it, when it came here by one the peer may not have', async () => {
    expect(await serves({ givenFor: [SECRET] })).toBe(false);
    expect(await serves({ opened: [feed(SECRET, true)] })).toBe(false);
    expect(await serves({})).toBe(false);
  });

  it('is given for the feed it came by, whoever names it besides', async () => {
    expect(await serves({ givenFor: [SECRET, LURE] })).toBe(true);
    expect(await serves({ asked: feed(SECRET), givenFor: [SECRET] })).toBe(true);
  });

  it('is given for another feed when the peer may have one it came by, or was published by', async () => {
    expect(await serves({ givenFor: [SECRET, PUBLIC], may: [PUBLIC] })).toBe(true);
    expect(await serves({ opened: [feed(PUBLIC, true)], may: [PUBLIC] })).toBe(true);
    expect(await serves({ opened: [feed(PUBLIC, true, false)], may: [PUBLIC] })).toBe(false);
  });

  it('of an own feed is always given to who may have the feed', async () => {
    expect(await serves({ asked: feed(LURE, true) })).toBe(true);
  });

  it('that is dropped leaves nothing behind', async () => {
    const store = new MemoryStore();
    const blocks = new Blocks(store);
    await blocks.put([{ hash: HASH, bytes: BLOCK }], false, logPrefix(SECRET, 1));
    expect(await blocks.givenFor(HASH)).toEqual([logPrefix(SECRET, 1)]);
    await blocks.drop([HASH]);
    expect(await blocks.givenFor(HASH)).toEqual([]);
    expect(await store.get(blockKey(HASH))).toBeUndefined();
  });
});
