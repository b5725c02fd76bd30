import { describe, expect, it } from 'vitest';
import type { Cid } from '../../../protocols/codec.ts';
import { type Entry, encodeEntry, KIND } from '../../../protocols/entry.ts';
import { encodeBundleIndex, encodePage } from '../../../protocols/gap/bundle-index.ts';
import { BundleWalk } from '../../../protocols/gap/bundle-walk.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { Frontier, sha256 } from '../../../protocols/merkle.ts';
import {
  encodeAttachment,
  encodeIndex,
  hashesAtTop,
  rawCid,
  structCid,
} from '../../../protocols/record.ts';
import { packSegments } from '../../../protocols/segment.ts';
import { codeOf } from '../../certs/fixtures.ts';
import { sampleEntry } from '../sample-log.ts';

const hash = (n: number): Buffer => sha256(Buffer.from(`${n}`));
const text = (value: string): Buffer => Buffer.from(value);

/** What a bundle is made of, by the hash that names it. */
class Bundle {
  readonly #blocks = new Map<string, Buffer>();
  readonly #pages: Buffer[] = [];

  add(bytes: Buffer): Buffer {
    const name = sha256(bytes);
    this.#blocks.set(name.toString('hex'), bytes);
    return name;
  }

  page(segments: readonly Buffer[], missing: readonly Buffer[] = []): void {
    this.#pages.push(this.add(encodePage({ segments, missing })));
  }

  /** A walk through all of it, and what it asks for on the way. */
  walk(): { walk: BundleWalk; asked: string[] } {
    const roots = [this.add(text('root 1')), this.add(text('root 2'))];
    const log = { log: Buffer.alloc(16), before: new Frontier(), note: text('note') };
    const logs = [{ ...log, pages: this.#pages }];
    const walk = new BundleWalk(this.add(encodeBundleIndex({ roots, logs })));
    const asked: string[] = [];
    for (let want = walk.next(); want; want = walk.next()) {
      const bytes = this.#blocks.get(Buffer.from(want.cid.hash).toString('hex'));
      if (!bytes) throw new Error(`nobody made the ${want.role}`);
      asked.push(want.log < 0 ? want.role : `${want.role} of ${want.log}`);
      walk.take(bytes);
    }
    return { walk, asked };
  }
}

const entry = (record: Cid | null, inline: Buffer | null, changes: Partial<Entry> = {}) => ({
  leaf: encodeEntry({ ...sampleEntry(1, Buffer.alloc(0)), record, ...changes }),
  record: inline,
});

const segment = (...entries: ReturnType<typeof entry>[]): Buffer => packSegments(0, entries)[0]!;

/** Of so many bytes that its hashes stand in the record, or below it. */
const attachment = (sizeBytes: number, depth: number, hashes: Buffer[]): Buffer =>
  encodeAttachment({
    ...{ envelope: text('{}'), sizeBytes, sha256: hash(0) },
    content: { depth, hashes },
  });

const TWO_CHUNKS = LIMITS.chunkBytes * 2;
const DEEP = LIMITS.chunkBytes * (LIMITS.manifestFanout + 1);

describe('the order of a bundle', () => {
  it('is index, roots, then each page with its segments, records and chunks behind it', () => {
    const bundle = new Bundle();
    const chunks = [bundle.add(text('chunk 1')), bundle.add(text('chunk 2'))];
    const file = attachment(TWO_CHUNKS, 0, chunks);
    bundle.add(file);
    const event = text('an event that came apart');
    bundle.add(event);
    bundle.page([bundle.add(segment(entry(rawCid(event), null), entry(structCid(file), null)))]);
    bundle.page([bundle.add(segment(entry(rawCid(text('small')), text('small'))))]);
    const { walk, asked } = bundle.walk();
    expect(asked).toEqual([
      ...['index', 'root', 'root', 'page of 0', 'segment of 0', 'record of 0', 'record of 0'],
      ...['chunk of 0', 'chunk of 0', 'page of 0', 'segment of 0'],
    ]);
    expect([walk.blocks, walk.missing.size, walk.index?.roots.length]).toEqual([11, 0, 2]);
    expect(walk.next()).toBeUndefined();
  });

  it('goes down every level of a tree whose record travels beside its entry', () => {
    const bundle = new Bundle();
    const chunks = [bundle.add(text('chunk 1')), bundle.add(text('chunk 2'))];
    const below = chunks.map((chunk) => bundle.add(encodeIndex([chunk])));
    const file = attachment(DEEP, 1, below);
    bundle.page([
      bundle.add(segment(entry(structCid(file), file, { kind: KIND.supersede, prev: 0 }))),
    ]);
    expect(bundle.walk().asked.slice(5)).toEqual([
      ...['tree of 0', 'chunk of 0', 'tree of 0', 'chunk of 0'],
    ]);
  });

  it('has each record and chunk once, and none that its exporter lacked', () => {
    const bundle = new Bundle();
    const [twice, gone] = [text('named twice'), text('not there')];
    bundle.add(twice);
    const entries = [rawCid(twice), rawCid(gone), rawCid(twice)].map((cid) => entry(cid, null));
    bundle.page([bundle.add(segment(...entries))], [sha256(gone)]);
    const { walk, asked } = bundle.walk();
    expect(asked.slice(5)).toEqual(['record of 0']);
    expect([...walk.missing]).toEqual([sha256(gone).toString('hex')]);
  });

  it('looks for chunks behind files alone: not behind entries of keys, nor those without a record', () => {
    const bundle = new Bundle();
    const keys = text('wrapped keys, which are no file');
    bundle.add(keys);
    const small = encodeAttachment({
      ...{ envelope: text('{}'), sizeBytes: 1, sha256: sha256(text('x')) },
      content: { inline: text('x') },
    });
    const none = { sizeBytes: 0, kind: KIND.withdraw, prev: 0 };
    bundle.page([
      bundle.add(
        segment(
          entry(structCid(keys), null, { kind: KIND.shareKeyEpoch }),
          entry(structCid(small), small),
          entry(null, Buffer.alloc(0), none),
        ),
      ),
    ]);
    expect(bundle.walk().asked.slice(5)).toEqual(['record of 0']);
  });

  it('ends where blocks are of another kind than was asked for', () => {
    const walk = () => new BundleWalk(hash(1));
    expect(codeOf(() => walk().take(text('no index')))).toBe('MALFORMED');
    const bundle = new Bundle();
    bundle.page([bundle.add(text('no segment'))]);
    expect(codeOf(() => bundle.walk())).toBe('MALFORMED');
  });
});

// A million of anything takes a moment.
describe('the bounds of a bundle', { timeout: 120_000 }, () => {
  let count = 0;
  /** Hashes that nothing else names. */
  const fresh = (many: number): Buffer => {
    const bytes = Buffer.alloc(many * 32);
    for (let at = 0; at < bytes.length; at += 32) bytes.writeUInt32BE(++count, at);
    return bytes;
  };

  function begun(pages: number): BundleWalk {
    const log = { log: Buffer.alloc(16), before: new Frontier(), note: text('note') };
    const some = Array.from({ length: pages }, (_, i) => hash(i));
    const walk = new BundleWalk(hash(0));
    walk.take(encodeBundleIndex({ roots: [hash(1)], logs: [{ ...log, pages: some }] }));
    walk.take(text('root'));
    return walk;
  }

  it('are in the number of its blocks', () => {
    const walk = begun(1);
    walk.take(encodePage({ segments: [hash(3)], missing: [] }));
    const files = Array.from({ length: LIMITS.tileHashes }, (_, i) => structCid(text(`${i}`)));
    walk.take(segment(...files.map((cid) => entry(cid, null))));
    const { depth, count: fan } = hashesAtTop(LIMITS.objectBytes);
    // As many chunks as fit into files that are as large as files may be.
    const below = () => Array.from({ length: fan }, () => fresh(1));
    const takeOne = (): void => {
      const role = walk.next()?.role;
      if (role === 'record') walk.take(attachment(LIMITS.objectBytes, depth, below()));
      else
        walk.take(role === 'tree' ? encodeIndex([fresh(LIMITS.manifestFanout)]) : Buffer.alloc(0));
    };
    while (walk.blocks < LIMITS.bundleBlocks) takeOne();
    expect(codeOf(takeOne)).toBe('TOO_LARGE');
  });

  it('are in the number of records that it says it lacks', () => {
    const walk = begun(LIMITS.bundleFanout);
    const withoutRecord = entry(null, Buffer.alloc(0), {
      ...{ kind: KIND.withdraw, sizeBytes: 0, prev: 0 },
    });
    const openOne = (): void => {
      walk.take(encodePage({ segments: [hash(1)], missing: [fresh(LIMITS.bundleFanout)] }));
      walk.take(segment(withoutRecord));
    };
    while (walk.missing.size + LIMITS.bundleFanout <= LIMITS.bundleBlocks) openOne();
    expect(codeOf(openOne)).toBe('TOO_LARGE');
  });
});
