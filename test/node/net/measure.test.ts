import { afterEach, describe, expect, it } from 'vitest';
import type { Host } from '../../../node/net/host.ts';
import { gossipPair, inMesh, startHost, stopAll, TOPIC, until } from './hosts.ts';

const pings = (host: Host, peerId: string): boolean => host.measure?.(peerId).rttMs !== null;

describe('what a host measures of a peer', () => {
  afterEach(stopAll);

  it('is its topics, whether gossip goes to it at once, and the round trip once a ping came back', async () => {
    const [from, to] = await gossipPair();
    await until(() => inMesh(from, to), 'the mesh');
    expect(from.measure?.(to.peerId)).toMatchObject({ topics: 1, inMesh: true });
    const [connection] = from.node.getConnections();
    connection!.rtt = 12;
    expect(pings(from, to.peerId)).toBe(true);
    expect(from.measure?.(to.peerId).rttMs).toBe(12);
    expect(from.gossip.getTopics()).toEqual([TOPIC]);
  });

  it('is nothing for a peer that is not there', async () => {
    const host = await startHost();
    expect(host.measure?.('12D3KooWNobody')).toEqual({ rttMs: null, topics: 0, inMesh: false });
  });
});
