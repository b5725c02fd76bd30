// A process with one real host, which knows the spaces of the sample and judges what they tell. It is what is attacked.

import { createHost, type Host } from '../../../node/net/host.ts';
import type { FrameHandler } from '../../../node/net/streams.ts';
import { decodeAnnouncement, directoryTopic } from '../../../protocols/gossip.ts';
import { serveCommands } from '../../bench/child.ts';
import { sharedNowMs } from '../../bench/measurement.ts';
import { HEADS_TOPIC, MESH, SampleHeads } from './heads.ts';

export interface Usage {
  readonly cpuMs: number;
  readonly rssBytes: number;
  readonly refusals: Readonly<Record<string, number>>;
  readonly connected: number;
}

export interface StartOrder {
  /** Spaces that there are; the host is the first of them unless told otherwise. */
  readonly spaces: number;
  readonly self?: number;
  /** Whether the directory lists the addresses that connect. */
  readonly isMemberHost?: boolean;
}

let host: Host;
let sample: SampleHeads;
const refused: Record<string, number>[] = [];
/** By space: when a head of it was heard. */
const heard = new Map<string, number[]>();

/** Answers each frame with itself. */
const echo: FrameHandler = async (channel) => {
  for (;;) {
    const frame = await channel.read();
    if (!frame) return;
    await channel.send(Buffer.from(frame));
  }
};

serveCommands({
  async start({ spaces, self = 0, isMemberHost = false }: StartOrder): Promise<string> {
    sample = new SampleHeads(spaces);
    const members = new Set(sample.spaces.map(({ peerId }) => peerId));
    host = await createHost({
      ...{ privateKeyPem: sample.spaces[self]!.pem, meshId: MESH },
      membership: { isMember: (id) => members.has(id), isMemberHost: () => isMemberHost },
      topics: [{ name: HEADS_TOPIC }, { name: directoryTopic(MESH) }],
      listen: ['/ip4/0.0.0.0/tcp/0'],
    });
    host.gossip.addEventListener('gossipsub:message', ({ detail }) => {
      const { origin } = decodeAnnouncement(detail.msg.data).note.checkpoint;
      const times = heard.get(origin) ?? [];
      heard.set(origin, times);
      times.push(sharedNowMs());
    });
    await host.serve('/odcm/test/echo', echo);
    await host.start();
    refused.push(sample.listen(host).refused);
    return addressOf(host);
  },

  /** Connects to others, and says whether all of them hear its gossip and it theirs. */
  async connect({ peers }: { readonly peers: readonly { peerId: string; address: string }[] }) {
    for (const { peerId, address } of peers)
      await host.dial(peerId, [address], AbortSignal.timeout(5_000));
  },

  isReady: ({ others }: { readonly others: number }): boolean =>
    host.gossip.getMeshPeers(HEADS_TOPIC).length >= others,

  /** Tells one true head, as the space that this host is. */
  async tell({ self, size }: { readonly self: number; readonly size: number }): Promise<number> {
    const atMs = sharedNowMs();
    await host.gossip.publish(HEADS_TOPIC, sample.announcement(self, size));
    return atMs;
  },

  /** When heads of this space came, since it was asked last. */
  heard: ({ from }: { readonly from: number }): number[] =>
    heard.get(sample.spaces[from]!.origin)?.splice(0) ?? [],

  usage: (): Usage => {
    const { user, system } = process.cpuUsage();
    const gate = host.refusals();
    return {
      cpuMs: (user + system) / 1000,
      rssBytes: process.memoryUsage().rss,
      refusals: { ...refused[0], ...gate },
      connected: host.connectedPeers().length,
    };
  },

  async stop(): Promise<void> {
    await host.stop();
  },
});

function addressOf({ addresses }: Host): string {
  return addresses()
    .find((address) => address.includes('/127.0.0.1/'))!
    .split('/p2p/')[0]!;
}
