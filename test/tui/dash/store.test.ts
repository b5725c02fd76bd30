import { describe, expect, it } from 'vitest';
import { MeshError } from '../../../protocols/errors.ts';
import { retryDelayMs, troubleOf } from '../../../tui/dash/connection.ts';
import { SOURCES } from '../../../tui/dash/sources.ts';
import { createStore } from '../../../tui/dash/store.ts';
import { testClock } from './harness.ts';
import { createWorld, WORLD_MS, type World } from './world.ts';

function openStore(world: World = createWorld()) {
  const clock = testClock();
  world.tell(clock.now);
  const log: string[] = [];
  const leave = new AbortController();
  const asker = { client: world.client, signal: leave.signal };
  const store = createStore({ asker, clock, probe: SOURCES.status, log: (line) => log.push(line) });
  let told = 0;
  store.subscribe(() => {
    told += 1;
  });
  const asks = (path: string): number => world.asked.filter((asked) => asked === path).length;
  return { store, clock, world, log, asks, leave, told: () => told };
}

const never = (): Promise<never> => new Promise(() => undefined);

describe('the store', () => {
  it('asks only what can be seen, again and again', async () => {
    const { store, clock, asks } = openStore();
    store.watch([SOURCES.health]);
    await clock.advance(10_000);
    expect(asks('/v1/health')).toBe(6);
    expect(asks('/v1/feeds')).toBe(0);
    store.watch([SOURCES.feeds]);
    await clock.advance(10_000);
    expect(asks('/v1/health')).toBe(6);
    expect(store.get(SOURCES.health).data?.rows).toHaveLength(1_000);
    store.stop();
  });

  it('asks a question once at a time, however long it takes', async () => {
    const world = createWorld();
    world.instead.set('/v1/health', never);
    const { store, clock, asks } = openStore(world);
    store.watch([SOURCES.health]);
    await clock.advance(60_000);
    expect(asks('/v1/health')).toBe(1);
    expect(store.connection()).toMatchObject({ kind: 'slow' });
    store.stop();
  });

  it('tells of changes at most four times a second, and once when nobody types', async () => {
    const { store, clock, told } = openStore();
    store.watch([SOURCES.health, SOURCES.feeds, SOURCES.alerts, SOURCES.mesh]);
    await clock.advance(10_000);
    expect(told()).toBeLessThanOrEqual(40);
    await clock.advance(60_000);
    const before = told();
    await clock.advance(10_000);
    expect(told() - before).toBeLessThanOrEqual(10);
    store.stop();
  });

  it('asks for long lists seldom when nobody types, and at once when a short answer has changed', async () => {
    const { store, clock, world, asks } = openStore();
    store.watch([SOURCES.overview, SOURCES.health, SOURCES.inventory]);
    await clock.advance(100_000);
    const lists = asks('/v1/health');
    const overviews = asks('/v1/overview');
    for (let second = 0; second < 60; second++) {
      await clock.advance(1_000);
      expect(store.connection()).toEqual({ kind: 'live' });
    }
    expect(asks('/v1/health') - lists).toBe(4);
    expect(asks('/v1/overview') - overviews).toBe(12);
    const asked = asks('/v1/health');
    await clock.advance(1_000);
    const was = store.get(SOURCES.overview).data!;
    const spaces = { ...was.spaces!, online: was.spaces!.online - 1, offline: 1 };
    world.instead.set('/v1/overview', async () => ({ ...was, spaces }));
    await clock.advance(5_000);
    expect(asks('/v1/health')).toBe(asked + 1);
    store.touch();
    await clock.advance(4_000);
    expect(asks('/v1/health')).toBeGreaterThanOrEqual(asked + 3);
    store.stop();
  });

  it('keeps the last answer with its time when the node goes away, and comes back by itself', async () => {
    const { store, clock, world, log } = openStore();
    store.watch([SOURCES.health]);
    await clock.advance(3_000);
    expect(store.connection()).toEqual({ kind: 'live' });
    world.leave();
    await clock.advance(3_000);
    expect(store.connection()).toMatchObject({
      kind: 'lost',
      message: 'the node in /nowhere is not running',
    });
    expect(store.get(SOURCES.health)).toMatchObject({
      asOfMs: WORLD_MS + 1_000,
      trouble: { kind: 'away' },
    });
    expect(store.get(SOURCES.health).data?.rows).toHaveLength(1_000);
    world.comeBack();
    await clock.advance(16_000);
    expect(store.connection().kind).toBe('live');
    expect(log).toEqual([
      'lost the node: the node in /nowhere is not running',
      'the node answers again',
    ]);
    store.stop();
  });

  it('tries a lost node less and less often, with one question', async () => {
    const { store, clock, world, asks } = openStore();
    store.watch([SOURCES.health, SOURCES.feeds]);
    world.leave();
    await clock.advance(60_000);
    expect(asks('/v1/health')).toBe(2);
    expect(asks('/v1/status')).toBeLessThanOrEqual(9);
    expect(store.connection()).toMatchObject({ kind: 'lost' });
    store.refresh();
    await clock.advance(10);
    const tried = asks('/v1/status');
    world.comeBack();
    store.refresh();
    await clock.advance(10);
    expect(asks('/v1/status')).toBe(tried + 1);
    store.stop();
  });

  it.each([
    ['text', 'nonsense'],
    ['nothing', null],
    ['rows of another shape', { asOf: new Date(WORLD_MS).toISOString(), rows: [{ space: 7 }] }],
    ['a newer shape', { asOf: new Date(WORLD_MS).toISOString(), lines: [] }],
  ])('says that it cannot read %s, and keeps what it had', async (_, answer) => {
    const { store, clock, world } = openStore();
    store.watch([SOURCES.health]);
    await clock.advance(3_000);
    world.instead.set('/v1/health', () => answer);
    await clock.advance(3_000);
    expect(store.connection()).toMatchObject({ kind: 'odd' });
    expect(store.get(SOURCES.health).data?.rows).toHaveLength(1_000);
    world.instead.clear();
    await clock.advance(3_000);
    expect(store.connection().kind).toBe('live');
    store.stop();
  });

  it('holds still while paused, and is up to date right after', async () => {
    const { store, clock, world } = openStore();
    store.watch([SOURCES.feeds]);
    await clock.advance(3_000);
    store.freeze(true);
    world.instead.set('/v1/feeds', () => ({
      asOf: new Date(WORLD_MS + 5_000).toISOString(),
      rows: [],
    }));
    await clock.advance(3_000);
    expect(store.get(SOURCES.feeds).data?.rows).toHaveLength(60);
    store.freeze(false);
    expect(store.get(SOURCES.feeds).data?.rows).toEqual([]);
    store.stop();
  });

  it('calls old what is old', async () => {
    const { store, clock, world } = openStore();
    world.instead.set('/v1/feeds', () => ({
      asOf: new Date(WORLD_MS - 120_000).toISOString(),
      rows: [],
    }));
    store.watch([SOURCES.feeds]);
    await clock.advance(1_000);
    expect(store.connection()).toMatchObject({ kind: 'stale' });
    store.stop();
  });

  it('keeps the newest events and thins what nobody could read', async () => {
    const world = createWorld();
    const [first] = world.events;
    world.events.splice(0, 3, ...Array.from({ length: 400 }, () => first));
    const { store, clock } = openStore(world);
    store.watch([], [{ key: 'tail', open: () => (async function* () {})() }]);
    await clock.advance(1_100);
    expect(store.tail.rate()).toEqual({ seen: 400, kept: 15 });
    expect(store.tail.events()).toHaveLength(15);
    store.stop();
  });
});

describe('what went wrong', () => {
  it.each([
    [new MeshError('NODE_UNREACHABLE', 'away'), 'away'],
    [new MeshError('TIMEOUT', 'silent'), 'silent'],
    [new MeshError('INTERNAL', 'nonsense'), 'odd'],
    [new MeshError('USAGE', 'the control API has no GET /v1/health'), 'missing'],
    [new MeshError('USAGE', 'since is no time'), 'refused'],
    [new MeshError('BUSY', 'later'), 'refused'],
    [new TypeError('x is undefined'), 'odd'],
  ])('%s is %s', (error, kind) => {
    expect(troubleOf(error).kind).toBe(kind);
  });

  it('is tried again after 1, 2, 4 and at most 15 seconds', () => {
    expect([1, 2, 3, 4, 5, 99].map(retryDelayMs)).toEqual([
      1_000, 2_000, 4_000, 8_000, 15_000, 15_000,
    ]);
  });
});
