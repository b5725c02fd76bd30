import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { AddressStore } from '../../../node/net/address-store.ts';
import { tempFolder } from '../temp-folder.ts';
import { settle, VirtualTime } from '../virtual-time.ts';

type Key = Parameters<AddressStore['get']>[0];
const keyOf = (name: string) => ({ toString: () => name }) as Key;
const ALICE = keyOf('/peers/alice');
const PROVIDER = keyOf('/dht/provider/1');
const row = (text: string): Uint8Array => Buffer.from(text);

describe('address store', () => {
  let time: VirtualTime;
  let folder: string;
  let store: AddressStore;

  const open = async () => {
    const opened = new AddressStore(folder, time);
    await opened.open();
    onTestFinished(() => opened.close());
    return opened;
  };
  beforeEach(async () => {
    time = new VirtualTime();
    folder = join(await tempFolder(), 'peers');
    store = await open();
  });

  const read = async (key: Key) => String(Buffer.from(await store.get(key)));
  const onDisk = async (key: Key) => {
    const value: Uint8Array | undefined = await store.db.get(key.toString());
    return value && String(Buffer.from(value));
  };

  it('writes rows of peers after a while, and only the newest of each', async () => {
    const writes: number[] = [];
    const batch = store.db.batch.bind(store.db);
    store.db.batch = ((rows: never[]) => {
      writes.push(rows.length);
      return batch(rows);
    }) as never;
    await store.put(ALICE, row('1'));
    await store.put(keyOf('/peers/bob'), row('1'));
    await store.put(ALICE, row('2'));
    expect(await read(ALICE)).toBe('2');
    expect(await store.has(ALICE)).toBe(true);
    expect(await onDisk(ALICE)).toBeUndefined();
    await time.advance(5_000);
    await expect.poll(() => onDisk(ALICE)).toBe('2');
    expect(writes).toEqual([2]);
    expect(time.waiting).toBe(0);
  });

  it('writes everything else at once', async () => {
    await store.put(PROVIDER, row('1'));
    expect(await onDisk(PROVIDER)).toBe('1');
    expect(await read(PROVIDER)).toBe('1');
    expect(time.waiting).toBe(0);
  });

  it('finds in a query what is not written yet', async () => {
    await store.put(ALICE, row('1'));
    const found: string[] = [];
    for await (const { key, value } of store.query({ prefix: '/peers' }))
      found.push(`${key}=${Buffer.from(value)}`);
    await store.put(keyOf('/peers/bob'), row('1'));
    for await (const key of store.queryKeys({ prefix: '/peers' })) found.push(String(key));
    expect(found).toEqual(['/peers/alice=1', '/peers/alice', '/peers/bob']);
  });

  it('forgets a peer for good, also while its row is being written', async () => {
    const disk = Promise.withResolvers<void>();
    const batch = store.db.batch.bind(store.db);
    store.db.batch = (async (rows: never[]) => {
      await disk.promise;
      await batch(rows);
    }) as never;
    await store.put(ALICE, row('1'));
    await time.advance(5_000);
    const deleting = store.delete(ALICE);
    await settle();
    disk.resolve();
    await deleting;
    expect(await onDisk(ALICE)).toBeUndefined();
    await expect(store.get(ALICE)).rejects.toMatchObject({ name: 'NotFoundError' });
    expect(await store.has(ALICE)).toBe(false);
  });

  it('does not bring a peer back that is forgotten while its row is read', async () => {
    await store.put(ALICE, row('1'));
    await store.close();
    store = await open();
    const reading = store.get(ALICE).catch(() => undefined);
    await store.delete(ALICE);
    await reading;
    await expect(store.get(ALICE)).rejects.toMatchObject({ name: 'NotFoundError' });
  });

  it('writes no row of a peer for a query of something else', async () => {
    await store.put(ALICE, row('1'));
    await store.put(PROVIDER, row('1'));
    const found: string[] = [];
    for await (const key of store.queryKeys({ prefix: '/dht' })) found.push(String(key));
    expect(found).toEqual(['/dht/provider/1']);
    expect(await onDisk(ALICE)).toBeUndefined();
  });

  it('takes nothing once it is closed', async () => {
    await store.close();
    await expect(store.put(ALICE, row('1'))).rejects.toThrow();
    await expect(store.get(ALICE)).rejects.toThrow();
    expect(time.waiting).toBe(0);
  });

  it('has its rows after it was closed and opened again', async () => {
    await store.put(ALICE, row('1'));
    await store.close();
    expect(time.waiting).toBe(0);
    store = await open();
    expect(await read(ALICE)).toBe('1');
  });

  it('keeps a bounded number of rows in memory, and loses none', async () => {
    const names = Array.from({ length: 3_000 }, (_, i) => keyOf(`/peers/${i}`));
    for (const name of names) await store.put(name, row(String(name)));
    for (const name of names) expect(await read(name)).toBe(String(name));
    // The first ones had to leave the memory.
    expect(await onDisk(names[0]!)).toBe('/peers/0');
    expect(time.waiting).toBeLessThanOrEqual(1);
  });

  it('does not fail its callers when the database takes nothing', async () => {
    store.db.batch = (() => Promise.reject(new Error('full'))) as never;
    await store.put(ALICE, row('1'));
    await time.advance(5_000);
    expect(await read(ALICE)).toBe('1');
  });
});
