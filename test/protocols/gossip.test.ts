import { sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { decodeNote } from '../../protocols/checkpoint.ts';
import {
  contextTopic,
  decodeAnnouncement,
  decodePresence,
  directoryTopic,
  encodeAnnouncement,
  encodePresence,
  headsHash,
  type Presence,
  presenceTopic,
  verifyInline,
  verifyPresence,
} from '../../protocols/gossip.ts';
import { parseContextName, parseMeshId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { type Packed, packSegments } from '../../protocols/segment.ts';
import { presenceBytes } from '../../protocols/signable.ts';
import { syncProtocol } from '../../protocols/sync.ts';
import { codeOf } from '../certs/fixtures.ts';
import vectors from '../vectors/presence.json' with { type: 'json' };
import {
  FEED_BYTES,
  KEY,
  keyOf,
  MESH,
  noteOf,
  ORIGIN,
  SPACE,
  samplePack,
  treeOf,
} from './sample-log.ts';

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
    [300, 600],
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

describe('presence', () => {
  const fields = {
    space: SPACE,
    incarnation: Buffer.alloc(16, 1),
    timeMs: 1_795_000_000_000,
    headsHash: Buffer.alloc(32, 2),
    addresses: ['/ip4/127.0.0.1/tcp/4001', '/dns4/library/tcp/4001'],
  };
  const signature = sign(null, presenceBytes({ mesh: MESH, ...fields }), KEY.privateKey);
  const presence: Presence = { ...fields, signature };

  it('is verified by the key of its space after a journey', () => {
    const received = decodePresence(encodePresence(presence));
    expect(received).toEqual(presence);
    expect(() => verifyPresence(MESH, received, KEY.publicKey)).not.toThrow();
  });

  it('of the vectors has signatures of one key', () => {
    const received = vectors
      .filter((v) => v.code === undefined)
      .map((v) => decodePresence(Buffer.from(v.hex, 'hex')));
    expect(received.length).toBe(2);
    for (const p of received) {
      expect(codeOf(() => verifyPresence(MESH, p, KEY.publicKey))).toBe('BAD_SIGNATURE');
    }
  });

  it.each<[string, Partial<Presence>]>([
    ['space', { space: '0199b7c2-1f00-4000-8000-000000000002' as typeof SPACE }],
    ['incarnation', { incarnation: Buffer.alloc(16, 9) }],
    ['time', { timeMs: fields.timeMs + 1 }],
    ['heads', { headsHash: Buffer.alloc(32, 9) }],
    ['addresses', { addresses: fields.addresses.slice(1) }],
    ['order of addresses', { addresses: [...fields.addresses].reverse() }],
    ['signature', { signature: Buffer.alloc(64) }],
  ])('is refused with another %s', (_, changes) => {
    const changed = { ...presence, ...changes };
    expect(codeOf(() => verifyPresence(MESH, changed, KEY.publicKey))).toBe('BAD_SIGNATURE');
  });

  it('is refused in another mesh and under another key', () => {
    const mesh = parseMeshId('a'.repeat(26));
    expect(codeOf(() => verifyPresence(mesh, presence, KEY.publicKey))).toBe('BAD_SIGNATURE');
    const other = keyOf(0x43).publicKey;
    expect(codeOf(() => verifyPresence(MESH, presence, other))).toBe('BAD_SIGNATURE');
  });

  it('commits to every head, in whatever order they are given', () => {
    const heads = ['feed-a', 'feed-b', 'feed-c'].map((name, i) => ({
      origin: `odcm/x/${name}/1`,
      size: i,
      root: Buffer.alloc(32, i),
    }));
    const hash = headsHash(heads);
    expect(headsHash([...heads].reverse())).toEqual(hash);
    const others = [
      heads.slice(1),
      [{ ...heads[0]!, size: 9 }, ...heads.slice(1)],
      [{ ...heads[0]!, root: Buffer.alloc(32, 9) }, ...heads.slice(1)],
      [{ ...heads[0]!, origin: ORIGIN }, ...heads.slice(1)],
      [],
    ];
    for (const other of others) expect(headsHash(other)).not.toEqual(hash);
  });
});

describe('names on the network', () => {
  it('carry the mesh, so that two meshes never meet', () => {
    expect(contextTopic(MESH, parseContextName('variables'))).toBe(
      `/odcm/${MESH}/feeds/variables/1`,
    );
    expect(directoryTopic(MESH)).toBe(`/odcm/${MESH}/dir/1`);
    expect(presenceTopic(MESH)).toBe(`/odcm/${MESH}/presence/1`);
    expect(syncProtocol(MESH)).toBe(`/odcm/${MESH}/sync/1.0.0`);
  });
});
