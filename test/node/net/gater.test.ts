import type { MultiaddrConnection } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { describe, expect, it } from 'vitest';
import { createGate, type Membership } from '../../../node/net/gater.ts';
import { peerIdOfPublicKey } from '../../../node/net/keys.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { VirtualTime } from '../virtual-time.ts';

const idOf = (seed: number): string => peerIdOfPublicKey(new Uint8Array(32).fill(seed));
const [barry, lisa, bob] = [idOf(1), idOf(2), idOf(3)] as [string, string, string];

const membership: Membership = {
  isMember: (peerId) => peerId === barry || peerId === lisa,
  isRevoked: (peerId) => peerId === lisa,
  isMemberHost: (host) => host === '10.0.0.1',
};

/** A connection from an address, as far as the gate looks at it. */
class Incoming extends EventTarget {
  readonly remoteAddr;
  dropped = false;
  constructor(host: string) {
    super();
    this.remoteAddr = multiaddr(`/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/tcp/4101`);
  }
  abort(): void {
    this.dropped = true;
    this.dispatchEvent(new Event('close'));
  }
}

function gateUnderTest() {
  const time = new VirtualTime();
  const gate = createGate(membership, time);
  const admitted = (connection: Incoming): boolean =>
    gate.gater.denyInboundConnection?.(connection as unknown as MultiaddrConnection) === false;
  const arrive = (host: string, count: number): Incoming[] =>
    Array.from({ length: count }, () => new Incoming(host)).filter(admitted);
  const finish = (connection: Incoming, peerId: string) =>
    gate.gater.denyInboundEncryptedConnection?.(
      peerIdFromString(peerId),
      connection as unknown as MultiaddrConnection,
    );
  return { gate, time, arrive, finish };
}

describe('connection gate', () => {
  it('lets members in and counts strangers and the revoked apart', () => {
    const { gate, arrive, finish } = gateUnderTest();
    const verdicts = [barry, lisa, bob, bob].map((peer) => finish(arrive('10.0.0.9', 1)[0]!, peer));
    expect(verdicts).toEqual([false, true, true, true]);
    expect(gate.refusals()).toEqual({ REVOKED: 1, NOT_A_MEMBER: 2 });
    expect(gate.pending).toBe(0);
  });

  it('dials members only, and remembers addresses of members only', () => {
    const { gater } = gateUnderTest().gate;
    const address = multiaddr('/ip4/10.0.0.9/tcp/4101');
    for (const [peer, isMember] of [
      [barry, true],
      [bob, false],
    ] as const) {
      expect(gater.denyDialPeer?.(peerIdFromString(peer))).toBe(!isMember);
      expect(gater.filterMultiaddrForPeer?.(peerIdFromString(peer), address)).toBe(isMember);
    }
    expect(gater.denyDialPeer?.(peerIdFromString(lisa))).toBe(true);
  });

  it('drops the oldest unfinished handshake of an address, never the newest', () => {
    const { gate, arrive } = gateUnderTest();
    const sockets = arrive('10.0.0.9', LIMITS.pendingPerHost + 2);
    const others = arrive('10.0.0.10', 1);
    expect(sockets.map(({ dropped }) => dropped)).toEqual([
      true,
      true,
      ...Array.from({ length: LIMITS.pendingPerHost }, () => false),
    ]);
    expect(others[0]?.dropped).toBe(false);
    expect(gate.pending).toBe(LIMITS.pendingPerHost + 1);
    expect(gate.refusals()).toEqual({ BUSY: 2 });
  });

  it('holds more unfinished handshakes for addresses of members', () => {
    const sockets = gateUnderTest().arrive('10.0.0.1', LIMITS.pendingPerMemberHost);
    expect(sockets.filter(({ dropped }) => dropped)).toEqual([]);
  });

  it('makes room among strangers first when all together are too many', () => {
    const { gate, arrive } = gateUnderTest();
    const member = arrive('10.0.0.1', 1)[0]!;
    const strangers = Array.from(
      { length: LIMITS.pendingConnections },
      (_, index) => arrive(`10.1.${index >> 8}.${index & 255}`, 1)[0]!,
    );
    expect(gate.pending).toBe(LIMITS.pendingConnections);
    expect([member.dropped, strangers[0]!.dropped, strangers[1]!.dropped]).toEqual([
      false,
      true,
      false,
    ]);
  });

  it('forgets handshakes whose connection closes', () => {
    const { gate, arrive } = gateUnderTest();
    for (const socket of arrive('fd00::1', 5)) socket.abort();
    expect(gate.pending).toBe(0);
    expect(gate.refusals()).toEqual({});
  });

  it('refuses an address that connects too often, until the next second', async () => {
    const { gate, time, arrive } = gateUnderTest();
    expect(arrive('10.0.0.9', LIMITS.inboundPerSecondPerHost + 5)).toHaveLength(
      LIMITS.inboundPerSecondPerHost,
    );
    expect(arrive('10.0.0.10', 1)).toHaveLength(1);
    const beforeMs = gate.refusals().BUSY;
    await time.advance(1000);
    expect(arrive('10.0.0.9', 1)).toHaveLength(1);
    expect(gate.refusals().BUSY).toBe((beforeMs ?? 0) + 1);
  });

  it('lets no more strangers of an address do a handshake than it may, and of a member address any number', async () => {
    const { gate, time, arrive, finish } = gateUnderTest();
    const tries = (host: string): number => {
      let count = 0;
      for (; count < 2 * LIMITS.strangersPerSecondPerHost; count++) {
        const [connection] = arrive(host, 1);
        if (!connection) break;
        void finish(connection, bob);
      }
      return count;
    };
    expect(tries('10.0.0.9')).toBe(LIMITS.strangersPerSecondPerHost);
    expect(tries('10.0.0.1')).toBe(2 * LIMITS.strangersPerSecondPerHost);
    await time.advance(1000);
    expect(finish(arrive('10.0.0.9', 1)[0]!, barry)).toBe(false);
    expect(gate.pending).toBe(0);
  });

  it('ends the oldest connection of a member that opens too many, never the newest', () => {
    const { gate, arrive, finish } = gateUnderTest();
    const open = () => {
      const connection = arrive('10.0.0.1', 1)[0]!;
      expect(finish(connection, barry)).toBe(false);
      return connection;
    };
    const connections = Array.from({ length: LIMITS.connectionsPerPeer }, open);
    expect(connections.some(({ dropped }) => dropped)).toBe(false);
    const more = [open(), open()];
    expect([...connections, ...more].map(({ dropped }) => dropped)).toEqual([
      ...[true, true],
      ...Array.from({ length: LIMITS.connectionsPerPeer }, () => false),
    ]);
    expect(gate.refusals()).toEqual({ BUSY: 2 });
    // One that closes by itself makes room.
    more[0]!.abort();
    open();
    expect(gate.refusals()).toEqual({ BUSY: 2 });
  });

  it('shuts out who was cast out, longer each time, and then lets it in again', async () => {
    const { gate, time, arrive, finish } = gateUnderTest();
    const isRefused = () => finish(arrive('10.0.0.1', 1)[0]!, barry);
    for (const pauseMs of [1, 2, 4].map((times) => times * LIMITS.outcastMinMs)) {
      gate.cast(barry);
      gate.cast(barry);
      expect([isRefused(), gate.isOutcast(barry)]).toEqual([true, true]);
      await time.advance(pauseMs - 1);
      expect(isRefused()).toBe(true);
      await time.advance(1);
      expect([isRefused(), gate.isOutcast(barry)]).toEqual([false, false]);
    }
    for (let i = 0; i < 20; i++) {
      gate.cast(barry);
      await time.advance(LIMITS.outcastMaxMs);
    }
    expect(isRefused()).toBe(false);
    expect(gate.refusals().OUTCAST).toBe(6);
  });

  it('never refuses addresses of members for connecting often', () => {
    const { arrive } = gateUnderTest();
    expect(arrive('10.0.0.1', 3 * LIMITS.inboundPerSecondPerHost)).toHaveLength(
      3 * LIMITS.inboundPerSecondPerHost,
    );
  });
});
