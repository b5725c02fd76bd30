// What attacks on bundles have in common: reading a CAR as an import does, and manifests as the exporter itself would have
// written and signed them for other files.

import { readFile, writeFile } from 'node:fs/promises';
import { signCms } from '../../certs/cms.ts';
import { openPlainFile, readBundle } from '../../node/gap/read-bundle.ts';
import { bundleFiles } from '../../node/gap/write-bundle.ts';
import { decodeManifest, encodeManifest, type Manifest } from '../../protocols/gap/manifest.ts';
import { sha256 } from '../../protocols/merkle.ts';
import type { Site } from '../node/gap/sites.ts';

/** Reads it as an import does, up to the end. */
export async function readWhole(path: string, manifest: Manifest): Promise<void> {
  const file = await openPlainFile(path, Number.MAX_SAFE_INTEGER);
  try {
    for await (const _ of readBundle(file, { manifest }));
  } finally {
    await file.close();
  }
}

/** As if the exporter itself had signed a manifest for this CAR. */
export const promising = (manifest: Manifest, car: Buffer): Manifest => ({
  ...manifest,
  sizeBytes: car.length,
  sha256: sha256(car),
});

export async function resign(
  signer: Site,
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
