import { describe, expect, it } from 'vitest';
import { directoryHandlers } from '../../node/control/directory-handlers.ts';
import { openForks } from '../../node/control/fork-handlers.ts';
import { directoryHistories } from '../../node/fork/directory-histories.ts';
import { findDirectoryPoint } from '../../node/fork/directory-point.ts';
import { chosenOf, lapsesOf } from '../../node/fork/directory-revocations.ts';
import type { MeshNode } from '../../node/node.ts';
import { decodeNote } from '../../protocols/checkpoint.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { parseOrigin } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { beginEpoch, forkedDirectory as forked, openEpoch, revokedAt } from './epoch-scene.ts';
import { imageOf, SPACES, twoDirectories } from './fork-scenes.ts';
import type { SimNode } from './node.ts';
import { rotate } from './rotation-scene.ts';
import { World } from './world.ts';

/** `odcm directory continue` at this node. */
const continueAt = (node: MeshNode, keys: string[] = []) =>
  directoryHandlers.continueDirectory({ node, query: {}, body: { keys } } as unknown as Parameters<
    typeof directoryHandlers.continueDirectory
  >[0]);

describe('a directory with two histories', () => {
  it.each([1, 2])(
    'goes on where both are one, and shuts out whom either shut out (seed %i)',
    async (seed) => {
      const { world, all } = await forked(seed);
      expect(all.map(({ mesh }) => mesh.directory.isFrozen)).not.toContain(false);
      const point = await openEpoch(world);
      expect(point.epoch).toBe(2);
      const areWaiting = () => world.spaces.every(({ mesh }) => mesh.directory.isWaiting);
      await world.time.until(areWaiting, 300_000);
      expect(world.spaces.map(({ mesh }) => mesh.directory.isWaiting)).not.toContain(false);
      // Nothing that was in force has ended before ODCM speaks.
      expect(revokedAt(world.node('shipping'), 'platform')).toBe(true);
      const { mesh, desk, process } = world.odcm;
      await expect(desk.writer.renew()).rejects.toMatchObject({ code: 'BUSY' });

      const found = await world.time.during(directoryHistories(mesh, process.timers, point.size));
      expect(found.missing).toEqual([]);
      const lapses = lapsesOf(found);
      expect(lapses.map(({ kind, name }) => [kind, name])).toEqual([['space', 'platform']]);
      await world.time.during(desk.beginEpoch(chosenOf(lapses, []).map(({ draft }) => draft)));

      world.revoked.add('platform');
      await world.spread();
      for (const node of world.honest) {
        const { log, origin, isFrozen, isWaiting } = node.mesh.directory;
        expect(parseOrigin(origin).epoch).toBe(2);
        expect([isFrozen, isWaiting, log.root()]).toEqual([
          false,
          false,
          mesh.directory.log.root(),
        ]);
        expect(revokedAt(node, 'platform')).toBe(true);
      }
      // From here on it is a directory as any other.
      await world.revoke('shipping');
      await world.spread();
      for (const node of world.honest) expect(revokedAt(node, 'shipping')).toBe(true);
      await world.time.advance(LIMITS.timestampMs);
      for (const node of world.honest) expect(node.mesh.directory.age).toBe('fresh');
      for (const node of world.honest) expect(node.mesh.forks.all()).toHaveLength(1);
      expect(world.wrongs).toEqual([]);
    },
  );

  it.each([false, true])(
    'names the former keys of a space again, which asks for the newest once more (started since: %s)',
    async (isStarted) => {
      const { world, copy } = await twoDirectories(21, 3, 1, async (w) => {
        expect(await rotate(w, w.node('library'))).toBeUndefined();
        await w.time.advance(5_000);
        if (!isStarted) return;
        await w.time.during(w.node('library').stop());
        await w.time.during(w.node('library').start());
        await w.time.advance(5_000);
      });
      const library = world.node('library');
      const { space } = library.home.config;
      const newest = ed25519Raw(await library.home.nodeKey());
      const keyAt = ({ mesh }: SimNode) => mesh.directory.state.spaces.get(space)!.nodeKey;
      expect(keyAt(world.odcm)).toEqual(newest);
      await world.time.during(copy.stop());
      const connected = () => world.odcm.mesh.host.connectedPeers();
      const isMet = () => world.spaces.every(({ peerId }) => connected().includes(peerId));
      await world.time.until(isMet, 300_000);
      const { size } = await openEpoch(world);
      const isWaiting = () => library.mesh.directory.isWaiting;
      await world.time.until(isWaiting, 300_000);
      await beginEpoch(world, size);
      expect(keyAt(world.odcm)).not.toEqual(newest);
      const isBack = () => ed25519Raw(library.mesh.keys.current).equals(newest) === false;
      if (isStarted) {
        await world.time.until(isBack, 60_000);
        expect(isBack()).toBe(true);
        expect(library.mesh.keys.isIdentityFormer).toBe(true);
        // As upkeep has it do, where nobody knows it by its identity any more.
        await world.time.during(library.stop());
        await world.time.during(library.start());
      }
      const isNewest = () => [...world.nodes.values()].every((node) => keyAt(node).equals(newest));
      await world.time.until(isNewest, 300_000);
      expect([...world.nodes.values()].map(keyAt)).toEqual([...world.nodes].map(() => newest));
      expect(ed25519Raw(library.mesh.keys.current)).toEqual(newest);
      expect(await library.home.keys.state('nodeKeyNext')).toBe('missing');
    },
  );

  it('has the new keys of a space from the start that cannot ask for them itself', async () => {
    const { world, copy } = await twoDirectories(22, 3, 1, async (w) => {
      expect(await rotate(w, w.node('library'))).toBeUndefined();
      await w.time.advance(5_000);
    });
    const library = world.node('library');
    const { mesh } = world.odcm;
    await world.time.during(copy.stop());
    const others = world.spaces.filter((node) => node !== library);
    const isMet = () => others.every(({ peerId }) => mesh.host.connectedPeers().includes(peerId));
    await world.time.until(isMet, 300_000);
    await openEpoch(world);
    // Its next start goes by a key that the point does not know.
    await world.time.during(library.stop());
    await expect(world.time.during(continueAt(mesh, ['payments']))).rejects.toMatchObject({
      code: 'USAGE',
    });
    const begun = await world.time.during(continueAt(mesh, ['library']));
    expect(begun).toMatchObject({ rekeyed: [{ space: 'library' }], newKeys: [] });
    await world.time.during(library.start());
    const head = mesh.directory.log.root();
    const isHere = () =>
      [...world.nodes.values()].every((node) => node.mesh.directory.log.root().equals(head));
    await world.time.until(isHere, 300_000);
    const { space } = library.home.config;
    const newest = ed25519Raw(await library.home.nodeKey());
    for (const { mesh: node } of world.nodes.values())
      expect(node.directory.state.spaces.get(space)!.nodeKey).toEqual(newest);
    expect(await world.time.during(continueAt(mesh))).toMatchObject({ rekeyed: [], newKeys: [] });
  });

  it('goes on at nodes that were away, also when they start in the middle of it', async () => {
    const { world } = await forked(3);
    const [library, payments] = [world.node('library'), world.node('payments')];
    await world.time.during(library.stop());
    const point = await openEpoch(world);
    await world.time.until(() => payments.mesh.directory.isWaiting, 300_000);
    await world.time.during(payments.stop());
    await world.time.during(payments.start());
    expect(payments.mesh.directory.isWaiting).toBe(true);
    expect(revokedAt(payments, 'platform')).toBe(true);
    await world.time.during(world.odcm.stop());
    await world.time.during(world.odcm.start());
    expect(world.odcm.mesh.directory.isWaiting).toBe(true);
    await world.time.until(() => world.odcm.mesh.directoryGate.isOpen, 200_000);
    const again = world.odcm;
    const { size } = await world.time.during(findDirectoryPoint(again.mesh, again.process.timers));
    expect(size).toBe(point.size);
    const found = await world.time.during(
      directoryHistories(again.mesh, again.process.timers, size),
    );
    await world.time.during(again.desk.beginEpoch(lapsesOf(found).map(({ draft }) => draft)));
    await world.time.during(library.start());
    world.revoked.add('platform');
    await world.time.until(() => library.mesh.directory.epoch !== null, 300_000);
    await world.spread();
    expect(library.mesh.directory.log.root()).toEqual(again.mesh.directory.log.root());
  });

  it('takes nothing of the epoch that is over', async () => {
    const { world } = await forked(4);
    const { mesh, desk } = world.odcm;
    const old = Buffer.from(mesh.directory.log.note!);
    const evidence = mesh.forks.all().map(({ origin }) => origin);
    await openEpoch(world);
    expect(() => chosenOf([], ['ledger'])).toThrow(expect.objectContaining({ code: 'USAGE' }));
    await world.time.during(desk.beginEpoch([]));
    await expect(desk.writer.begin([])).rejects.toMatchObject({ code: 'USAGE' });
    await world.spread();
    const { directory } = world.node('library').mesh;
    expect(() => directory.judge(old)).toThrow(expect.objectContaining({ code: 'OLD_EPOCH' }));
    expect(decodeNote(old).checkpoint.size).toBeGreaterThan(0);
    expect(
      world
        .node('library')
        .mesh.forks.all()
        .map(({ origin }) => origin),
    ).toEqual(evidence);
  });

  it('stays refused at a node that followed other entries than those that it goes on from', async () => {
    const { world } = await forked(5);
    const { mesh, desk } = world.odcm;
    // The keepers choose the whole of one history: nodes with the other one do not follow blindly.
    const { size } = mesh.directory.log;
    const root = mesh.directory.log.root();
    await world.time.during(
      desk.installRoot(world.nextRoot({ continueDirectory: { size, root } })),
    );
    await world.time.during(desk.beginEpoch([]));
    const { directory: same } = world.node('library').mesh;
    await world.time.until(() => same.log.size > size, 300_000);
    expect(same.log.root()).toEqual(mesh.directory.log.root());
    const { directory: other } = world.node('shipping').mesh;
    await world.time.until(() => other.epoch !== null, 300_000);
    expect(other.epoch?.epoch).toBe(2);
    await world.time.advance(60_000);
    expect(revokedAt(world.node('shipping'), 'platform')).toBe(true);
    expect(other.log.size > size).toBe(false);
    expect([other.isWaiting, other.refusal?.code]).toEqual([true, undefined]);
    const told = world.lines.filter((line) =>
      line.includes('shipping: the root lets the directory'),
    );
    expect(told.join('\n')).toContain('not the ones that this node followed');
    expect(openForks(world.node('shipping').mesh)).toEqual(['directory']);
    expect(openForks(mesh)).toEqual([]);
  });

  it('is not let go on from a point that ODCM does not have', async () => {
    const { world } = await forked(6);
    const { desk, mesh } = world.odcm;
    const { size } = mesh.directory.log;
    for (const point of [
      { size: size + 1, root: mesh.directory.log.root() },
      { size, root: Buffer.alloc(32, 7) },
    ]) {
      const installed = world.time.during(
        desk.installRoot(world.nextRoot({ continueDirectory: point })),
      );
      await expect(installed).rejects.toMatchObject({ code: 'CONFLICT' });
    }
    expect(mesh.home.root.versions).toBe(1);
  });

  it('is begun by an ODCM that was restored to less than the point, with what members have', async () => {
    const world = await World.create({ seed: 7, spaces: SPACES });
    const backup = await imageOf(world, world.odcm);
    const feed = await world.createFeed('library', 'variables/base', 'all');
    await world.spread();
    const { log } = world.odcm.mesh.directory;
    const continueDirectory = { size: log.size, root: log.root() };
    await world.time.during(world.odcm.desk.installRoot(world.nextRoot({ continueDirectory })));
    const areWaiting = () => world.spaces.every(({ mesh }) => mesh.directory.isWaiting);
    await world.time.until(areWaiting, 300_000);
    await world.time.during(world.odcm.stop());
    world.nodes.set('odcm', backup);
    await world.time.during(backup.start());
    await world.time.until(() => backup.mesh.directoryGate.isOpen, 300_000);
    const { directory } = backup.mesh;
    expect([directory.isWaiting, directory.refusal]).toEqual([true, undefined]);
    expect(directory.log.size).toBeLessThan(continueDirectory.size);
    await expect(world.time.during(backup.desk.beginEpoch([]))).rejects.toMatchObject({
      code: 'BUSY',
    });
    const begun = await world.time.during(continueAt(backup.mesh));
    expect(begun).toMatchObject({ epoch: 2, size: continueDirectory.size, reissued: [] });
    await world.spread();
    for (const { mesh } of world.honest) {
      expect([mesh.directory.isWaiting, mesh.directory.log.root()]).toEqual([
        false,
        directory.log.root(),
      ]);
      expect(mesh.directory.state.feeds.has(feed)).toBe(true);
    }
    expect(world.wrongs).toEqual([]);
  });

  it('waits for members when a restored ODCM reaches none that has the rest', async () => {
    const world = await World.create({ seed: 9, spaces: SPACES });
    const backup = await imageOf(world, world.odcm);
    await world.createFeed('library', 'variables/base', 'all');
    const { log } = world.odcm.mesh.directory;
    const continueDirectory = { size: log.size, root: log.root() };
    await world.time.during(world.odcm.desk.installRoot(world.nextRoot({ continueDirectory })));
    for (const node of world.nodes.values()) await world.time.during(node.stop());
    await world.time.during(backup.start());
    const refused = expect(world.time.during(continueAt(backup.mesh))).rejects;
    await refused.toMatchObject({ code: 'BUSY' });
    expect(backup.mesh.directory.isWaiting).toBe(true);
  });

  it('is given what it lacks also when somebody else has begun it', async () => {
    const { world } = await forked(8, 'odcm');
    const { mesh, desk } = world.odcm;
    await openEpoch(world);
    // As who has the directory key would, where it was kept.
    await world.time.during(desk.writer.begin([]));
    await world.spread();
    expect(revokedAt(world.node('library'), 'platform')).toBe(false);
    const again = () => world.time.during(continueAt(mesh));
    expect(await again()).toMatchObject({ epoch: 2, reissued: [{ name: 'platform' }] });
    const { size } = mesh.directory.log;
    world.revoked.add('platform');
    await world.spread();
    for (const node of world.honest) expect(revokedAt(node, 'platform')).toBe(true);
    expect(await again()).toMatchObject({ reissued: [], leftOut: [] });
    expect(mesh.directory.log.size).toBe(size);
  });
});
