import { describe, expect, it } from 'vitest';
import type { EntrySource } from '../../../node/feed/intake.ts';
import { FeedLog } from '../../../node/feed/log.ts';
import { faultOfLog } from '../../../node/feed/log-survey.ts';
import { type Donor, forgetLog, mendLog } from '../../../node/feed/mend-log.ts';
import { headKey, segmentKey, tableRange, tileKey } from '../../../node/store/keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import type { Write } from '../../../node/store/store.ts';
import { decodeSegment, type Packed, packSegments } from '../../../protocols/segment.ts';
import { FEED_BYTES, noteOf, samplePack } from '../../protocols/sample-log.ts';
import { FaultyStore } from '../store/faulty-store.ts';

const entries = samplePack(700);

async function grown(size: number, ...pieces: readonly number[]) {
  return grownIn(false, size, ...pieces);
}

async function grownIn(sync: boolean, size: number, ...pieces: readonly number[]) {
  const store = new FaultyStore(new MemoryStore());
  const log = await FeedLog.open(store, FEED_BYTES);
  const steps = pieces.length > 0 ? pieces : [size];
  for (const step of steps) {
    const packed = entries.slice(log.size, log.size + step);
    const note = noteOf(entries.slice(0, log.size + step));
    await log.exclusively(async () => log.commit(await log.grow(packed), note, sync));
  }
  return { store, log };
}

/** Somebody who has the first `size` entries. */
function donorOf(size: number, given: readonly Packed[] = entries): Donor & { asked: string[] } {
  const asked: string[] = [];
  const source: EntrySource = {
    entries: (from, to) => {
      asked.push(`${from}-${to}`);
      return packSegments(from, given.slice(from, Math.min(to, size)));
    },
    hashes: () => Promise.reject(new Error('no hashes are needed')),
  };
  return { asked, source, note: noteOf(entries.slice(0, size)) };
}

async function contentOf(log: FeedLog): Promise<Packed[]> {
  const out: Packed[] = [];
  for await (const bytes of log.segments(0, log.size)) out.push(...decodeSegment(bytes).entries);
  return out;
}

async function expectWhole(store: FaultyStore, log: FeedLog, size: number): Promise<void> {
  for (const one of [log, await FeedLog.open(store, FEED_BYTES)]) {
    expect(one.damage).toBeUndefined();
    expect([one.size, await contentOf(one)]).toEqual([size, entries.slice(0, size)]);
  }
  expect(await faultOfLog(store, log.prefix, { size, root: log.root() })).toBeUndefined();
}

/** A reopening loses the newest rows: the store says what it said when it had 120 entries, without any damage. */
async function rolledBack(sync: boolean) {
  const { store, log } = await grownIn(sync, 200, 120, 80);
  const old = await grown(120);
  const value = (await old.store.get(headKey(old.log.prefix)))!;
  const rows: Write[] = [
    { type: 'del', key: segmentKey(log.prefix, 120) },
    { type: 'put', key: headKey(log.prefix), value },
  ];
  await store.write(rows);
  store.fails = 'sync';
  await expect(store.write([])).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  store.fails = undefined;
  await store.get(headKey(log.prefix));
  return { store, log };
}

const rowsOf = async (store: FaultyStore, log: FeedLog, table: string): Promise<Buffer[]> => {
  const keys: Buffer[] = [];
  const onDamaged = (key: Buffer) => keys.push(key);
  for await (const { key } of store.range({ ...tableRange(table, log.prefix), onDamaged }))
    keys.push(key);
  return keys;
};

describe('a damaged log', () => {
  it('of its own writer never ends before what it may have told, also when that cannot be read now', async () => {
    const { store, log } = await grown(700, 300, 100, 300);
    const sign = () => noteOf(entries.slice(0, 300));
    const before = await rowsOf(store, log, 's');
    for (const key of [headKey(log.prefix), segmentKey(log.prefix, 300)]) store.rot(key);
    const reopened = await FeedLog.open(store, FEED_BYTES);
    const isShort = donorOf(300);
    for (const options of [{ sign }, { mayBeShorter: false }])
      await expect(
        mendLog({ store, log: reopened, donor: isShort, ...options }),
      ).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    expect(await rowsOf(store, log, 's')).toHaveLength(before.length);
    await mendLog({ store, log: reopened, donor: donorOf(700), sign });
    await expectWhole(store, reopened, 700);
  });

  it('goes by what was read of it before, when neither its head nor how long a row was can be read', async () => {
    const { store, log } = await grown(200);
    for (const key of [headKey(log.prefix), segmentKey(log.prefix, 0)]) store.rot(key);
    const sign = () => noteOf(entries.slice(0, 120));
    for (const options of [{ sign }, { mayBeShorter: false }, {}])
      await expect(mendLog({ store, log, donor: donorOf(120), ...options })).rejects.toMatchObject({
        code: 'PEER_UNREACHABLE',
      });
    await mendLog({ store, log, donor: donorOf(200), sign });
    await expectWhole(store, log, 200);
  });

  it('of its own writer, opened damaged, is not shorter than its items say', async () => {
    const { store, log } = await grown(200);
    for (const key of [headKey(log.prefix), segmentKey(log.prefix, 0)]) store.rot(key);
    const reopened = await FeedLog.open(store, FEED_BYTES);
    const own = { sign: () => noteOf(entries.slice(0, 120)), atLeast: 200 };
    await expect(
      mendLog({ store, log: reopened, donor: donorOf(120), ...own }),
    ).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await mendLog({ store, log: reopened, donor: donorOf(200), ...own });
    await expectWhole(store, reopened, 200);
  });

  it('of its own writer says what can be done when nobody has what it was told to have', async () => {
    const { store, log } = await grown(200);
    for (const key of await rowsOf(store, log, 's')) store.rot(key);
    store.rot(headKey(log.prefix));
    const reopened = await FeedLog.open(store, FEED_BYTES);
    const own = { sign: () => noteOf(entries.slice(0, 120)), atLeast: 200 };
    await expect(
      mendLog({ store, log: reopened, donor: donorOf(120), ...own }),
    ).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
      message: expect.stringContaining('entries 120..199'),
      next: expect.stringMatching(/member.*backup.*fsck --set-aside views/),
    });
  });

  it('of ODCM is not shorter than other rows of it say', async () => {
    const { store, log } = await grown(200, 120, 80);
    const gone = [segmentKey(log.prefix, 120), headKey(log.prefix)];
    await store.write(gone.map((key): Write => ({ type: 'del', key })));
    const reopened = await FeedLog.open(store, FEED_BYTES);
    const own = { mayBeShorter: false, atLeast: 200 };
    await expect(
      mendLog({ store, log: reopened, donor: donorOf(120), ...own }),
    ).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await mendLog({ store, log: reopened, donor: donorOf(200), ...own });
    await expectWhole(store, reopened, 200);
  });

  it('is one whose synced entries a reopening lost, and is mended to what it was', async () => {
    const { store, log } = await rolledBack(true);
    await expect(log.refresh()).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    expect([log.size, log.damage?.code]).toEqual([200, 'STORE_DAMAGED']);
    const sign = () => noteOf(entries.slice(0, 120));
    await expect(mendLog({ store, log, donor: donorOf(120), sign })).rejects.toMatchObject({
      code: 'PEER_UNREACHABLE',
    });
    expect(await mendLog({ store, log, donor: donorOf(200), sign })).toMatchObject({ fetched: 80 });
    await expectWhole(store, log, 200);
  });

  it('is none whose entries were never synced, and went with a reopening', async () => {
    const { store, log } = await rolledBack(false);
    await log.refresh();
    await expectWhole(store, log, 120);
  });

  it('keeps entries behind an older head when it is mended', async () => {
    const { store, log } = await grownIn(true, 200, 120, 80);
    const old = await grown(120);
    const value = (await old.store.get(headKey(old.log.prefix)))!;
    await store.write([{ type: 'put', key: headKey(log.prefix), value }]);
    log.markDamaged((await faultOfLog(store, log.prefix, { size: 1, root: log.root() }))!);
    expect(await mendLog({ store, log })).toMatchObject({ fetched: 0 });
    await expectWhole(store, log, 200);
  });

  it('is found and mended whichever row of it is damaged, with nothing fetched but what is gone', async () => {
    const { store, log } = await grown(700, 300, 1, 399);
    const keys: Buffer[] = [];
    for (const table of ['h', 's', 't']) keys.push(...(await rowsOf(store, log, table)));
    expect(keys.length).toBeGreaterThan(7);
    for (const key of keys) {
      store.rot(key);
      const reopened = await FeedLog.open(store, FEED_BYTES);
      const { size, root } = { size: 700, root: log.root() };
      const fault = reopened.damage ?? (await faultOfLog(store, log.prefix, { size, root }));
      expect(fault, key.toString('hex')).toMatchObject({ code: 'STORE_DAMAGED' });
      reopened.markDamaged(fault!);
      const donor = donorOf(700);
      const { fetched } = await mendLog({ store, log: reopened, donor });
      expect(fetched > 0, key.toString('hex')).toBe(key[0] === 's'.charCodeAt(0));
      await expectWhole(store, reopened, 700);
    }
  });

  it('is mended where rows are missing', async () => {
    for (const keyOf of [
      (log: FeedLog) => headKey(log.prefix),
      (log: FeedLog) => segmentKey(log.prefix, 256),
      (log: FeedLog) => tileKey(log.prefix, 0, 1),
    ]) {
      const { store, log } = await grown(700);
      await store.write([{ type: 'del', key: keyOf(log) }]);
      const reopened = await FeedLog.open(store, FEED_BYTES);
      await mendLog({ store, log: reopened, donor: donorOf(700) });
      await expectWhole(store, reopened, 700);
    }
  });

  it('takes nothing and gives what is sound, until it is mended', async () => {
    const { store, log } = await grown(700);
    store.rot(segmentKey(log.prefix, 256));
    const told: unknown[] = [];
    log.onDamaged = (damage) => told.push(damage.code);
    await expect(contentOf(log)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await expect(contentOf(log)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    expect(told).toEqual(['STORE_DAMAGED']);
    await expect(log.refresh()).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    expect((await log.entry(3)).leaf).toEqual(entries[3]!.leaf);
    await mendLog({ store, log, donor: donorOf(700) });
    await log.refresh();
    await expectWhole(store, log, 700);
  });

  it('mends tiles and rows of its own without anybody', async () => {
    const { store, log } = await grown(700);
    store.rot(tileKey(log.prefix, 0, 0));
    store.rot(tileKey(log.prefix, 1, 0));
    const reopened = await FeedLog.open(store, FEED_BYTES);
    expect(reopened.damage).toBeDefined();
    expect(await mendLog({ store, log: reopened })).toEqual({ fetched: 0, rows: 2 });
    await expectWhole(store, reopened, 700);
  });

  it('asks for the missing entries only', async () => {
    const { store, log } = await grown(700);
    const [first] = await rowsOf(store, log, 's');
    store.rot(first!);
    const donor = donorOf(700);
    await mendLog({ store, log, donor });
    expect(donor.asked).toHaveLength(1);
    expect(donor.asked[0]).toMatch(/^0-\d+$/);
    await expectWhole(store, log, 700);
  });

  it('changes nothing when what it is given is not what was signed', async () => {
    const { store, log } = await grown(700);
    const key = segmentKey(log.prefix, 512);
    store.rot(key);
    const others = entries.slice(0, 512).concat(entries.slice(0, 188));
    const { writes } = store;
    const lie = mendLog({ store, log, donor: donorOf(700, others) });
    await expect(lie).rejects.toMatchObject({ code: 'ROOT_MISMATCH' });
    const short = mendLog({ store, log, donor: donorOf(600) });
    await expect(short).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    await expect(mendLog({ store, log })).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    expect(store.writes).toBe(writes);
    await mendLog({ store, log, donor: donorOf(700) });
    await expectWhole(store, log, 700);
  });

  it('without a head is as long as the head that it is given, as a copy', async () => {
    const { store, log } = await grown(700, 500, 200);
    store.rot(headKey(log.prefix));
    const reopened = await FeedLog.open(store, FEED_BYTES);
    await mendLog({ store, log: reopened, donor: donorOf(600) });
    await expectWhole(store, reopened, 600);
  });

  it('without a head keeps what only its writer has, signed again as it was', async () => {
    const { store, log } = await grown(700, 500, 200);
    const { note } = log;
    store.rot(headKey(log.prefix));
    const reopened = await FeedLog.open(store, FEED_BYTES);
    const sign = () => noteOf(entries);
    await expect(mendLog({ store, log: reopened })).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
    });
    await mendLog({ store, log: reopened, donor: donorOf(600), sign });
    await expectWhole(store, reopened, 700);
    expect(reopened.note).toEqual(note);
  });

  it('that is a copy can be forgotten and begins anew', async () => {
    const { store, log } = await grown(700);
    store.rot(headKey(log.prefix));
    const reopened = await FeedLog.open(store, FEED_BYTES);
    await forgetLog(store, reopened);
    expect([reopened.size, reopened.damage, reopened.note]).toEqual([0, undefined, undefined]);
  });
});
