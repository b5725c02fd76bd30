// Bundles that were changed, cut, exchanged or replayed on their way, or made to be too large.

import { readFile, truncate, writeFile } from 'node:fs/promises';
import { signCms, verifyCms } from '../../../certs/cms.ts';
import { openPlainFile, readBundle } from '../../../node/gap/read-bundle.ts';
import { bundleFiles } from '../../../node/gap/write-bundle.ts';
import { carHeader, sectionHead } from '../../../protocols/gap/car.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../../protocols/gap/manifest.ts';
import { sha256 } from '../../../protocols/merkle.ts';
import { drafts } from '../../node/gap/sites.ts';
import { type Scene, standOf, verdictOf, withScene } from '../gap-site.ts';
import type { Row } from '../row.ts';

/** Reads it as an import does, up to the end. */
async function read(path: string, manifest: Manifest): Promise<void> {
  const file = await openPlainFile(path, Number.MAX_SAFE_INTEGER);
  try {
    for await (const _ of readBundle(file, { manifest }));
  } finally {
    await file.close();
  }
}

/** As if the exporter itself had signed a manifest for this CAR. */
const promising = (manifest: Manifest, car: Buffer): Manifest => ({
  ...manifest,
  sizeBytes: car.length,
  sha256: sha256(car),
});

function flipped(bytes: Buffer, bit: number): Buffer {
  const other = Buffer.from(bytes);
  other[bit >> 3]! ^= 1 << (bit & 7);
  return other;
}

async function flipCar(scene: Scene, most: number): Promise<[tried: number, accepted: number]> {
  const { car, manifest: at } = scene.files;
  const manifest = decodeManifest(await readFile(at));
  const bytes = await readFile(car);
  const step = Math.max(1, Math.ceil((bytes.length * 8) / most));
  let [tried, accepted] = [0, 0];
  for (let bit = 0; bit < bytes.length * 8; bit += step) {
    const other = flipped(bytes, bit);
    await writeFile(car, other);
    // Refused by its blocks alone, also where its sum was promised.
    if ((await verdictOf(() => read(car, promising(manifest, other)))) === 'nothing') accepted++;
    tried++;
  }
  await writeFile(car, bytes);
  return [tried, accepted];
}

/** Bits of what is signed, and of the signature: the few that change nothing are in parts that nothing is read from. */
async function flipSigned(
  { files }: Scene,
  step: number,
): Promise<[tried: number, accepted: number]> {
  const [manifest, signature] = [await readFile(files.manifest), await readFile(files.signature)];
  const truth = verifyCms(signature, manifest);
  let [tried, accepted] = [0, 0];
  for (let bit = 0; bit < manifest.length * 8; bit += step, tried++)
    if ((await verdictOf(async () => verifyCms(signature, flipped(manifest, bit)))) === 'nothing')
      accepted++;
  for (let bit = 0; bit < signature.length * 8; bit += step, tried++) {
    await verdictOf(async () => {
      // What is left are bits of certificates, whose signatures are verified next: they mean nothing here.
      const { signedAtMs } = verifyCms(flipped(signature, bit), manifest);
      if (signedAtMs !== truth.signedAtMs) accepted++;
    });
  }
  return [tried, accepted];
}

export const rows: readonly Row[] = [
  {
    id: 'A01',
    what: 'bits of manifest, signature and CAR turned over, the last under a manifest that promises them; all bits in the long run',
    how: 'vectors',
    expected: 'none accepted with another meaning, nothing changed',
    run: ({ folder, mutations, isLong }) =>
      withScene(folder, async (scene) => {
        const before = await standOf(scene);
        const [carTried, carAccepted] = await flipCar(scene, isLong ? mutations : 60);
        const [signedTried, signedAccepted] = await flipSigned(scene, isLong ? 1 : 61);
        const accepted = carAccepted + signedAccepted;
        const isSame = before === (await standOf(scene));
        return {
          measured: `${accepted} of ${carTried + signedTried} accepted, ${isSame ? 'nothing' : 'something'} changed`,
          pass: accepted === 0 && isSame,
        };
      }),
  },
  {
    id: 'A01',
    what: 'files with bits turned over are brought to a node',
    how: 'processes',
    expected: '0 imported, 0 changed, one line in the audit log each',
    run: ({ folder, isLong }) =>
      withScene(folder, async (scene) => {
        const { vault, path, files } = scene;
        const before = await standOf(scene);
        let [tried, imported] = [0, 0];
        for (const file of Object.values(files)) {
          const bytes = await readFile(file);
          const step = Math.ceil((bytes.length * 8) / (isLong ? 500 : 10));
          for (let bit = 0; bit < bytes.length * 8; bit += step, tried++) {
            await writeFile(file, flipped(bytes, bit));
            if ((await verdictOf(() => vault.import(path, 'Bob'))) === 'nothing') imported++;
          }
          await writeFile(file, bytes);
        }
        const audits = (await Array.fromAsync(vault.node.gap.ledger.audits())).length;
        const isSame = before === (await standOf(scene));
        return {
          measured: `${imported} of ${tried} imported, ${audits} audited`,
          pass: imported === 0 && isSame && audits === tried,
        };
      }),
  },
  {
    id: 'A02',
    what: 'a CAR cut at bytes (every one in the long run) or with a byte behind it, and files exchanged between two bundles',
    how: 'vectors',
    expected: 'all refused, nothing changed',
    run: ({ folder, isLong }) =>
      withScene(folder, async (scene) => {
        const { sites, vault, library, feed, files, path } = scene;
        const before = await standOf(scene);
        const manifest = decodeManifest(await readFile(files.manifest));
        const bytes = await readFile(files.car);
        let [tried, accepted] = [0, 0];
        const refused = async (act: () => Promise<unknown>) => {
          tried++;
          if ((await verdictOf(act)) === 'nothing') accepted++;
        };
        for (let length = 0; length < bytes.length; length += isLong ? 1 : 61) {
          await truncate(files.car, length);
          const cut = promising(manifest, bytes.subarray(0, length));
          await refused(() => read(files.car, cut));
          await writeFile(files.car, bytes);
        }
        const longer = Buffer.concat([bytes, Buffer.from([0])]);
        await writeFile(files.car, longer);
        await refused(() => read(files.car, promising(manifest, longer)));
        await writeFile(files.car, bytes);
        await sites.publish(library, feed, drafts(2, 2));
        const other = bundleFiles((await sites.export('library', 'vault')).path);
        for (const name of ['car', 'signature', 'manifest'] as const) {
          const own = await readFile(files[name]);
          await writeFile(files[name], await readFile(other[name]));
          await refused(() => vault.import(path));
          await writeFile(files[name], own);
        }
        const isSame = before === (await standOf(scene));
        return {
          measured: `${accepted} of ${tried} accepted`,
          pass: accepted === 0 && isSame,
        };
      }),
  },
  {
    id: 'A03',
    what: 'an old bundle, a repeated one, one with a gap before it, one for another space, one of another mesh',
    how: 'processes',
    expected: 'each refused for its own reason',
    run: ({ folder }) =>
      withScene(
        folder,
        async ({ sites, library, vault, feed, path }) => {
          const got: string[] = [];
          const bring = async (site: typeof vault, file: string) =>
            got.push(await verdictOf(() => site.import(file, 'Bob')));
          await sites.publish(library, feed, drafts(2, 2));
          const two = await sites.export('library', 'vault', { base: { sequence: 1 } });
          await bring(vault, two.path);
          await bring(sites.site('ledger'), path);
          await bring(vault, path);
          await bring(vault, two.path);
          await bring(vault, path);
          const { gap } = vault.node;
          const once = gap.receipts.size;
          await vault.import(two.path);
          await resign(library, two.path, (m) => ({ ...m, mesh: 'b'.repeat(26) as never }));
          await bring(vault, two.path);
          const wanted = [
            ...['BASE_MISSING', 'WRONG_DESTINATION', 'nothing', 'nothing', 'nothing'],
            'WRONG_MESH',
          ];
          const isIdempotent = gap.receipts.size === once;
          return {
            measured: got.join(', '),
            pass: JSON.stringify(got) === JSON.stringify(wanted) && isIdempotent,
          };
        },
        ['library', 'vault', 'ledger'],
      ),
  },
  {
    id: 'A04',
    what: 'CARs with an endless header, a section of 2^40 bytes, an identity CID, a block that nothing leads to',
    how: 'vectors',
    expected: 'refused by bound, RSS +<= 16 MiB, <= 1 s',
    run: ({ folder }) => withScene(folder, bombs),
  },
  {
    id: 'A06',
    what: 'signers that are expired, replaced by another key under the same name, or that signed with somebody else',
    how: 'vectors',
    expected: 'all refused',
    run: ({ folder }) =>
      withScene(
        folder,
        async ({ sites, library, vault, path }) => {
          const got: string[] = [];
          const bring = async () => got.push(await verdictOf(() => vault.import(path)));
          const other = sites.site('ledger');
          const { leaf, issuing } = await library.home.certificates();
          const key = await library.home.tlsKey();
          const files = bundleFiles(path);
          const content = await readFile(files.manifest);
          const { createdMs } = decodeManifest(content);
          const own = { leafPem: leaf, issuingPem: issuing, content };
          const put = (bytes: Buffer) => writeFile(files.signature, bytes);
          await put(signCms({ ...own, key: await other.home.tlsKey(), nowMs: createdMs }));
          await bring();
          await put(
            signCms({
              ...own,
              leafPem: (await other.home.certificates()).leaf,
              key,
              nowMs: createdMs,
            }),
          );
          await bring();
          const late = createdMs + 40 * 24 * 3_600_000;
          await resign(library, path, (m) => ({
            ...m,
            createdMs: late,
            expiresMs: late + 1000,
          }));
          sites.nowMs = late;
          await bring();
          const wanted = ['BAD_SIGNATURE', 'BAD_SIGNATURE', 'BAD_CERTIFICATE'];
          return { measured: got.join(', '), pass: JSON.stringify(got) === JSON.stringify(wanted) };
        },
        ['library', 'vault', 'ledger'],
      ),
  },
];

async function resign(
  signer: Scene['library'],
  path: string,
  change: (manifest: Manifest) => Manifest,
): Promise<void> {
  const files = bundleFiles(path);
  const manifest = change(decodeManifest(await readFile(files.manifest)));
  const content = encodeManifest(manifest);
  const { leaf, issuing } = await signer.home.certificates();
  await writeFile(files.manifest, content);
  await writeFile(
    files.signature,
    signCms({
      ...{ content, key: await signer.home.tlsKey(), leafPem: leaf, issuingPem: issuing },
      nowMs: manifest.createdMs,
    }),
  );
}

/** Each with the size and the sum that it has: the reader must stop by itself. */
async function bombs({ files }: Scene) {
  const manifest = decodeManifest(await readFile(files.manifest));
  const good = await readFile(files.car);
  const head = carHeader({ codec: 0x71, hash: manifest.index });
  const rest = Buffer.alloc(8 << 20, 0xa2);
  const varint = (value: bigint): Buffer => {
    const out: number[] = [];
    for (let left = value; ; left >>= 7n) {
      out.push(Number(left & 0x7fn) | (left > 0x7fn ? 0x80 : 0));
      if (left <= 0x7fn) return Buffer.from(out);
    }
  };
  const tiny = Array.from({ length: 20_000 }, (_, i) => {
    const bytes = Buffer.from([i & 255, i >> 8]);
    return Buffer.concat([sectionHead({ codec: 0x55, hash: sha256(bytes) }, 2), bytes]);
  });
  const identity = Buffer.concat([Buffer.from([6, 1, 0x55, 0, 2]), Buffer.from('hi')]);
  const cases = [
    Buffer.concat([varint(2n ** 30n), rest]),
    Buffer.concat([head, varint(2n ** 40n), rest]),
    Buffer.concat([head, identity]),
    Buffer.concat([good, ...tiny]),
    Buffer.concat([head, ...tiny]),
  ];
  const base = process.memoryUsage.rss();
  let most = 0;
  let slowestMs = 0;
  let accepted = 0;
  for (const bytes of cases) {
    await writeFile(files.car, bytes);
    const startMs = performance.now();
    const promised = { ...promising(manifest, bytes), blocks: 1_000_000 };
    if ((await verdictOf(() => read(files.car, promised))) === 'nothing') accepted++;
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
    most = Math.max(most, process.memoryUsage.rss() - base);
  }
  const mib = most / 2 ** 20;
  return {
    measured: `${accepted} accepted, RSS +${mib.toFixed(1)} MiB, ${slowestMs.toFixed(0)} ms`,
    pass: accepted === 0 && mib <= 16 && slowestMs <= 1000,
  };
}
