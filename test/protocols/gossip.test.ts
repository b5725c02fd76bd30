import { describe, expect, it } from 'vitest';
import { decodeNote } from '../../protocols/checkpoint.ts';
import {
  contextTopic,
  decodeAnnouncement,
  directoryTopic,
  encodeAnnouncement,
  presenceTopic,
  verifyInline,
} from '../../protocols/gossip.ts';
import { parseContextName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Packed, packSegments } from '../../protocols/segment.ts';
import { syncProtocol } from '../../protocols/sync.ts';
import { codeOf } from '../certs/fixtures.ts';
import { FEED_BYTES, MESH, noteOf, samplePack, treeOf } from './sample-log.ts';

const log = samplePack(600);

function announce(from: number, size: number, packed: readonly Packed[] = log.slice(from, size)) {
  const tree = treeOf(log.slice(0, from));
  const bytes = encodeAnnouncement(noteOf(log.slice(0, size)), tree, packSegments(from, packed));
  return decodeAnnouncement(bytes);
}

describe('announcement', () => {
  it.each([
    [0, 1],
    [3, 3],
    [255, 257],
    [300, 420],
    [511, 512],
  ])('of the entries from %d to %d folds to its signed root', (from, size) => {
    const a = announce(from, size);
    expect(a.note.checkpoint.size).toBe(size);
    expect(a.segments.flatMap((s) => s.entries)).toEqual(log.slice(from, size));
    expect(() => verifyInline(a, FEED_BYTES)).not.toThrow();
    expect(() => verifyInline(a, FEED_BYTES)).not.toThrow();
    expect(a.frontier.size).toBe(from);
  });

  it('does not fold with entries missing, exchanged or of another log', () => {
    const swapped = [log[4]!, log[3]!];
    for (const a of [
      announce(3, 5, log.slice(3, 4)),
      announce(3, 5, log.slice(3, 6)),
      announce(3, 5, swapped),
      announce(3, 5, [log[3]!, log[3]!]),
      { ...announce(3, 5), frontier: treeOf([log[1]!, log[0]!, log[2]!]) },
      { ...announce(3, 5), note: decodeNote(noteOf(log.slice(0, 4))) },
      announce(3, 5, []),
    ]) {
      expect(codeOf(() => verifyInline(a, FEED_BYTES))).toBe('ROOT_MISMATCH');
    }
  });

  it('carries with each entry the small record that it names, and no other', () => {
    const bare = log.slice(3, 5).map(({ leaf }) => ({ leaf, record: null }));
    expect(codeOf(() => verifyInline(announce(3, 5, bare), FEED_BYTES))).toBe('NOT_CANONICAL');
    const foreign = log.slice(3, 5).map(({ leaf }) => ({ leaf, record: Buffer.from('other') }));
    expect(codeOf(() => verifyInline(announce(3, 5, foreign), FEED_BYTES))).toBe('HASH_MISMATCH');
  });

  it('is refused when its entries belong to another log', () => {
    const a = announce(3, 5);
    expect(codeOf(() => verifyInline(a, Buffer.alloc(16, 9)))).toBe('WRONG_ORIGIN');
  });

  it('is refused above its limit before it is read', () => {
    const large = Buffer.alloc(LIMITS.gossipFrameBytes + 1);
    expect(codeOf(() => decodeAnnouncement(large))).toBe('TOO_LARGE');
  });
});

describe('names on the network', () => {
  it('carry the mesh, so that two meshes never meet', () => {
    expect(contextTopic(MESH, parseContextName('variables'))).toBe(
      `/odcm/${MESH}/feeds/variables/1`,
    );
    expect(directoryTopic(MESH)).toBe(`/odcm/${MESH}/dir/1`);
    expect(presenceTopic(MESH)).toBe(`/odcm/${MESH}/presence/3`);
    expect(syncProtocol(MESH)).toBe(`/odcm/${MESH}/sync/1.0.0`);
  });
});
