// Bundles that were changed, cut, exchanged or replayed on their way.

import { readFile, truncate, writeFile } from 'node:fs/promises';
import { verifyCms } from '../../../certs/cms.ts';
import { bundleFiles } from '../../../node/gap/write-bundle.ts';
import { decodeManifest } from '../../../protocols/gap/manifest.ts';
import { drafts } from '../../node/gap/sites.ts';
import { promising, readWhole, resign } from '../gap-bundle.ts';
import { type Scene, standOf, verdictOf, withScene } from '../gap-site.ts';
import type { Row } from '../row.ts';

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
    if ((await verdictOf(() => readWhole(car, promising(manifest, other)))) === 'nothing')
      accepted++;
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
          await refused(() => readWhole(files.car, cut));
          await writeFile(files.car, bytes);
        }
        const longer = Buffer.concat([bytes, Buffer.from([0])]);
        await writeFile(files.car, longer);
        await refused(() => readWhole(files.car, promising(manifest, longer)));
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
];
