import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isMeshError } from '../../../protocols/errors.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../../protocols/gap/manifest.ts';
import {
  directoryOrigin,
  feedOrigin,
  type MeshId,
  parseFeedId,
  parseSpaceId,
  parseSpaceName,
} from '../../../protocols/ids.ts';
import { codeOf } from '../../certs/fixtures.ts';

const mesh = 'aeaqcaibaeaqcaibaeaqcaibae' as MeshId;
const id = (n: number) => `0199b7c2-1f00-4000-8000-00000000000${n}`;
const odcm = parseSpaceId(id(1));
const library = { space: parseSpaceId(id(2)), name: parseSpaceName('library') };
const vault = { space: parseSpaceId(id(3)), name: parseSpaceName('vault') };
const CAR = Buffer.from('the bytes of a bundle');

const sample: Manifest = {
  ...{ mesh, exporter: library, destination: vault, sequence: 17, base: 16 },
  createdMs: Date.UTC(2026, 10, 21, 10),
  expiresMs: Date.UTC(2026, 11, 21, 10),
  ...{ index: Buffer.alloc(32, 7), blocks: 812, sizeBytes: CAR.length },
  logs: [
    { origin: directoryOrigin(mesh, odcm), from: 4019, to: 4120 },
    { origin: feedOrigin(mesh, library.space, parseFeedId(id(4))), from: 1000, to: 1187 },
  ],
  sha256: createHash('sha256').update(CAR).digest(),
  car: 'vault-000017.car',
};
const bytes = encodeManifest(sample);
const text = bytes.toString();

describe('a manifest', () => {
  it('reads as it was written, one field a line', () => {
    expect(decodeManifest(bytes)).toEqual(sample);
    expect(text.split('\n').slice(0, 3)).toEqual([
      '# odcm-bundle/v1',
      `# mesh ${mesh}`,
      `# exporter ${library.space} library`,
    ]);
    expect(bytes.length).toBeLessThan(1024);
  });

  it('is a file of sums that sha256sum checks, to the letter', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'odcm-manifest-'));
    const check = () =>
      spawnSync('sha256sum', ['-c', '--strict', 'm'], { cwd: folder, encoding: 'utf8' });
    try {
      await writeFile(join(folder, 'm'), bytes);
      await writeFile(join(folder, sample.car), CAR);
      expect([check().status, check().stdout]).toEqual([0, 'vault-000017.car: OK\n']);
      await writeFile(join(folder, sample.car), 'other bytes');
      expect(check().status).toBe(1);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it.each<[string, Partial<Manifest>]>([
    ['that is its own base', { base: 17 }],
    ['numbered nought', { sequence: 0, base: 0 }],
    ['that expires as it is made', { expiresMs: sample.createdMs }],
    ['of a space for itself', { destination: library }],
    ['with a log that goes backwards', { logs: [{ ...sample.logs[0]!, from: 5, to: 4 }] }],
    ['with a log twice', { logs: [sample.logs[0]!, sample.logs[0]!] }],
    ['without any block', { blocks: 0 }],
    ['of a file elsewhere', { car: '../vault.car' }],
    ['of a file with a long way', { car: 'a/b.car' }],
    ['of a hidden file', { car: '.car' }],
    ['of another kind of file', { car: 'vault.tar' }],
    ['of a file with a break in its name', { car: 'vault\n.car' }],
  ])('%s is not made', (_, more) => {
    expect(codeOf(() => encodeManifest({ ...sample, ...more }))).toBe('MALFORMED');
  });

  it.each<[string, (text: string) => string, string]>([
    [
      'with a line too many',
      (t) => t.replace('# base 16\n', '# base 16\n# note hello\n'),
      'MALFORMED',
    ],
    ['with a line too few', (t) => t.replace('# base 16\n', ''), 'MALFORMED'],
    ['with a field twice', (t) => t.replace('# base 16\n', '# base 16\n# base 16\n'), 'MALFORMED'],
    [
      'with fields in another order',
      (t) => t.replace(/(# created.*\n)(# expires.*\n)/, '$2$1'),
      'MALFORMED',
    ],
    ['with a number that has a sign', (t) => t.replace('base 16', 'base +16'), 'MALFORMED'],
    [
      'with a number that has a nought in front',
      (t) => t.replace('base 16', 'base 016'),
      'MALFORMED',
    ],
    ['with a number beyond all', (t) => t.replace('blocks 812', `blocks ${2 ** 53}`), 'MALFORMED'],
    ['with a time of another form', (t) => t.replace('10:00:00.000Z', '10:00:00Z'), 'MALFORMED'],
    ['with line ends of another system', (t) => t.replaceAll('\n', '\r\n'), 'MALFORMED'],
    ['without its last line end', (t) => t.slice(0, -1), 'NOT_CANONICAL'],
    ['with a line behind the last', (t) => `${t}# log x\n`, 'MALFORMED'],
    ['with bytes behind the last', (t) => `${t} `, 'NOT_CANONICAL'],
    [
      'with a sum in capitals',
      (t) => t.replace(/^[0-9a-f]{64}/m, (sum) => sum.toUpperCase()),
      'MALFORMED',
    ],
    ['with a second file', (t) => `${t}${'0'.repeat(64)}  other.car\n`, 'NOT_CANONICAL'],
    ['of another version', (t) => t.replace('/v1', '/v2'), 'MALFORMED'],
  ])('%s is refused', (_, change, code) => {
    expect(codeOf(() => decodeManifest(Buffer.from(change(text))))).toBe(code);
  });

  it('is refused, or means something else, whichever of its bits is another', () => {
    for (let at = 0; at < bytes.length * 8; at++) {
      const other = Buffer.from(bytes);
      other[at >> 3]! ^= 1 << (at & 7);
      try {
        expect(encodeManifest(decodeManifest(other))).toEqual(other);
      } catch (error) {
        if (!isMeshError(error)) throw error;
      }
    }
  });

  it('above its limit is refused before it is read', () => {
    expect(codeOf(() => decodeManifest(Buffer.alloc(64 * 1024 + 1, '#')))).toBe('TOO_LARGE');
  });
});
