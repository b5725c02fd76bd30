import { expect, it } from 'vitest';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { rotateMidBatch } from './rotation-scene.ts';
import { expectSound, seedsOf } from './seeds.ts';

it.each(seedsOf('rotation', 2))(
  'keys of publisher, subscriber and ODCM change in the middle of batches, and nobody refuses anything (seed %i)',
  async (seed) => {
    const { world, refused, failed, published } = await rotateMidBatch(seed);
    expect(failed).toEqual([]);
    expect(world.refused).toEqual(new Map());
    await expectSound(world);
    expect(refused).toBe(0);
    expect(published).toBeGreaterThan(60);
    for (const name of ['library', 'platform', 'odcm']) {
      const node = world.node(name);
      const rows = [...world.nodes.values()].map(
        ({ mesh }) => mesh.directory.state.spaces.get(node.home.config.space)!,
      );
      for (const { keys, nodeKey } of rows) {
        expect(keys).toHaveLength(3);
        expect(nodeKey).toEqual(ed25519Raw(await node.home.nodeKey()));
      }
      expect(await node.home.keys.state('nodeKeyNext')).toBe('missing');
    }
  },
);
