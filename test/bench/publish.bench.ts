// Durable publishing by a real node beside what it cannot do without: a synced LevelDB write of the same bytes, one signature,
// and three hashes an entry (record, content, leaf). In batches, with the next on its way while one is written; in batches
// each after the answer to the one before; and one by one. A node lives for long: it is warm before anything counts.

import { sign } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { generateEd25519 } from '../../certs/ed25519.ts';
import { systemClock, systemRandom, systemTimers } from '../../node/clock.ts';
import type { Publisher } from '../../node/feed/publisher.ts';
import { openHome } from '../../node/home/home.ts';
import { initMesh } from '../../node/home/init.ts';
import { silentLog } from '../../node/log.ts';
import { MeshNode } from '../../node/node.ts';
import { OdcmDesk } from '../../node/odcm.ts';
import { parseContextName, parseFeedId, parseFeedName } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { type BenchOptions, type Figure, median, settled, timed } from './measurement.ts';
import { CONTEXT, RECORD_BYTES, SampleFeed } from './sample-data.ts';

const LOOPBACK = '/ip4/127.0.0.1/tcp/0';
const BITS = 2048;

interface Plan {
  readonly name: string;
  /** Entries of a request. */
  readonly batch: number;
  /** Requests of a round. */
  readonly count: number;
  /** Requests on their way at the same time. */
  readonly underWay: number;
  readonly warmUps: number;
  readonly rounds: number;
  readonly target: number | null;
}

function plansOf(isQuick: boolean): Plan[] {
  const many = {
    batch: LIMITS.batchEntries,
    ...(isQuick ? { count: 2, warmUps: 0, rounds: 2 } : { count: 60, warmUps: 2, rounds: 5 }),
  };
  const single = {
    batch: 1,
    ...(isQuick ? { count: 20, warmUps: 0, rounds: 2 } : { count: 1_000, warmUps: 1, rounds: 7 }),
  };
  return [
    { name: 'publish-batches', ...many, underWay: 2, target: 60_000 },
    { name: 'publish-batches-in-turn', ...many, underWay: 1, target: 60_000 },
    { name: 'publish-one-by-one', ...single, underWay: 1, target: 1_500 },
  ];
}

export async function* publish({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const folder = await mkdtemp(join(tmpdir(), 'odcm-bench-'));
  const floorDb = new Level<Buffer, Buffer>(join(folder, 'floor'), FLOOR_OPTIONS);
  const node = await openNode(join(folder, 'home'));
  try {
    await floorDb.open();
    const publisher = await createFeed(node);
    const sample = new SampleFeed('odcm', 'bulk');
    const floor = new Floor(floorDb, sample.packedBytes);
    for (const plan of plansOf(isQuick)) yield await measure(plan, publisher, sample, floor);
  } finally {
    await node.stop();
    await floorDb.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function openNode(dir: string): Promise<MeshNode> {
  await initMesh({
    ...{ dir, meshName: 'bench', rootKeys: 1, threshold: 1 },
    ...{ listen: [LOOPBACK], enrolListen: '127.0.0.1:0' },
    rsaBits: { root: BITS, issuing: BITS, space: BITS },
  });
  const system = { clock: systemClock, timers: systemTimers, random: systemRandom };
  const node = await MeshNode.create({ ...system, home: await openHome(dir), log: silentLog });
  node.odcm = await OdcmDesk.open(node, system);
  await node.start();
  return node;
}

async function createFeed(node: MeshNode): Promise<Publisher> {
  const made = await node.petitioner.petition({
    ...{ wish: 'feed', sync: 'chosen', to: 'all' },
    name: parseFeedName('bulk'),
    context: parseContextName(CONTEXT),
  });
  const { id } = JSON.parse(made) as { id: string };
  return (await node.feeds.open(parseFeedId(id))).publisher!;
}

/** Floor and ours take turns, each when what the other left behind is done. */
async function measure(
  plan: Plan,
  publisher: Publisher,
  sample: SampleFeed,
  floor: Floor,
): Promise<Figure> {
  const { name, batch, count, underWay, warmUps, rounds, target } = plan;
  const entries = batch * count;
  const ours: number[] = [];
  const bare: number[] = [];
  /** How long merging went on behind each round. */
  const left: number[] = [];
  for (let round = -warmUps; round < rounds; round++) {
    const floorMs = await timed(() => floor.write(count, batch));
    await settled();
    const oursMs = await measurePublish(plan, publisher, sample);
    const leftMs = await settled();
    if (round < 0) continue;
    left.push(leftMs);
    bare.push((entries * 1000) / floorMs);
    ours.push((entries * 1000) / oursMs);
  }
  const settledMs = median(left);
  const detail = { recordBytes: RECORD_BYTES, batch, entries, underWay, settledMs, rounds: ours };
  return {
    ...{ name, unit: 'entries/s', better: 'higher' },
    ...{ ours: median(ours), floor: median(bare), target, detail },
  };
}

/** Drafts made at a time, outside the measured time like what the floor writes: more of them are work for the collector. */
const AHEAD = 10;

async function measurePublish(
  { batch, count, underWay }: Plan,
  publisher: Publisher,
  sample: SampleFeed,
): Promise<number> {
  let tookMs = 0;
  for (let done = 0; done < count; done += AHEAD) {
    const requests = Array.from({ length: Math.min(AHEAD, count - done) }, () =>
      sample.drafts(batch).map(({ item, payload }) => ({ item, body: { payload } })),
    );
    // Each takes the next request when the one before is answered.
    const publishing = async () => {
      for (let next = requests.shift(); next; next = requests.shift())
        await publisher.publish(next);
    };
    tookMs += await timed(() => Promise.all(Array.from({ length: underWay }, publishing)));
  }
  return tookMs;
}

const FLOOR_OPTIONS = {
  keyEncoding: 'buffer',
  valueEncoding: 'buffer',
  compression: false,
  writeBufferSize: 8 * 1024 * 1024,
} as const;

class Floor {
  readonly #db: Level<Buffer, Buffer>;
  readonly #entry: Buffer;
  readonly #key = generateEd25519();
  #next = 0;

  constructor(db: Level<Buffer, Buffer>, entryBytes: number) {
    this.#db = db;
    this.#entry = Buffer.alloc(entryBytes, 'entry');
  }

  async write(count: number, batch: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      for (let entry = 0; entry < batch; entry++) this.#hash();
      sign(null, this.#entry.subarray(0, 150), this.#key);
      const bytes = batch * this.#entry.length;
      const puts: { type: 'put'; key: Buffer; value: Buffer }[] = [];
      for (let at = 0; at < bytes; at += LIMITS.segmentBytes) {
        const value = Buffer.alloc(Math.min(LIMITS.segmentBytes, bytes - at), this.#entry);
        puts.push({ type: 'put', key: this.#nextKey(), value });
      }
      await this.#db.batch(puts, { sync: true });
    }
  }

  #hash(): void {
    const record = this.#entry.subarray(0, RECORD_BYTES);
    sha256(record);
    sha256(record);
    sha256(this.#entry.subarray(RECORD_BYTES));
  }

  #nextKey(): Buffer {
    const key = Buffer.alloc(8);
    key.writeUIntBE(this.#next++, 2, 6);
    return key;
  }
}
