import { LIMITS } from '../../../protocols/limits.ts';
import type { Row } from '../row.ts';
import { openScene, type Scene, seedsFrom } from '../trust/scene.ts';

const SPACES = ['library', 'platform', 'payments', 'shipping'];

interface Kept {
  readonly size: number;
  readonly ageMs: number;
  readonly feedSize: number;
}

const knownAt = ({ world, feed }: Scene, name: string): Kept => {
  const { directory, feeds } = world.node(name).mesh;
  return {
    size: directory.state.size,
    ageMs: directory.ageMs ?? Number.POSITIVE_INFINITY,
    feedSize: feeds.peek(feed)?.head?.size ?? 0,
  };
};

/** Every old head and every old date of directory and feed is offered again, before and after a restart. */
async function rollBack(seed: number): Promise<{ offered: number; back: number }> {
  const scene = await openScene(seed, SPACES, ['platform', 'payments']);
  const { world, feed, say } = scene;
  const platform = world.node('platform');
  const oldDirectory: Buffer[] = [];
  const oldFeed: Buffer[] = [];
  const record = async () => {
    const { directory, feeds } = platform.mesh;
    if (directory.log.note) oldDirectory.push(Buffer.from(directory.log.note));
    const { note } = (await world.time.during(feeds.open(feed))).log;
    if (note) oldFeed.push(Buffer.from(note));
  };
  await record();
  for (let i = 0; i < 3; i++) {
    await world.createFeed('library', `extra/${i}`, 'all');
    await say(2);
    await world.time.advance(LIMITS.timestampMs);
    await record();
  }
  await world.revoke('shipping');
  await world.spread();
  let back = 0;
  let offered = 0;
  for (const isRestarted of [false, true]) {
    if (isRestarted) {
      await world.time.during(platform.stop());
      await world.time.during(platform.start());
    }
    const before = knownAt(scene, 'platform');
    const { directory, feeds, members } = platform.mesh;
    const open = await world.time.during(feeds.open(feed));
    for (const note of oldDirectory) {
      offered += 1;
      const empty = { hashes: async () => Buffer.alloc(0), entries: () => [] };
      const verdict = await directory.accept(note, empty);
      if (verdict !== 'known') back += 1;
    }
    for (const note of oldFeed) {
      offered += 1;
      await feeds.acceptHead(open, note);
    }
    const after = knownAt(scene, 'platform');
    if (after.size < before.size || after.ageMs > before.ageMs + 1_000) back += 1;
    if (after.feedSize < before.feedSize) back += 1;
    if (!members.isRevoked(world.node('shipping').peerId)) back += 1;
  }
  return { offered, back };
}

/** A peer that holds nothing but an old directory, as after a backup was put back: nobody follows it. */
async function oldPeer(seed: number): Promise<number> {
  const scene = await openScene(seed, SPACES, ['platform']);
  const { world } = scene;
  const payments = world.node('payments');
  await world.time.during(payments.stop());
  const kept = new Map<string, [Buffer, Buffer][]>();
  for (const name of ['logs', 'views', 'blockStore'] as const) {
    const rows: [Buffer, Buffer][] = [];
    for await (const { key, value } of payments.disks[name].rows.range({})) rows.push([key, value]);
    kept.set(name, rows);
  }
  await world.time.during(payments.start());
  await world.revoke('shipping');
  await world.spread();
  const newest = world.odcm.mesh.directory.state.size;
  await world.time.during(payments.stop());
  // The disks are those of before the revocation.
  for (const name of ['logs', 'views', 'blockStore'] as const) {
    const { rows } = payments.disks[name];
    const keys: Buffer[] = [];
    for await (const { key } of rows.range({})) keys.push(key);
    await rows.write(keys.map((key) => ({ type: 'del', key })));
    for (const [key, value] of kept.get(name) ?? [])
      await rows.write([{ type: 'put', key, value }]);
  }
  await world.time.during(payments.start());
  await world.time.advance(2 * LIMITS.antiEntropyMs);
  const sizes = ['odcm', 'library', 'platform', 'payments'].map(
    (name) => knownAt(scene, name).size,
  );
  return sizes.filter((size) => size !== newest).length;
}

export const rows: readonly Row[] = [
  {
    id: 'T08',
    what: 'heads and dates of before are offered again: directory and feed, also after a restart',
    how: 'simulated',
    expected: '0 steps back',
    run: async ({ seeds, isLong }) => {
      let [offered, back] = [0, 0];
      for (const seed of seedsFrom(5_300, isLong ? Math.min(seeds, 100) : 1)) {
        const one = await rollBack(seed);
        offered += one.offered;
        back += one.back;
      }
      return { measured: `${back} steps back after ${offered} old heads`, pass: back === 0 };
    },
  },
  {
    id: 'T08',
    what: 'a member comes back with the disk of before a revocation',
    how: 'simulated',
    expected: 'nobody follows it, and it catches up',
    run: async () => {
      const wrong = await oldPeer(5_400);
      return { measured: `${wrong} nodes without the newest directory`, pass: wrong === 0 };
    },
  },
];
