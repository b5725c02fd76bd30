import { describe, expect, it } from 'vitest';
import { MeshError } from '../../../protocols/errors.ts';
import { type LivingMesh, live } from '../../../tui/demo/life.ts';
import { type Member, SPACES } from '../../../tui/demo/mesh.ts';
import { type Around, bringBack, takeAway } from '../../../tui/demo/outages.ts';

/** Spaces that run unless stopped; everything asked of them is written down. */
function createMesh(refuse: () => Promise<never> = async () => undefined as never) {
  const deeds: string[] = [];
  const away = new Set<Member>();
  const note = (what: string): Promise<never> => {
    deeds.push(what);
    return refuse();
  };
  const mesh: LivingMesh = {
    isRunning: (space) => !away.has(space),
    stop: async (space) => {
      deeds.push(`stop ${space}`);
      away.add(space);
      return { code: 0, signal: null };
    },
    start: async (space) => {
      deeds.push(`start ${space}`);
      away.delete(space);
      return undefined as never;
    },
    ask: (space, route) => note(`${route} at ${space}`),
    rows: (space, route) => note(`${route} at ${space}`),
    publish: (space, feed) => note(`publish ${space}/${feed}`),
    report: (space, context) => note(`report ${context} of ${space}`),
  };
  return { mesh, deeds, away };
}

/** Time passes as fast as it is waited for, up to an end. */
function createTime(endMs: number) {
  const over = new AbortController();
  let nowMs = 0;
  const waiting: { readonly atMs: number; readonly wake: () => void }[] = [];
  const turn = (): void => {
    waiting.sort((a, b) => a.atMs - b.atMs);
    const next = waiting.shift();
    if (next === undefined) return;
    nowMs = next.atMs;
    if (nowMs >= endMs) over.abort();
    next.wake();
  };
  const delay = (ms: number): Promise<void> =>
    new Promise((wake) => {
      waiting.push({ atMs: nowMs + ms, wake });
      // Whoever else is about to wait does so first.
      setImmediate(turn);
    });
  return { delay, signal: over.signal, nowMs: () => nowMs };
}

function around(mesh: LivingMesh, endMs: number): Around {
  const { delay, signal, nowMs } = createTime(endMs);
  return { mesh, signal, nowMs, pause: delay, attempt: async (act) => void (await act()) };
}

describe('life in the mesh of the demo', () => {
  it('goes on in every space through the doors of its own node', async () => {
    const { mesh, deeds } = createMesh();
    const { delay, signal } = createTime(300_000);
    await live(mesh, delay, signal);
    for (const space of SPACES) expect(deeds).toContain(`report inventory of ${space}`);
    const deploying = SPACES.filter((space) => deeds.includes(`report deployments of ${space}`));
    expect(deploying.length).toBeGreaterThan(3);
    expect(deeds).toContain('publishEvents at payments');
    expect(deeds).toContain('publish platform/shared-variables');
  });

  it('has one feed that ODCM fetches now and then only', async () => {
    const { mesh, deeds } = createMesh();
    const { delay, signal } = createTime(60_000);
    await live(mesh, delay, signal);
    expect(deeds[0]).toBe('subscribe at hq');
    expect(deeds.filter((deed) => deed === 'publishEvents at identity').length).toBeGreaterThan(5);
  });

  it('is not spoilt by a node that is away', async () => {
    const { mesh, deeds } = createMesh(async () => {
      throw new MeshError('NODE_UNREACHABLE', 'away');
    });
    const { delay, signal } = createTime(60_000);
    await live(mesh, delay, signal);
    expect(deeds.filter((deed) => deed.startsWith('report deployments')).length).toBeGreaterThan(5);
  });

  it('ends with what nobody foresaw', async () => {
    const { mesh } = createMesh(async () => {
      throw new RangeError('a mistake');
    });
    const { delay, signal } = createTime(60_000);
    await expect(live(mesh, delay, signal)).rejects.toThrow('a mistake');
  });
});

describe('spaces that come and go', () => {
  it('go one after the other, and never the one that the dashboard asks', async () => {
    const { mesh, deeds } = createMesh();
    await takeAway(around(mesh, 500_000));
    expect(new Set(deeds)).toEqual(new Set(['stop shipping', 'stop payments', 'stop ledger']));
    expect(deeds[0]).toBe('stop shipping');
  });

  it('are not stopped when they are away already', async () => {
    const { mesh, deeds, away } = createMesh();
    away.add('shipping');
    await takeAway(around(mesh, 100_000));
    expect(deeds).toEqual([]);
  });

  it('come back after a while, whoever ended them', async () => {
    const { mesh, deeds, away } = createMesh();
    const beside = around(mesh, 100_000);
    const since: number[] = [];
    away.add('hq').add('identity');
    const start = mesh.start.bind(mesh);
    mesh.start = async (space) => {
      since.push(beside.nowMs());
      return await start(space);
    };
    await bringBack(beside);
    expect(deeds).toEqual(['start hq', 'start identity']);
    expect(Math.min(...since)).toBeGreaterThanOrEqual(20_000);
  });
});
