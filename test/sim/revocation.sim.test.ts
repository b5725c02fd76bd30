import { describe, expect, it } from 'vitest';
import { revocationHandlers } from '../../node/control/revocation-handlers.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { openScene, others, type Scene } from '../attacks/trust/scene.ts';
import type { World } from './world.ts';

const SPACES = ['library', 'platform', 'payments', 'shipping'];

/** What the control API of a node answers. */
const call = <Query>(world: World, name: string, query: Query) =>
  ({ node: world.node(name).mesh, query }) as never;
const revocationsAt = (world: World, name: string) =>
  world.time.during(revocationHandlers.revocations(call(world, name, { limit: 10, from: 0 })));
const exposureAt = (world: World, name: string, space: string) =>
  world.time.during(revocationHandlers.exposure(call(world, name, { space })));

describe('a revocation', () => {
  it('is confirmed by the signed statement of everybody, and who is away is named until it is back', async () => {
    const { world } = await openScene(11, SPACES, ['platform']);
    await world.time.during(world.node('shipping').stop());
    await world.revoke('payments');
    await world.time.advance(2 * LIMITS.presenceMs);
    for (const name of ['odcm', 'library', 'platform']) {
      const [row] = await revocationsAt(world, name);
      expect(row).toMatchObject({ kind: 'space', space: 'payments', applied: 3, of: 4 });
      expect(row!.missing.map(({ space }) => space)).toEqual(['shipping']);
    }
    await world.time.during(world.node('shipping').start());
    const isDone = async () => {
      const [row] = await revocationHandlers.revocations(
        call(world, 'odcm', { limit: 10, from: 0 }),
      );
      return row!.applied === row!.of;
    };
    expect(await world.time.until(isDone, LIMITS.antiEntropyMs)).toBeDefined();
    const [row] = await revocationsAt(world, 'odcm');
    const statement = await world.time.during(
      revocationHandlers.statement(call(world, 'odcm', { space: 'shipping' })),
    );
    expect(statement).toMatchObject({ space: 'shipping', isGenuine: true });
    expect(statement.directory.size).toBeGreaterThan(row!.entry);
  });

  it('is still evident after a restart of the node that holds the statements', async () => {
    const { world } = await openScene(12, SPACES, ['platform']);
    await world.revoke('payments');
    await world.time.advance(3 * LIMITS.presenceMs);
    for (const name of others(world, ['odcm', 'payments']))
      await world.time.during(world.node(name).stop());
    await world.time.during(world.odcm.stop());
    await world.time.during(world.odcm.start());
    const [row] = await revocationsAt(world, 'odcm');
    expect(row).toMatchObject({ applied: 4, of: 4, missing: [] });
  });
});

describe('what a revoked space could read', () => {
  const published = async (scene: Scene, item: string) => {
    const { world, feed } = scene;
    const drafts = [{ item, body: { payload: item } }];
    await world.time.during(world.publish(world.node('library'), feed, drafts));
  };

  it('is listed by the publisher until a newer version stands in its place', async () => {
    const scene = await openScene(13, SPACES, ['platform', 'payments']);
    const { world } = scene;
    await world.revoke('payments');
    await world.spread();
    await world.time.advance(60_000);
    const before = await exposureAt(world, 'library', 'payments');
    expect(before).toMatchObject({ readable: 3, total: 3, sensitive: 0 });
    expect(before.feeds).toMatchObject([{ feed: 'library/variables/base', isOwn: true }]);
    expect(before.revokedAt).not.toBeNull();
    await published(scene, 'item 1');
    await published(scene, 'never read');
    const after = await exposureAt(world, 'library', 'payments');
    expect(after.rows.map(({ item, state }) => [item, state])).toEqual([
      ['item 2', 'readable'],
      ['item 3', 'readable'],
      ['item 1', 'changed'],
    ]);
    const elsewhere = await exposureAt(world, 'platform', 'payments');
    expect(elsewhere).toMatchObject({ total: 0, feeds: [{ owner: 'library', isOwn: false }] });
  });
});

describe('the end of what a revoked space signed', () => {
  it('is the very entry that the directory names, also for what was applied before', async () => {
    const { world, feed, held, applied } = await openScene(14, SPACES, ['platform', 'payments']);
    world.revoked.add('library');
    const own = world.odcm.home.config.space;
    const { trust } = world.odcm.desk;
    await world.time.during(trust.revoke('library', 'stolen', own, { 'variables/base': 2 }));
    await world.time.until(() => applied('platform') === 2, 30_000);
    await world.time.advance(2 * LIMITS.antiEntropyMs);
    for (const name of ['platform', 'payments'])
      expect([held(name), applied(name)]).toEqual([3, 2]);
    const { view } = world.node('platform').mesh.feeds.peek(feed)!;
    const names: string[] = [];
    await world.time.during(
      (async () => {
        for await (const { name } of view.list({})) names.push(name);
      })(),
    );
    expect(names).toEqual(['item 1', 'item 2']);
    await world.time.during(world.node('platform').stop());
    await world.time.during(world.node('platform').start());
    await world.time.advance(5_000);
    expect(applied('platform')).toBe(2);
  });
});
