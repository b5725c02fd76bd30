// A process with real nodes on folders that are enrolled already, as `odcm run` composes them but for the control API.

import { systemClock, systemRandom, systemTimers } from '../../node/clock.ts';
import type { OpenFeed } from '../../node/feed/feeds.ts';
import { openHome } from '../../node/home/home.ts';
import { silentLog } from '../../node/log.ts';
import type { Network } from '../../node/net/network.ts';
import { MeshNode } from '../../node/node.ts';
import { contextTopic, decodeAnnouncement } from '../../protocols/gossip.ts';
import { parseContextName, parseFeedId, parseFeedName, parseOrigin } from '../../protocols/ids.ts';
import type { Arrivals, PublishOrder, Sent } from './announce.bench.ts';
import { reached, serveCommands } from './child.ts';
import { sharedNowMs } from './measurement.ts';
import { paced } from './paced.ts';
import { CONTEXT, SampleFeed } from './sample-data.ts';

const SYSTEM = { clock: systemClock, timers: systemTimers, random: systemRandom };
const COME_BACK_MS = 20_000;

async function createNode(dir: string) {
  const node = await MeshNode.create({ ...SYSTEM, home: await openHome(dir), log: silentLog });
  const arrivals: [number, number][] = [];
  node.onApplied((_, { index }) => arrivals.push([index, sharedNowMs()]));
  await node.start();
  return { node, arrivals };
}

const nodes: Awaited<ReturnType<typeof createNode>>[] = [];
let own: OpenFeed | undefined;
let sample: SampleFeed | undefined;
/** By number of the entry: when gossip was given the message in which it stands. */
const announcedMs = new Map<number, number>();

/** As with bare gossip, where the time is taken before publishing. */
function watchAnnouncements(gossip: Network['gossip'], feed: OpenFeed): void {
  const publish = gossip.publish.bind(gossip);
  gossip.publish = (topic, data) => {
    if (data && topic === contextTopic(parseOrigin(feed.origin).mesh, feed.row.context)) {
      const { frontier, note } = decodeAnnouncement(data);
      const nowMs = sharedNowMs();
      for (let i = frontier.size; i < note.checkpoint.size; i++) announcedMs.set(i, nowMs);
    }
    return publish(topic, data);
  };
}

serveCommands({
  async start({ homes }: { readonly homes: readonly string[] }): Promise<void> {
    for (const dir of homes) nodes.push(await createNode(dir));
  },

  /** By the first node, for everybody. */
  async createFeed({ name }: { readonly name: string }): Promise<string> {
    const { node } = nodes[0]!;
    const made = await node.petitioner.petition({
      ...{ wish: 'feed', sync: 'chosen', to: 'all' },
      name: parseFeedName(name),
      context: parseContextName(CONTEXT),
    });
    const { id } = JSON.parse(made) as { id: string };
    own = await node.petitioner.awaitFeed(parseFeedId(id), COME_BACK_MS);
    watchAnnouncements(node.host.gossip, own);
    sample = new SampleFeed(node.home.config.name, name);
    return id;
  },

  /** By every node but the publisher. */
  async subscribe({ id }: { readonly id: string }): Promise<void> {
    const feed = parseFeedId(id);
    for (const { node } of nodes) {
      await node.petitioner.awaitFeed(feed, COME_BACK_MS);
      if (node.directory.state.feeds.get(feed)!.space === node.self.id) continue;
      await node.intent.subscribe({ feed, mode: 'auto', via: 'gossip', everyMs: null });
    }
  },

  isReady({ others }: { readonly others: number }): boolean {
    return nodes.every(({ node: { host } }) => {
      const peers = host.connectedPeers();
      return peers.length >= others && peers.every((peerId) => host.hearsGossip(peerId));
    });
  },

  hasBallast: (): boolean => nodes.every(({ node }) => node.care.disk.ballastBytes > 0),

  async publish({ count, intervalMs }: PublishOrder): Promise<Sent[]> {
    const drafts = sample!.drafts(count).values();
    const published = await paced(count, intervalMs, async () => {
      const { item, payload } = drafts.next().value!;
      const calledMs = sharedNowMs();
      const [result] = await own!.publisher!.publish([{ item, body: { payload } }]);
      return { seq: result!.index, calledMs };
    });
    // The last one may be told a moment after it was acknowledged.
    await reached('the last one is announced', async () => announcedMs.has(published.at(-1)!.seq));
    return published.map(({ seq, calledMs }) => ({
      ...{ seq, calledMs },
      announcedMs: announcedMs.get(seq)!,
    }));
  },

  arrivals: (): Arrivals[] => nodes.map(({ arrivals }) => arrivals.splice(0)),
});
