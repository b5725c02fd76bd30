import { describe, expect, it } from 'vitest';
import { Counter } from '../../../node/reports/counter.ts';
import { FeedCounts } from '../../../node/reports/feed-counts.ts';
import { BUILT_IN_CONTEXTS } from '../../../protocols/contexts.ts';
import { newParty, type Party, SealedFeed } from '../feed/sealed-feed.ts';
import { sampleDeployments } from './sample-reports.ts';

const DEPLOYMENTS = BUILT_IN_CONTEXTS.find((c) => c.name === 'deployments')!;
/** The sample feed publishes in November 2023. */
const SPAN = {
  ...{ space: 'payments', seed: 1, fromMs: Date.parse('2023-10-01T00:00:00Z') },
  toMs: Date.parse('2023-11-01T00:00:00Z'),
};

async function counted(party: Party): Promise<number[]> {
  const { log, view, views, blocks, opener } = party;
  const counts = new FeedCounts(views, log.prefix, 'deployments');
  const feed = { path: 'library/deployments', log, view, opener, publisher: undefined };
  await new Counter(feed, counts, views, blocks).catchUp(new AbortController().signal);
  const { next, counted: found, uncounted } = await counts.cursor();
  return [next, found, uncounted];
}

describe('counts of a sealed feed', () => {
  it('are those of its events, each once, also when they were sealed again', async () => {
    const [bob, lisa] = [await newParty(), await newParty()];
    const feed = await SealedFeed.open([bob, lisa], DEPLOYMENTS);
    for (const party of [bob, lisa]) await party.open(DEPLOYMENTS);
    const all = [...sampleDeployments({ ...SPAN, count: 30 })];
    await feed.publisher.publish(all.map((payload) => ({ item: payload.id, body: { payload } })));
    feed.granted = [{ party: lisa }];
    await feed.publisher.rekey();
    await feed.deliver(bob);
    await feed.deliver(lisa);
    expect(await counted(feed.owner)).toEqual([62, 30, 0]);
    expect(await counted(lisa)).toEqual([62, 30, 0]);
    expect(await counted(bob)).toEqual([32, 30, 0]);
  });

  it('leave out what was sealed before the reader had a grant', async () => {
    const lisa = await newParty();
    const feed = await SealedFeed.open([], DEPLOYMENTS);
    const all = [...sampleDeployments({ ...SPAN, count: 20 })];
    await feed.publisher.publish(all.map((payload) => ({ item: payload.id, body: { payload } })));
    const bob = await newParty();
    feed.granted = [{ party: bob }];
    await feed.publisher.rekey();
    feed.granted = [{ party: lisa }];
    await feed.publisher.rekey();
    await lisa.open(DEPLOYMENTS);
    await feed.deliver(lisa);
    expect((await counted(lisa))[1]).toBe(20);
  });
});
