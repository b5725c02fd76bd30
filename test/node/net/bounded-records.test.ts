import { describe, expect, it } from 'vitest';
import { boundedRecords } from '../../../node/net/bounded-records.ts';
import { LIMITS } from '../../../protocols/limits.ts';

type Records = Parameters<typeof boundedRecords>[0];
type Key = Parameters<Records['put']>[0];

const TIME = Uint8Array.of(1);
const keyOf = (path: string): Key => ({ toString: () => path }) as Key;
const record = (peerId: string, n: number) => keyOf(`/dht/provider/cid${n}/${peerId}`);

/** What a datastore does with keys, in memory. */
class Datastore {
  readonly #rows = new Map<string, Uint8Array>();
  put = async (key: Key, value: Uint8Array) => void this.#rows.set(`${key}`, value);
  get = async (key: Key) => this.#rows.get(`${key}`);
  has = async (key: Key) => this.#rows.has(`${key}`);
  delete = async (key: Key) => void this.#rows.delete(`${key}`);
  async *queryKeys({ prefix }: { readonly prefix: string }) {
    for (const path of this.#rows.keys()) if (path.startsWith(prefix)) yield keyOf(path);
  }
}

const bound = (store: Datastore): Records => boundedRecords(store as unknown as Records, 'self');

async function keysOf(store: Datastore, prefix: string): Promise<number> {
  let count = 0;
  for await (const _ of store.queryKeys({ prefix })) count++;
  return count;
}

describe('records that members leave in the DHT of a node', () => {
  it('are so many for each of them, and any number of its own', async () => {
    const store = new Datastore();
    const bounded = bound(store);
    const more = LIMITS.dhtRecordsPerPeer + 50;
    for (let n = 0; n < more; n++) {
      await bounded.put(record('barry', n), TIME);
      await bounded.put(record('self', n), TIME);
    }
    await bounded.put(record('lisa', 0), TIME);
    expect(await keysOf(store, '/dht/provider')).toBe(LIMITS.dhtRecordsPerPeer + more + 1);
    // One that is here may be renewed; one that goes makes room.
    await bounded.put(record('barry', 0), Uint8Array.of(2));
    expect(await bounded.get(record('barry', 0))).toEqual(Uint8Array.of(2));
    await bounded.delete(record('barry', 0));
    await bounded.put(record('barry', more), TIME);
    expect(await bounded.has(record('barry', more))).toBe(true);
  });

  it('are counted after a start, too', async () => {
    const store = new Datastore();
    for (let n = 0; n < LIMITS.dhtRecordsPerPeer; n++) await store.put(record('barry', n), TIME);
    const bounded = bound(store);
    await bounded.put(record('barry', LIMITS.dhtRecordsPerPeer), TIME);
    expect(await keysOf(store, '/dht/provider')).toBe(LIMITS.dhtRecordsPerPeer);
  });

  it('are no values: those are not kept, while addresses are', async () => {
    const store = new Datastore();
    const bounded = bound(store);
    await bounded.put(keyOf('/dht/record/x'), TIME);
    await bounded.put(keyOf('/peers/x'), TIME);
    expect(await keysOf(store, '/dht/record')).toBe(0);
    expect(await keysOf(store, '/peers')).toBe(1);
  });
});
