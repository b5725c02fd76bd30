import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { inspectBundle } from '../../../node/gap/inspect-bundle.ts';
import { bundleFiles } from '../../../node/gap/write-bundle.ts';
import { tempFolder } from '../temp-folder.ts';
import { codeOf } from './refusal-code.ts';
import { drafts, Sites } from './sites.ts';

const signal = new AbortController().signal;

async function bundle() {
  const made = await Sites.create(await tempFolder());
  onTestFinished(() => made.close());
  const feed = await made.feed('library', 'variables', ['vault']);
  const library = made.site('library');
  await made.publish(library, feed, drafts(12));
  const { path } = await made.export('library', 'vault');
  return { made, feed, library, path };
}

describe('inspecting a bundle', () => {
  it('shows who signed it and what is in it, without any node', async () => {
    const { made, path } = await bundle();
    const found = await inspectBundle({ path: `${path}.car`, signal });
    expect(found.signer).toMatchObject({ isChainVerified: false, signedAtMs: made.nowMs });
    expect(found.logs).toMatchObject([{ from: 0 }, { from: 0, to: 12, added: 12, changed: 0 }]);
    expect(found.logs[1]?.items[0]).toBe('item 0');
    expect([found.rootVersions, found.missing]).toEqual([1, []]);
  });

  it('checks the signer up to the root CA that it is given, and no other', async () => {
    const { made, path } = await bundle();
    const { root, issuing } = made.ground.trust;
    const rootPem = root.certificatePem;
    const { signer } = await inspectBundle({ path, rootPem, signal });
    expect(signer.isChainVerified).toBe(true);
    const other = issuing.certificatePem;
    expect(await codeOf(inspectBundle({ path, rootPem: other, signal }))).toBe('BAD_CERTIFICATE');
  });

  it('reads one that goes on from another as well', async () => {
    const { made, feed, library } = await bundle();
    await made.publish(library, feed, drafts(4, 2));
    const { path } = await made.export('library', 'vault', { base: { sequence: 1 } });
    const { logs, manifest } = await inspectBundle({ path, signal });
    expect(manifest.base).toBe(1);
    expect(logs[1]).toMatchObject({ from: 12, to: 16, changed: 4, added: 0 });
  });

  it('refuses it when a byte of any file is another', async () => {
    const { path } = await bundle();
    for (const file of Object.values(bundleFiles(path))) {
      const bytes = await readFile(file);
      const other = Buffer.from(bytes);
      other[bytes.length - 20]! ^= 1;
      await writeFile(file, other);
      expect(await codeOf(inspectBundle({ path, signal }))).not.toBe('nothing was refused');
      await writeFile(file, bytes);
    }
    expect(await codeOf(inspectBundle({ path, signal }))).toBe('nothing was refused');
  });
});
