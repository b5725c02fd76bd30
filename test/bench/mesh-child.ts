// A process with real nodes on folders that are enrolled already, as `odcm run` composes them but for the control API.

import { systemClock, systemRandom, systemTimers } from '../../node/clock.ts';
import type { OpenFeed } from '../../node/feed/feeds.ts';
import { openHome } from '../../node/home/home.ts';
import { silentLog } from '../../node/log.ts';
import { MeshNode } from '../../node/node.ts';
import { parseContextName, parseFeedId, parseFeedName } from '../../protocols/ids.ts';
import type { Arrivals, PublishOrder, Sent } from './announce.bench.ts';
import { serveCommands } from './child.ts';
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

  async publish({ count, intervalMs }: PublishOrder): Promise<Sent[]> {
    const drafts = sample!.drafts(count).values();
    return paced(count, intervalMs, async () => {
      const { item, payload } = drafts.next().value!;
      const calledMs = sharedNowMs();
      const [published] = await own!.publisher!.publish([{ item, body: { payload } }]);
      return { seq: published!.index, calledMs, announcedMs: sharedNowMs() };
    });
  },

  arrivals: (): Arrivals[] => nodes.map(({ arrivals }) => arrivals.splice(0)),
});
