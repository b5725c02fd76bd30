import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Stream } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { multiaddr } from '@multiformats/multiaddr';
import { CID } from 'multiformats/cid';
import { sha256 } from 'multiformats/hashes/sha2';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Membership } from '../../../node/net/gater.ts';
import type { Host } from '../../../node/net/host.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { VirtualTime } from '../virtual-time.ts';
import { connect, openMembership, startHost, stopAll, until } from './hosts.ts';

const code = (value: string) => expect.objectContaining({ code: value });
const portOf = (host: Host): number =>
  Number(
    multiaddr(host.addresses()[0]!)
      .getComponents()
      .find(({ name }) => name === 'tcp')?.value,
  );

/** Sockets that connect to a host and then say nothing. */
async function idleSockets(host: Host, count: number): Promise<Socket[]> {
  return Promise.all(
    Array.from({ length: count }, async () => {
      const socket = createConnection({ host: '127.0.0.1', port: portOf(host) });
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    }),
  );
}

const knowsPeers = ({ dht }: Host): boolean =>
  (dht as unknown as { routingTable: { size: number } }).routingTable.size > 0;

const members = (...peerIds: string[]): Membership => ({
  isMember: (peerId) => peerIds.includes(peerId),
});

describe('host', () => {
  afterEach(stopAll);

  it('refuses and counts a stranger who connects', async () => {
    const host = await startHost({ membership: members() });
    const stranger = await startHost();
    // The dial itself may succeed: the refusal arrives a moment later.
    await connect(stranger, host).catch(() => {});
    await until(() => host.refusals().NOT_A_MEMBER === 1, 'the refusal');
    await until(() => !stranger.isConnected(host.peerId), 'the end of the connection');
    expect(host.connectedPeers()).toEqual([]);
  });

  it('marks peers it chose itself, which go last when there are too many', async () => {
    const [from, to] = [await startHost(), await startHost()];
    await connect(from, to);
    const marksOf = async (host: Host, other: Host): Promise<number> => {
      // What a host remembers of a peer comes a moment after the connection.
      const { tags } = await vi.waitFor(
        () => host.node.peerStore.get(peerIdFromString(other.peerId)),
        { timeout: 10_000 },
      );
      return [...tags].filter(([name]) => name === 'odcm-chosen').length;
    };
    await until(() => to.isConnected(from.peerId), 'the connection');
    expect(await marksOf(from, to)).toBe(1);
    expect(await marksOf(to, from)).toBe(0);
  });

  it('refuses to dial a stranger', async () => {
    const host = await startHost({ membership: members() });
    const stranger = await startHost();
    await expect(connect(host, stranger)).rejects.toThrow(code('NOT_A_MEMBER'));
    expect(host.refusals()).toEqual({ NOT_A_MEMBER: 1 });
  });

  it('refuses another peer at the address of the expected one', async () => {
    const [from, to, other] = [await startHost(), await startHost(), await startHost()];
    const address = `/ip4/127.0.0.1/tcp/${portOf(to)}`;
    await expect(from.dial(other.peerId, [address], AbortSignal.timeout(5_000))).rejects.toThrow(
      code('PEER_UNREACHABLE'),
    );
    await expect(from.dial(to.peerId, ['nonsense'], AbortSignal.timeout(5_000))).rejects.toThrow(
      code('PEER_UNREACHABLE'),
    );
  });

  it('cuts off a peer that is expelled and lets it in no more', async () => {
    const revoked = new Set<string>();
    const membership: Membership = {
      isMember: () => true,
      isRevoked: (peerId) => revoked.has(peerId),
    };
    const [host, peer] = [await startHost({ membership }), await startHost()];
    await connect(peer, host);
    await until(() => host.isConnected(peer.peerId), 'the connection');
    revoked.add(peer.peerId);
    await host.expel(peer.peerId);
    await until(() => !peer.isConnected(host.peerId), 'the cut');
    await connect(peer, host).catch(() => {});
    await until(() => host.refusals().REVOKED === 1, 'the refusal');
    expect(host.isConnected(peer.peerId)).toBe(false);
  });

  it.each([
    ['its own unknown address', { isMember: () => true }, 90, LIMITS.pendingPerHost],
    ['an address of members', openMembership, 250, LIMITS.pendingPerMemberHost],
  ])(
    'lets a member in while idle sockets pile up at %s',
    async (_title, membership, count, kept) => {
      const [host, member] = [await startHost({ membership }), await startHost()];
      const sockets = await idleSockets(host, count);
      try {
        await connect(member, host);
        await until(() => host.isConnected(member.peerId), 'the member');
        expect(host.refusals().BUSY).toBeGreaterThanOrEqual(count - kept);
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    },
  );

  it('lets a member in again a second after its address connected too often', async () => {
    const clock = new VirtualTime();
    const membership = { isMember: () => true };
    const [host, member] = [await startHost({ membership, clock }), await startHost()];
    const sockets = await idleSockets(host, LIMITS.inboundPerSecondPerHost + 20);
    try {
      await expect(connect(member, host)).rejects.toThrow(code('PEER_UNREACHABLE'));
      await clock.advance(1000);
      await connect(member, host);
      await until(() => host.isConnected(member.peerId), 'the member');
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  });

  it('serves a peer so many streams of a protocol at a time, over all its connections', async () => {
    const [host, peer] = [await startHost(), await startHost()];
    let running = 0;
    const release = Promise.withResolvers<void>();
    await host.serve('/odcm/test/held', async (channel) => {
      running++;
      await release.promise;
      await channel.send(Buffer.from('served'));
    });
    const streams: Stream[] = [];
    for (const _ of ['one connection', 'another']) {
      const connection = await peer.node.dial(multiaddr(host.addresses()[0]!), { force: true });
      for (let i = 0; i < LIMITS.syncStreamsPerPeer; i++)
        streams.push(await connection.newStream('/odcm/test/held'));
    }
    expect(host.node.getConnections()).toHaveLength(2);
    const open = () => streams.filter(({ status }) => status === 'open').length;
    await until(() => open() === LIMITS.syncStreamsPerPeer, 'the end of those above the limit');
    expect(running).toBe(LIMITS.syncStreamsPerPeer);
    release.resolve();
    for (const stream of streams) if (stream.status === 'open') await stream.close();
    await until(() => open() === 0, 'the end of those that were served');
    const channel = await peer.open(host.peerId, '/odcm/test/held');
    expect(String(await channel.read())).toBe('served');
  });

  it('finds who provides a feed through a third member', async () => {
    const [first, middle, last] = [await startHost(), await startHost(), await startHost()];
    await connect(first, middle);
    await connect(last, middle);
    await until(() => knowsPeers(first) && knowsPeers(last), 'routing tables');
    const cid = CID.createV1(0x55, await sha256.digest(Buffer.from('a feed')));
    await first.node.contentRouting.provide(cid, { signal: AbortSignal.timeout(10_000) });
    // To be told of a provider has no answer: the third member may still be at it when it is asked.
    const find = async (): Promise<string> => {
      const signal = AbortSignal.timeout(10_000);
      for await (const { id } of last.node.contentRouting.findProviders(cid, { signal }))
        return id.toString();
      throw new Error('nobody provides it yet');
    };
    expect(await vi.waitFor(find, { timeout: 10_000 })).toBe(first.peerId);
  });

  it('releases its datastore, keeps it for the next start, and refuses to share it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'odcm-host-'));
    try {
      const datastorePath = join(folder, 'peers');
      const host = await startHost({ datastorePath });
      await expect(startHost({ datastorePath })).rejects.toThrow(code('LOCKED'));
      const file = join(folder, 'file');
      await writeFile(file, 'no database');
      await expect(startHost({ datastorePath: file })).rejects.toThrow(code('STORE_DAMAGED'));
      await host.stop();
      const again = await startHost({ datastorePath });
      expect(await readdir(datastorePath)).toContain('CURRENT');
      await again.stop();
      await again.start();
      await again.stop();
    } finally {
      await stopAll();
      await rm(folder, { recursive: true });
    }
  });

  it('refuses addresses it cannot listen on', async () => {
    const host = await startHost();
    const taken = [`/ip4/127.0.0.1/tcp/${portOf(host)}`];
    await expect(startHost({ listen: taken })).rejects.toThrow(code('BUSY'));
    await expect(startHost({ listen: ['localhost:4101'] })).rejects.toThrow(code('NAME_INVALID'));
  });

  it('tells peers the announced addresses instead of those it listens on', async () => {
    const host = await startHost({ announce: ['/dns4/library.example/tcp/4101'] });
    expect(host.addresses()).toEqual([`/dns4/library.example/tcp/4101/p2p/${host.peerId}`]);
  });
});
