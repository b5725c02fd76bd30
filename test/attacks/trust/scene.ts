// A small mesh in which something is published and taken, for the attacks that are about who may have it and for how long.

import type { FeedId } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import type { SimNode } from '../../sim/node.ts';
import { canary, World } from '../../sim/world.ts';

export interface Scene {
  readonly world: World;
  readonly feed: FeedId;
  /** Publishes so many entries at the library. */
  say(count: number): Promise<void>;
  /** Entries that are items at this space. */
  applied(name: string): number;
  held(name: string): number;
}

/** An open feed of the library that these spaces take, level everywhere. */
export async function openScene(
  seed: number,
  spaces: readonly string[],
  takers: readonly string[],
): Promise<Scene> {
  const world = await World.create({ seed, spaces });
  const feed = await world.createFeed('library', 'variables/base', 'all');
  await world.spread();
  for (const name of takers) await world.subscribe(name, feed);
  let said = 0;
  const peek = (name: string) => world.node(name).mesh.feeds.peek(feed);
  const scene: Scene = {
    world,
    feed,
    say: async (count) => {
      const drafts = Array.from({ length: count }, () => ({
        item: `item ${++said}`,
        body: { payload: `${canary(feed)} ${said}` },
      }));
      await world.time.during(world.publish(world.node('library'), feed, drafts));
    },
    applied: (name) => peek(name)?.view.applied ?? 0,
    held: (name) => peek(name)?.log.size ?? 0,
  };
  await scene.say(3);
  const isLevel = () => takers.every((name) => scene.applied(name) === 3);
  if ((await world.time.until(isLevel, 2 * LIMITS.antiEntropyMs)) === undefined)
    throw new Error(`seed ${seed}: the mesh does not become level`);
  return scene;
}

export const lines = (world: World, names: readonly string[]): string[] =>
  names.map((name) => world.node(name).line);

/** Names of all nodes but these. */
export const others = (world: World, names: readonly string[]): string[] =>
  [...world.nodes.keys()].filter((name) => !names.includes(name));

/** When each of these nodes brings the revocation into force, after it was ordered now; Infinity for one that never does. */
export async function timeRevocation(
  world: World,
  victim: string,
  nodes: readonly SimNode[],
): Promise<number[]> {
  const { peerId } = world.node(victim);
  const startMs = world.time.nowMs();
  const inForceMs = new Map<SimNode, number>();
  for (const node of nodes) {
    const { directory, members, host } = node.mesh;
    directory.onChange(() => {
      // Listeners run in order: the node's own reaction is before this one.
      if (members.isRevoked(peerId) && !host.isConnected(peerId) && !inForceMs.has(node))
        inForceMs.set(node, world.time.nowMs() - startMs);
    });
  }
  await world.revoke(victim);
  await world.time.until(() => inForceMs.size === nodes.length, 60_000);
  return nodes.map((node) => inForceMs.get(node) ?? Number.POSITIVE_INFINITY);
}

export const percentile = (samples: readonly number[], share: number): number => {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
};

export const seedsFrom = (first: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first + i);
