// A host on the simulated network: what node/net/host.ts is on sockets. It connects, opens and serves streams, and is gone
// from one moment to the next when its process is.

import { peerIdFromString } from '@libp2p/peer-id';
import type { FrameChannel } from '../../node/net/frames.ts';
import type { Membership } from '../../node/net/gater.ts';
import type { Network, PeerListener } from '../../node/net/network.ts';
import { networkError } from '../../node/net/network-error.ts';
import type { FrameHandler, OpenOptions } from '../../node/net/streams.ts';
import { type Code, MeshError } from '../../protocols/errors.ts';
import { SimGossip } from './gossip.ts';
import type { Link, SimNetwork } from './network.ts';
import { SimStream } from './stream.ts';

export interface SimHostOptions {
  readonly network: SimNetwork;
  readonly name: string;
  readonly peerId: string;
  readonly address: string;
  readonly membership: Membership;
}

const UNANSWERED_MS = 2_000;
const unreachable = (peerId: string) =>
  new MeshError('PEER_UNREACHABLE', `the peer ${peerId} is not reached`);

export class SimHost implements Network {
  readonly name: string;
  readonly peerId: string;
  readonly address: string;
  readonly gossip: SimGossip;
  readonly network: SimNetwork;
  /** Stands between the handler of a protocol and a stream that a peer opens; the hostile use it. */
  wrapServed: (channel: FrameChannel) => FrameChannel = (channel) => channel;
  /** Its process stands still until then. */
  stalledUntilMs = 0;
  readonly #membership: Membership;
  readonly #links = new Map<string, Link>();
  readonly #streams = new Map<Link, Set<SimStream>>();
  readonly #handlers = new Map<string, FrameHandler>();
  readonly #listeners: PeerListener[] = [];
  readonly #refusals: Partial<Record<Code, number>> = {};
  #isRunning = false;

  constructor(options: SimHostOptions) {
    this.network = options.network;
    this.name = options.name;
    this.peerId = options.peerId;
    this.address = options.address;
    this.#membership = options.membership;
    this.gossip = new SimGossip(this);
  }

  addresses(): string[] {
    return this.#isRunning ? [`${this.address}/p2p/${this.peerId}`] : [];
  }

  connectedPeers(): string[] {
    return [...this.#links.keys()];
  }

  links(): [string, Link][] {
    return [...this.#links];
  }

  isConnected(peerId: string): boolean {
    return this.#links.has(peerId);
  }

  hearsGossip(peerId: string): boolean {
    return this.isConnected(peerId);
  }

  addressOf(peerId: string): string | undefined {
    return this.#links.get(peerId)?.far(this).address;
  }

  onPeer(listener: PeerListener): void {
    this.#listeners.push(listener);
  }

  refusals(): Readonly<Partial<Record<Code, number>>> {
    return this.#refusals;
  }

  async start(): Promise<void> {
    this.#isRunning = true;
    this.network.attach(this);
  }

  async stop(): Promise<void> {
    this.die();
    this.endLinks();
  }

  /** Without a word to anybody: what was connected finds out by itself. */
  die(): void {
    this.#isRunning = false;
    this.network.detach(this);
    for (const streams of this.#streams.values())
      for (const stream of streams) stream.fail(unreachable(this.peerId));
  }

  get isRunning(): boolean {
    return this.#isRunning;
  }

  endLinks(): void {
    for (const link of [...this.#links.values()]) link.end();
  }

  /** True if the membership refuses the peer, which is counted as the gate does. */
  refuses(peerId: string): boolean {
    const isRevoked = this.#membership.isRevoked?.(peerId) ?? false;
    if (!isRevoked && this.#membership.isMember(peerId)) return false;
    const code = isRevoked ? 'REVOKED' : 'NOT_A_MEMBER';
    this.#refusals[code] = (this.#refusals[code] ?? 0) + 1;
    return true;
  }

  async dial(peerId: string, addresses: readonly string[], signal: AbortSignal): Promise<void> {
    if (this.isConnected(peerId)) return;
    if (this.refuses(peerId)) throw new MeshError('NOT_A_MEMBER', `${peerId} is not a member`);
    for (const address of addresses) {
      const there = this.network.way(this.name, this.network.at(address)?.name ?? '');
      await this.#wait(3 * there.delayMs(0), signal);
      const host = this.network.at(address);
      if (host && host.peerId === peerId && host !== this && this.#isOpenWay(host)) {
        if (host.refuses(this.peerId)) throw unreachable(peerId);
        if (this.#isRunning && !this.isConnected(peerId)) this.network.connect(this, host);
        return;
      }
      if (host) await this.#wait(UNANSWERED_MS, signal);
    }
    throw unreachable(peerId);
  }

  #isOpenWay(host: SimHost): boolean {
    const { network, name } = this;
    return !network.isCut(name, host.name) && !network.isCut(host.name, name);
  }

  async #wait(delayMs: number, signal?: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.network.time.setTimeout(wake, delayMs);
    signal?.addEventListener('abort', wake);
    await promise;
    signal?.removeEventListener('abort', wake);
    if (signal?.aborted) throw networkError(signal.reason, 'the network');
  }

  joined(far: SimHost, link: Link): void {
    // Who comes back from a crash dials anew: its old connection is then known to be dead.
    this.#links.get(far.peerId)?.end();
    this.#links.set(far.peerId, link);
    this.#streams.set(link, new Set());
    if (this.#isRunning) for (const { connected } of this.#listeners) connected(far.peerId);
  }

  left(far: SimHost, link: Link): void {
    for (const stream of this.#streams.get(link) ?? []) stream.fail(unreachable(far.peerId));
    this.#streams.delete(link);
    if (this.#links.get(far.peerId) !== link) return;
    this.#links.delete(far.peerId);
    if (this.#isRunning) for (const { disconnected } of this.#listeners) disconnected(far.peerId);
  }

  async hangUp(peerId: string): Promise<void> {
    this.#links.get(peerId)?.end();
  }

  expel(peerId: string): Promise<void> {
    return this.hangUp(peerId);
  }

  async serve(protocol: string, handler: FrameHandler): Promise<void> {
    this.#handlers.set(protocol, handler);
  }

  async open(
    peerId: string,
    protocol: string,
    { signal }: OpenOptions = {},
  ): Promise<FrameChannel> {
    const link = this.#links.get(peerId);
    if (!link || !this.#isRunning) throw unreachable(peerId);
    const far = link.far(this);
    const there = this.network.way(this.name, far.name);
    const back = this.network.way(far.name, this.name);
    await this.#wait(there.delayMs(0) + back.delayMs(0), signal);
    if (!link.isOpen || !this.#isRunning) throw unreachable(peerId);
    const [mine, theirs] = SimStream.pair(this.network.time, there, back);
    this.#streams.get(link)?.add(mine);
    far.#answer(this, link, protocol, theirs);
    return mine;
  }

  #answer(from: SimHost, link: Link, protocol: string, stream: SimStream): void {
    const handler = this.#handlers.get(protocol);
    if (!handler || !this.#isRunning) {
      stream.abort(new MeshError('PEER_UNREACHABLE', 'nobody serves this'));
      return;
    }
    this.#streams.get(link)?.add(stream);
    const channel = this.wrapServed(stream);
    void handler(channel, from.peerId)
      .then(() => channel.close())
      .catch((error: unknown) => stream.abort(networkError(error, 'the stream')))
      .finally(() => this.#streams.get(link)?.delete(stream));
  }

  readonly dht: Network['dht'] = {
    provide: (key) => this.#provide(key.toString()),
    findProviders: (key) => this.#findProviders(key.toString()),
  };

  async *#provide(key: string): AsyncGenerator<never> {
    const known = this.network.providers.get(key) ?? new Set();
    this.network.providers.set(key, known.add(this.address));
    // Progress, which nobody here looks at.
    yield* [];
  }

  async *#findProviders(key: string): AsyncGenerator<never> {
    for (const address of this.network.providers.get(key) ?? []) {
      const host = this.network.at(address);
      if (!host || host === this || !this.#isOpenWay(host)) continue;
      const provider = { id: peerIdFromString(host.peerId), multiaddrs: [] };
      yield { name: 'PROVIDER', providers: [provider] } as never;
    }
  }
}
