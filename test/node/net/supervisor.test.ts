import { afterEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../../node/log.ts';
import {
  backOffMs,
  createSupervisor,
  type Neighbour,
  type Reach,
  type Supervisor,
} from '../../../node/net/supervisor.ts';
import { MeshError } from '../../../protocols/errors.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { seededRandom, VirtualTime } from '../virtual-time.ts';
import { gossipPair, inMesh, stopAll, TOPIC, until } from './hosts.ts';

const LOOK_MS = LIMITS.superviseMs * 1.25;

/** A network in memory: who is up answers, and dials can be held. */
class Network implements Reach {
  readonly peerId = 'self';
  readonly up = new Set<string>();
  readonly connected = new Set<string>();
  readonly deaf = new Set<string>();
  readonly dials: string[] = [];
  readonly hangUps: string[] = [];
  dialling = 0;
  mostDialling = 0;
  silent = false;
  isConnected(peerId: string): boolean {
    return this.connected.has(peerId);
  }
  hearsGossip(peerId: string): boolean {
    return !this.deaf.has(peerId);
  }
  async dial(peerId: string, _addresses: readonly string[], signal: AbortSignal): Promise<void> {
    this.dials.push(peerId);
    this.dialling += 1;
    this.mostDialling = Math.max(this.mostDialling, this.dialling);
    try {
      if (this.silent) {
        await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason));
        });
      }
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (!this.up.has(peerId)) throw new MeshError('PEER_UNREACHABLE', `${peerId} is down`);
      this.connected.add(peerId);
    } finally {
      this.dialling -= 1;
    }
  }
  async hangUp(peerId: string): Promise<void> {
    this.hangUps.push(peerId);
    this.connected.delete(peerId);
    this.deaf.delete(peerId);
  }
}

const running: Supervisor[] = [];

function supervised(neighbours: () => readonly Neighbour[], network = new Network()) {
  const time = new VirtualTime();
  const options = { clock: time, timers: time, random: seededRandom(7), log: silentLog };
  const supervisor = createSupervisor({ reach: network, neighbours, ...options });
  running.push(supervisor);
  return { supervisor, network, time };
}

const peers = (...ids: string[]): Neighbour[] => ids.map((peerId) => ({ peerId, addresses: [] }));

describe('supervisor', () => {
  afterEach(async () => {
    await Promise.all(running.splice(0).map((supervisor) => supervisor.stop()));
    await stopAll();
  });

  it('connects to every peer of the directory but itself', async () => {
    const { supervisor, network, time } = supervised(() => peers('self', 'library', 'platform'));
    for (const peerId of ['library', 'platform']) network.up.add(peerId);
    supervisor.start();
    await time.advance(0);
    expect([...network.connected].sort()).toEqual(['library', 'platform']);
    expect(supervisor.states()).toEqual([
      { peerId: 'library', connected: true, dialling: false, attempts: 0 },
      { peerId: 'platform', connected: true, dialling: false, attempts: 0 },
    ]);
  });

  it('reconnects after a connection is lost', async () => {
    const { supervisor, network, time } = supervised(() => peers('library'));
    network.up.add('library');
    supervisor.start();
    await time.advance(LOOK_MS);
    network.connected.clear();
    await time.advance(LOOK_MS);
    expect(network.connected).toEqual(new Set(['library']));
  });

  it('backs off from a peer that is down, up to a minute, and says why', async () => {
    const { supervisor, network, time } = supervised(() => peers('library'));
    supervisor.start();
    await time.advance(3_600_000);
    expect(network.dials.length).toBeGreaterThan(60);
    expect(network.dials.length).toBeLessThan(130);
    const [state] = supervisor.states();
    expect(state).toMatchObject({ connected: false, attempts: network.dials.length });
    expect(state?.lastError?.code).toBe('PEER_UNREACHABLE');
    expect(state?.nextTryMs).toBeGreaterThan(time.nowMs() - LOOK_MS);
  });

  it('backs off from a peer that accepts and closes at once', async () => {
    const { supervisor, network, time } = supervised(() => peers('library'));
    network.up.add('library');
    network.connected.add = function (this: Set<string>) {
      return this;
    };
    supervisor.start();
    await time.advance(600_000);
    expect(network.dials.length).toBeLessThan(30);
  });

  it('dials at once when kicked, in spite of the back-off', async () => {
    const { supervisor, network, time } = supervised(() => peers('library'));
    supervisor.start();
    await time.advance(600_000);
    const before = network.dials.length;
    network.up.add('library');
    supervisor.kick('library');
    supervisor.kick('stranger');
    await time.advance(0);
    expect(network.dials.slice(before)).toEqual(['library']);
    expect(network.connected.has('library')).toBe(true);
  });

  it('dials the highest priority first and never too many at once', async () => {
    const many = Array.from({ length: 50 }, (_, index) => ({
      peerId: `peer-${index}`,
      addresses: [],
      priority: index,
    }));
    const { supervisor, network, time } = supervised(() => many);
    for (const { peerId } of many) network.up.add(peerId);
    supervisor.start();
    while (network.connected.size < many.length) await time.advance(0);
    expect(network.dials[0]).toBe('peer-49');
    expect(network.dials.at(-1)).toBe('peer-0');
    expect(network.mostDialling).toBe(LIMITS.dialsAtOnce);
  });

  it('keeps no more peers than it may, the most important ones', async () => {
    const many = Array.from({ length: LIMITS.supervisedPeers + 5 }, (_, index) => ({
      peerId: `peer-${index}`,
      addresses: [],
      priority: -index,
    }));
    const { supervisor } = supervised(() => many);
    expect(supervisor.states()).toHaveLength(LIMITS.supervisedPeers);
    expect(supervisor.states().at(-1)?.peerId).toBe(`peer-${LIMITS.supervisedPeers - 1}`);
  });

  it('gives up a dial that takes too long', async () => {
    const { supervisor, network, time } = supervised(() => peers('library'));
    network.silent = true;
    supervisor.start();
    await time.advance(LIMITS.dialTimeoutMs - 1);
    expect(supervisor.states()[0]).toMatchObject({ dialling: true });
    await time.advance(1);
    expect(supervisor.states()[0]?.dialling).toBe(false);
    expect(supervisor.states()[0]?.lastError?.code).toBe('TIMEOUT');
  });

  it('gives up a dial to a peer that left the directory', async () => {
    const directory = peers('library');
    const { supervisor, network, time } = supervised(() => directory);
    network.silent = true;
    supervisor.start();
    await time.advance(0);
    directory.length = 0;
    await time.advance(LOOK_MS);
    expect(network.dialling).toBe(0);
    expect(supervisor.states()).toEqual([]);
  });

  it('hangs up on a deaf pair after several looks, and not before', async () => {
    const { supervisor, network, time } = supervised(() => peers('library'));
    network.up.add('library');
    supervisor.start();
    await time.advance(0);
    network.deaf.add('library');
    await time.advance(LIMITS.superviseMs * 0.75 * LIMITS.deafLooks - 1);
    expect(network.hangUps).toEqual([]);
    await time.advance(LOOK_MS * LIMITS.deafLooks);
    expect(network.hangUps).toEqual(['library']);
    await time.advance(LOOK_MS);
    expect(network.connected.has('library')).toBe(true);
  });

  it('forgives a pair that is deaf for a look or two', async () => {
    const { supervisor, network, time } = supervised(() => peers('library'));
    network.up.add('library');
    supervisor.start();
    await time.advance(0);
    for (let round = 0; round < 5; round += 1) {
      network.deaf.add('library');
      await time.advance(LIMITS.superviseMs);
      network.deaf.delete('library');
      await time.advance(LOOK_MS);
    }
    expect(network.hangUps).toEqual([]);
  });

  it('goes on when a look fails', async () => {
    let broken = true;
    const { supervisor, network, time } = supervised(() => {
      if (broken) throw new Error('no directory yet');
      return peers('library');
    });
    network.up.add('library');
    supervisor.start();
    await time.advance(0);
    broken = false;
    await time.advance(LOOK_MS);
    expect(network.connected.has('library')).toBe(true);
  });

  it('leaves nothing behind when it stops', async () => {
    const { supervisor, network, time } = supervised(() => peers('library', 'platform'));
    network.silent = true;
    supervisor.start();
    await time.advance(0);
    expect(network.dialling).toBe(2);
    await supervisor.stop();
    expect([network.dialling, time.waiting]).toEqual([0, 0]);
    supervisor.kick('library');
    await time.advance(600_000);
    expect(network.dials).toHaveLength(2);
  });

  it('spreads attempts: half to all of a back-off that doubles to its largest', () => {
    const zero = { bytes: (count: number) => new Uint8Array(count) };
    const most = { bytes: (count: number) => new Uint8Array(count).fill(255) };
    for (const [attempt, fullMs] of [
      [1, 1_000],
      [2, 2_000],
      [6, 32_000],
      [7, 60_000],
      [500, 60_000],
    ] as const) {
      expect(backOffMs(attempt, zero)).toBe(fullMs / 2);
      expect(backOffMs(attempt, most)).toBeCloseTo(fullMs, 3);
    }
  });

  it('heals a real pair that a reset of a gossip stream made deaf', async () => {
    const [from, to] = await gossipPair();
    const streams = to.gossip as unknown as {
      streamsInbound: Map<string, { rawStream: { abort(error: Error): void } }>;
    };
    streams.streamsInbound.get(from.peerId)?.rawStream.abort(new Error('reset'));
    await until(() => !to.hearsGossip(from.peerId), 'deafness');
    expect(to.isConnected(from.peerId)).toBe(true);

    const closed = Promise.withResolvers<void>();
    to.node.addEventListener('connection:close', () => closed.resolve(), { once: true });
    const time = new VirtualTime();
    const supervisor = createSupervisor({
      reach: to,
      neighbours: () => [{ peerId: from.peerId, addresses: from.addresses() }],
      ...{ clock: time, timers: time, random: seededRandom(1), log: silentLog },
    });
    running.push(supervisor);
    supervisor.start();
    await time.advance(LOOK_MS * LIMITS.deafLooks);
    await closed.promise;
    await time.advance(2 * LOOK_MS);
    await until(() => to.isConnected(from.peerId), 'the new connection');
    await until(() => inMesh(from, to) && inMesh(to, from), 'the gossip mesh');

    const received = Promise.withResolvers<string>();
    to.gossip.addEventListener('message', ({ detail }) => received.resolve(`${detail.data}`));
    await from.gossip.publish(TOPIC, Buffer.from('head 41'));
    expect(await received.promise).toBe('head 41');
  });
});
