import { describe, expect, it } from 'vitest';
import {
  addRootSignatures,
  nextRootPayload,
  type RootChanges,
} from '../../../certs/root-rotation.ts';
import { DirectoryCopy } from '../../../node/directory/copy.ts';
import { Directory } from '../../../node/directory/directory.ts';
import { DirectoryWriter } from '../../../node/directory/writer.ts';
import { Blocks } from '../../../node/feed/blocks.ts';
import type { FeedLog } from '../../../node/feed/log.ts';
import { formerLine } from '../../../node/fork/own-line.ts';
import { rootAt } from '../../../node/fork/prove.ts';
import { silentLog } from '../../../node/log.ts';
import { copiedSegmentKey, headKey, logPrefix, segmentKey } from '../../../node/store/keys.ts';
import { MemoryStore } from '../../../node/store/memory.ts';
import type { RangeOptions, Row, Write } from '../../../node/store/store.ts';
import { ed25519Raw } from '../../../protocols/ed25519.ts';
import { MeshError } from '../../../protocols/errors.ts';
import {
  parseOrigin,
  parseSpaceId,
  parseSpaceName,
  uuidFromBytes,
} from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { rootKeyId } from '../../../protocols/root.ts';
import { extendRootChain, type VerifiedRoot } from '../../../protocols/root-chain.ts';
import { DIRECTORY_LOG } from '../../../protocols/sync.ts';
import { layFoundation } from '../../sim/home.ts';
import { newKey } from '../../sim/keys.ts';
import { Dice } from '../../sim/time.ts';
import { VirtualTime } from '../virtual-time.ts';

class FaultyStore extends MemoryStore {
  isFull = false;
  readonly rotten = new Set<string>();

  #check(key: Buffer): void {
    const name = key.toString('hex');
    if (!this.rotten.has(name)) return;
    throw new MeshError('STORE_DAMAGED', `${name} is rotten`, { detail: { key: name } });
  }

  override getSync(key: Buffer): Buffer | undefined {
    this.#check(key);
    return super.getSync(key);
  }

  override async *range(options: RangeOptions): AsyncGenerator<Row> {
    for await (const row of super.range(options)) {
      if (options.onDamaged && this.rotten.has(row.key.toString('hex'))) options.onDamaged(row.key);
      else {
        this.#check(row.key);
        yield row;
      }
    }
  }

  override async write(batch: readonly Write[]): Promise<void> {
    if (this.isFull) throw new MeshError('DISK_FULL', 'the disk is full');
    for (const { key } of batch) this.rotten.delete(key.toString('hex'));
    await super.write(batch);
  }
}

const SPACES = ['library', 'platform', 'payments', 'shipping'];
const sourceOf = (log: FeedLog) => ({
  entries: (from: number, to: number) => log.segments(from, to),
  hashes: (level: number, from: number, to: number) => log.hashes(level, from, to),
});
const segmentAt = (epoch: number, index: number) =>
  segmentKey(logPrefix(DIRECTORY_LOG, epoch), index);

/** ODCM's pen with four spaces, and a node that follows it. */
async function scene() {
  const dice = new Dice(1);
  const foundation = layFoundation(dice);
  const time = new VirtualTime();
  const store = new FaultyStore();
  const chain: VerifiedRoot[] = [foundation.root];
  const options = {
    ...{ root: foundation.root.root, mesh: foundation.root.meshId, log: silentLog, clock: time },
  };
  const pen = await Directory.open({ ...options, store: new MemoryStore() });
  const writer = await DirectoryWriter.open({
    ...{ directory: pen, blocks: new Blocks(new MemoryStore()), views: new MemoryStore() },
    ...{ directoryKey: foundation.directoryKey, timestampKey: foundation.timestampKey },
    ...{ space: parseSpaceName('odcm'), clock: time, random: dice },
  });
  const enrol = (name: string) => {
    const space = parseSpaceId(uuidFromBytes(dice.bytes(16)));
    const nodeKey = ed25519Raw(newKey(dice)).toString('base64');
    const exchangeKey = Buffer.from(dice.bytes(32)).toString('base64');
    const rest = { certificateSha256: '0'.repeat(64), addresses: [] };
    return writer.append(
      'SpaceEnrolledV1Event',
      { space, name: parseSpaceName(name), nodeKey, exchangeKey, ...rest },
      `space/${space}`,
    );
  };
  for (const name of SPACES) await enrol(name);
  const root = (changes: Partial<RootChanges>) => {
    const last = chain.at(-1)!;
    const expiresMs = time.nowMs() + 1e11;
    const payload = nextRootPayload(last.root, { expiresMs, ...changes });
    const envelope = addRootSignatures({ payload, signatures: [] }, [foundation.rootKey]);
    chain.push(extendRootChain(last, envelope));
    return chain.at(-1)!.root;
  };
  const views = new MemoryStore();
  const open = (other: { copy?: undefined; isWriter?: true } = {}) =>
    Directory.open({
      ...{ ...options, store, root: chain.at(-1)!.root },
      roots: chain.map((one) => one.root),
      copy: new DirectoryCopy(views),
      ...other,
    });
  const directory = await open();
  const follow = (who = directory) => who.accept(writer.note, sourceOf(pen.log));
  await follow();
  const point = async (size: number) => ({ size, root: await rootAt(pen.log, size) });
  const newTimeKey = () => {
    const { keyids } = chain.at(-1)!.root.roles.timestamp;
    const key = newKey(dice);
    expect(keyids).toEqual([rootKeyId(ed25519Raw(foundation.timestampKey))]);
    return { drop: { timestamp: keyids }, add: { timestamp: [ed25519Raw(key)] } };
  };
  const made = { time, store, views, pen, writer, directory };
  return { ...made, open, root, follow, point, enrol, newTimeKey };
}

const namesIn = ({ state }: Directory) => [...state.spaces.values()].map(({ name }) => name);

describe('a directory that goes on in a new epoch', () => {
  it('is followed as a whole or not at all, and once more when the disk has space', async () => {
    const { store, directory, root, point, follow, writer } = await scene();
    store.isFull = true;
    const next = root({ continueDirectory: await point(3) });
    await expect(directory.adoptRoot(next)).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect([parseOrigin(directory.origin).epoch, directory.epoch]).toEqual([1, null]);
    expect([directory.log.size, directory.isWaiting, directory.isBehind]).toEqual([4, false, true]);
    expect(directory.judge(writer.note).verdict).toBe('known');
    store.isFull = false;
    await expect(follow()).rejects.toMatchObject({ code: 'OLD_EPOCH' });
    expect([parseOrigin(directory.origin).epoch, directory.epoch?.epoch]).toEqual([2, 2]);
    expect([directory.log.size, directory.isWaiting, directory.isBehind]).toEqual([3, true, false]);
    expect(namesIn(directory)).toEqual(SPACES);
  });

  it('is followed also where the log of the last one is damaged, and mended by members', async () => {
    const { store, directory, root, point, pen, writer } = await scene();
    const note = Buffer.from(writer.note);
    store.rotten.add(segmentAt(1, 2).toString('hex'));
    await directory.adoptRoot(root({ continueDirectory: await point(3) }));
    expect([parseOrigin(directory.origin).epoch, directory.isWaiting]).toEqual([2, true]);
    expect(directory.log.damage?.code).toBe('STORE_DAMAGED');
    await expect(directory.mend(undefined)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await directory.mend({ note, source: sourceOf(pen.log) });
    expect([directory.log.damage, directory.log.size, directory.isWaiting]).toEqual([
      ...[undefined, 3, true],
    ]);
    expect(namesIn(directory)).toEqual(SPACES);
  });

  it.each([
    ['the last one', segmentAt(1, 3)],
    ['the new one', segmentAt(2, 0)],
    ['the new one, its head', headKey(logPrefix(DIRECTORY_LOG, 2))],
  ])('starts with what was in force when a row of %s is damaged, and mends it', async (_, key) => {
    const { store, directory, root, point, open } = await scene();
    await directory.adoptRoot(root({ continueDirectory: await point(3) }));
    store.rotten.add(key.toString('hex'));
    const again = await open();
    expect([again.isWaiting, again.refusal, again.log.damage]).toEqual([
      ...[true, undefined, undefined],
    ]);
    expect([namesIn(again), again.log.size]).toEqual([SPACES, 3]);
    expect(store.rotten.size).toBe(0);
  });

  it('starts with what was in force while what ODCM may have written in it is damaged', async () => {
    const { store, directory, root, point, open, pen, writer, follow } = await scene();
    const next = root({ continueDirectory: await point(3) });
    for (const one of [pen, directory]) await one.adoptRoot(next);
    await writer.begin([]);
    await follow();
    expect([directory.isWaiting, namesIn(directory)]).toEqual([false, SPACES.slice(0, 3)]);
    for (const index of [0, 3]) store.rotten.add(segmentAt(2, index).toString('hex'));
    const again = await open({ copy: undefined });
    expect([again.isWaiting, again.log.damage?.code]).toEqual([true, 'STORE_DAMAGED']);
    expect(namesIn(again)).toEqual(SPACES);
    await expect(again.mend(undefined)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await again.mend({ note: writer.note, source: sourceOf(pen.log) });
    expect([again.isWaiting, again.log.damage, again.refusal]).toEqual([
      ...[false, undefined, undefined],
    ]);
    expect([namesIn(again), again.log.root()]).toEqual([SPACES.slice(0, 3), pen.log.root()]);
  });

  it('is not mended at ODCM to less than its second copy was told to have', async () => {
    const { store, views, directory, root, point, open, pen, writer, follow, enrol } =
      await scene();
    const next = root({ continueDirectory: await point(3) });
    for (const one of [pen, directory]) await one.adoptRoot(next);
    await writer.begin([]);
    await follow();
    const short = { note: Buffer.from(writer.note), source: sourceOf(pen.log) };
    await enrol('ledger');
    await follow();
    const { size } = directory.log;
    const prefix = logPrefix(DIRECTORY_LOG, 2);
    for (const key of [segmentAt(2, size - 1), headKey(prefix)])
      await store.write([{ type: 'del', key }]);
    await views.write([{ type: 'del', key: copiedSegmentKey(prefix, size - 1) }]);
    const again = await open({ isWriter: true });
    expect([again.isWaiting, again.log.damage?.code]).toEqual([true, 'STORE_DAMAGED']);
    await expect(again.mend(short)).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
    await again.mend({ note: Buffer.from(writer.note), source: sourceOf(pen.log) });
    expect([again.log.damage, again.log.size]).toEqual([undefined, size]);
  });

  it.each([
    ['waits, with the head of the last one damaged', 3, headKey(logPrefix(DIRECTORY_LOG, 1))],
    ['is the first, with its head damaged', undefined, headKey(logPrefix(DIRECTORY_LOG, 1))],
  ])('does not start as an empty one where it %s', async (_, from, key) => {
    const { store, directory, root, point, open } = await scene();
    if (from !== undefined)
      await directory.adoptRoot(root({ continueDirectory: await point(from) }));
    store.rotten.add(key.toString('hex'));
    await expect(open({ copy: undefined })).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
      next: expect.stringContaining('backup'),
    });
    const again = await open();
    expect([namesIn(again), again.log.damage]).toEqual([SPACES, undefined]);
  });

  it('keeps what was in force when the log of the last one is damaged while it runs', async () => {
    const { store, directory, root, point, pen, writer } = await scene();
    const { applied } = directory;
    store.rotten.add(headKey(logPrefix(DIRECTORY_LOG, 1)).toString('hex'));
    await directory.adoptRoot(root({ continueDirectory: await point(3) }));
    expect([directory.isWaiting, directory.log.damage?.code]).toEqual([true, 'STORE_DAMAGED']);
    expect([namesIn(directory), directory.applied]).toEqual([SPACES, applied]);
    await directory.mend({ note: Buffer.from(writer.note), source: sourceOf(pen.log) });
    expect([directory.log.damage, directory.log.size, namesIn(directory)]).toEqual([
      ...[undefined, 3, SPACES],
    ]);
  });

  it('tells ODCM that what it wrote before cannot be read, unless it is to do without', async () => {
    const { store, directory, root, point, pen, writer, follow } = await scene();
    const former = (isUnseen?: boolean) => formerLine({ directory, logs: store }, isUnseen);
    expect(await former()).toBeUndefined();
    const next = root({ continueDirectory: await point(3) });
    for (const one of [pen, directory]) await one.adoptRoot(next);
    expect(await former()).toBeUndefined();
    await writer.begin([]);
    await follow();
    expect((await former())?.size).toBe(4);
    store.rotten.add(headKey(logPrefix(DIRECTORY_LOG, 1)).toString('hex'));
    await expect(former()).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
      next: expect.stringContaining('--unseen'),
    });
    expect(await former(true)).toBeUndefined();
  });

  it('stays as fresh as it was when the key that says so is replaced with it, and no fresher', async () => {
    const { time, directory, root, point, open, newTimeKey, writer, follow } = await scene();
    const dayMs = 24 * 3_600_000;
    await writer.renew();
    await follow();
    await time.advance(1_000);
    const next = root({ ...newTimeKey(), continueDirectory: await point(3) });
    await directory.adoptRoot(next);
    expect([directory.isWaiting, directory.age]).toEqual([true, 'fresh']);
    const { ageMs } = directory;
    expect((await open()).ageMs).toBe(ageMs);
    await time.advance(LIMITS.directoryExpiredMs + dayMs);
    expect([directory.age, (await open()).age]).toEqual(['expired', 'expired']);
  });

  it('is not made fresher by a key that ran ahead before it was taken back', async () => {
    const { time, directory, root, point, open, newTimeKey, writer, pen } = await scene();
    const aheadMs = LIMITS.clockSkewMs / 2;
    const ahead = writer.timestamp(writer.note, time.nowMs() + aheadMs);
    expect(await directory.accept(ahead, sourceOf(pen.log))).toBe('time');
    await directory.adoptRoot(root({ ...newTimeKey(), continueDirectory: await point(3) }));
    expect((await open()).ageMs).toBe(0);
    await time.advance(aheadMs);
    expect(directory.ageMs).toBe(aheadMs);
  });

  it('forgets what a key said that is taken back while ODCM can speak', async () => {
    const { directory, root, newTimeKey } = await scene();
    await directory.adoptRoot(root(newTimeKey()));
    expect([directory.isWaiting, directory.age]).toEqual([false, 'unknown']);
  });

  it('is followed by who missed an epoch, with what it has up to the first of the points', async () => {
    const { directory, root, point, open, pen, enrol } = await scene();
    root({ continueDirectory: await point(2) });
    // Behind the first point the other history: the second one lies in that.
    const other = await scene();
    for (const name of ['ledger', 'identity']) await other.enrol(name);
    await enrol('carrier');
    root({ continueDirectory: await other.point(6) });
    expect(directory.log.size).toBe(4);
    const again = await open();
    expect([again.epoch?.epoch, again.refusal, again.isWaiting]).toEqual([3, undefined, true]);
    expect(again.log.size).toBe(2);
    expect(again.log.root()).toEqual(await rootAt(pen.log, 2));
  });

  it('is not followed by who missed an epoch, and has another beginning', async () => {
    const { root, open } = await scene();
    root({ continueDirectory: { size: 2, root: Buffer.alloc(32, 7) } });
    root({ continueDirectory: { size: 6, root: Buffer.alloc(32, 8) } });
    expect((await open()).refusal?.code).toBe('CONFLICT');
  });
});
