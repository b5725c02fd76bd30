import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEntry } from '../../protocols/entry.ts';
import { isMeshError } from '../../protocols/errors.ts';
import { Frontier, leafHash, rootOf } from '../../protocols/merkle.ts';
import {
  needsSkeleton,
  RunVerifier,
  type Skeleton,
  skeletonRange,
  type Verified,
  verifySkeleton,
} from '../../protocols/run-verifier.ts';
import { decodeSegment, type Packed, packSegments } from '../../protocols/segment.ts';
import { codeOf } from '../certs/fixtures.ts';
import { checkpointOf, FEED_BYTES, samplePack, samplePacked, treeOf } from './sample-log.ts';

const log = samplePack(1100);
const DIRECTORY = Buffer.alloc(16);

const heldAt = (size: number): Frontier => treeOf(log.slice(0, size));

function skeletonOf(held: number, size: number, source = log): Skeleton {
  const { firstTile, lastTile } = skeletonRange(held, size);
  const leaves = source.slice(0, size).map((p) => leafHash(p.leaf));
  const tiles: Buffer[] = [];
  for (let n = firstTile; n < lastTile; n++)
    tiles.push(rootOf(leaves.slice(n * 256, n * 256 + 256)));
  return verifySkeleton(
    heldAt(held),
    tiles,
    leaves.slice(lastTile * 256),
    checkpointOf(log.slice(0, size)),
  );
}

/** Segments as a carrier with other batches would hold them. */
function cutAt(entries: readonly Packed[], from: number, cuts: readonly number[]): Buffer[] {
  const borders = [0, ...[...cuts].sort((a, b) => a - b), entries.length];
  return borders.flatMap((border, i) =>
    packSegments(from + border, entries.slice(border, borders[i + 1])),
  );
}

const opened = (bytes: Buffer) => {
  const segment = decodeSegment(bytes);
  return { ...segment, decoded: segment.entries.map(({ leaf }) => decodeEntry(leaf)) };
};

const countOf = (verified: readonly Verified[]) =>
  verified.reduce((sum, v) => sum + v.segment.entries.length, 0);

function pushAll(verifier: RunVerifier, segments: readonly Buffer[]): Verified[] {
  return segments.flatMap((segment) => verifier.push(segment));
}

describe('run of segments', () => {
  it('is proven by its checkpoint however it is cut', () => {
    const cuts = (most: number) => fc.array(fc.nat(most), { maxLength: 12 });
    fc.assert(
      fc.property(
        fc.nat(1099),
        fc.integer({ min: 1, max: 1100 }),
        cuts(1100),
        fc.boolean(),
        (a, b, at, whole) => {
          const [held, size] = a < b ? [a, b] : [b - 1, a + 1];
          const entries = log.slice(held, size);
          const segments = cutAt(
            entries,
            held,
            at.map((cut) => cut % entries.length),
          );
          const skeleton = whole ? skeletonOf(held, size) : undefined;
          const verifier = new RunVerifier(
            heldAt(held),
            checkpointOf(log.slice(0, size)),
            FEED_BYTES,
            skeleton,
          );
          const verified = pushAll(verifier, segments);
          expect(verifier.isComplete).toBe(true);
          expect(verified.map((v) => v.bytes)).toEqual(segments);
          expect(verified.at(-1)!.after.root()).toEqual(treeOf(log.slice(0, size)).root());
        },
      ),
      { numRuns: 60 },
    );
  });

  it('gives with each segment the tile hashes of its entries', () => {
    const verifier = new RunVerifier(heldAt(200), checkpointOf(log), FEED_BYTES);
    const hashes = pushAll(verifier, packSegments(200, log.slice(200))).flatMap((v) => v.hashes);
    const leaves = hashes.filter((h) => h.level === 0);
    expect(leaves.map((h) => h.index)).toEqual(Array.from({ length: 900 }, (_, i) => 200 + i));
    expect(leaves.map((h) => h.hash)).toEqual(log.slice(200).map((p) => leafHash(p.leaf)));
    const roots = hashes.filter((h) => h.level === 1);
    const tile = (n: number) =>
      rootOf(log.slice(n * 256, n * 256 + 256).map((p) => leafHash(p.leaf)));
    expect(roots.map((h) => h.hash)).toEqual([0, 1, 2, 3].map(tile));
  });

  it('is held back until the checkpoint when no tile is proven', () => {
    const verifier = new RunVerifier(heldAt(0), checkpointOf(log), FEED_BYTES);
    const segments = packSegments(0, log);
    expect(pushAll(verifier, segments.slice(0, -1))).toEqual([]);
    expect(countOf(verifier.push(segments.at(-1)!))).toBe(1100);
  });

  it('is given out tile by tile when the tiles are proven', () => {
    const verifier = new RunVerifier(heldAt(0), checkpointOf(log), FEED_BYTES, skeletonOf(0, 1100));
    const released = cutAt(log, 0, [100, 400]).map((s) => countOf(verifier.push(s)));
    expect(released).toEqual([0, 256, 0, 256, 256, 256, 76]);
  });

  it('is refused where it does not lead through a milestone, whatever its checkpoint says', () => {
    const run = (root: Buffer, skeleton?: Skeleton) =>
      pushAll(
        new RunVerifier(heldAt(0), checkpointOf(log), FEED_BYTES, skeleton, { size: 700, root }),
        packSegments(0, log),
      );
    expect(countOf(run(heldAt(700).root()))).toBe(1100);
    expect(countOf(run(heldAt(700).root(), skeletonOf(0, 1100)))).toBe(1100);
    expect(codeOf(() => run(heldAt(699).root()))).toBe('ROOT_MISMATCH');
    expect(codeOf(() => run(heldAt(701).root(), skeletonOf(0, 1100)))).toBe('ROOT_MISMATCH');
  });

  it('is proven alike when its segments were taken apart before', () => {
    const run = (size: number, isOpen: boolean) => {
      const verifier = new RunVerifier(heldAt(0), checkpointOf(log.slice(0, size)), FEED_BYTES);
      return packSegments(0, log).flatMap((bytes) =>
        verifier.push(bytes, isOpen ? opened(bytes) : undefined),
      );
    };
    const findingsOf = (verified: readonly Verified[]) =>
      verified.map(({ entries, hashes }) => ({ entries, hashes }));
    expect(findingsOf(run(1100, true))).toEqual(findingsOf(run(1100, false)));
    const [foreign] = packSegments(0, [samplePacked(0, { feed: Buffer.alloc(16, 9) })]);
    const verifier = () => new RunVerifier(heldAt(0), checkpointOf(log), FEED_BYTES);
    expect(codeOf(() => verifier().push(foreign!, opened(foreign!)))).toBe('WRONG_ORIGIN');
    const [first, second] = packSegments(0, log);
    expect(codeOf(() => verifier().push(second!, opened(second!)))).toBe('MALFORMED');
    expect(codeOf(() => run(1099, true))).toBe('MALFORMED');
    expect(verifier().push(first!, opened(first!))).toEqual([]);
  });

  it('folds hashes of leaves that its caller knows, and is refused when they are others', () => {
    const run = (hashes: readonly Buffer[]) => {
      const verifier = new RunVerifier(
        heldAt(0),
        checkpointOf(log),
        FEED_BYTES,
        skeletonOf(0, 1100),
      );
      return packSegments(0, log).flatMap((bytes) => {
        const open = opened(bytes);
        const leaves = hashes.slice(open.from, open.from + open.entries.length);
        return verifier.push(bytes, { ...open, leaves });
      });
    };
    const known = log.map(({ leaf }) => leafHash(leaf));
    const findings = run(known).map(({ bytes, hashes, after }) => [bytes, hashes, after.root()]);
    expect(findings).toEqual(run([]).map((v) => [v.bytes, v.hashes, v.after.root()]));
    expect(codeOf(() => run(known.with(700, known[701]!)))).toBe('ROOT_MISMATCH');
  });

  it('goes on in the middle of a tile', () => {
    for (const held of [1, 255, 256, 257, 300, 511, 1000]) {
      const verifier = new RunVerifier(
        heldAt(held),
        checkpointOf(log),
        FEED_BYTES,
        skeletonOf(held, 1100),
      );
      expect(verifier.size).toBe(held);
      expect(countOf(pushAll(verifier, packSegments(held, log.slice(held))))).toBe(1100 - held);
    }
  });

  it('needs a skeleton only for more than the next tile', () => {
    expect(needsSkeleton(0, 511)).toBe(false);
    expect(needsSkeleton(0, 512)).toBe(true);
    expect(needsSkeleton(255, 511)).toBe(false);
    expect(needsSkeleton(256, 512)).toBe(false);
    expect(skeletonRange(300, 1100)).toEqual({ firstTile: 1, lastTile: 4 });
  });
});

describe('skeleton', () => {
  const leaves = log.map((p) => leafHash(p.leaf));
  const tiles = [0, 1, 2, 3].map((n) => rootOf(leaves.slice(n * 256, n * 256 + 256)));
  const tail = leaves.slice(1024);
  const target = checkpointOf(log);
  const verify = (t: readonly Buffer[], l: readonly Buffer[]) =>
    codeOf(() => verifySkeleton(heldAt(0), t, l, target));

  it.each([
    ['a wrong tile', () => verify([leaves[0]!, ...tiles.slice(1)], tail)],
    ['tiles in another order', () => verify([tiles[1]!, tiles[0]!, ...tiles.slice(2)], tail)],
    ['a tile too few', () => verify(tiles.slice(1), tail)],
    ['a tile too many', () => verify([...tiles, tiles[0]!], tail)],
    ['a wrong leaf', () => verify(tiles, [leaves[0]!, ...tail.slice(1)])],
    ['a leaf too few', () => verify(tiles, tail.slice(1))],
    ['no hashes', () => verify([], [])],
  ])('is refused with %s', (_, run) => {
    expect(run()).toBe('ROOT_MISMATCH');
  });

  it('is refused with a hash of another length', () => {
    expect(verify([tiles[0]!.subarray(1), ...tiles.slice(1)], tail)).toBe('MALFORMED');
    expect(verify(tiles, [tail[0]!.subarray(1), ...tail.slice(1)])).toBe('MALFORMED');
  });

  it('that names leaves instead of tiles releases nothing', () => {
    const flat = verifySkeleton(heldAt(0), [], leaves, target);
    const verifier = new RunVerifier(heldAt(0), target, FEED_BYTES, flat);
    expect(codeOf(() => verifier.push(packSegments(0, log)[0]!))).toBe('ROOT_MISMATCH');
  });
});

describe('hostile segments', () => {
  const target = checkpointOf(log.slice(0, 600));
  const fresh = (skeleton = skeletonOf(0, 600)) =>
    new RunVerifier(heldAt(0), target, FEED_BYTES, skeleton);
  const segments = packSegments(0, log.slice(0, 600));
  const replaced = (at: number, packed: Packed) =>
    packSegments(
      0,
      log.slice(0, 600).map((p, i) => (i === at ? packed : p)),
    );
  const release = (parts: readonly Buffer[]) => {
    const verifier = fresh();
    let released = 0;
    let code: string | undefined;
    try {
      for (const part of parts) released += countOf(verifier.push(part));
    } catch (error) {
      code = isMeshError(error) ? error.code : 'none';
    }
    return { released, code };
  };

  it('are refused with any bit changed anywhere in them', () => {
    const held = heldAt(508);
    const skeleton = skeletonOf(508, 600);
    const [bytes] = packSegments(508, log.slice(508, 512));
    const push = (segment: Buffer) => () =>
      new RunVerifier(held, target, FEED_BYTES, skeleton).push(segment);
    expect(countOf(push(bytes!)())).toBe(4);
    for (let at = 0; at < bytes!.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const changed = Buffer.from(bytes!);
        changed[at]! ^= 1 << bit;
        expect(codeOf(push(changed)), `bit ${bit} of byte ${at}`).toMatch(
          /^(MALFORMED|NOT_CANONICAL|TOO_LARGE|WRONG_ORIGIN|HASH_MISMATCH|ROOT_MISMATCH)$/,
        );
      }
    }
  });

  it.each<[string, Packed, string]>([
    [
      'another time',
      { ...log[300]!, leaf: samplePacked(300, { timeMs: 1 }).leaf },
      'ROOT_MISMATCH',
    ],
    ['another record', { ...log[300]!, record: Buffer.from('record 301') }, 'HASH_MISMATCH'],
    ['an empty record', { ...log[300]!, record: Buffer.alloc(0) }, 'HASH_MISMATCH'],
    ['no record beside it', { ...log[300]!, record: null }, 'NOT_CANONICAL'],
    ['another entry', log[301]!, 'ROOT_MISMATCH'],
    ['an entry of another feed', samplePacked(300, { feed: Buffer.alloc(16, 9) }), 'WRONG_ORIGIN'],
    ['an entry of the directory', samplePacked(300, { feed: null }), 'WRONG_ORIGIN'],
    ['a leaf that is no entry', { leaf: Buffer.of(0x80), record: Buffer.alloc(0) }, 'MALFORMED'],
  ])('are refused with %s in the second tile, the first being released', (_, packed, code) => {
    expect(release(replaced(300, packed))).toEqual({ released: 256, code });
  });

  it('are refused behind the last proven tile by the signed root', () => {
    const other = samplePacked(599, { timeMs: 1 });
    expect(release(replaced(599, other))).toEqual({ released: 512, code: 'ROOT_MISMATCH' });
  });

  it('are refused out of order, twice, or beyond the checkpoint', () => {
    expect(release([segments[1]!])).toEqual({ released: 0, code: 'MALFORMED' });
    expect(release([segments[0]!, segments[0]!])).toEqual({ released: 256, code: 'MALFORMED' });
    const beyond = packSegments(512, log.slice(512, 601));
    expect(release([...segments.slice(0, 2), ...beyond])).toEqual({
      released: 512,
      code: 'MALFORMED',
    });
    expect(release([...segments, ...packSegments(600, log.slice(600, 601))])).toEqual({
      released: 600,
      code: 'MALFORMED',
    });
  });

  it('spoil the run: nothing is released after a refusal, good as it may be', () => {
    const verifier = fresh();
    const [bad] = replaced(5, samplePacked(5, { timeMs: 1 }));
    expect(codeOf(() => verifier.push(bad!))).toBe('ROOT_MISMATCH');
    for (const segment of segments) expect(codeOf(() => verifier.push(segment))).toBe('MALFORMED');
  });

  it('may leave out a record only when it is too large to travel with its entry', () => {
    const large = samplePacked(0, { sizeBytes: 12_289 });
    const one =
      (packed: Packed, feed = FEED_BYTES) =>
      () =>
        new RunVerifier(new Frontier(), checkpointOf([packed]), feed).push(
          packSegments(0, [packed])[0]!,
        );
    expect(countOf(one({ ...large, record: null })())).toBe(1);
    expect(codeOf(one({ ...samplePacked(0, { sizeBytes: 12_288 }), record: null }))).toBe(
      'NOT_CANONICAL',
    );
    const none = samplePacked(0, { record: null, sizeBytes: 0 });
    expect(codeOf(one({ ...none, record: null }))).toBe('NOT_CANONICAL');
    expect(countOf(one({ ...none, record: Buffer.alloc(0) })())).toBe(1);
    const ofDirectory = samplePacked(0, { feed: null, sizeBytes: 20_000 });
    expect(countOf(one(ofDirectory, DIRECTORY)())).toBe(1);
    expect(codeOf(one({ ...ofDirectory, record: null }, DIRECTORY))).toBe('NOT_CANONICAL');
  });
});
