import { describe, expect, it } from 'vitest';
import { BundleLog } from '../../../node/gap/bundle-log.ts';
import { decodeEntry } from '../../../protocols/entry.ts';
import { leafHash } from '../../../protocols/merkle.ts';
import { decodeSegment, packSegments } from '../../../protocols/segment.ts';
import { FEED_BYTES, noteOf, ORIGIN, samplePack, treeOf } from '../../protocols/sample-log.ts';

const all = samplePack(700);

/** The log of a bundle that goes on from here, and all its segments taken. */
function checked(from: number): {
  log: BundleLog;
  segments: readonly (readonly [number, number])[];
} {
  const before = treeOf(all.slice(0, from));
  const indexed = { log: FEED_BYTES, before, note: noteOf(all), pages: [] };
  const range = { origin: ORIGIN, from, to: all.length };
  const log = new BundleLog(range, indexed, { size: from, root: before.root() });
  const segments = packSegments(from, all.slice(from)).map((bytes) => {
    const segment = decodeSegment(bytes);
    log.take({ ...segment, decoded: segment.entries.map(({ leaf }) => decodeEntry(leaf)) });
    return [segment.from, segment.entries.length] as const;
  });
  log.finish();
  return { log, segments };
}

describe('log of a bundle', () => {
  it('remembers the hashes of the leaves that it checked, wherever it goes on', () => {
    for (const from of [0, 1, 255, 256, 300, 600]) {
      const { log, segments } = checked(from);
      const found = segments.flatMap(([at, count]) => log.leaves(at, count)!);
      expect(found).toEqual(all.slice(from).map(({ leaf }) => leafHash(leaf)));
    }
  });

  it('forgets those of whole tiles when it is told to, and counts what they take', () => {
    const { log } = checked(0);
    expect(log.leafBytes).toBe(2 * 256 * 32);
    log.forgetLeaves();
    expect([log.leafBytes, log.leaves(0, 256)]).toEqual([0, undefined]);
    expect(log.leaves(512, 188)).toHaveLength(188);
  });
});
