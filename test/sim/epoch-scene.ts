// The way out of two directories, step by step: what the tests look at closely, and the attack catalogue counts.

import { directoryHistories } from '../../node/fork/directory-histories.ts';
import { findDirectoryPoint } from '../../node/fork/directory-point.ts';
import { chosenOf, lapsesOf } from '../../node/fork/directory-revocations.ts';
import { twoDirectories } from './fork-scenes.ts';
import type { SimNode } from './node.ts';
import type { World } from './world.ts';

export const revokedAt = (node: SimNode, name: string) =>
  node.mesh.directory.state.spaceNamed(name)?.revoked !== null;

/** ODCM's copy, or ODCM, shuts platform out where only half of the mesh sees it; then both histories meet. */
export async function forkedDirectory(seed: number, by: 'copy' | 'odcm' = 'copy') {
  const { world, copy } = await twoDirectories(seed, 3, 1, async (w, other) => {
    const own = w.odcm.home.config.space;
    const pen = by === 'copy' ? other : w.odcm;
    await w.time.during(pen.desk.trust.revoke('platform', 'stolen', own));
  });
  const all = [...world.nodes.values()];
  await world.time.until(() => all.every(({ mesh }) => mesh.directory.isFrozen), 200_000);
  await world.time.during(copy.stop());
  const connected = () => world.odcm.mesh.host.connectedPeers();
  const isMet = () => world.spaces.every(({ peerId }) => connected().includes(peerId));
  await world.time.until(isMet, 300_000);
  return { world, all };
}

/** The keepers name the last point that is in both. */
export async function openEpoch(world: World) {
  const { mesh, desk, process } = world.odcm;
  const point = await world.time.during(findDirectoryPoint(mesh, process.timers));
  const { size, root } = point;
  const envelope = world.nextRoot({ continueDirectory: { size, root } });
  await world.time.during(desk.installRoot(envelope));
  return point;
}

/** ODCM begins it. Gives back what was found behind the point. */
export async function beginEpoch(world: World, size: number) {
  const { mesh, desk, process } = world.odcm;
  const found = await world.time.during(directoryHistories(mesh, process.timers, size));
  const lapses = lapsesOf(found);
  await world.time.during(desk.beginEpoch(chosenOf(lapses, []).map(({ draft }) => draft)));
  world.revoked.add('platform');
  return { found, lapses };
}
