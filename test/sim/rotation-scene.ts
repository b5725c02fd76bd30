// Spaces change their keys while they publish, and start again in the middle of it: what of it anybody refused, and what is
// missing in the end.

import { asMeshError, type Code } from '../../protocols/errors.ts';
import { newKey } from './keys.ts';
import type { SimNode } from './node.ts';
import { World } from './world.ts';

const REFUSALS: readonly Code[] = ['UNKNOWN_KEY', 'BAD_SIGNATURE', 'NOT_A_MEMBER'];

export interface Rotated {
  readonly world: World;
  /** Refusals of what the changed keys signed, all nodes together. */
  readonly refused: number;
  readonly published: number;
  /** Rotations that ODCM did not carry out. */
  readonly failed: readonly string[];
}

const refusalsOf = (world: World): number =>
  [...world.nodes.values()].reduce((sum, { mesh }) => {
    const all = mesh.allRefusals();
    return sum + REFUSALS.reduce((of, code) => of + (all[code] ?? 0), 0);
  }, 0);

/** New keys for a running node, from the seed. */
export async function rotate(world: World, node: SimNode): Promise<string | undefined> {
  const { keys } = node.home;
  await keys.add('nodeKeyNext', newKey(world.dice));
  await keys.add('exchangeKeyNext', newKey(world.dice, 'x25519'));
  try {
    await world.time.during(node.mesh.rotation.rotate());
    return undefined;
  } catch (error) {
    return `${node.name}: ${asMeshError(error).line}`;
  }
}

export async function rotateMidBatch(seed: number, rounds = 6): Promise<Rotated> {
  const world = await World.create({ seed, spaces: ['library', 'platform', 'payments'] });
  const feed = await world.createFeed('library', 'variables/base', 'all');
  await world.spread();
  for (const name of ['platform', 'payments']) await world.subscribe(name, feed);
  const library = world.node('library');
  let published = 0;
  const publish = (): Promise<void> => {
    const drafts = [1, 2, 3].map(() => ({
      item: `item-${published++}`,
      body: { payload: { seed, published } },
    }));
    return world.publish(library, feed, drafts);
  };
  await world.time.during(publish());
  await world.time.advance(5_000);
  const before = refusalsOf(world);
  let refused = 0;
  const failed: string[] = [];
  for (let round = 0; round < rounds; round++) {
    const writing = [publish(), publish()];
    const node = world.node(['library', 'platform', 'odcm'][round % 3]!);
    const fault = await rotate(world, node);
    if (fault) failed.push(fault);
    writing.push(publish());
    await world.time.during(Promise.all(writing));
    await world.time.advance(world.dice.between([100, 4_000]));
    // Its counts end with it; the next start takes the newest identity.
    refused += refusalsOf(world) - before;
    await world.time.during(node.stop());
    if (node !== library) await world.time.during(publish());
    await world.time.during(node.start());
    await world.time.advance(world.dice.between([8_000, 20_000]));
  }
  return { world, refused, published, failed };
}
