// What this space asks of ODCM, and waiting for what comes of it.

import { MeshError } from '../protocols/errors.ts';
import type { FeedId } from '../protocols/ids.ts';
import { LIMITS } from '../protocols/limits.ts';
import { signPetition, type Wish } from '../protocols/petition.ts';
import { syncProtocol } from '../protocols/sync.ts';
import type { Timers } from './clock.ts';
import type { OpenFeed } from './feed/feeds.ts';
import { SyncClient } from './net/sync-client.ts';
import type { MeshNode } from './node.ts';
import type { OwnKeys } from './rotate/own-keys.ts';

/** How often it is looked whether what is waited for has come. */
const LOOK_MS = 20;

export interface PetitionerOptions {
  readonly node: MeshNode;
  readonly keys: Pick<OwnKeys, 'current'>;
  readonly timers: Timers;
  readonly stopped: AbortSignal;
}

export class Petitioner {
  readonly #o: PetitionerOptions;

  constructor(options: PetitionerOptions) {
    this.#o = options;
  }

  /** Asks ODCM to write something into the directory. @throws ODCM_UNREACHABLE */
  async petition(wish: Wish): Promise<string> {
    const { node, keys, timers, stopped } = this.#o;
    const { mesh, space } = node.home.config;
    if (node.odcm) return node.odcm.trust.carryOut(space, wish);
    const peerId = node.neighbours.odcmPeer;
    if (!peerId || !(await this.#reach(peerId))) {
      throw new MeshError('ODCM_UNREACHABLE', 'ODCM is not connected');
    }
    const bytes = signPetition(mesh, space, wish, node.random.bytes(16), keys.current);
    const channel = await node.host.open(peerId, syncProtocol(mesh));
    const client = new SyncClient(channel, stopped, timers);
    try {
      return await client.petition(bytes);
    } finally {
      await client.close();
      node.replicator.syncSoon(peerId);
    }
  }

  /** A node that has just started may not have reached the other yet: one dial is made now and waited for. */
  async #reach(peerId: string): Promise<boolean> {
    const { host, supervisor } = this.#o.node;
    const isDialling = () => supervisor.states().some((s) => s.peerId === peerId && s.dialling);
    supervisor.kick(peerId);
    while (!host.isConnected(peerId) && isDialling()) await this.#pause();
    return host.isConnected(peerId);
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#o.timers.setTimeout(resolve, LOOK_MS));
  }

  /** Has ODCM write down where this node is reached, when that is not what the directory says. */
  async registerAddresses(): Promise<void> {
    const { node } = this.#o;
    // A node with more is reached by the first of them.
    const addresses = node.addresses().slice(0, LIMITS.addresses);
    const listed = node.directory.state.spaces.get(node.home.config.space)?.addresses ?? [];
    const isSame = addresses.length === listed.length && addresses.every((a) => listed.includes(a));
    if (!isSame && addresses.length > 0) await this.petition({ wish: 'addresses', addresses });
  }

  /** The feed once the directory has it here; a feed just created comes back from ODCM within moments. */
  async awaitFeed(id: FeedId, timeoutMs: number): Promise<OpenFeed> {
    const { node } = this.#o;
    const end = node.clock.nowMs() + timeoutMs;
    while (!node.directory.state.feeds.has(id)) {
      if (node.clock.nowMs() > end) {
        throw new MeshError('TIMEOUT', `feed ${id} has not come back from ODCM yet`);
      }
      await this.#pause();
    }
    return node.feeds.open(id);
  }
}
