import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rootSignature, signRoot } from '../../certs/root-keys.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { isMeshError } from '../../protocols/errors.ts';
import { meshIdOf, parseSpaceId, parseSpaceName, rootFingerprint } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import {
  buildRootPayload,
  decodeRoot,
  directoryOriginOf,
  type RootInput,
  rootKeyId,
} from '../../protocols/root.ts';
import {
  decodeRootEnvelope,
  encodeRootEnvelope,
  extendRootChain,
  verifyRootChain,
} from '../../protocols/root-chain.ts';
import { codeOf, DAY_MS, flipBit, NOW_MS, refusalOf } from '../certs/fixtures.ts';

const key = (): KeyObject => generateKeyPairSync('ed25519').privateKey;
const [a, b, c, d, e, f] = [key(), key(), key(), key(), key(), key()] as const;
const online = { keys: [ed25519Raw(key())], threshold: 1 };
const stamping = { keys: [ed25519Raw(key())], threshold: 1 };
const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

function input(version: number, keys: readonly KeyObject[], threshold = 2): RootInput {
  return {
    version,
    mesh: parseSpaceName('acme'),
    expiresMs: NOW_MS + 365 * DAY_MS,
    odcm: parseSpaceId('0199b7c2-1f00-4000-8000-000000000001'),
    roles: {
      root: { keys: keys.map(ed25519Raw), threshold },
      directory: online,
      timestamp: stamping,
    },
    x509: { root: sha('root'), issuing: [sha('issuing')] },
  };
}

const make = (
  version: number,
  keys: readonly KeyObject[],
  signers: readonly KeyObject[],
  threshold = 2,
): Buffer => signRoot(buildRootPayload(input(version, keys, threshold)), signers);

const payload1 = buildRootPayload(input(1, [a, b, c]));
const v1 = signRoot(payload1, [a, b]);
const v2 = make(2, [b, c, d], [b, c, d]);
const v3 = make(3, [d, e, f], [c, d, e]);
const now = { nowMs: NOW_MS };
const chainCode = (...envelopes: Buffer[]): string => codeOf(() => verifyRootChain(envelopes, now));

/** Canonical JSON with one place changed, to get past every check but the one under test. */
function tampered(change: (root: Record<string, unknown>) => void): Buffer {
  const value = JSON.parse(payload1.toString()) as Record<string, unknown>;
  change(value);
  return Buffer.from(JSON.stringify(value));
}

describe('root payload', () => {
  it('reads back what was built, with key ids that are hashes of the keys', () => {
    const root = decodeRoot(payload1);
    expect(root).toMatchObject({ version: 1, mesh: 'acme', expires: '2027-11-21T12:00:00.000Z' });
    expect(root.roles.root).toEqual({
      keyids: [a, b, c].map((k) => rootKeyId(ed25519Raw(k))).sort(),
      threshold: 2,
    });
    expect(root.keys.get(rootKeyId(ed25519Raw(a)))).toEqual(ed25519Raw(a));
    expect(rootKeyId(ed25519Raw(a))).toBe(createHash('sha256').update(ed25519Raw(a)).digest('hex'));
  });

  it('lists a key that is given twice once', () => {
    const twice = buildRootPayload(input(1, [a, a, b, c]));
    expect(twice).toEqual(payload1);
  });

  it('refuses to build a threshold that its keys cannot reach, twice the same key included', () => {
    expect(codeOf(() => buildRootPayload(input(1, [a, a], 2)))).toBe('ROOT_INVALID');
    expect(codeOf(() => buildRootPayload(input(1, [a, b], 0)))).toBe('MALFORMED');
  });

  const place = (name: string, value: unknown) => tampered((root) => (root[name] = value));
  const role = (keyids: string[], threshold = 1) =>
    tampered((root) => {
      (root['roles'] as Record<string, unknown>)['directory'] = { keyids, threshold };
    });
  const idA = rootKeyId(ed25519Raw(a));
  const weak = Buffer.alloc(32);
  it.each([
    ['no JSON', Buffer.from('{'), 'MALFORMED'],
    ['a list', Buffer.from('[]'), 'MALFORMED'],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'MALFORMED'],
    ['a byte-order mark', Buffer.concat([Buffer.from('efbbbf', 'hex'), payload1]), 'MALFORMED'],
    ['a space at the end', Buffer.concat([payload1, Buffer.from(' ')]), 'NOT_CANONICAL'],
    ['an unknown field', place('extra', 1), 'NOT_CANONICAL'],
    ['another type', place('type', 'targets'), 'MALFORMED'],
    ['another specVersion', place('specVersion', '2'), 'MALFORMED'],
    ['version 0', place('version', 0), 'MALFORMED'],
    ['version 1.5', place('version', 1.5), 'MALFORMED'],
    ['a mesh name with capitals', place('mesh', 'Acme'), 'MALFORMED'],
    ['a date that does not exist', place('expires', '2027-02-30T00:00:00.000Z'), 'MALFORMED'],
    ['a date without milliseconds', place('expires', '2027-02-20T00:00:00Z'), 'MALFORMED'],
    ['an odcm that is no UUID', place('odcm', '0'.repeat(36)), 'MALFORMED'],
    ['pins that are no hashes', place('x509', { root: 'x', issuing: [] }), 'MALFORMED'],
    ['a role with an unlisted key', role([sha('nobody')]), 'ROOT_INVALID'],
    ['a role that names a key twice', role([idA, idA], 2), 'NOT_CANONICAL'],
    ['a threshold above the keys', role([idA], 2), 'ROOT_INVALID'],
    ['a key without a role', role([idA]), 'ROOT_INVALID'],
    [
      'a key of small order',
      place('keys', { [rootKeyId(weak)]: { type: 'ed25519', public: weak.toString('base64') } }),
      'WEAK_KEY',
    ],
    [
      'a key under the id of another',
      place('keys', { [idA]: { type: 'ed25519', public: ed25519Raw(b).toString('base64') } }),
      'ROOT_INVALID',
    ],
    [
      'more keys than its roles may have',
      place(
        'keys',
        Object.fromEntries(Array.from({ length: 200 }, (_, i) => [sha(String(i)), 1]).sort()),
      ),
      'TOO_LARGE',
    ],
    ['more bytes than the limit', Buffer.alloc(LIMITS.rootBytes + 1, 0x20), 'TOO_LARGE'],
  ])('refuses %s', (_, bytes, code) => {
    expect(codeOf(() => decodeRoot(bytes))).toBe(code);
  });
});

describe('root chain', () => {
  it('accepts version 1 by its own threshold', () => {
    const verified = verifyRootChain([v1], { ...now, fingerprint: rootFingerprint(payload1) });
    expect(verified).toMatchObject({ meshId: meshIdOf(payload1), versions: 1 });
    expect(verified.payloadV1).toEqual(payload1);
  });

  it('walks to the newest version and keeps the mesh id of the first', () => {
    const verified = verifyRootChain([v1, v2, v3], now);
    expect(verified.root.version).toBe(3);
    expect(verified.root.roles.root.keyids).toContain(rootKeyId(ed25519Raw(f)));
    expect(verified).toMatchObject({ meshId: meshIdOf(payload1), versions: 3 });
  });

  it('accepts an expired version on the way to one that is valid', () => {
    const old = buildRootPayload({ ...input(1, [a, b, c]), expiresMs: NOW_MS - DAY_MS });
    const first = signRoot(old, [a, b]);
    expect(verifyRootChain([first, make(2, [a, b, c], [a, b])], now).root.version).toBe(2);
    expect(chainCode(first)).toBe('ROOT_EXPIRED');
  });

  it('expires at the stated instant, not later', () => {
    const expiresMs = NOW_MS + 365 * DAY_MS;
    expect(verifyRootChain([v1], { nowMs: expiresMs - 1 }).versions).toBe(1);
    expect(codeOf(() => verifyRootChain([v1], { nowMs: expiresMs }))).toBe('ROOT_EXPIRED');
  });

  it('refuses another mesh than the fingerprint names', () => {
    const fingerprint = rootFingerprint(buildRootPayload(input(1, [d, e, f])));
    expect(codeOf(() => verifyRootChain([v1], { ...now, fingerprint }))).toBe('WRONG_MESH');
    const other = codeOf(() =>
      verifyRootChain([v1], { ...now, fingerprint: rootFingerprint(payload1).subarray(1) }),
    );
    expect(other).toBe('WRONG_MESH');
  });

  it('refuses rollback: a version that is repeated or lower than the one before', () => {
    expect(chainCode(v1, v1)).toBe('ROOT_INVALID');
    expect(chainCode(v1, v2, v1)).toBe('ROOT_INVALID');
    expect(chainCode(v1, v2, v2)).toBe('ROOT_INVALID');
  });

  it('refuses a gap, a wrong beginning and nothing at all', () => {
    expect(chainCode(v1, v3)).toBe('ROOT_INVALID');
    expect(chainCode(v2, v3)).toBe('ROOT_INVALID');
    expect(chainCode()).toBe('ROOT_INVALID');
  });

  it('ends at the last version that the limit allows', () => {
    const chain = verifyRootChain([v1], now);
    expect(extendRootChain(chain, v2).root.version).toBe(2);
    const full = { ...chain, versions: LIMITS.rootVersions };
    expect(codeOf(() => extendRootChain(full, v2))).toBe('TOO_LARGE');
  });

  it('refuses keys below the threshold', () => {
    expect(chainCode(signRoot(payload1, [a]))).toBe('ROOT_INVALID');
    expect(chainCode(signRoot(payload1, []))).toBe('ROOT_INVALID');
    expect(chainCode(v1, make(2, [b, c, d], [b, d]))).toBe('ROOT_INVALID');
  });

  it('refuses a version that only its own new keys signed', () => {
    expect(chainCode(v1, make(2, [d, e, f], [d, e, f]))).toBe('ROOT_INVALID');
  });

  it('refuses a version that only the old keys signed', () => {
    expect(chainCode(v1, make(2, [d, e, f], [a, b, c]))).toBe('ROOT_INVALID');
  });

  it('counts a key once however often it signs', () => {
    const one = rootSignature(payload1, a);
    const doubled = encodeRootEnvelope({ payload: payload1, signatures: [one, one, one] });
    const refusal = refusalOf(() => verifyRootChain([doubled], now));
    expect(refusal.code).toBe('ROOT_INVALID');
    expect(refusal.message).toContain('has 1 of the 2 signatures');
  });

  it('counts no signature that stands under the id of another key', () => {
    const one = rootSignature(payload1, a);
    const posing = { keyid: rootKeyId(ed25519Raw(b)), sig: one.sig };
    const envelope = encodeRootEnvelope({ payload: payload1, signatures: [one, posing] });
    expect(chainCode(envelope)).toBe('ROOT_INVALID');
  });

  it('ignores bad and foreign signatures beside enough good ones', () => {
    const broken = { keyid: rootKeyId(ed25519Raw(c)), sig: Buffer.alloc(64) };
    const signatures = [broken, ...[a, b, f].map((k) => rootSignature(payload1, k))];
    const envelope = encodeRootEnvelope({ payload: payload1, signatures });
    expect(verifyRootChain([envelope], now).versions).toBe(1);
  });

  it('refuses keys of the directory in place of root keys', () => {
    const directory = key();
    const roles = {
      ...input(1, [a, b, c]).roles,
      directory: { keys: [ed25519Raw(directory)], threshold: 1 },
    };
    const payload = buildRootPayload({ ...input(1, [a, b, c]), roles });
    expect(chainCode(signRoot(payload, [a, directory]))).toBe('ROOT_INVALID');
  });

  it('refuses a version that renames the mesh or moves it to another ODCM', () => {
    const renamed = { ...input(2, [a, b, c]), mesh: parseSpaceName('other') };
    expect(chainCode(v1, signRoot(buildRootPayload(renamed), [a, b]))).toBe('ROOT_INVALID');
    const odcm = parseSpaceId('0199b7c2-1f00-4000-8000-00000000000f');
    const moved = buildRootPayload({ ...input(2, [a, b, c]), odcm });
    expect(chainCode(v1, signRoot(moved, [a, b]))).toBe('ROOT_INVALID');
  });

  it('refuses an envelope of another payload type, and one that is spelled differently', () => {
    const other = Buffer.from(v1.toString().replace('odcm.root', 'odcm.other'));
    expect(chainCode(other)).toBe('MALFORMED');
    expect(chainCode(Buffer.from(v1.toString().replace('{', '{ ')))).toBe('NOT_CANONICAL');
    expect(chainCode(Buffer.alloc(LIMITS.rootBytes + 1))).toBe('TOO_LARGE');
  });

  it('refuses more versions than the limit before looking at any', () => {
    const many = new Array<Buffer>(LIMITS.rootVersions + 1).fill(Buffer.alloc(0));
    expect(chainCode(...many)).toBe('TOO_LARGE');
  });

  it('refuses a chain in which one bit of the content of any version is turned over', () => {
    const fingerprint = rootFingerprint(payload1);
    const chain = [v1, v2, v3];
    fc.assert(
      fc.property(fc.nat(2), fc.nat(), (at, bit) => {
        const bad = chain.map((bytes, i) => (i === at ? flipBit(bytes, bit) : bytes));
        try {
          verifyRootChain(bad, { ...now, fingerprint });
        } catch (error) {
          return isMeshError(error);
        }
        // A signature beyond the threshold may rot without harm; the content may not.
        const [before, after] = [decodeRootEnvelope(chain[at]!), decodeRootEnvelope(bad[at]!)];
        return after.payload.equals(before.payload);
      }),
      { numRuns: 300 },
    );
  });
});

describe('an epoch of the directory', () => {
  const at = (epoch: number, size: number, byte = 1) => ({
    epoch,
    continues: { size, root: Buffer.alloc(32, byte) },
  });
  const version = (number: number, directory: ReturnType<typeof at> | null) =>
    signRoot(buildRootPayload({ ...input(number, [a, b, c]), directory }), [a, b]);
  const opened = version(2, at(2, 40));

  it('is opened by a version that the threshold of the keepers signed, and kept by those behind it', () => {
    const { root } = verifyRootChain([v1, opened, version(3, at(2, 40))], now);
    expect(root.directory).toEqual(at(2, 40));
    expect(directoryOriginOf(meshIdOf(payload1), root)).toMatch(/\/dir\/2$/);
    const { root: first } = verifyRootChain([v1], now);
    expect(first.directory).toBe(null);
    expect(directoryOriginOf(meshIdOf(payload1), first)).toMatch(/\/dir\/1$/);
    const alone = buildRootPayload({ ...input(2, [a, b, c]), directory: at(2, 40) });
    expect(chainCode(v1, signRoot(alone, [a]))).toBe('ROOT_INVALID');
  });

  it('is followed by exactly the next one, which begins no earlier', () => {
    for (const size of [40, 41]) {
      const { root } = verifyRootChain([v1, opened, version(3, at(3, size))], now);
      expect(root.directory).toEqual(at(3, size));
    }
    for (const next of [at(4, 50), at(2, 41), at(2, 40, 2), at(3, 39), at(3, 40, 2), null])
      expect(chainCode(v1, opened, version(3, next)), JSON.stringify(next)).toBe('ROOT_INVALID');
    expect(chainCode(v1, version(2, at(3, 40)))).toBe('ROOT_INVALID');
    expect(chainCode(version(1, at(2, 40)))).toBe('ROOT_INVALID');
  });

  it('has one form', () => {
    const read = (directory: unknown) =>
      decodeRoot(
        tampered((root) => {
          root['directory'] = directory;
        }),
      );
    const code = (directory: unknown) => codeOf(() => read(directory));
    const root = Buffer.alloc(32, 1).toString('base64');
    expect(read({ epoch: 2, continues: { size: 40, root } }).directory).toEqual(at(2, 40));
    expect(code({ epoch: 1, continues: { size: 40, root } })).toBe('ROOT_INVALID');
    expect(code({ continues: { size: 40, root }, epoch: 2 })).toBe('NOT_CANONICAL');
    expect(code({ epoch: 2, continues: { size: 40, root }, more: 1 })).toBe('NOT_CANONICAL');
    for (const size of [0, -1, 1.5, 2 ** 40])
      expect(code({ epoch: 2, continues: { size, root } })).toBe('MALFORMED');
    expect(code({ epoch: 2, continues: { size: 40, root: root.slice(4) } })).toBe('MALFORMED');
    expect(code(null)).toBe('MALFORMED');
  });
});
