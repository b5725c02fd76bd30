import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verifyCms } from '../../../certs/cms.ts';
import { openPlainFile } from '../../../node/gap/read-bundle.ts';
import { isMeshError } from '../../../protocols/errors.ts';
import { carHeader, sectionHead } from '../../../protocols/gap/car.ts';
import { decodeManifest, type Manifest } from '../../../protocols/gap/manifest.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { sha256 } from '../../../protocols/merkle.ts';
import { rawCid } from '../../../protocols/record.ts';
import { tempFolder } from '../temp-folder.ts';
import { readAll, sampleSource, write } from './sample-bundle.ts';

const NAMES = ['vault-000001.car', 'vault-000001.manifest', 'vault-000001.manifest.p7s'];

async function codeOf(act: () => Promise<unknown>): Promise<string> {
  try {
    await act();
  } catch (error) {
    if (isMeshError(error)) return error.code;
    throw error;
  }
  return 'nothing was refused';
}

async function bundle(count = 70) {
  const folder = await tempFolder();
  const source = await sampleSource(count);
  const written = await write(folder, source);
  return { folder, source, ...written, car: join(folder, NAMES[0]!) };
}

/** As if the signer had promised this file. */
const promising = (manifest: Manifest, bytes: Buffer): Manifest => ({
  ...manifest,
  sizeBytes: bytes.length,
  sha256: sha256(bytes),
});

describe('a bundle', () => {
  it('is three files: one that sha256sum checks, its signature, and the blocks', async () => {
    const { folder, manifestBytes, manifest } = await bundle();
    expect((await readdir(folder)).sort()).toEqual(NAMES);
    expect(await readFile(join(folder, NAMES[1]!))).toEqual(manifestBytes);
    expect(decodeManifest(manifestBytes)).toEqual(manifest);
    const out = execFileSync('sha256sum', ['-c', '--strict', NAMES[1]!], { cwd: folder });
    expect(String(out)).toBe('vault-000001.car: OK\n');
    const { signedAtMs } = verifyCms(await readFile(join(folder, NAMES[2]!)), manifestBytes);
    expect(signedAtMs).toBe(manifest.createdMs);
  });

  it('gives back index, roots, pages, and behind each segment what its entries name, once each', async () => {
    const { source, manifest, car } = await bundle();
    const { blocks, end } = await readAll(car, manifest);
    expect(blocks.slice(0, 5).map(({ role }) => role)).toEqual([
      'index',
      'root',
      'root',
      'page',
      'segment',
    ]);
    expect(new Set(blocks.map(({ hash }) => hash)).size).toBe(blocks.length);
    expect(blocks).toHaveLength(manifest.blocks);
    const records = source.packed.filter(({ record }) => record === null).length;
    expect(blocks.filter(({ role }) => role === 'record')).toHaveLength(records);
    // Three files of three chunks; two of the three chunks of a file are the same bytes.
    expect(blocks.filter(({ role }) => role === 'chunk')).toHaveLength(6);
    expect(end.missing).toEqual([]);
    expect(end.index.roots).toHaveLength(2);
  });

  it('is the same bytes when it is made again from the same logs', async () => {
    const [one, other] = [await bundle(), await bundle()];
    expect(one.manifest.sha256).toEqual(other.manifest.sha256);
  });

  it('names what its exporter did not have, and comes without it', async () => {
    const folder = await tempFolder();
    const source = await sampleSource(70);
    const gone = source.packed
      .flatMap(({ record }, at) => (record === null ? [at] : []))
      .slice(0, 2);
    const hashes = gone.map((at) => sha256(Buffer.alloc(20_000, at)));
    await source.blocks.drop(hashes);
    const { manifest, missing } = await write(folder, source);
    expect([...missing].sort()).toEqual(hashes.map((hash) => hash.toString('hex')).sort());
    const { end } = await readAll(join(folder, NAMES[0]!), manifest);
    expect([...end.missing].sort()).toEqual([...missing].sort());
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const folder = await tempFolder();
    const stop = new AbortController();
    const writing = write(folder, await sampleSource(200), stop.signal, () => stop.abort());
    await expect(writing).rejects.toThrow();
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('the reader of a bundle', () => {
  it('refuses it when any byte is another, the sum in the manifest or not', async () => {
    const { manifest, car } = await bundle(8);
    const bytes = await readFile(car);
    for (let at = 0; at < bytes.length; at += 1 + Math.floor(bytes.length / 400)) {
      const other = Buffer.from(bytes);
      other[at]! ^= 1 << (at % 8);
      await writeFile(car, other);
      expect(await codeOf(() => readAll(car, manifest))).not.toBe('nothing was refused');
      expect(await codeOf(() => readAll(car, promising(manifest, other)))).not.toBe(
        'nothing was refused',
      );
    }
  });

  it('refuses it when it is cut, longer, or another file', async () => {
    const { manifest, car } = await bundle(8);
    const bytes = await readFile(car);
    for (const length of [0, 58, 59, 60, bytes.length - 1]) {
      await truncate(car, length);
      expect(await codeOf(() => readAll(car, manifest))).toBe('HASH_MISMATCH');
      const code = await codeOf(() => readAll(car, promising(manifest, bytes.subarray(0, length))));
      expect([length, code]).toEqual([length, 'MALFORMED']);
      await writeFile(car, bytes);
    }
    const extra = Buffer.from('smuggled');
    const longer = Buffer.concat([bytes, sectionHead(rawCid(extra), extra.length), extra]);
    await writeFile(car, longer);
    const promised = { ...promising(manifest, longer), blocks: manifest.blocks + 1 };
    expect(await codeOf(() => readAll(car, promised))).toBe('MALFORMED');
    await writeFile(car, Buffer.concat([bytes, Buffer.from([0])]));
    expect(await codeOf(() => readAll(car, manifest))).toBe('HASH_MISMATCH');
  });

  it('refuses blocks in another order, and one that comes twice', async () => {
    const { manifest, car } = await bundle(8);
    const bytes = await readFile(car);
    const head = carHeader({ codec: 0x71, hash: manifest.index }).length;
    const sections: Buffer[] = [];
    for (let at = head; at < bytes.length; ) {
      const [low, high = 0, top = 0] = bytes.subarray(at);
      const width = low! < 0x80 ? 1 : high < 0x80 ? 2 : 3;
      const size =
        (low! & 0x7f) + (width > 1 ? (high & 0x7f) * 128 : 0) + (width > 2 ? top * 16_384 : 0);
      sections.push(bytes.subarray(at, at + width + size));
      at += width + size;
    }
    expect(sections).toHaveLength(manifest.blocks);
    const put = async (order: readonly Buffer[], blocks = order.length) => {
      const other = Buffer.concat([bytes.subarray(0, head), ...order]);
      await writeFile(car, other);
      return codeOf(() => readAll(car, { ...promising(manifest, other), blocks }));
    };
    expect(await put([sections[1]!, sections[0]!, ...sections.slice(2)])).toBe('MALFORMED');
    expect(await put([...sections, sections.at(-1)!])).toBe('MALFORMED');
    expect(await put(sections.slice(0, -1))).toBe('MALFORMED');
    expect(await put(sections, manifest.blocks + 1)).toBe('MALFORMED');
  });

  it('refuses a record that is larger than any block, and takes one that is as large', async () => {
    const codes: string[] = [];
    for (const recordBytes of [LIMITS.blockBytes, LIMITS.blockBytes + 1, 100 * 1024]) {
      const folder = await tempFolder();
      const source = await sampleSource(8, recordBytes);
      // As an exporter has it that reads its own store without a check.
      const large = Buffer.alloc(recordBytes, 7);
      const block = async (hash: Uint8Array) =>
        sha256(large).equals(hash) ? large : source.block(hash as Buffer);
      const { manifest } = await write(folder, { ...source, block });
      codes.push(await codeOf(() => readAll(join(folder, NAMES[0]!), manifest)));
    }
    expect(codes).toEqual(['nothing was refused', 'TOO_LARGE', 'TOO_LARGE']);
  });

  it('refuses a manifest that names other logs, or other sizes of them', async () => {
    const { manifest, car } = await bundle(8);
    const [log] = manifest.logs;
    expect(await codeOf(() => readAll(car, { ...manifest, logs: [] }))).toBe('MALFORMED');
    const from = { ...manifest, logs: [{ ...log!, from: 1 }] };
    expect(await codeOf(() => readAll(car, from))).toBe('MALFORMED');
  });

  it('opens no link, no pipe, no folder, and nothing above what is allowed', async () => {
    const folder = await tempFolder();
    const at = (name: string) => join(folder, name);
    await writeFile(at('file'), createHash('sha256').digest());
    await symlink(at('file'), at('link'));
    execFileSync('mkfifo', [at('pipe')]);
    expect(await codeOf(() => openPlainFile(at('link'), 100))).toBe('FILE_UNREADABLE');
    expect(await codeOf(() => openPlainFile(at('pipe'), 100))).toBe('FILE_UNREADABLE');
    expect(await codeOf(() => openPlainFile(folder, 100))).toBe('FILE_UNREADABLE');
    expect(await codeOf(() => openPlainFile('/dev/zero', 100))).toBe('FILE_UNREADABLE');
    expect(await codeOf(() => openPlainFile(at('none'), 100))).toBe('FILE_UNREADABLE');
    expect(await codeOf(() => openPlainFile(at('file'), 31))).toBe('TOO_LARGE');
    await (await openPlainFile(at('file'), 32)).close();
  });
});
