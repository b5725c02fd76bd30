import { hkdfSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { MeshId, SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { encodeAttachment, rawCid, structCid } from '../../protocols/record.ts';
import {
  ContentOpener,
  ContentSealer,
  contentKey,
  sealChunk,
} from '../../protocols/sealed-content.ts';
import {
  bodyOfInner,
  type ChunkedInner,
  type Inner,
  openInner,
  paddedBytes,
  sealRecord,
  treeOf,
} from '../../protocols/sealed-record.ts';
import { sealedRecordInfo } from '../../protocols/signable.ts';
import vectors from '../vectors/sealed.json' with { type: 'json' };

const scope = {
  mesh: 'aeaqcaibaeaqcaibaeaqcaibae' as MeshId,
  publisher: '0199b7c2-1f00-4000-8000-000000000001' as SpaceId,
  feed: Buffer.alloc(16, 2),
};
const key = Buffer.alloc(32, 9);
const seal = { scope, epoch: 3, key };
const code = (name: string) => expect.objectContaining({ code: name });

function event(payload: string): Inner {
  const text =
    '{"id":"3378e306-61ab-4cb2-8804-7fc82579d513","source":"odcm://library/variables#base","type":' +
    '"VariableSetPublishedV1Event","occurredTimeUtc":"2026-11-21T10:00:00.000Z","activityId":' +
    `"b1d4fe08-204b-4004-8b19-2a64f1246a7e","specVersion":"1.0","payload":${JSON.stringify(payload)}}`;
  return { form: 'event', record: Buffer.from(text) };
}

const EVENT = event('secret');
const envelope = (EVENT as { record: Buffer }).record;

function chunked(content: Buffer): { inner: ChunkedInner; chunks: Buffer[] } {
  const fileKey = Buffer.alloc(32, 5);
  const padded = Buffer.alloc(paddedBytes(content.length));
  padded.set(content);
  const sealer = new ContentSealer(scope, fileKey);
  const chunks: Buffer[] = [];
  for (let at = 0; at < padded.length; at += LIMITS.chunkBytes) {
    const end = at + LIMITS.chunkBytes;
    chunks.push(sealer.seal(padded.subarray(at, end), end >= padded.length));
  }
  const tail = { sizeBytes: padded.length, depth: 0, hashes: chunks.map((c) => sha256(c)) };
  const sizeBytes = content.length;
  return {
    inner: { form: 'chunked', envelope, sizeBytes, sha256: sha256(content), fileKey, tail },
    chunks,
  };
}

describe('sealed record', () => {
  it.each(vectors)('opens the vector $name, and writes it again', (v) => {
    const bytes = Buffer.from(v.hex, 'hex');
    const cid = v.form === 'chunked' ? structCid(bytes) : rawCid(bytes);
    const one = { scope, epoch: v.epoch, key: Buffer.from(v.key, 'hex') };
    const inner = openInner(one, cid, bytes);
    expect(inner.form).toBe(v.form);
    const text = inner.form === 'chunked' ? inner.envelope : inner.record;
    expect(text.toString('hex')).toBe(v.inside);
    expect(sealRecord(one, inner, Buffer.from(v.nonce, 'hex')).bytes).toEqual(bytes);
  });

  it('gives back an event, a small file and the parts of a large one', () => {
    const file = encodeAttachment({
      ...{ envelope, sizeBytes: 5, sha256: sha256(Buffer.from('bytes')) },
      content: { inline: Buffer.from('bytes') },
    });
    const inners: Inner[] = [
      EVENT,
      { form: 'file', record: file },
      chunked(Buffer.alloc(200_000, 1)).inner,
    ];
    for (const inner of inners) {
      const { cid, bytes } = sealRecord(seal, inner, randomBytes(16));
      expect(bytes.length).toBeLessThanOrEqual(LIMITS.blockBytes);
      expect(openInner(seal, cid, bytes)).toEqual(inner);
      expect(bodyOfInner(scope, inner).envelope.source).toBe('odcm://library/variables#base');
    }
  });

  it('has no byte of what is inside, nor its length', () => {
    const sizes = new Set<number>();
    for (const secret of ['x', 'y'.repeat(40), 'z'.repeat(200)]) {
      const { bytes, sizeBytes } = sealRecord(seal, event(secret), randomBytes(16));
      sizes.add(bytes.length).add(sizeBytes + 60);
      expect(bytes.includes('library')).toBe(false);
      expect(bytes.includes('VariableSet')).toBe(false);
    }
    expect([...sizes]).toEqual([1084]);
  });

  it('has lengths of 256 B, 1, 4 and 16 KiB, and at most 12 % more from there on', () => {
    expect([1, 256, 257, 1024, 1025, 4097, 16_384].map(paddedBytes)).toEqual([
      256, 256, 1024, 1024, 4096, 16_384, 16_384,
    ]);
    for (let n = 16_385; n < 2 ** 30; n = Math.ceil(n * 1.013)) {
      const padded = paddedBytes(n);
      expect(padded).toBeGreaterThanOrEqual(n);
      expect(padded / n).toBeLessThan(1.12);
      expect(paddedBytes(padded)).toBe(padded);
    }
    expect(paddedBytes(LIMITS.objectBytes)).toBe(LIMITS.objectBytes);
  });

  it.each([
    ['mesh', { ...seal, scope: { ...scope, mesh: 'aiaqcaibaeaqcaibaeaqcaibae' as MeshId } }],
    [
      'publisher',
      {
        ...seal,
        scope: { ...scope, publisher: '0199b7c2-1f00-4000-8000-00000000000a' as SpaceId },
      },
    ],
    ['feed', { ...seal, scope: { ...scope, feed: Buffer.alloc(16, 1) } }],
    ['epoch', { ...seal, epoch: 4 }],
    ['key', { ...seal, key: Buffer.alloc(32, 8) }],
  ])('does not open under another %s, even when its header is mended to fit', (_, elsewhere) => {
    const { cid, bytes } = sealRecord(seal, EVENT, randomBytes(16));
    expect(() => openInner(elsewhere, cid, bytes)).toThrow(code('SEAL_BROKEN'));
    const mended = Buffer.from(bytes);
    mended.set(elsewhere.scope.feed, 8);
    mended.writeUInt32BE(elsewhere.epoch, 24);
    expect(() => openInner(elsewhere, rawCid(mended), mended)).toThrow(code('SEAL_BROKEN'));
  });

  it('does not open with any bit changed, nor cut, nor with more behind it', () => {
    const { bytes } = sealRecord(seal, EVENT, randomBytes(16));
    for (let bit = 0; bit < bytes.length * 8; bit += 7) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => openInner(seal, rawCid(changed), changed)).toThrow(code('SEAL_BROKEN'));
    }
    for (const length of [0, 10, 44, 50, 60, bytes.length - 1]) {
      const cut = bytes.subarray(0, length);
      expect(() => openInner(seal, rawCid(cut), cut)).toThrow(code('SEAL_BROKEN'));
    }
    const longer = Buffer.concat([bytes, Buffer.alloc(1)]);
    expect(() => openInner(seal, rawCid(longer), longer)).toThrow(code('SEAL_BROKEN'));
  });

  it('names its chunks in the open, as a tree that fits its size and cannot be changed', () => {
    const { inner } = chunked(randomBytes(300_000));
    const { bytes, sizeBytes } = sealRecord(seal, inner, randomBytes(16));
    expect(sizeBytes).toBe(inner.tail.sizeBytes);
    expect(treeOf(bytes)?.hashes).toEqual(inner.tail.hashes);
    expect(treeOf(sealRecord(seal, EVENT, randomBytes(16)).bytes)).toBeUndefined();
    const { hashes } = inner.tail;
    const reordered = { ...inner, tail: { ...inner.tail, hashes: [...hashes].reverse() } };
    const other = sealRecord(seal, reordered, randomBytes(16)).bytes;
    // The head of one under the chunks of the other.
    const mixed = Buffer.concat([
      bytes.subarray(0, bytes.length - hashes.length * 32),
      other.subarray(other.length - hashes.length * 32),
    ]);
    expect(() => openInner(seal, structCid(mixed), mixed)).toThrow(code('SEAL_BROKEN'));
    const cut = { ...inner, tail: { ...inner.tail, hashes: hashes.slice(1) } };
    const short = sealRecord(seal, cut, randomBytes(16)).bytes;
    expect(() => openInner(seal, structCid(short), short)).toThrow(code('NOT_CANONICAL'));
  });

  it('opens chunks in their order only, and cuts the padding off', () => {
    const content = randomBytes(200_000);
    const { inner, chunks } = chunked(content);
    const opener = () =>
      new ContentOpener(
        { sizeBytes: inner.tail.sizeBytes, key: contentKey(scope, inner.fileKey) },
        content.length,
      );
    const whole = opener();
    expect(Buffer.concat(chunks.map((chunk) => whole.open(chunk)))).toEqual(content);
    expect(() => whole.open(chunks[0]!)).toThrow(code('SEAL_BROKEN'));
    expect(() => opener().open(chunks[1]!)).toThrow(code('SEAL_BROKEN'));
    expect(() => opener().open(chunks.at(-1)!)).toThrow(code('SEAL_BROKEN'));
    const shorter = new ContentOpener(
      { sizeBytes: LIMITS.chunkBytes, key: contentKey(scope, inner.fileKey) },
      LIMITS.chunkBytes,
    );
    expect(() => shorter.open(chunks[0]!)).toThrow(code('SEAL_BROKEN'));
  });

  /** Sealed with the right key, by a publisher that does not keep to the form. */
  function sealedBy(plain: Buffer): Buffer {
    const header = sealRecord(seal, EVENT, Buffer.alloc(16, 7)).bytes.subarray(0, 44);
    const info = sealedRecordInfo(scope, header);
    const own = Buffer.from(hkdfSync('sha256', key, header.subarray(28), info, 32));
    return Buffer.concat([header, sealChunk(own, 0, true, plain)]);
  }

  it.each<[string, (plain: Buffer) => Buffer, string]>([
    ['is shorter than its length', () => Buffer.alloc(3), 'NOT_CANONICAL'],
    ['is padded to another length', (p) => Buffer.concat([p, p]), 'NOT_CANONICAL'],
    ['says another length', (p) => p.fill(0xff, 1, 5), 'NOT_CANONICAL'],
    ['has padding that is not zeros', (p) => p.fill(1, p.length - 1), 'NOT_CANONICAL'],
    ['is of an unknown form', (p) => p.fill(9, 0, 1), 'MALFORMED'],
    ['is a chunked file without chunks', (p) => p.fill(3, 0, 1), 'MALFORMED'],
  ])('is refused when what is inside %s', (_, change, expected) => {
    const plain = Buffer.alloc(256);
    plain[0] = 1;
    plain.writeUInt32BE(5, 1);
    const good = sealedBy(Buffer.from(plain));
    expect(openInner(seal, rawCid(good), good).form).toBe('event');
    const bytes = sealedBy(change(plain));
    expect(() => openInner(seal, rawCid(bytes), bytes)).toThrow(code(expected));
  });

  it('names chunks as an open file does, and none where the content stands in the record', () => {
    const some = Buffer.from('some');
    const small = { envelope, sizeBytes: 4, sha256: sha256(some), content: { inline: some } };
    expect(treeOf(encodeAttachment(small))).toBeUndefined();
    const content = { depth: 0, hashes: [sha256(some), sha256(envelope)] };
    const sizeBytes = 2 * LIMITS.chunkBytes;
    const large = encodeAttachment({ envelope, sizeBytes, sha256: sha256(some), content });
    expect(treeOf(large)).toEqual(content);
    const other = Buffer.from(large).fill(9, 1, 2);
    expect(() => openInner(seal, structCid(other), other)).toThrow(code('MALFORMED'));
  });

  it('is refused in a form that is not the one', () => {
    const { inner } = chunked(randomBytes(300_000));
    const wrongSize = { ...inner, sizeBytes: 100_000 };
    const { cid, bytes } = sealRecord(seal, wrongSize, randomBytes(16));
    expect(() => openInner(seal, cid, bytes)).toThrow(code('NOT_CANONICAL'));
    const nonce = () => sealRecord(seal, EVENT, randomBytes(15));
    expect(nonce).toThrow(code('MALFORMED'));
    const large: Inner = { form: 'event', record: Buffer.alloc(66_000) };
    expect(() => sealRecord(seal, large, randomBytes(16))).toThrow(code('TOO_LARGE'));
    const block = Buffer.concat([Buffer.of(0x85, 2), Buffer.alloc(LIMITS.blockBytes)]);
    expect(() => openInner(seal, structCid(block), block)).toThrow(code('TOO_LARGE'));
  });
});
