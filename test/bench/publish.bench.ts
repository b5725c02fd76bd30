// Durable publishing by a real node, in batches and one by one, beside what it cannot do without: a synced LevelDB write of
// the same bytes, one signature, and three hashes an entry (record, content, leaf). Rounds of both take turns.

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
import { type BenchOptions, type Figure, median, timed } from './measurement.ts';
import { CONTEXT, RECORD_BYTES, SampleFeed } from './sample-data.ts';

const LOOPBACK = '/ip4/127.0.0.1/tcp/0';
const BITS = 2048;

export async function* publish({ isQuick }: BenchOptions): AsyncGenerator<Figure> {
  const folder = await mkdtemp(join(tmpdir(), 'odcm-bench-'));
  const floorDb = new Level<Buffer, Buffer>(join(folder, 'floor'), FLOOR_OPTIONS);
  const node = await openNode(join(folder, 'home'));
  try {
    await floorDb.open();
    const publisher = await createFeed(node);
    const sample = new SampleFeed('odcm', 'bulk');
    const floor = new Floor(floorDb, sample.packedBytes);
    const size = LIMITS.batchEntries;
    const batches = isQuick ? 2 : 20;
    const rounds = isQuick ? 2 : 5;
    const plans = [
      { name: 'publish-batches', batch: size, count: batches, target: 60_000 },
      { name: 'publish-one-by-one', batch: 1, count: isQuick ? 20 : 1_000, target: 1_500 },
    ];
    for (const { name, batch, count, target } of plans) {
      const ours: number[] = [];
      const bare: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const perSecond = (ms: number) => (batch * count * 1000) / ms;
        bare.push(perSecond(await timed(() => floor.write(count, batch))));
        ours.push(perSecond(await measurePublish(publisher, sample, count, batch)));
      }
      const detail = { recordBytes: RECORD_BYTES, batch, entries: batch * count, rounds: ours };
      const figure = { ours: median(ours), floor: median(bare), target, detail };
      yield { name, unit: 'entries/s', better: 'higher', ...figure };
    }
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

/** Each request waits for the answer to the one before. What is published is made outside the measured time, like the floor's. */
async function measurePublish(
  publisher: Publisher,
  sample: SampleFeed,
  count: number,
  batch: number,
): Promise<number> {
  let tookMs = 0;
  for (let i = 0; i < count; i++) {
    const drafts = sample.drafts(batch).map(({ item, payload }) => ({ item, body: { payload } }));
    tookMs += await timed(() => publisher.publish(drafts));
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
