import { describe, expect, it, onTestFinished } from 'vitest';
import { parseOrigin } from '../../../protocols/ids.ts';
import { codeOf } from '../enrol/mesh.ts';
import { tempFolder } from '../temp-folder.ts';
import { drafts, Sites } from './sites.ts';

/** The vault followed another history of the directory, and knows that there are two. */
async function forked() {
  const made = await Sites.create(await tempFolder());
  onTestFinished(() => made.close());
  const feed = await made.feed('library', 'variables', ['vault']);
  const [library, vault] = [made.site('library'), made.site('vault')];
  await made.publish(library, feed, drafts(5));
  await made.tell(vault);
  const point = made.directorySize;
  const twin = await made.twin();
  await twin.grant('vault', 'library', 'variables', '2030-01-01T00:00:00.000Z');
  await twin.tell(vault);
  await made.ungrant('vault', 'library', 'variables');
  await made.tell(library);
  vault.node.directory.isFrozen = true;
  return { made, twin, feed, library, vault, point };
}

describe('a site that only files reach, with another history of the directory', () => {
  it('gets out by a bundle that brings the root which opens the next epoch', async () => {
    const { made, feed, library, vault, point } = await forked();
    const before = vault.node.directory.log;
    const envelope = await made.continueFrom(point);
    await library.node.roots.adopt([envelope]);
    await made.tell(library);
    const { path } = await made.export('library', 'vault');
    await vault.import(path, 'Bob');
    const { directory } = vault.node;
    expect(parseOrigin(directory.origin).epoch).toBe(2);
    expect([directory.isFrozen, directory.isWaiting, directory.refusal]).toEqual([
      ...[false, false, undefined],
    ]);
    expect(directory.log.root()).toEqual(library.node.directory.log.root());
    expect(await vault.held(feed)).toBe(5);
    // The entries that lost are where they were.
    expect(before.size).toBeGreaterThan(point);
    expect((await before.entry(point)).leaf.length).toBeGreaterThan(0);
    await vault.restart();
    expect(vault.node.directory.log.root()).toEqual(library.node.directory.log.root());
  });

  it('takes one that brings two epochs at once, of which it has the first point only', async () => {
    const { made, feed, library, vault, point } = await forked();
    const first = await made.continueFrom(point);
    await library.node.roots.adopt([first]);
    await made.feed('library', 'more', ['vault']);
    const second = await made.continueFrom(made.directorySize);
    await library.node.roots.adopt([second]);
    await made.tell(library);
    expect(vault.node.directory.log.size).toBeGreaterThan(point);
    await vault.import((await made.export('library', 'vault')).path, 'Bob');
    const { directory } = vault.node;
    expect([directory.epoch?.epoch, directory.isWaiting, directory.refusal]).toEqual([
      ...[3, false, undefined],
    ]);
    expect(directory.log.root()).toEqual(library.node.directory.log.root());
    expect(await vault.held(feed)).toBe(5);
  });

  it('takes no bundle from a point that its own history does not have', async () => {
    const { made, library, vault, point } = await forked();
    const envelope = await made.continueFrom(point + 1);
    await library.node.roots.adopt([envelope]);
    await made.tell(library);
    const { path } = await made.export('library', 'vault');
    const { root } = vault.home;
    expect(await codeOf(vault.import(path, 'Bob'))).toBe('CONFLICT');
    expect([vault.home.root, vault.node.directory.epoch]).toEqual([root, null]);
  });

  it('takes no bundle of the epoch that is over', async () => {
    const { made, library, vault, point } = await forked();
    const old = await made.export('library', 'vault');
    const envelope = await made.continueFrom(point);
    await vault.node.roots.adopt([envelope]);
    expect(vault.node.directory.isWaiting).toBe(true);
    expect(await codeOf(vault.import(old.path, 'Bob'))).toBe('OLD_EPOCH');
    await library.node.roots.adopt([envelope]);
    await made.tell(library);
    const { path } = await made.export('library', 'vault');
    await vault.import(path, 'Bob');
    expect(vault.node.directory.isWaiting).toBe(false);
  });
});
