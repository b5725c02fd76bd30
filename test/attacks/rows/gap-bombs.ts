// Bundles that are made to be too large: for memory, for time, for the disk.

import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { carHeader, sectionHead } from '../../../protocols/gap/car.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../../protocols/gap/manifest.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { sha256 } from '../../../protocols/merkle.ts';
import { promising, resign } from '../gap-bundle.ts';
import type { Reading } from '../gap-reader.ts';
import { type Scene, standOf, verdictOf, withScene } from '../gap-site.ts';
import { quickest } from '../quickest.ts';
import type { Outcome, Row } from '../row.ts';

const READER = fileURLToPath(new URL('../gap-reader.ts', import.meta.url));
const MiB = 2 ** 20;
const WITHIN_MS = 1_000;

export const rows: readonly Row[] = [
  {
    id: 'A04',
    what: 'CARs with an endless header, a section of 2^40 bytes, an identity CID, 10^6 tiny blocks that nothing leads to (10^4 in the quick run)',
    how: 'processes',
    expected: 'all refused by bound, peak RSS +<= 16 MiB, <= 1 s',
    run: ({ folder, isLong, log }) =>
      withScene(folder, (scene) =>
        bombs(scene, { folder, tiny: isLong ? 1_000_000 : 10_000, log }),
      ),
  },
  {
    id: 'A04',
    what: 'manifests, well signed, that promise 10^15 blocks, 2^50 bytes, more than is free on the disk, or less than the file has',
    how: 'processes',
    expected: 'each refused before a byte of the CAR is read, <= 1 s, nothing kept',
    run: ({ folder }) => withScene(folder, promises),
  },
];

const varint = (value: bigint): Buffer => {
  const out: number[] = [];
  for (let left = value; ; left >>= 7n) {
    out.push(Number(left & 0x7fn) | (left > 0x7fn ? 0x80 : 0));
    if (left <= 0x7fn) return Buffer.from(out);
  }
};

function tinyBlocks(count: number): Buffer {
  const blocks = Array.from({ length: count }, (_, i) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(i);
    return Buffer.concat([sectionHead({ codec: 0x55, hash: sha256(bytes) }, 4), bytes]);
  });
  return Buffer.concat(blocks);
}

/** Each with the size and the sum that it has: the reader must stop by itself. */
async function bombs(
  { files }: Scene,
  { folder, tiny, log }: { folder: string; tiny: number; log: (line: string) => void },
): Promise<Outcome> {
  const manifest = decodeManifest(await readFile(files.manifest));
  const good = await readFile(files.car);
  const head = carHeader({ codec: 0x71, hash: manifest.index });
  const rest = Buffer.alloc(8 * MiB, 0xa2);
  const many = tinyBlocks(tiny);
  const identity = Buffer.concat([Buffer.from([6, 1, 0x55, 0, 2]), Buffer.from('hi')]);
  const cases = [
    Buffer.concat([varint(2n ** 30n), rest]),
    Buffer.concat([head, varint(2n ** 40n), rest]),
    Buffer.concat([head, identity]),
    Buffer.concat([good, many]),
    Buffer.concat([head, many]),
  ];
  const paths = [files.manifest, files.car];
  for (const [at, bytes] of cases.entries()) {
    const [text, car] = [join(folder, `${at}.manifest`), join(folder, `${at}.car`)];
    const blocks = Math.min(LIMITS.bundleBlocks, manifest.blocks + tiny);
    await writeFile(text, encodeManifest({ ...promising(manifest, bytes), blocks }));
    await writeFile(car, bytes);
    paths.push(text, car);
  }
  const { stdout } = await promisify(execFile)(process.execPath, [READER, ...paths]);
  const { verdicts, moreBytes, slowestMs } = JSON.parse(stdout) as Reading;
  log(verdicts.join(', '));
  const [sound, ...refused] = verdicts;
  const accepted = refused.filter((verdict) => verdict === 'nothing').length;
  const mib = moreBytes / MiB;
  return {
    measured: `${accepted} accepted, RSS +${mib.toFixed(1)} MiB, ${slowestMs.toFixed(0)} ms`,
    pass: sound === 'nothing' && accepted === 0 && mib <= 16 && slowestMs <= WITHIN_MS,
  };
}

/** Files with holes, so that they have the size that is promised and take no room. */
async function promises(scene: Scene): Promise<Outcome> {
  const { library, vault, path, files, sites } = scene;
  const before = await standOf(scene);
  const car = await readFile(files.car);
  const sound = decodeManifest(await readFile(files.manifest));
  // As that of a node that has been started; sites in memory have none.
  await mkdir(vault.home.paths.dir, { recursive: true });
  const { bavail, bsize } = await statfs(sites.folder);
  const moreThanFree = bavail * bsize + 2 ** 30;
  const most = LIMITS.bundleBlocks * LIMITS.carSectionBytes;
  const cases: [code: string, change: Partial<Manifest>, fileBytes?: number][] = [
    ['TOO_LARGE', { blocks: 10 ** 15 }],
    ['MALFORMED', { sizeBytes: 2 ** 50 }],
    ['MALFORMED', { blocks: LIMITS.bundleBlocks }],
    ['HASH_MISMATCH', {}, 2 ** 40],
  ];
  // No bundle is large enough for every disk.
  if (moreThanFree <= most) {
    const change = { blocks: LIMITS.bundleBlocks, sizeBytes: moreThanFree };
    cases.push(['DISK_FULL', change, moreThanFree]);
  }
  let slowestMs = 0;
  const got: string[] = [];
  for (const [, change, fileBytes] of cases) {
    await resign(library, path, () => ({ ...sound, ...change }));
    if (fileBytes !== undefined) await truncate(files.car, fileBytes);
    const { first, tookMs } = await quickest(WITHIN_MS, () => verdictOf(() => vault.import(path)));
    got.push(first);
    slowestMs = Math.max(slowestMs, tookMs);
    await writeFile(files.car, car);
  }
  const left = await readdir(vault.home.paths.quarantine).catch(() => []);
  const isSame = before === (await standOf(scene)) && left.length === 0;
  const wanted = cases.map(([code]) => code);
  return {
    measured: `${got.join(', ')}; ${slowestMs.toFixed(0)} ms`,
    pass: JSON.stringify(got) === JSON.stringify(wanted) && isSame && slowestMs <= WITHIN_MS,
  };
}
