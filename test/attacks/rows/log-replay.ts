// What was true once, said again: it changes nothing.

import { uuidBytes } from '../../../protocols/ids.ts';
import { differences, faults } from '../../sim/checks.ts';
import type { SimDisk } from '../../sim/disk.ts';
import { canary, World } from '../../sim/world.ts';
import type { Row } from '../row.ts';

/** Longer than gossip remembers what it has seen. */
const FORGOTTEN_MS = 200_000;

/** Counts rows of the logs with these bytes in their keys that are written from now on. */
function countWrites(disks: readonly SimDisk[], id: Buffer): () => number {
  let count = 0;
  for (const disk of disks) {
    const apply = disk.apply.bind(disk);
    disk.apply = (batch, sync) => {
      count += batch.filter(({ key }) => key.includes(id)).length;
      return apply(batch, sync);
    };
  }
  return () => count;
}

async function replay(seed: number): Promise<{ wrong: string[]; writes: number; told: number }> {
  const world = await World.create({ seed, spaces: ['library', 'platform', 'shipping'] });
  const feed = await world.createFeed('library', 'variables/base', 'all');
  await world.spread();
  for (const name of ['platform', 'shipping']) await world.subscribe(name, feed);
  const heard: [string, Uint8Array][] = [];
  const { gossip } = world.node('shipping').process.host;
  gossip.relay = (topic, data) => {
    if (topic.includes('/feeds/')) heard.push([topic, data]);
    return data;
  };
  for (let i = 0; i < 8; i++) {
    const drafts = [{ item: `item ${i % 3}`, body: { payload: `${canary(feed)} ${i}` } }];
    await world.time.during(world.publish(world.node('library'), feed, drafts));
    await world.time.advance(2_000);
  }
  await world.time.until(async () => (await differences(world)).length === 0, 100_000);
  await world.time.advance(FORGOTTEN_MS);
  const sizes = () => world.honest.map(({ mesh }) => mesh.feeds.peek(feed)?.log.size ?? -1);
  const before = sizes().join();
  const disks = world.honest.map((node) => node.disks.logs);
  const writes = countWrites(disks, uuidBytes(feed));
  for (const [topic, data] of heard.reverse()) {
    await world.time.during(gossip.publish(topic, data));
    await world.time.advance(1_000);
  }
  const count = writes();
  const wrong = [
    ...(await world.time.during(differences(world))),
    ...(await world.time.during(faults(world))),
  ];
  if (sizes().join() !== before) wrong.push(`logs grew from ${before} to ${sizes().join()}`);
  return { wrong, writes: count, told: heard.length };
}

export const rows: readonly Row[] = [
  {
    id: 'L04',
    what: 'all heads and entries of a feed told again, newest first',
    how: 'simulated',
    expected: '0 rows written, nothing changed',
    async run({ seeds, log }) {
      const count = Math.min(seeds, 200);
      let [harmed, rows, told] = [0, 0, 0];
      for (let seed = 1; seed <= count; seed++) {
        const result = await replay(seed);
        for (const line of result.wrong) log(`seed ${seed}: ${line}`);
        if (result.wrong.length > 0) harmed++;
        rows += result.writes;
        told += result.told;
      }
      const measured = `${rows} rows written for ${told} old messages; ${harmed} of ${count} worlds harmed`;
      return { measured, pass: rows === 0 && harmed === 0 && told > 0 };
    },
  },
];
