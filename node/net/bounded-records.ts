// What other members may make the DHT of this node write down: who provides what, so many records each and no more, and
// nothing else. The library has no bound of its own. Lost records cost a hint; feeds are found without the DHT, too.

import type { KadDHTComponents } from '@libp2p/kad-dht';
import { LIMITS } from '../../protocols/limits.ts';

type Records = KadDHTComponents['datastore'];
type Put = Records['put'];
type Delete = Records['delete'];

const PROVIDERS = '/dht/provider';
/** Values under keys: this mesh asks for none, so it keeps none. */
const VALUES = '/dht/record';

/** The components of a DHT with bounded records; `self` is not bounded. */
export function withBoundedRecords(components: KadDHTComponents): KadDHTComponents {
  const datastore = boundedRecords(components.datastore, components.peerId.toString());
  return new Proxy(components, {
    get: (target, name) => (name === 'datastore' ? datastore : Reflect.get(target, name)),
  });
}

export function boundedRecords(store: Records, self: string): Records {
  const byPeer = new Map<string, Set<string>>();
  let total = 0;
  let loaded: Promise<void> | undefined;

  const recordsOf = (path: string): Set<string> => {
    const peerId = path.slice(path.lastIndexOf('/') + 1);
    const records = byPeer.get(peerId) ?? new Set();
    byPeer.set(peerId, records);
    return records;
  };
  const add = (path: string): void => {
    const records = recordsOf(path);
    if (!records.has(path)) total += 1;
    records.add(path);
  };
  const load = async (): Promise<void> => {
    for await (const key of store.queryKeys({ prefix: PROVIDERS })) add(key.toString());
  };
  const hasRoom = (path: string): boolean => {
    const records = recordsOf(path);
    if (records.has(path) || path.endsWith(`/${self}`)) return true;
    return records.size < LIMITS.dhtRecordsPerPeer && total < LIMITS.dhtRecords;
  };

  const put: Put = async (key, value, options) => {
    const path = key.toString();
    if (path.startsWith(VALUES)) return key;
    if (!path.startsWith(PROVIDERS)) return store.put(key, value, options);
    loaded ??= load();
    await loaded;
    if (!hasRoom(path)) return key;
    add(path);
    return store.put(key, value, options);
  };
  const remove: Delete = async (key, options) => {
    const path = key.toString();
    if (path.startsWith(PROVIDERS) && recordsOf(path).delete(path)) total -= 1;
    return store.delete(key, options);
  };
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'put') return put;
      if (name === 'delete') return remove;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
