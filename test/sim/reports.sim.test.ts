import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Call } from '../../node/control/handler.ts';
import { reportHandlers } from '../../node/control/report-handlers.ts';
import { DeploymentsQuery, ReportWindowQuery } from '../../protocols/control-reports.ts';
import type { FeedId } from '../../protocols/ids.ts';
import type { Deployment } from '../../protocols/reports.ts';
import { sampleDeployments, sampleInventory } from '../node/reports/sample-reports.ts';
import { expectSound } from './seeds.ts';
import { World } from './world.ts';

type Context = 'inventory' | 'deployments';

function call(world: World, name: string, query: unknown = {}, body: unknown[] = []) {
  const text = body.map((value) => `${JSON.stringify(value)}\n`).join('');
  return {
    ...{
      node: world.node(name).mesh,
      query,
      body: undefined,
      stream: Readable.from([Buffer.from(text)]),
    },
    ...{ mediaType: 'application/x-ndjson', signal: new AbortController().signal },
  } as unknown as Call<'reportDeployments'> & Call<'deployments'> & Call<'reportInventoryIn'>;
}

/** What a space says of itself comes in by its own door; its feed is made with the first of it. */
async function tell(
  world: World,
  name: string,
  context: Context,
  values: unknown[],
): Promise<FeedId> {
  const route = context === 'inventory' ? 'reportInventoryIn' : 'reportDeploymentsIn';
  await world.time.during(reportHandlers[route](call(world, name, {}, values)));
  const { state } = world.node(name).mesh.directory;
  const { id } = state.resolveFeed(`${name}/${context}`);
  world.publishers.set(id, name);
  await world.spread();
  return id;
}

const reportAt = (world: World, name: string, query: object = {}) =>
  world.time.during(
    reportHandlers.reportDeployments(call(world, name, ReportWindowQuery.parse(query))),
  );
const inventoryAt = (world: World, name: string) =>
  world.time.during(reportHandlers.reportInventory(call(world, name) as never));

function deploymentsOf(world: World, space: string, count: number): Deployment[] {
  const toMs = world.time.nowMs() - 60_000;
  return [...sampleDeployments({ space, count, fromMs: toMs - 6 * 86_400_000, toMs, seed: count })];
}

/** Payments and shipping tell, platform may have and takes what payments says. */
async function told(seed: number) {
  const world = await World.create({
    seed,
    spaces: ['payments', 'shipping', 'platform'],
    clockErrorMs: 0,
  });
  const payments = deploymentsOf(world, 'payments', 120);
  const feed = await tell(world, 'payments', 'deployments', payments);
  await tell(world, 'shipping', 'deployments', deploymentsOf(world, 'shipping', 30));
  await world.grant('platform', feed);
  await world.spread();
  await world.subscribe('platform', feed);
  await expectSound(world);
  return { world, feed, payments };
}

describe('a report', () => {
  it('counts what was granted and taken, says what is missing, and opens to its entries', async () => {
    const { world, payments } = await told(1);
    const report = await reportAt(world, 'platform', { since: '14d' });
    const [row, ...more] = report.rows;
    expect(more).toEqual([]);
    expect(row?.name).toBe('payments');
    expect(row!.ok + row!.failed + row!.cancelled).toBe(payments.length);
    expect(report.buckets).toHaveLength(14);
    expect(report.missing).toEqual([
      { space: 'shipping', why: 'there is no grant for shipping/deployments' },
    ]);
    const query = DeploymentsQuery.parse({ space: 'payments', outcome: 'failed', since: '14d' });
    const opened = await world.time.during(
      reportHandlers.deployments(call(world, 'platform', query)),
    );
    expect(opened).toHaveLength(row!.failed);
    const own = await world.time.during(reportHandlers.deployments(call(world, 'payments', query)));
    expect(own.map(({ leafHash }) => leafHash)).toEqual(opened.map(({ leafHash }) => leafHash));
  });

  it('counts a correction once, wherever it is counted', async () => {
    const { world, payments } = await told(2);
    const before = await reportAt(world, 'platform');
    const failed = payments.filter(({ outcome }) => outcome === 'failed');
    await tell(
      world,
      'payments',
      'deployments',
      failed.map((d) => ({ ...d, outcome: 'ok' })),
    );
    await expectSound(world);
    const after = await reportAt(world, 'platform');
    expect(after.total.failed).toBe(0);
    expect(after.total.ok).toBe(before.total.ok + before.total.failed);
    expect((await reportAt(world, 'payments')).total).toEqual(after.total);
  });

  it('counts nothing any more of a feed whose grant has ended, and says so', async () => {
    const { world, feed } = await told(3);
    await world.ungrant('platform', feed);
    world.forbid('platform', feed);
    await world.spread();
    const { rows, total, missing } = await reportAt(world, 'platform');
    expect([rows, total.ok]).toEqual([[], 0]);
    expect(missing).toContainEqual({
      space: 'payments',
      why: 'there is no grant for payments/deployments',
    });
  });

  it('counts nothing any more of a space that was revoked, and says so', async () => {
    const { world } = await told(7);
    await world.revoke('payments');
    await world.spread();
    const { rows, missing } = await reportAt(world, 'platform');
    expect(rows).toEqual([]);
    expect(missing).toContainEqual({
      space: 'payments',
      why: 'payments/deployments is not counted: the space was revoked',
    });
  });

  it('counts on after a crash of the one who counts, as if nothing had happened', async () => {
    const { world } = await told(4);
    const before = await reportAt(world, 'platform');
    await world.node('platform').crash('power');
    await world.time.during(world.node('platform').start());
    await expectSound(world);
    const after = await reportAt(world, 'platform', { since: before.since, until: before.until });
    expect(after.rows).toEqual(before.rows);
  });

  it('of a space that is not in the directory is refused', async () => {
    const { world } = await told(5);
    await expect(reportAt(world, 'platform', { space: 'nobody' })).rejects.toMatchObject({
      code: 'SPACE_UNKNOWN',
    });
    await expect(reportAt(world, 'platform', { since: '1h', until: '2h' })).rejects.toMatchObject({
      code: 'USAGE',
    });
  });
});

describe('an inventory', () => {
  it('is what its space said last, and is stale when that was long ago', async () => {
    const world = await World.create({
      seed: 6,
      spaces: ['payments', 'platform'],
      clockErrorMs: 0,
    });
    const takenAtMs = world.time.nowMs() - 25 * 3_600_000;
    const feed = await tell(world, 'payments', 'inventory', [sampleInventory(takenAtMs)]);
    const { mesh } = world.node('platform');
    expect(mesh.health.inventory?.of('payments' as never)).toBeUndefined();
    await world.grant('platform', feed);
    await world.spread();
    await world.subscribe('platform', feed);
    await expectSound(world);
    // The feed is sealed: the first entry of its log is a page of its key.
    expect(mesh.directory.state.feeds.get(feed)).toMatchObject({ isSealed: true });
    expect(await inventoryAt(world, 'platform')).toMatchObject([
      { projects: 42, isStale: true, index: 1 },
    ]);
    await tell(world, 'payments', 'inventory', [
      sampleInventory(world.time.nowMs(), { projects: 43 }),
    ]);
    await expectSound(world);
    expect(mesh.health.inventory?.of('payments' as never)).toEqual({
      ...{ serverVersion: '2026.3.1204', projects: 43, targets: 124, tags: ['production'] },
    });
    // Another page came with the grant.
    expect(await inventoryAt(world, 'platform')).toMatchObject([
      { space: 'payments', version: '2026.3.1204', projects: 43, isStale: false, index: 3 },
    ]);
    await world.ungrant('platform', feed);
    world.forbid('platform', feed);
    await world.spread();
    expect(mesh.health.inventory?.of('payments' as never)).toBeUndefined();
  });

  it('is known again as soon as its feed is taken or granted again, though nothing new was said', async () => {
    const world = await World.create({
      seed: 7,
      spaces: ['payments', 'platform'],
      clockErrorMs: 0,
    });
    const feed = await tell(world, 'payments', 'inventory', [sampleInventory(world.time.nowMs())]);
    await world.grant('platform', feed);
    await world.spread();
    await world.subscribe('platform', feed);
    await expectSound(world);
    const platform = world.node('platform');
    const projects = () => platform.mesh.health.inventory?.of('payments' as never)?.projects;
    const restart = async () => {
      await platform.crash('killed');
      await world.time.during(platform.start());
      expect(projects()).toBeUndefined();
    };
    expect(projects()).toBe(42);
    await world.time.during(platform.mesh.subscriptions.remove(feed));
    await restart();
    await world.subscribe('platform', feed);
    expect(await world.time.until(() => projects() === 42, 1_000)).toBeDefined();
    await world.ungrant('platform', feed);
    await world.spread();
    await restart();
    await world.grant('platform', feed);
    await world.spread();
    expect(await world.time.until(() => projects() === 42, 1_000)).toBeDefined();
  });
});
