import { describe, expect, it } from 'vitest';
import { type ExposedItem, exposure } from '../../../node/feed/exposure.ts';
import type { OpenFeed } from '../../../node/feed/feeds.ts';
import { tempFolder } from '../temp-folder.ts';
import { event, SampleFeed } from './sample-feed.ts';
import { newParty, type Party, SealedFeed } from './sealed-feed.ts';

async function of(
  party: Party | SampleFeed,
  keys: readonly Buffer[],
  untilMs = Number.POSITIVE_INFINITY,
) {
  const { log, view, blocks } = party;
  const opener = 'opener' in party ? party.opener : undefined;
  const feed = { log, view, blocks, opener, row: { isSealed: opener !== undefined } };
  const rows: ExposedItem[] = [];
  const options = { feed: feed as unknown as OpenFeed, exchangeKeys: keys, untilMs };
  for await (const row of exposure(options)) rows.push(row);
  return rows;
}

const secret = (value: string) => ({ Type: 'Sensitive', Value: value });

describe('what a space could read', () => {
  it('of a sealed feed is what it was given keys for, with whether it is still in use', async () => {
    const [bob, lisa] = [await newParty(), await newParty()];
    const feed = await SealedFeed.open([bob, lisa]);
    await feed.publisher.publish([event('a', secret('one')), event('b', 'plain'), event('c', 1)]);
    await feed.publisher.publish([{ item: 'c', body: null }]);
    feed.granted = [{ party: lisa }];
    await feed.publisher.rekey();
    await feed.publisher.publish([event('b', 'newer'), event('d', secret('later'))]);
    const rows = await of(feed.owner, [bob.exchange.raw]);
    const short = rows.map((r) => [r.item, r.version, r.isSensitive, r.isCurrent, r.isSealed]);
    expect(short).toEqual([
      ['a', 1, true, true, true],
      ['b', 1, false, false, true],
      ['c', 1, false, false, true],
    ]);
    expect((await of(feed.owner, [lisa.exchange.raw])).map((r) => r.item)).toEqual([
      'a',
      'b',
      'c',
      'd',
    ]);
    expect(await of(feed.owner, [(await newParty()).exchange.raw])).toEqual([]);
  });

  it('of an open feed is of each item the newest version that was there when its grant ended', async () => {
    const feed = await SampleFeed.open(await tempFolder());
    const { publisher } = feed;
    await publisher.publish(['a', 'b', 'c', 'd', 'gone'].map((item) => event(item, 1)));
    await publisher.publish([event('b', 2), event('c', 2), { item: 'gone', body: null }]);
    const untilMs = feed.time.nowMs();
    await feed.time.advance(1_000);
    await publisher.publish([event('b', 3), { item: 'd', body: null }, event('later', 1)]);
    await publisher.publish([event('b', 4), event('later', 2)]);
    const read = async (until?: number) =>
      (await of(feed, [], until)).map((r) => [r.item, r.version, r.isCurrent, r.isSealed]);
    expect(await read(untilMs)).toEqual([
      ['a', 1, true, false],
      ['b', 2, false, false],
      ['c', 2, true, false],
      ['d', 1, false, false],
      ['gone', 1, false, false],
    ]);
    expect(await read()).toEqual([
      ['a', 1, true, false],
      ['b', 4, true, false],
      ['c', 2, true, false],
      ['d', 1, false, false],
      ['gone', 1, false, false],
      ['later', 2, true, false],
    ]);
    expect(await read(0)).toEqual([]);
  });

  it('of an open feed holds no sensitive value: publishing one is refused', async () => {
    const feed = await SampleFeed.open(await tempFolder());
    await expect(
      feed.publisher.publish([event('a', { Sets: [secret('x')] })]),
    ).rejects.toMatchObject({
      code: 'SENSITIVE_VALUE',
    });
    expect(feed.log.size).toBe(0);
  });
});
