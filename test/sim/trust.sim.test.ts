import { describe, expect, it } from 'vitest';
import type { FeedId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { expectSound } from './seeds.ts';
import { canary, World } from './world.ts';

const SPACES = ['library', 'platform', 'payments', 'shipping'];

async function worldWith(seed: number, to: 'all' | string[]) {
  const world = await World.create({ seed, spaces: SPACES });
  const feed = await world.createFeed('library', 'variables/base', to);
  await world.spread();
  return { world, feed };
}

let count = 0;
async function say(world: World, publisher: string, feed: FeedId): Promise<void> {
  const payload = `${canary(feed)} ${++count}`;
  const drafts = [{ item: `item ${count}`, body: { payload } }];
  await world.time.during(world.publish(world.node(publisher), feed, drafts));
}

const held = (world: World, name: string, feed: FeedId) =>
  world.node(name).mesh.feeds.peek(feed)?.log.size ?? 0;

/** Items that a space can read of a feed; others may carry it and read none. */
async function read(world: World, name: string, feed: FeedId): Promise<number> {
  let items = 0;
  for await (const _ of (await world.node(name).mesh.feeds.open(feed)).view.list({})) items++;
  return items;
}

const lines = (world: World, names: string[]) => names.map((name) => world.node(name).line);

describe('a grant', () => {
  it('is needed to subscribe, and brings everything that was published before it', async () => {
    const { world, feed } = await worldWith(1, []);
    await say(world, 'library', feed);
    await expect(world.subscribe('platform', feed)).rejects.toMatchObject({ code: 'NO_GRANT' });
    await world.grant('platform', feed);
    await world.spread();
    await world.subscribe('platform', feed);
    await expectSound(world);
    expect(await read(world, 'platform', feed)).toBe(1);
  });

  it('that ends, ends for what is published later, also for who was away when it ended', async () => {
    const { world, feed } = await worldWith(2, ['platform', 'payments']);
    for (const name of ['platform', 'payments']) await world.subscribe(name, feed);
    await say(world, 'library', feed);
    await expectSound(world);
    world.network.partition([
      lines(world, ['platform']),
      lines(world, ['odcm', 'library', 'payments', 'shipping']),
    ]);
    await world.ungrant('platform', feed);
    world.forbid('platform', feed);
    await say(world, 'library', feed);
    await world.time.advance(30_000);
    world.network.heal();
    await expectSound(world);
    await say(world, 'library', feed);
    await world.time.advance(2 * LIMITS.antiEntropyMs);
    expect(world.wrongs).toEqual([]);
    expect(await read(world, 'platform', feed)).toBe(1);
    expect(await read(world, 'payments', feed)).toBe(3);
  });
});

describe('a space that is revoked', () => {
  it('is shut out by everybody and gets nothing more, and nothing of its own is taken', async () => {
    const { world, feed } = await worldWith(3, ['platform', 'payments']);
    const own = await world.createFeed('payments', 'targets', 'all');
    await world.spread();
    for (const name of ['platform', 'payments']) await world.subscribe(name, feed);
    for (const name of ['platform', 'shipping']) await world.subscribe(name, own);
    await say(world, 'library', feed);
    await say(world, 'payments', own);
    await expectSound(world);
    // Half of the mesh hears of it later.
    world.network.partition([
      lines(world, ['odcm', 'library']),
      lines(world, ['platform', 'payments', 'shipping']),
    ]);
    await world.revoke('payments');
    await world.time.advance(40_000);
    world.network.heal();
    await expectSound(world, { feeds: new Set([own]) });
    world.forbid('payments', feed);
    await say(world, 'library', feed);
    await say(world, 'payments', own);
    await world.time.advance(2 * LIMITS.antiEntropyMs);
    expect(world.wrongs).toEqual([]);
    expect(await read(world, 'payments', feed)).toBe(1);
    expect(await read(world, 'platform', feed)).toBe(2);
    expect([held(world, 'platform', own), held(world, 'shipping', own)]).toEqual([1, 1]);
    for (const node of world.honest)
      expect(node.mesh.host.isConnected(world.node('payments').peerId)).toBe(false);
    await expectSound(world, { feeds: new Set([own]) });
  });
});

describe('a directory that nobody has vouched for', () => {
  it('gives no right to anything new once it has expired, and does again when ODCM is back', async () => {
    const { world, feed } = await worldWith(4, 'all');
    await world.subscribe('platform', feed);
    await say(world, 'library', feed);
    await expectSound(world);
    await world.time.during(world.node('odcm').stop());
    world.network.partition([lines(world, ['platform']), lines(world, ['library'])]);
    for (const name of ['payments', 'shipping', 'platform', 'library'])
      await world.time.during(world.node(name).stop());
    await world.time.advance(LIMITS.directoryExpiredMs + 60_000);
    world.network.heal();
    for (const name of ['library', 'platform']) await world.time.during(world.node(name).start());
    await say(world, 'library', feed);
    await world.time.advance(2 * LIMITS.antiEntropyMs);
    expect(world.node('platform').mesh.directory.age).toBe('expired');
    expect(held(world, 'platform', feed)).toBe(1);
    for (const name of ['odcm', 'payments', 'shipping'])
      await world.time.during(world.node(name).start());
    await expectSound(world);
    expect(held(world, 'platform', feed)).toBe(2);
  });
});
