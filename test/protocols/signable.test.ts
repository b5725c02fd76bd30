import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Origin, parseMeshId, parseOrigin, parseSpaceId } from '../../protocols/ids.ts';
import {
  checkpointBody,
  cosignatureBytes,
  dssePae,
  type EnrolProof,
  enrolProofBytes,
  enrolTranscript,
  localKeyWrapBytes,
  petitionBytes,
  presenceBytes,
  rotationBytes,
  x509BindingBytes,
} from '../../protocols/signable.ts';
import { codeOf } from '../certs/fixtures.ts';

const mesh = parseMeshId('aeaqcaibaeaqcaibaeaqcaibae');
const space = parseSpaceId('0199b7c2-1f00-4000-8000-000000000001');
const origin =
  'odcm/aeaqcaibaeaqcaibaeaqcaibae/0199b7c2-1f00-4000-8000-000000000001/dir/1' as Origin;
const root = Buffer.alloc(32, 7);
const statement = {
  mesh,
  space,
  incarnation: Buffer.alloc(16, 1),
  timeMs: 1_795_000_000_000,
  headsHash: Buffer.alloc(32, 2),
  directory: { size: 42, root: Buffer.alloc(32, 3) },
  version: '1.2.3',
  addresses: ['/ip4/127.0.0.1/tcp/4001'],
  suspicions: [{ space: parseSpaceId('0199b7c2-1f00-4000-8000-000000000009'), timeMs: 255 }],
};
const [formerNodeKey, nodeKey, exchangeKey] = [root, root, root];
const rotation = { mesh, space, formerNodeKey, nodeKey, exchangeKey };
const petition = { mesh, space, nonce: Buffer.alloc(16, 3), body: Buffer.from('{}') };

describe('signed byte strings', () => {
  it('encodes DSSE as its protocol says', () => {
    expect(dssePae('http://example.com/HelloWorld', Buffer.from('hello world')).toString()).toBe(
      'DSSEv1 29 http://example.com/HelloWorld 11 hello world',
    );
  });

  it('writes a checkpoint as three lines and a cosignature as its time before them', () => {
    expect(parseOrigin(origin).log).toBe('dir');
    const body = checkpointBody({ origin, size: 3, root });
    expect(body).toBe(`${origin}\n3\n${root.toString('base64')}\n`);
    expect(cosignatureBytes(1_795_000_000, body).toString()).toBe(
      `cosignature/v1\ntime 1795000000\n${body}`,
    );
  });

  it('writes presence as label, fixed fields and counted texts', () => {
    const hex = [
      Buffer.from('odcm/presence/v3\n').toString('hex'),
      '01'.repeat(16),
      '0199b7c21f0040008000000000000001',
      '01'.repeat(16),
      '000001a1ee565e00',
      '02'.repeat(32),
      '000000000000002a',
      '03'.repeat(32),
      '0005',
      Buffer.from('1.2.3').toString('hex'),
      '0001',
      '0017',
      Buffer.from('/ip4/127.0.0.1/tcp/4001').toString('hex'),
      '0001',
      '0199b7c21f0040008000000000000009',
      '00000000000000ff',
    ];
    expect(presenceBytes(statement).toString('hex')).toBe(hex.join(''));
  });

  it('writes a petition as label, ids, nonce and counted body', () => {
    const hex = [
      Buffer.from('odcm/petition/v1\n').toString('hex'),
      '01'.repeat(16),
      '0199b7c21f0040008000000000000001',
      '03'.repeat(16),
      '00000002',
      '7b7d',
    ];
    expect(petitionBytes(petition).toString('hex')).toBe(hex.join(''));
  });

  it('begins every kind with a label that begins no other kind', () => {
    const proofs: EnrolProof[] = ['offer', 'token', 'node-key', 'exchange-key', 'answer'];
    const label = (bytes: Uint8Array) => /^[^\n: ]+[\n: ]/.exec(Buffer.from(bytes).toString())![0];
    const labels = [
      label(dssePae('t', root)),
      label(x509BindingBytes(root)),
      label(presenceBytes(statement)),
      label(petitionBytes(petition)),
      ...(['node-key', 'exchange-key'] as const).map((proof) =>
        label(rotationBytes(proof, rotation)),
      ),
      label(localKeyWrapBytes({ logN: 17, r: 8, p: 1, salt: Buffer.alloc(16) })),
      label(cosignatureBytes(1, 'x')),
      label(Buffer.from(checkpointBody({ origin, size: 0, root }))),
      ...proofs.map((proof) => label(enrolProofBytes(proof, root))),
    ];
    for (const one of labels) {
      expect(labels.filter((other) => other.startsWith(one))).toEqual([one]);
    }
  });

  it('gives different presence different bytes', () => {
    const lists = fc.array(fc.string({ maxLength: 5 }), { maxLength: 4 });
    fc.assert(
      fc.property(lists, lists, (left, right) => {
        const same = JSON.stringify(left) === JSON.stringify(right);
        const bytes = (addresses: string[]) => presenceBytes({ ...statement, addresses });
        return bytes(left).equals(bytes(right)) === same;
      }),
    );
  });

  it('gives transcripts that split the same bytes differently different hashes', () => {
    const hash = (...parts: string[]) => enrolTranscript(parts.map((p) => Buffer.from(p)));
    const all = [hash('ab', 'c'), hash('a', 'bc'), hash('abc'), hash('abc', ''), hash('', 'abc')];
    expect(new Set(all.map((h) => h.toString('hex'))).size).toBe(5);
  });

  it.each([
    ['an incarnation of 15 bytes', () => ({ ...statement, incarnation: Buffer.alloc(15) })],
    ['a heads hash of 33 bytes', () => ({ ...statement, headsHash: Buffer.alloc(33) })],
    [
      'a directory root of 31 bytes',
      () => ({ ...statement, directory: { size: 1, root: Buffer.alloc(31) } }),
    ],
    ['a negative time', () => ({ ...statement, timeMs: -1 })],
    [
      'a suspicion of a negative time',
      () => ({ ...statement, suspicions: [{ space, timeMs: -1 }] }),
    ],
    ['a broken time', () => ({ ...statement, timeMs: 1.5 })],
  ])('refuses %s', (_, make) => {
    expect(codeOf(() => presenceBytes(make()))).toBe('MALFORMED');
  });

  it('refuses sizes, roots, nonces and texts that do not fit their fields', () => {
    expect(codeOf(() => checkpointBody({ origin, size: 2 ** 53, root }))).toBe('MALFORMED');
    expect(codeOf(() => checkpointBody({ origin, size: 1, root: Buffer.alloc(31) }))).toBe(
      'MALFORMED',
    );
    expect(codeOf(() => cosignatureBytes(Number.NaN, ''))).toBe('MALFORMED');
    expect(codeOf(() => petitionBytes({ ...petition, nonce: Buffer.alloc(17) }))).toBe('MALFORMED');
    const addresses = ['a'.repeat(65_536)];
    expect(codeOf(() => presenceBytes({ ...statement, addresses }))).toBe('TOO_LARGE');
    expect(codeOf(() => enrolProofBytes('offer', Buffer.alloc(31)))).toBe('MALFORMED');
  });
});
