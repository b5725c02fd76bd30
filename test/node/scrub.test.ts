import { describe, expect, it } from 'vitest';
import { silentLog } from '../../node/log.ts';
import { Scrub, type ScrubOptions } from '../../node/scrub/scrub.ts';
import { blockKey } from '../../node/store/keys.ts';
import { MemoryStore } from '../../node/store/memory.ts';
import { sha256 } from '../../protocols/merkle.ts';
import { FaultyStore } from './store/faulty-store.ts';
import { VirtualTime } from './virtual-time.ts';

const KiB = 1024;
const BLOCKS = 40;

async function stocked(changes: Partial<ScrubOptions> = {}) {
  const time = new VirtualTime();
  const stores = {
    log: new FaultyStore(new MemoryStore()),
    blocks: new FaultyStore(new MemoryStore()),
    views: new FaultyStore(new MemoryStore()),
  };
  const keys: Buffer[] = [];
  for (let i = 0; i < BLOCKS; i++) {
    const value = Buffer.alloc(64 * KiB, i);
    keys.push(blockKey(sha256(value)));
    await stores.blocks.write([{ type: 'put', key: keys[i]!, value }]);
  }
  const told: string[] = [];
  const options: ScrubOptions = {
    ...{ stores, clock: time, timers: time, log: silentLog },
    ...{ everyMs: 7 * 24 * 3_600_000, bytesPerSecond: 1024 * KiB },
    checkLogs: async () => {},
    onRow: () => 0,
    onDamaged: (database, key) => told.push(`${database} ${key.toString('hex')}`),
    sweepOrphans: async () => 0,
    found: () => told.length,
    ...changes,
  };
  return { time, stores, keys, told, options, scrub: new Scrub(options) };
}

describe('the scrub', () => {
  it('finds rows that fail their check and blocks that are not their hash, and nothing else', async () => {
    const { time, stores, keys, told, scrub } = await stocked();
    stores.blocks.rot(keys[3]!);
    const other = keys[5]!;
    await stores.blocks.write([{ type: 'put', key: other, value: Buffer.from('another') }]);
    await scrub.start();
    scrub.begin();
    await time.advance(60_000);
    expect(scrub.round).toBeNull();
    expect(told.sort()).toEqual(
      [keys[3]!, other].map((key) => `blocks ${key.toString('hex')}`).sort(),
    );
    expect(scrub.last).toMatchObject({ found: 2, orphans: 0 });
    await scrub.stop();
  });

  it('reads no faster than it may', async () => {
    const { time, scrub } = await stocked();
    await scrub.start();
    scrub.begin();
    await time.advance(1_000);
    expect(scrub.round!.bytes).toBeLessThanOrEqual(1024 * KiB + 2 * 64 * KiB);
    await time.advance(5_000);
    expect(scrub.round).toBeNull();
    await scrub.stop();
  });

  it('goes on after a restart where it was', async () => {
    const first = await stocked({ bytesPerSecond: 2048 * KiB });
    // A piece is 4 MiB: another half of the blocks lies behind it.
    for (let i = BLOCKS; i < 3 * BLOCKS; i++) {
      const value = Buffer.alloc(64 * KiB, i);
      await first.stores.blocks.write([{ type: 'put', key: blockKey(sha256(value)), value }]);
    }
    await first.scrub.start();
    first.scrub.begin();
    await first.time.advance(2_500);
    const { startedMs, part, after } = first.scrub.round!;
    expect([part, after.length > 0]).toEqual(['blocks', true]);
    const stopping = first.scrub.stop();
    await first.time.advance(5_000);
    await stopping;
    const second = new Scrub(first.options);
    await second.start();
    expect(second.round).toMatchObject({ startedMs, part, after });
    await first.time.advance(60_000);
    expect([second.round, second.last?.startedMs]).toEqual([null, startedMs]);
    await second.stop();
  });

  it('comes by itself once in seven days', async () => {
    const { time, scrub } = await stocked();
    await scrub.start();
    const madeMs = scrub.last!.finishedMs;
    await time.advance(6 * 24 * 3_600_000);
    expect(scrub.last!.finishedMs).toBe(madeMs);
    await time.advance(2 * 24 * 3_600_000);
    expect(scrub.last!.finishedMs).toBeGreaterThan(madeMs + 7 * 24 * 3_600_000 - 1);
    await scrub.stop();
  });
});
