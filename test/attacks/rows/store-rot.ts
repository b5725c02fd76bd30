// Bits that change at rest: each row of every database of a publisher and of a subscriber, one after the other.

import { tableOf } from '../../../node/store/keys.ts';
import { decodeEntry } from '../../../protocols/entry.ts';
import type { FeedId } from '../../../protocols/ids.ts';
import type { SimNode } from '../../sim/node.ts';
import { World } from '../../sim/world.ts';
import type { Row } from '../row.ts';

const DATABASES = ['logs', 'blockStore', 'views'] as const;
const WITHIN_MS = 5_000;
const QUICK_ROWS = 2;
/** Written anew every few seconds: such a row may be right again before anybody looks. */
const REWRITTEN = ['logs m', 'logs h', 'views n', 'views a'];

interface Scene {
  readonly world: World;
  readonly feed: FeedId;
}

/** A feed with small events, one of a size that travels as a block, and versions; one subscriber has all of it. */
export async function stockedWorld(seed: number): Promise<Scene> {
  const world = await World.create({ seed, spaces: ['library', 'platform', 'payments'] });
  const feed = await world.createFeed('library', 'variables/base', 'all');
  await world.spread();
  for (const name of ['platform', 'payments']) await world.subscribe(name, feed);
  const publish = (names: readonly string[], text: string) =>
    world.time.during(
      world.publish(
        world.node('library'),
        feed,
        names.map((item) => ({ item, body: { payload: { text } } })),
      ),
    );
  await publish(
    Array.from({ length: 300 }, (_, i) => `item ${i}`),
    'small',
  );
  await publish(['large'], 'x'.repeat(20_000));
  await publish(['item 1', 'item 2'], 'newer');
  const isLevel = () =>
    ['platform', 'payments'].every((name) => {
      const held = world.node(name).mesh.feeds.peek(feed);
      return held?.log.size === 303 && held.view.isLevel;
    });
  if ((await world.time.until(isLevel, 60_000)) === undefined)
    throw new Error('it never was level');
  return { world, feed };
}

async function* keysOf(
  node: SimNode,
): AsyncGenerator<{ database: (typeof DATABASES)[number]; key: Buffer }> {
  for (const database of DATABASES) {
    const keys: Buffer[] = [];
    for await (const { key } of node.disks[database].rows.range({})) keys.push(key);
    for (const key of keys) yield { database, key };
  }
}

const isRepaired = ({ mesh }: SimNode): boolean => {
  const { board, scrub } = mesh.care;
  return scrub.round === null && board.open.length === 0;
};

/** All content of the node is what was published, and all rows are sound. */
async function isWhole({ world, feed }: Scene, node: SimNode): Promise<boolean> {
  const { directory } = node.mesh;
  if (directory.log.damage || !directory.log.root().equals(world.odcm.mesh.directory.log.root()))
    return false;
  const held = node.mesh.feeds.peek(feed);
  if (!held) return node === world.odcm;
  const source = world.node('library').mesh.feeds.peek(feed)!;
  if (held.log.damage || !held.view.isLevel || !held.log.root().equals(source.log.root()))
    return false;
  let count = 0;
  for await (const item of held.view.list({ limit: 1000 })) {
    const { record } = decodeEntry((await held.log.entry(item.index)).leaf);
    if (record && (await held.log.entry(item.index)).record === null) {
      if (!(await node.mesh.blocks.get(record))) return false;
    }
    count++;
  }
  return count === 301;
}

/** Rots one row, lets the scrub find it, and says how long the repair took; undefined when it did not come. */
async function repairOf(
  scene: Scene,
  node: SimNode,
  disk: (typeof DATABASES)[number],
  key: Buffer,
): Promise<{ tookMs: number | undefined; wasFound: boolean }> {
  const { world } = scene;
  const before = node.mesh.care.board.found;
  node.disks[disk].rot(key);
  node.mesh.care.scrub.begin();
  const startedMs = world.time.nowMs();
  const tookMs = await world.time.until(() => isRepaired(node), 60_000);
  const wasFound = node.mesh.care.board.found > before;
  if (tookMs === undefined || !(await world.time.during(isWhole(scene, node))))
    return { tookMs: undefined, wasFound };
  return { tookMs: world.time.nowMs() - startedMs, wasFound };
}

export const rows: readonly Row[] = [
  {
    id: 'C04',
    what: 'one flipped bit in each row of each database, one after the other, found by the scrub',
    how: 'simulated',
    expected: 'each found and repaired, each within 5 s',
    run: async ({ isLong, log }) => {
      let count = 0;
      let slowestMs = 0;
      const missed: string[] = [];
      for (const name of isLong ? ['platform', 'library', 'odcm'] : ['platform']) {
        const scene = await stockedWorld(4);
        const node = scene.world.node(name);
        const seen = new Map<string, number>();
        for await (const { database, key } of keysOf(node)) {
          const table = `${database} ${tableOf(key)}`;
          seen.set(table, (seen.get(table) ?? 0) + 1);
          // Rows of items are all alike: the quick run takes some of them.
          if (!isLong && seen.get(table)! > QUICK_ROWS) continue;
          count++;
          const { tookMs, wasFound } = await repairOf(scene, node, database, key);
          const mustBeFound = !REWRITTEN.includes(table);
          if (tookMs === undefined || (mustBeFound && !wasFound))
            missed.push(`${name} ${table} ${key.toString('hex')}`);
          else if (wasFound) slowestMs = Math.max(slowestMs, tookMs);
        }
        log(`${name}: ${[...seen].map(([table, n]) => `${table} ${n}`).join(', ')}`);
      }
      const measured = `${count - missed.length} of ${count} repaired, the slowest in ${slowestMs} ms`;
      return {
        measured:
          missed.length > 0 ? `${measured}; not ${missed.slice(0, 5).join(', ')}` : measured,
        pass: missed.length === 0 && slowestMs <= WITHIN_MS,
      };
    },
  },
];
