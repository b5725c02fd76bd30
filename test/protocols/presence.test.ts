import { sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseMeshId, parseSpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  decodePresences,
  encodePresences,
  headsHash,
  type Presence,
  verifyPresence,
} from '../../protocols/presence.ts';
import { presenceBytes } from '../../protocols/signable.ts';
import { codeOf } from '../certs/fixtures.ts';
import vectors from '../vectors/presence.json' with { type: 'json' };
import { KEY, keyOf, MESH, ORIGIN, SPACE } from './sample-log.ts';

const spaceOf = (n: number) =>
  parseSpaceId(`0199b7c2-1f00-4000-8000-${String(n).padStart(12, '0')}`);
const fields = {
  space: SPACE,
  incarnation: Buffer.alloc(16, 1),
  timeMs: 1_795_000_000_000,
  headsHash: Buffer.alloc(32, 2),
  directory: { size: 42, root: Buffer.alloc(32, 3) },
  version: '1.2.3-rc.1+build',
  addresses: ['/ip4/127.0.0.1/tcp/4001', '/dns4/library/tcp/4001'],
  suspicions: [
    { space: spaceOf(8), timeMs: 1_794_999_990_000 },
    { space: spaceOf(9), timeMs: 0 },
  ],
};
const signed = (given: typeof fields): Presence => ({
  ...given,
  signature: sign(null, presenceBytes({ mesh: MESH, ...given }), KEY.privateKey),
});
const presence = signed(fields);

describe('presence', () => {
  it('is verified by the key of its space after a journey', () => {
    const [received] = decodePresences(encodePresences([presence]));
    expect(received).toEqual(presence);
    expect(() => verifyPresence(MESH, received!, KEY.publicKey)).not.toThrow();
  });

  it('is verified as well when somebody else passed it on', () => {
    const bearer = { ...presence, space: spaceOf(3) };
    const received = decodePresences(encodePresences([bearer, presence]));
    expect(() => verifyPresence(MESH, received[1]!, KEY.publicKey)).not.toThrow();
    expect(codeOf(() => verifyPresence(MESH, received[0]!, KEY.publicKey))).toBe('BAD_SIGNATURE');
  });

  it('of the largest size fits its message, with all that may go along', () => {
    const largest = {
      ...fields,
      version: '1'.repeat(LIMITS.nodeVersionChars),
      addresses: Array(LIMITS.addresses).fill('a'.repeat(LIMITS.addressChars)) as string[],
      suspicions: Array.from({ length: LIMITS.suspicions }, (_, i) => ({
        space: spaceOf(i + 100),
        timeMs: Number.MAX_SAFE_INTEGER,
      })),
    };
    const all = Array.from({ length: LIMITS.presenceStatements }, (_, i) => ({
      ...signed(largest),
      space: spaceOf(i + 1),
    }));
    const bytes = encodePresences(all);
    expect(bytes.length).toBeLessThanOrEqual(LIMITS.presenceMessageBytes);
    expect(decodePresences(bytes)).toEqual(all);
  });

  it('of a quiet mesh is small', () => {
    const quiet = signed({ ...fields, addresses: fields.addresses.slice(0, 1), suspicions: [] });
    expect(encodePresences([quiet]).length).toBeLessThan(256);
  });

  it('of the vectors has signatures of one key', () => {
    const received = vectors
      .filter((v) => v.code === undefined)
      .flatMap((v) => decodePresences(Buffer.from(v.hex, 'hex')));
    expect(received.length).toBe(5);
    for (const p of received) {
      expect(codeOf(() => verifyPresence(MESH, p, KEY.publicKey))).toBe('BAD_SIGNATURE');
    }
  });

  it.each<[string, Partial<Presence>]>([
    ['space', { space: spaceOf(2) }],
    ['incarnation', { incarnation: Buffer.alloc(16, 9) }],
    ['time', { timeMs: fields.timeMs + 1 }],
    ['heads', { headsHash: Buffer.alloc(32, 9) }],
    ['size of the directory', { directory: { ...fields.directory, size: 43 } }],
    ['directory', { directory: { ...fields.directory, root: Buffer.alloc(32, 9) } }],
    ['version', { version: '1.2.4' }],
    ['addresses', { addresses: fields.addresses.slice(1) }],
    ['order of addresses', { addresses: [...fields.addresses].reverse() }],
    ['suspects', { suspicions: fields.suspicions.slice(1) }],
    [
      'time of a suspicion',
      { suspicions: [fields.suspicions[0]!, { space: spaceOf(9), timeMs: 1 }] },
    ],
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

  it('keeps no memory of the frame in which it came', () => {
    const frame = encodePresences([presence]);
    const [kept] = decodePresences(frame);
    frame.fill(0);
    expect(kept).toEqual(presence);
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
