import { describe, expect, it } from 'vitest';
import {
  type BundleIndex,
  decodeBundleIndex,
  decodePage,
  encodeBundleIndex,
  encodePage,
} from '../../../protocols/gap/bundle-index.ts';
import { Frontier } from '../../../protocols/merkle.ts';
import { codeOf } from '../../certs/fixtures.ts';

const hash = (n: number) => Buffer.alloc(32, n);
const index: BundleIndex = {
  roots: [hash(1), hash(2)],
  logs: [
    { log: Buffer.alloc(16), before: new Frontier(), note: Buffer.from('note'), pages: [hash(3)] },
    {
      log: Buffer.alloc(16, 9),
      before: new Frontier(5, [hash(4), hash(5)]),
      note: Buffer.from('n'),
      pages: [],
    },
  ],
};

describe('the index of a bundle', () => {
  it('reads as it was written', () => {
    const bytes = encodeBundleIndex(index);
    const read = decodeBundleIndex(bytes);
    expect(read.roots).toEqual(index.roots);
    expect(read.logs.map(({ log, note, pages }) => ({ log, note, pages }))).toEqual(
      index.logs.map(({ log, note, pages }) => ({ log, note, pages })),
    );
    expect(read.logs.map(({ before }) => [before.size, before.root()])).toEqual(
      index.logs.map(({ before }) => [before.size, before.root()]),
    );
    expect(encodeBundleIndex(read)).toEqual(bytes);
  });

  it('of a format that is not known is refused, as is a page of one', () => {
    const other = (bytes: Buffer) =>
      Buffer.concat([bytes.subarray(0, 1), Buffer.of(2), bytes.subarray(2)]);
    expect(codeOf(() => decodeBundleIndex(other(encodeBundleIndex(index))))).toBe('MALFORMED');
    const page = encodePage({ segments: [hash(1)], missing: [] });
    expect(codeOf(() => decodePage(other(page)))).toBe('MALFORMED');
  });

  it('is not made without a root, nor with a log twice', () => {
    expect(codeOf(() => encodeBundleIndex({ ...index, roots: [] }))).toBe('MALFORMED');
    const twice = [index.logs[0]!, index.logs[0]!];
    expect(codeOf(() => encodeBundleIndex({ ...index, logs: twice }))).toBe('MALFORMED');
  });

  it('is refused when it is cut anywhere, or has bytes behind it', () => {
    const bytes = encodeBundleIndex(index);
    for (let length = 0; length < bytes.length; length++)
      expect(codeOf(() => decodeBundleIndex(bytes.subarray(0, length)))).toBe('MALFORMED');
    expect(codeOf(() => decodeBundleIndex(Buffer.concat([bytes, bytes])))).toBe('NOT_CANONICAL');
    expect(codeOf(() => decodeBundleIndex(Buffer.alloc(200_000)))).toBe('TOO_LARGE');
  });
});

describe('a page of the index', () => {
  const page = { segments: [hash(1), hash(2)], missing: [hash(3)] };

  it('reads as it was written', () => {
    expect(decodePage(encodePage(page))).toEqual(page);
  });

  it('is refused when it is empty, cut, or longer than it may be', () => {
    const code = (more: object) => codeOf(() => decodePage(encodePage({ ...page, ...more })));
    expect(code({ segments: [] })).toBe('MALFORMED');
    expect(code({ segments: [Buffer.alloc(31)] })).toBe('MALFORMED');
    expect(code({ missing: [Buffer.alloc(33)] })).toBe('MALFORMED');
    const many = Array.from({ length: 1537 }, () => hash(1));
    expect(code({ segments: many })).toBe('TOO_LARGE');
    expect(code({ missing: many })).toBe('TOO_LARGE');
  });
});
