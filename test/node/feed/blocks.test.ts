import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Blocks } from '../../../node/feed/blocks.ts';
import { blockKey } from '../../../node/store/keys.ts';
import { openLevelStore } from '../../../node/store/level.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import type { Cid } from '../../../protocols/codec.ts';
import { sha256 } from '../../../protocols/merkle.ts';
import {
  type Attachment,
  decodeAttachment,
  encodeAttachment,
  encodeIndex,
  rawCid,
  structCid,
} from '../../../protocols/record.ts';
import { FaultyStore } from '../store/faulty-store.ts';
import { tempFolder } from '../temp-folder.ts';
import { pieces, Trouble } from './sample-feed.ts';

async function opened() {
  const store = new Trouble(await openLevelStore(join(await tempFolder(), 'blocks')));
  onTestFinished(() => store.close());
  return { store, blocks: new Blocks(store) };
}

function content(sizeBytes: number): Buffer {
  const out = Buffer.alloc(sizeBytes);
  for (let i = 0; i < sizeBytes; i++) out[i] = (i * 31 + (i >> 8) * 7 + (i >> 16) * 13) & 255;
  return out;
}

const attachment = (stored: Omit<Attachment, 'envelope'>): Attachment => ({
  ...stored,
  envelope: Buffer.from('{}'),
});

async function readAll(blocks: Blocks, a: Attachment): Promise<Buffer> {
  const out: Buffer[] = [];
  for await (const chunk of blocks.content(a)) out.push(chunk);
  return Buffer.concat(out);
}

const KiB64 = 65_536;

describe('content', () => {
  it.each([1, 59_999, 60_000, 60_001, 65_535, 65_536, 65_537, 131_072, 131_073, 1_500_000])(
    'of %d bytes comes back byte for byte, in pieces of any size',
    async (sizeBytes) => {
      const { blocks } = await opened();
      const bytes = content(sizeBytes);
      for (const size of [sizeBytes, 7777, 100_000]) {
        const stored = await blocks.putContent(pieces(bytes, size));
        expect(stored.sizeBytes).toBe(sizeBytes);
        expect(stored.sha256).toEqual(createHash('sha256').update(bytes).digest());
        expect('inline' in stored.content).toBe(sizeBytes <= 60_000);
        const a = decodeAttachment(encodeAttachment(attachment(stored)));
        expect((await readAll(blocks, a)).equals(bytes)).toBe(true);
        expect(await blocks.missing(encodeAttachment(a), 99)).toEqual([]);
      }
    },
  );

  it('of more than 1,536 chunks has a level of index, and comes back', async () => {
    const { blocks } = await opened();
    const chunk = Buffer.alloc(KiB64, 3);
    async function* repeated() {
      for (let i = 0; i < 1536; i++) yield chunk;
      yield Buffer.from('the end');
    }
    const stored = await blocks.putContent(repeated());
    expect(stored.content).toMatchObject({ depth: 1, hashes: { length: 2 } });
    const a = decodeAttachment(encodeAttachment(attachment(stored)));
    const whole = createHash('sha256');
    for await (const part of blocks.content(a)) whole.update(part);
    expect(whole.digest()).toEqual(stored.sha256);
  });

  it('of small size is not stored as a block', async () => {
    const { blocks, store } = await opened();
    const stored = await blocks.putContent(pieces(content(60_000)));
    expect(store.writes).toBe(0);
    expect(await blocks.has(rawCid(content(60_000)))).toBe(false);
    expect(stored.content).toEqual({ inline: content(60_000) });
  });

  it('is missing block by block, the index first', async () => {
    const { blocks } = await opened();
    const chunks = [0, 1, 2].map((n) => Buffer.alloc(n === 2 ? 5 : KiB64, n));
    const index = encodeIndex(chunks.map(sha256));
    const sizeBytes = 2 * KiB64 + 5;
    const a = attachment({
      ...{ sizeBytes, sha256: sha256(Buffer.concat(chunks)) },
      content: { depth: 1, hashes: [sha256(index)] },
    });
    await expect(readAll(blocks, a)).rejects.toMatchObject({ code: 'RECORD_MISSING' });
    await blocks.put([{ hash: sha256(index), bytes: index }]);
    await blocks.put([{ hash: sha256(chunks[1]!), bytes: chunks[1]! }]);
    await expect(readAll(blocks, a)).rejects.toMatchObject({ code: 'RECORD_MISSING' });
    await blocks.put([0, 2].map((n) => ({ hash: sha256(chunks[n]!), bytes: chunks[n]! })));
    expect(await readAll(blocks, a)).toEqual(Buffer.concat(chunks));
  });

  it('names all its blocks, those below an index block as soon as that is here', async () => {
    const { blocks } = await opened();
    const chunks = [0, 1].map((n) => sha256(Buffer.of(n)));
    const index = encodeIndex(chunks);
    const record = encodeAttachment(
      attachment({
        sizeBytes: 1537 * KiB64,
        sha256: Buffer.alloc(32),
        content: { depth: 1, hashes: [sha256(index), Buffer.alloc(32, 9)] },
      }),
    );
    const named = async (cid: Cid, beside: Buffer | null) => {
      const out: Uint8Array[] = [];
      for await (const hash of blocks.named(cid, beside)) out.push(hash);
      return out;
    };
    const cid = structCid(record);
    expect(await named(cid, record)).toEqual([sha256(index), Buffer.alloc(32, 9)]);
    await blocks.put([{ hash: sha256(index), bytes: index }]);
    const all = [sha256(index), ...chunks, Buffer.alloc(32, 9)];
    expect(await named(cid, record)).toEqual(all);
    expect(await named(cid, null)).toEqual([cid.hash]);
    await blocks.put([{ hash: cid.hash, bytes: record }]);
    expect(await named(cid, null)).toEqual([cid.hash, ...all]);
    const event = Buffer.from('{}');
    expect(await named(rawCid(event), event)).toEqual([]);
    expect(await named(rawCid(event), null)).toEqual([sha256(event)]);
    expect(await named(structCid(event), event)).toEqual([]);
  });

  it('names its missing blocks in order, as many as are asked for', async () => {
    const { blocks } = await opened();
    const bytes = content(4 * KiB64);
    const hashes = [0, 1, 2, 3].map((n) => sha256(bytes.subarray(n * KiB64, (n + 1) * KiB64)));
    const a = attachment({
      sizeBytes: bytes.length,
      sha256: sha256(bytes),
      content: { depth: 0, hashes },
    });
    const record = encodeAttachment(a);
    const named = async (most: number) => (await blocks.missing(record, most)).map((c) => c.hash);
    expect(await named(16)).toEqual(hashes);
    expect(await named(2)).toEqual(hashes.slice(0, 2));
    await blocks.put([{ hash: hashes[1]!, bytes: bytes.subarray(KiB64, 2 * KiB64) }]);
    expect(await named(16)).toEqual([hashes[0], hashes[2], hashes[3]]);
  });

  it.each([
    ['of another hash', [Buffer.alloc(KiB64, 1), Buffer.alloc(1, 2)], KiB64 + 1, Buffer.alloc(32)],
    ['shorter than promised', [Buffer.alloc(KiB64, 1), Buffer.alloc(1, 2)], KiB64 + 2, undefined],
    ['longer than promised', [Buffer.alloc(KiB64, 1), Buffer.alloc(2, 2)], KiB64 + 1, undefined],
    [
      'in chunks of odd sizes',
      [Buffer.alloc(KiB64 - 1, 1), Buffer.alloc(2, 2)],
      KiB64 + 1,
      undefined,
    ],
    ['with a chunk too few', [Buffer.alloc(KiB64, 1)], KiB64 + 1, undefined],
    ['with a chunk too many', [Buffer.alloc(KiB64, 1), Buffer.alloc(1, 2)], KiB64, undefined],
  ])('%s is refused before its last byte is given', async (_, chunks, sizeBytes, hash) => {
    const { blocks } = await opened();
    await blocks.put(chunks.map((bytes) => ({ hash: sha256(bytes), bytes })));
    const whole = Buffer.concat(chunks);
    const a = attachment({
      ...{ sizeBytes, sha256: hash ?? sha256(whole) },
      content: { depth: 0, hashes: chunks.map(sha256) },
    });
    let given = 0;
    const reading = (async () => {
      for await (const chunk of blocks.content(a)) given += chunk.length;
    })();
    await expect(reading).rejects.toMatchObject({ code: 'HASH_MISMATCH' });
    expect(given).toBeLessThan(Math.max(sizeBytes, whole.length));
  });

  it('above the largest object is refused while it comes', async () => {
    const { blocks, store } = await opened();
    store.write = () => Promise.resolve();
    let given = 0;
    async function* endless() {
      const piece = Buffer.alloc(8 * 2 ** 20);
      for (; ; given += piece.length) yield piece;
    }
    await expect(blocks.putContent(endless())).rejects.toMatchObject({ code: 'TOO_LARGE' });
    expect(given).toBe(512 * 2 ** 20);
  });
});

describe('block', () => {
  it('is given under its hash only', async () => {
    const { blocks } = await opened();
    const bytes = Buffer.from('block');
    await blocks.put(
      [
        { hash: sha256(bytes), bytes },
        { hash: Buffer.alloc(32), bytes },
      ],
      true,
    );
    expect(await blocks.get(rawCid(bytes))).toEqual(bytes);
    expect(await blocks.get(structCid(bytes))).toEqual(bytes);
    expect(await blocks.get({ codec: 0x55, hash: Buffer.alloc(32, 1) })).toBeUndefined();
    const wrong = { codec: 0x55, hash: Buffer.alloc(32) } as const;
    const told: Buffer[] = [];
    blocks.onDamaged = (hash) => told.push(hash);
    expect(await blocks.get(wrong)).toBeUndefined();
    expect(await blocks.get(wrong)).toBeUndefined();
    expect(await blocks.has(wrong)).toBe(false);
    expect(told).toEqual([wrong.hash]);
  });

  it('that is damaged counts as missing until it comes anew', async () => {
    const { blocks } = await opened();
    const bytes = Buffer.from('block');
    const cid = rawCid(bytes);
    await blocks.put([{ hash: cid.hash, bytes }], true);
    blocks.markDamaged(cid.hash);
    expect([await blocks.has(cid), blocks.isDamaged(cid.hash)]).toEqual([false, true]);
    await blocks.put([{ hash: cid.hash, bytes }], true);
    expect([await blocks.has(cid), blocks.isDamaged(cid.hash)]).toEqual([true, false]);
  });

  it('that was read wrongly once is back when the disk gives it whole, and not before', async () => {
    const store = new FaultyStore(new MemoryStore());
    const blocks = new Blocks(store);
    const bytes = Buffer.from('block');
    const cid = rawCid(bytes);
    await blocks.put([{ hash: cid.hash, bytes }], true);
    store.rot(blockKey(cid.hash));
    expect([await blocks.get(cid), await blocks.readsWell(cid.hash)]).toEqual([undefined, false]);
    store.heal();
    expect(await blocks.has(cid)).toBe(false);
    expect([await blocks.readsWell(cid.hash), await blocks.has(cid)]).toEqual([true, true]);
    await blocks.drop([cid.hash]);
    expect(await blocks.readsWell(cid.hash)).toBe(false);
  });
});
