import { describe, expect, it } from 'vitest';
import { parseReported } from '../../../protocols/reports.ts';
import { SPACES, type Space } from '../../../tui/demo/mesh.ts';
import {
  DAY_MS,
  DAYS,
  dice,
  inventoryOf,
  nextDeployment,
  pastDeployments,
  pastInventories,
} from '../../../tui/demo/sample-reports.ts';
import { NOW_MS } from '../streams.ts';

const bytes = (value: object): Buffer => Buffer.from(JSON.stringify(value));
const endMs = ({ endedAt }: { endedAt: string }): number => Date.parse(endedAt);
/** Of one fortnight of a space: deployments that failed among those that ended by themselves. */
const failing = (space: Space, fromMs: number, toMs: number): number => {
  const some = pastDeployments(space, NOW_MS).filter(
    (one) => endMs(one) >= fromMs && endMs(one) < toMs && one.outcome !== 'cancelled',
  );
  return some.filter(({ outcome }) => outcome === 'failed').length / some.length;
};

describe('deployments of the demo', () => {
  it.each(SPACES)('of %s are taken by the door for reports, each once', (space) => {
    const past = pastDeployments(space, NOW_MS);
    const items = past.map((one) => parseReported('deployments', bytes(one), NOW_MS).item);
    expect(new Set(items).size).toBe(past.length);
    expect(past.length).toBeGreaterThan(DAYS);
  });

  it.each(SPACES)('of %s come in order of their end, all before now, from four weeks', (space) => {
    const ends = pastDeployments(space, NOW_MS).map(endMs);
    expect(ends).toEqual([...ends].sort((a, b) => a - b));
    expect(ends.at(-1)).toBeLessThan(NOW_MS);
    expect(ends[0]).toBeGreaterThan(NOW_MS - (DAYS + 2) * DAY_MS);
    expect(ends[0]).toBeLessThan(NOW_MS - (DAYS - 4) * DAY_MS);
  });

  it('are the same for the same moment', () => {
    expect(pastDeployments('ledger', NOW_MS)).toEqual(pastDeployments('ledger', NOW_MS));
  });

  it('say why for each failure, and for nothing else', () => {
    const past = SPACES.flatMap((space) => pastDeployments(space, NOW_MS));
    for (const { outcome, reason } of past) expect(reason === undefined).toBe(outcome !== 'failed');
  });

  it('got better at shipping, and fail again and again at payments just now', () => {
    const middleMs = NOW_MS - (DAYS / 2) * DAY_MS;
    expect(failing('shipping', middleMs, NOW_MS)).toBeLessThan(failing('shipping', 0, middleMs));
    const newest = pastDeployments('payments', NOW_MS).slice(-3);
    expect(newest.map(({ project, outcome }) => `${project} ${outcome}`)).toEqual([
      ...['checkout failed', 'checkout failed', 'checkout failed'],
    ]);
  });

  it('go on with ids that the past did not use', () => {
    const random = dice(1);
    const used = new Set(pastDeployments('payments', NOW_MS).map(({ id }) => id));
    for (let number = 0; number < 50; number += 1) {
      const next = nextDeployment('payments', number, NOW_MS, random);
      expect(parseReported('deployments', bytes(next), NOW_MS).timeMs).toBe(NOW_MS);
      expect(used.has(next.id)).toBe(false);
      used.add(next.id);
    }
  });
});

describe('inventories of the demo', () => {
  it.each(SPACES)('of %s are taken by the door for reports, one for each day', (space) => {
    const past = pastInventories(space, NOW_MS);
    const times = past.map((one) => parseReported('inventory', bytes(one), NOW_MS).timeMs);
    expect(times.at(-1)).toBe(NOW_MS);
    expect(times[0]).toBe(NOW_MS - 14 * DAY_MS);
  });

  it.each(SPACES)('of %s count every target once, whatever ails it', (space) => {
    const total = (turn: number): number =>
      Object.values(inventoryOf(space, NOW_MS, 0, turn).targets).reduce((sum, n) => sum + n, 0);
    for (let turn = 1; turn < 50; turn += 1) expect(total(turn)).toBe(total(0));
  });

  it('of today have more projects than those of a fortnight ago', () => {
    const [first, ...rest] = pastInventories('payments', NOW_MS);
    expect(rest.at(-1)!.projects).toBeGreaterThan(first!.projects);
  });
});
