// What a node is made of before it is wired: its stores, the directory in them, its key and its network. Nothing listens yet.

import type { KeyObject } from 'node:crypto';
import { contextTopic, directoryTopic, presenceTopic } from '../protocols/gossip.ts';
import type { Clock, Random, Timers } from './clock.ts';
import { Directory } from './directory/directory.ts';
import type { Home } from './home/home.ts';
import type { Log } from './log.ts';
import { Members } from './members.ts';
import { createHost, type HostOptions } from './net/host.ts';
import type { Network } from './net/network.ts';
import { Subscriptions } from './replicate/subscriptions.ts';
import { openLevelStore } from './store/level.ts';
import type { Store } from './store/store.ts';

export interface NodeOptions {
  readonly home: Home;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly log: Log;
  /** Addresses to listen on instead of those of the folder's configuration. */
  readonly listen?: readonly string[];
  /** Addresses of members to try besides those in the directory, each with `/p2p/` and its peer id. */
  readonly peers?: readonly string[];
}

export interface Stores {
  readonly logs: Store;
  readonly blockStore: Store;
  readonly views: Store;
}

export interface Parts extends Stores {
  readonly directory: Directory;
  readonly members: Members;
  readonly subscriptions: Subscriptions;
  readonly host: Network;
  readonly nodeKey: KeyObject;
}

/** On the stores of the node's folder and the real network. */
export async function openParts(o: NodeOptions): Promise<Parts> {
  const { paths } = o.home;
  const stores = {
    logs: await openLevelStore(paths.log),
    blockStore: await openLevelStore(paths.blocks),
    views: await openLevelStore(paths.views),
  };
  return gatherParts(o, stores, (options) =>
    createHost({ ...options, datastorePath: paths.peers }),
  );
}

/** On stores that are open already and a network of the caller's choice. */
export async function gatherParts(
  o: NodeOptions,
  stores: Stores,
  openNetwork: (options: HostOptions) => Promise<Network>,
): Promise<Parts> {
  const { home, clock, log } = o;
  const { mesh } = home.config;
  const { logs: store } = stores;
  const directory = await Directory.open({ store, root: home.root.root, mesh, clock, log });
  const members = new Members();
  members.update(directory.state);
  const nodeKey = await home.nodeKey();
  const contexts = [...directory.state.contexts.keys()].map((context) =>
    contextTopic(mesh, context),
  );
  const host = await openNetwork({
    ...{ meshId: mesh, membership: members, clock, log },
    privateKeyPem: nodeKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    topics: [...contexts, directoryTopic(mesh), presenceTopic(mesh)].map((name) => ({ name })),
    listen: o.listen ?? home.config.listen,
    ...(home.config.announce ? { announce: home.config.announce } : {}),
  });
  const subscriptions = await Subscriptions.open(store);
  return { ...stores, directory, members, subscriptions, host, nodeKey };
}
