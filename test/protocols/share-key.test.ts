import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { deriveKeyPair, sealHpke } from '../../protocols/hpke.ts';
import type { MeshId, SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  commitOf,
  decodeShareKeyPage,
  encodeShareKeyPage,
  exchangeKeyId,
  openShareKey,
  wrapShareKey,
} from '../../protocols/share-key.ts';
import { shareKeyInfo } from '../../protocols/signable.ts';
import { plain } from '../vectors/plain.ts';
import vectors from '../vectors/sharekey.json' with { type: 'json' };

const scope = {
  mesh: 'aeaqcaibaeaqcaibaeaqcaibae' as MeshId,
  publisher: '0199b7c2-1f00-4000-8000-000000000001' as SpaceId,
  feed: Buffer.alloc(16, 2),
};
const KEY = Buffer.alloc(32, 9);
const people = Array.from({ length: 3 }, (_, i) => deriveKeyPair(Buffer.alloc(32, i + 1)));
const wrap = (count = people.length, epoch = 1, key = KEY) =>
  wrapShareKey({
    ...{ scope, epoch, key },
    recipients: people.slice(0, count).map(({ raw }) => raw),
    random: (bytes) => randomBytes(bytes),
  });
const code = (name: string) => expect.objectContaining({ code: name });

describe('share key', () => {
  it.each(vectors)('reads and writes the vector: $name', (v) => {
    const bytes = Buffer.from(v.hex, 'hex');
    if (v.code) expect(() => decodeShareKeyPage(bytes)).toThrow(code(v.code));
    else {
      const page = decodeShareKeyPage(bytes);
      expect(plain(page)).toEqual(v.value);
      expect(encodeShareKeyPage(page)).toEqual(bytes);
    }
    if (!v.opens) return;
    const { ikm, key } = v.opens;
    const { privateKey } = deriveKeyPair(Buffer.from(ikm, 'hex'));
    const opened = openShareKey(scope, decodeShareKeyPage(bytes), [privateKey]);
    expect(opened?.toString('hex')).toBe(key);
  });

  it('is opened by each recipient and by nobody else', () => {
    const [bytes] = wrap();
    const page = decodeShareKeyPage(bytes!);
    for (const { privateKey } of people)
      expect(openShareKey(scope, page, [privateKey])).toEqual(KEY);
    const stranger = deriveKeyPair(randomBytes(32)).privateKey;
    expect(openShareKey(scope, page, [stranger])).toBeUndefined();
    expect(openShareKey(scope, page, [stranger, people[1]!.privateKey])).toEqual(KEY);
  });

  it('has pages of at most 500 recipients, 94 bytes for each', () => {
    const recipients = Array.from({ length: 501 }, () => deriveKeyPair(randomBytes(32)).raw);
    const random = (count: number) => randomBytes(count);
    const pages = wrapShareKey({ scope, epoch: 1, key: KEY, recipients, random });
    expect(pages.map((bytes) => decodeShareKeyPage(bytes).wraps.length)).toEqual([500, 1]);
    expect(pages[0]!.length).toBeLessThan(48_000);
    expect(pages[0]!.length).toBeLessThan(LIMITS.blockBytes);
  });

  it('leaves out a recipient whose key agrees on zero', () => {
    const recipients = [Buffer.alloc(32), people[0]!.raw];
    const random = (count: number) => randomBytes(count);
    const [bytes] = wrapShareKey({ scope, epoch: 1, key: KEY, recipients, random });
    expect(decodeShareKeyPage(bytes!).wraps.map(({ keyId }) => keyId)).toEqual([
      exchangeKeyId(people[0]!.raw),
    ]);
  });

  it('is neither wrapped for nor opened with a key that is cut', () => {
    const recipients = [people[0]!.raw.subarray(1)];
    const random = (count: number) => randomBytes(count);
    const cut = () => wrapShareKey({ scope, epoch: 1, key: KEY, recipients, random });
    expect(cut).toThrow(code('MALFORMED'));
    const page = decodeShareKeyPage(wrap(1)[0]!);
    const wraps = page.wraps.map((w) => ({ ...w, enc: w.enc.subarray(1) }));
    const open = () => openShareKey(scope, { ...page, wraps }, [people[0]!.privateKey]);
    expect(open).toThrow(code('MALFORMED'));
  });

  it('is refused when it opens to another key than the page commits to', () => {
    const honest = decodeShareKeyPage(wrap(2)[0]!);
    const keyId = exchangeKeyId(people[0]!.raw);
    const context = { info: shareKeyInfo(scope, 1, keyId), aad: honest.commit };
    const other = sealHpke(people[0]!.raw, context, Buffer.alloc(32, 1), randomBytes(32));
    const wraps = honest.wraps.map((w) => (w.keyId.equals(keyId) ? { keyId, ...other } : w));
    const page = { ...honest, wraps };
    expect(() => openShareKey(scope, page, [people[0]!.privateKey])).toThrow(code('KEY_MISMATCH'));
    expect(openShareKey(scope, page, [people[1]!.privateKey])).toEqual(KEY);
  });

  it.each([
    ['mesh', { ...scope, mesh: 'aiaqcaibaeaqcaibaeaqcaibae' as MeshId }],
    ['publisher', { ...scope, publisher: '0199b7c2-1f00-4000-8000-000000000002' as SpaceId }],
    ['feed', { ...scope, feed: Buffer.alloc(16, 3) }],
  ])('does not open for another %s', (_, elsewhere) => {
    const page = decodeShareKeyPage(wrap()[0]!);
    const open = () => openShareKey(elsewhere, page, [people[0]!.privateKey]);
    expect(open).toThrow(code('KEY_MISMATCH'));
  });

  it('does not open under another epoch or commitment, nor with an encapsulated zero', () => {
    const page = decodeShareKeyPage(wrap()[0]!);
    const open = (changed: Partial<typeof page>) => () =>
      openShareKey(scope, { ...page, ...changed }, [people[0]!.privateKey]);
    expect(open({ epoch: 2 })).toThrow(code('KEY_MISMATCH'));
    expect(open({ commit: commitOf(scope.feed, 2, KEY) })).toThrow(code('KEY_MISMATCH'));
    const wraps = page.wraps.map((w) => ({ ...w, enc: Buffer.alloc(32) }));
    expect(open({ wraps })).toThrow(code('KEY_MISMATCH'));
  });

  it('says nothing of which page an id belongs to but by its hash', () => {
    expect(exchangeKeyId(people[0]!.raw)).not.toEqual(exchangeKeyId(people[1]!.raw));
    expect(exchangeKeyId(people[0]!.raw)).toHaveLength(8);
  });

  it('is refused above the block limit', () => {
    const bytes = Buffer.alloc(LIMITS.blockBytes + 1);
    expect(() => decodeShareKeyPage(bytes)).toThrow(code('TOO_LARGE'));
  });
});
