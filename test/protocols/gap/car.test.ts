import { encode } from '@ipld/dag-cbor';
import { CID } from 'multiformats/cid';
import { create } from 'multiformats/hashes/digest';
import { describe, expect, it } from 'vitest';
import type { Cid } from '../../../protocols/codec.ts';
import { isMeshError } from '../../../protocols/errors.ts';
import { type Block, carHeader, readCar, sectionHead } from '../../../protocols/gap/car.ts';
import { rawCid, structCid } from '../../../protocols/record.ts';

const CONTENTS = ['index', '', 'one', 'two'.repeat(100), 'three'.repeat(9_000)].map((text) =>
  Buffer.from(text),
);
const CIDS = CONTENTS.map((bytes, at) => (at === 0 ? structCid(bytes) : rawCid(bytes)));
const ROOT = CIDS[0]!;
const section = (cid: Cid, bytes: Buffer) => Buffer.concat([sectionHead(cid, bytes.length), bytes]);
const car = Buffer.concat([
  carHeader(ROOT),
  ...CONTENTS.map((bytes, at) => section(CIDS[at]!, bytes)),
]);

async function* pieces(bytes: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(bytes: Buffer, size = bytes.length || 1): Promise<Block[]> {
  const blocks: Block[] = [];
  for await (const { cid, bytes: content, at } of readCar(pieces(bytes, size), ROOT))
    blocks.push({ cid: { ...cid, hash: Buffer.from(cid.hash) }, bytes: Buffer.from(content), at });
  return blocks;
}

async function codeOf(bytes: Buffer): Promise<string> {
  try {
    await read(bytes, 1000);
    return 'read';
  } catch (error) {
    if (isMeshError(error)) return error.code;
    throw error;
  }
}

describe('a CAR', () => {
  it('reads as it was written, in pieces of any size', async () => {
    for (const size of [1, 7, 59, 1024, car.length]) {
      const blocks = await read(car, size);
      expect(blocks.map(({ bytes }) => bytes.toString())).toEqual(CONTENTS.map(String));
      expect(blocks.map(({ cid }) => cid)).toEqual(CIDS);
      for (const { bytes, at } of blocks)
        expect(car.subarray(at, at + bytes.length).equals(bytes)).toBe(true);
    }
  });

  it('has the header that other tools write', () => {
    const root = CID.createV1(0x71, create(0x12, ROOT.hash));
    const header = encode({ roots: [root], version: 1 });
    expect(carHeader(ROOT)).toEqual(Buffer.concat([Buffer.from([header.length]), header]));
  });

  it('is refused when it is cut anywhere but behind a block', async () => {
    const ends = new Set<number>();
    let at = carHeader(ROOT).length;
    ends.add(at);
    for (const [n, bytes] of CONTENTS.entries()) {
      at += section(CIDS[n]!, bytes).length;
      ends.add(at);
    }
    for (let length = 0; length < car.length; length += length < 700 ? 1 : 997) {
      const code = await codeOf(car.subarray(0, length));
      expect([length, code]).toEqual([length, ends.has(length) ? 'read' : 'MALFORMED']);
    }
  });

  it('is refused whichever of its bits is another', async () => {
    const codes = new Set<string>();
    for (let at = 0; at < 700 * 8; at++) {
      const other = Buffer.from(car);
      other[at >> 3]! ^= 1 << (at & 7);
      codes.add(await codeOf(other));
    }
    expect([...codes]).toEqual(expect.arrayContaining(['HASH_MISMATCH', 'MALFORMED', 'TOO_LARGE']));
    expect(codes).not.toContain('read');
  });

  it.each<[string, Buffer, string]>([
    ['nothing at all', Buffer.alloc(0), 'MALFORMED'],
    ['a header that goes on for ever', Buffer.alloc(5000, 0xff), 'TOO_LARGE'],
    ['a header of a gibibyte', Buffer.from('8080808004', 'hex'), 'TOO_LARGE'],
    ['a length not in its shortest form', Buffer.from([0xbb, 0x00]), 'NOT_CANONICAL'],
    [
      'a section without a CID',
      Buffer.concat([carHeader(ROOT), Buffer.from([3, 1, 2, 3])]),
      'MALFORMED',
    ],
    ['an empty section', Buffer.concat([carHeader(ROOT), Buffer.from([0])]), 'MALFORMED'],
    [
      'a section of a tebibyte',
      Buffer.concat([carHeader(ROOT), Buffer.from('80808080808020', 'hex')]),
      'TOO_LARGE',
    ],
  ])('of %s is refused', async (_, bytes, code) => {
    expect(await codeOf(bytes)).toBe(code);
  });

  it.each<[string, number[]]>([
    ['the identity hash', [0x01, 0x55, 0x00, 0x20]],
    ['another hash', [0x01, 0x55, 0x13, 0x20]],
    ['another codec', [0x01, 0x70, 0x12, 0x20]],
    ['version 0', [0x00, 0x55, 0x12, 0x20]],
    ['a shorter digest', [0x01, 0x55, 0x12, 0x1f]],
  ])('with a CID of %s is refused', async (_, head) => {
    const bytes = section(CIDS[2]!, CONTENTS[2]!);
    bytes.set(head, 1);
    expect(await codeOf(Buffer.concat([carHeader(ROOT), bytes]))).toBe('MALFORMED');
  });
});
