import { describe, expect, it } from 'vitest';
import type { Call } from '../../node/control/handler.ts';
import { healthRows } from '../../node/control/health-handlers.ts';
import { meshHandlers } from '../../node/control/mesh-handlers.ts';
import type { HeardState } from '../../node/health/health-board.ts';
import { VERSION } from '../../node/version.ts';
import { SpaceRow } from '../../protocols/control-answers.ts';
import { HealthRow } from '../../protocols/control-health.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { SimNode } from './node.ts';
import { seedsOf } from './seeds.ts';
import { World } from './world.ts';

const SPACES = Array.from({ length: 9 }, (_, i) => `space-${i}`);
const DETECTED_MS = 15_000;
const STALL_MS = 10_000;

/** What any node ever said of another, from now on. */
function watch(world: World) {
  const said: { by: string; of: string; state: HeardState; atMs: number }[] = [];
  for (const node of world.nodes.values()) {
    node.mesh.health.board.onChange((space, state) =>
      said.push({ by: node.name, of: world.nameOf(space), state, atMs: world.time.nowMs() }),
    );
  }
  return said;
}

const stateOf = (observer: SimNode, subject: SimNode) =>
  observer.mesh.health.board.of(subject.home.config.space)?.state;

/** Again and again a fifth of the nodes stand still at once, now and then the same ones soon again. */
async function stallAround(world: World, rounds: number, spared: readonly string[] = []) {
  const nodes = [...world.nodes.values()].filter(
    (node) => node.isRunning && !spared.includes(node.name),
  );
  const count = Math.ceil(world.nodes.size / 5);
  for (let round = 0; round < rounds; round++) {
    const chosen = new Set<SimNode>();
    while (chosen.size < count) chosen.add(world.dice.pick(nodes)!);
    for (const node of chosen) {
      const begin = () => {
        if (node.isRunning && !node.isStalled) node.stall(STALL_MS);
      };
      world.time.setTimeout(begin, world.dice.between([0, 3_000]));
    }
    await world.time.advance(STALL_MS + world.dice.between([500, 6_000]));
  }
}

describe('health as the control API tells it', () => {
  it('has a row for each space with how old its knowledge is', async () => {
    const world = await World.create({ seed: 21, spaces: SPACES.slice(0, 4) });
    const feed = await world.createFeed('space-0', 'variables/base', 'all');
    await world.spread();
    await world.subscribe('space-1', feed);
    await world.join('ledger');
    await world.spread();
    const rowOf = (name: string) => {
      const rows = HealthRow.array().parse(healthRows(world.node('space-1').mesh));
      return rows.find(({ space }) => space === name)!;
    };
    expect(rowOf('space-1')).toMatchObject({ state: 'self', heardAgoMs: 0, nodeVersion: VERSION });
    expect(rowOf('ledger')).toMatchObject({ state: 'unknown', heardAt: null, nodeVersion: null });
    expect(rowOf('space-2')).toMatchObject({
      state: 'online',
      behind: 0,
      lagMs: null,
      projects: null,
    });
    await world.time.during(
      world.publish(world.node('space-0'), feed, [{ item: 'a', body: { payload: 1 } }]),
    );
    await world.time.until(
      () => world.node('space-1').mesh.feeds.peek(feed)!.log.size === 1,
      30_000,
    );
    expect(rowOf('space-0')).toMatchObject({ feeds: 1, behind: 0, lagMs: 0, suspectedBy: 0 });
    await world.node('space-2').crash('killed');
    await world.time.advance(DETECTED_MS);
    const gone = rowOf('space-2');
    expect(gone).toMatchObject({ state: 'offline', nodeVersion: VERSION });
    expect(gone.heardAgoMs).toBeGreaterThan(LIMITS.suspectMs + LIMITS.suspicionMinMs);
    expect(gone.suspectedBy).toBeGreaterThan(1);
    await world.revoke('space-3');
    await world.spread();
    expect(rowOf('space-3').state).toBe('revoked');
  });

  it('is the same as in the list of spaces', async () => {
    const world = await World.create({ seed: 24, spaces: SPACES.slice(0, 4) });
    const { mesh } = world.node('space-1');
    const both = async () => {
      const call = { node: mesh } as unknown as Call<'spaces'>;
      const listed = SpaceRow.array().parse(await meshHandlers.spaces(call));
      const health = healthRows(mesh).map((row) => [row.space, row.state, row.heardAgoMs]);
      expect(listed.map((row) => [row.name, row.status, row.heardAgoMs])).toEqual(health);
      return listed.find(({ name }) => name === 'space-2')?.status;
    };
    await world.join('ledger');
    await world.spread();
    const seen = new Set([await both()]);
    await world.node('space-2').crash('killed');
    for (let at = 0; at < DETECTED_MS; at += LIMITS.presenceMs) {
      await world.time.advance(LIMITS.presenceMs);
      seen.add(await both());
    }
    expect([...seen]).toEqual(['online', 'suspected', 'offline']);
    await world.revoke('space-2');
    await world.spread();
    expect(await both()).toBe('revoked');
  });

  it('tells from whom a space was heard that is not reached directly', async () => {
    const world = await World.create({ seed: 22, spaces: SPACES.slice(0, 2) });
    const lines = ['space-0', 'space-1'].map((name) => [world.node(name).line]);
    world.network.partition(lines);
    await world.time.advance(30_000);
    const rows = healthRows(world.node('space-0').mesh);
    const viaOf = (name: string) => rows.find(({ space }) => space === name)!.heardVia;
    expect([viaOf('space-1'), viaOf('odcm')]).toEqual(['odcm', null]);
  });

  it('tells how much is missing of a feed and since when', async () => {
    const world = await World.create({ seed: 23, spaces: SPACES.slice(0, 3) });
    const feed = await world.createFeed('space-0', 'variables/base', 'all');
    await world.spread();
    await world.subscribe('space-1', feed, { mode: 'on-demand', via: 'manual' });
    for (const item of ['a', 'b']) {
      await world.time.during(
        world.publish(world.node('space-0'), feed, [{ item, body: { payload: item } }]),
      );
      await world.time.advance(5_000);
    }
    const reader = world.node('space-1').mesh;
    const row = healthRows(reader).find(({ space }) => space === 'space-0')!;
    expect(row.behind).toBe(2);
    expect(row.lagMs).toBeGreaterThanOrEqual(9_000);
    expect(row.lagMs).toBeLessThanOrEqual(10_000);
    await world.time.during(reader.replicator.pull(feed));
    await world.time.advance(1_000);
    expect(healthRows(reader).find(({ space }) => space === 'space-0')).toMatchObject({
      behind: 0,
      lagMs: 0,
    });
  });
});

describe('health of the mesh', () => {
  it.each(seedsOf('health', 2))(
    'calls nobody offline while a fifth of the nodes stall for ten seconds (seed %i)',
    async (seed) => {
      const world = await World.create({ seed, spaces: SPACES });
      world.network.weather = { delayMs: [1, 200], loss: 0.02, duplicates: 0.02 };
      const said = watch(world);
      await stallAround(world, 6);
      expect(said.filter(({ state }) => state === 'offline')).toEqual([]);
      // The stalls were noticed: it is the suspicion that forgives them.
      expect(said.filter(({ state }) => state === 'suspected').length).toBeGreaterThan(20);
      await world.time.advance(20_000);
      for (const observer of world.nodes.values())
        for (const subject of world.nodes.values())
          if (observer !== subject) expect(stateOf(observer, subject)).toBe('online');
    },
  );

  it.each(seedsOf('health', 2))(
    'knows within fifteen seconds who has died, while others stall (seed %i)',
    async (seed) => {
      const world = await World.create({ seed, spaces: SPACES });
      const victim = world.node('space-0');
      const watchers = ['odcm', 'space-1', 'space-2', 'space-3', 'space-4', 'space-5'];
      const said = watch(world);
      const diedMs = world.time.nowMs();
      await victim.crash(seed % 2 === 0 ? 'killed' : 'power');
      await stallAround(world, 1, ['space-0', ...watchers]);
      await world.time.advance(DETECTED_MS);
      const reports = said.filter(({ of, state }) => of === 'space-0' && state === 'offline');
      for (const by of watchers) {
        const report = reports.find((one) => one.by === by);
        expect(report?.atMs, by).toBeLessThanOrEqual(diedMs + DETECTED_MS);
      }
      expect(said.filter(({ of, state }) => of !== 'space-0' && state === 'offline')).toEqual([]);
    },
  );

  it('suspects before it calls offline, and believes the first new word', async () => {
    const world = await World.create({ seed: 11, spaces: SPACES.slice(0, 4) });
    const said = watch(world);
    const victim = world.node('space-1');
    await victim.crash('killed');
    await world.time.advance(40_000);
    await world.time.during(victim.start());
    await world.time.advance(8_000);
    for (const by of ['odcm', 'space-0', 'space-2', 'space-3']) {
      const states = said.filter((one) => one.by === by && one.of === 'space-1');
      expect(states.map(({ state }) => state)).toEqual(['suspected', 'offline', 'online']);
    }
  });

  it('calls all offline in time when half of the mesh goes at once', async () => {
    const world = await World.create({ seed: 12, spaces: SPACES });
    const said = watch(world);
    const gone = SPACES.slice(0, 5);
    const diedMs = world.time.nowMs();
    for (const name of gone) await world.node(name).crash('killed');
    await world.time.advance(DETECTED_MS);
    const reports = said.filter(({ state }) => state === 'offline');
    expect(new Set(reports.map(({ of }) => of))).toEqual(new Set(gone));
    expect(reports.length).toBe(gone.length * (world.nodes.size - gone.length));
    for (const { atMs } of reports) expect(atMs).toBeLessThanOrEqual(diedMs + DETECTED_MS);
  });

  it('lets a node that is cut off accuse nobody and wait longer than others', async () => {
    const world = await World.create({ seed: 13, spaces: SPACES.slice(0, 5) });
    const cutOff = world.node('space-0');
    const lines = [...world.nodes.values()].map((node) => node.line);
    world.network.partition([[cutOff.line], lines.filter((line) => line !== cutOff.line)]);
    const said = watch(world);
    await world.time.advance(2 * DETECTED_MS - 5_000);
    expect(said.filter(({ by, state }) => by === 'space-0' && state === 'offline')).toEqual([]);
    expect(cutOff.mesh.health.local.isWell).toBe(false);
    expect(stateOf(world.odcm, cutOff)).toBe('offline');
    world.network.heal();
    await world.time.advance(60_000);
    for (const node of world.nodes.values())
      if (node !== cutOff)
        expect([stateOf(node, cutOff), stateOf(cutOff, node)]).toEqual(['online', 'online']);
  });

  it('tells of a space that only others hear, and through whom', async () => {
    const world = await World.create({ seed: 14, spaces: SPACES.slice(0, 4) });
    const [near, far] = [world.node('space-0'), world.node('space-1')];
    world.network.partition([[near.line], [far.line]]);
    const said = watch(world);
    await world.time.advance(60_000);
    expect(said.filter(({ state }) => state !== 'online')).toEqual([]);
    const { via } = near.mesh.presence.heard(far.home.config.space)!;
    expect(via).not.toBe(far.peerId);
  });

  it('forgets a space that was revoked, and takes no suspicion of it', async () => {
    const world = await World.create({ seed: 15, spaces: SPACES.slice(0, 3) });
    const { space } = world.node('space-2').home.config;
    await world.revoke('space-2');
    await world.time.advance(LIMITS.timestampMs);
    const { board } = world.odcm.mesh.health;
    expect(board.of(space)).toBeUndefined();
    expect(board.accuse(world.node('space-0').home.config.space, [{ space, timeMs: 0 }])).toEqual(
      [],
    );
    expect(board.of(space)).toBeUndefined();
  });
});
