import { describe, expect, it } from 'vitest';
import { AlertEngine, type Change } from '../../../node/alerts/engine.ts';
import type { Facts } from '../../../node/alerts/facts.ts';
import { judge } from '../../../node/alerts/rules.ts';
import { defaultSettings } from '../../../node/alerts/settings.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { feedFact, GIB, settingsOf, spaceFact, WELL } from './sample-facts.ts';

const OFFLINE = { spaces: [spaceFact('payments', 'offline')] };
const UNKNOWN = { spaces: [spaceFact('payments', 'unknown')] };

function bench(settings = defaultSettings) {
  const engine = new AlertEngine();
  let nowMs = 1_000_000;
  const look = (facts: Partial<Facts> = {}, passMs = 0): string[] => {
    nowMs += passMs;
    const changes = engine.look(judge({ ...WELL, ...facts }, settings), settings, nowMs);
    return changes.map(({ kind, alert }: Change) => `${kind} ${alert.level} ${alert.subject}`);
  };
  return { engine, look, now: () => nowMs };
}

describe('the alert engine', () => {
  it('opens an alert once it has been so for long enough, and only once', () => {
    const { look } = bench();
    expect(look(OFFLINE)).toEqual([]);
    expect(look(OFFLINE, 14_999)).toEqual([]);
    expect(look(OFFLINE, 1)).toEqual(['opened warn payments']);
    expect(look(OFFLINE, 3_600_000)).toEqual([]);
  });

  it('counts anew when it was well in between', () => {
    const { look } = bench();
    look(OFFLINE);
    look({}, 10_000);
    expect(look(OFFLINE, 1000)).toEqual([]);
    expect(look(OFFLINE, 14_999)).toEqual([]);
    expect(look(OFFLINE, 1)).toEqual(['opened warn payments']);
  });

  it('closes it once it has been well for long enough', () => {
    const { engine, look } = bench();
    look(OFFLINE);
    look(OFFLINE, 15_000);
    expect(look({}, 1000)).toEqual([]);
    expect(look({}, 29_999)).toEqual([]);
    expect(look({}, 1)).toEqual(['closed warn payments']);
    expect(engine.all).toMatchObject([{ subject: 'payments', closedMs: expect.any(Number) }]);
  });

  it.each<[string, Partial<Facts>]>([
    ['is suspected', { spaces: [spaceFact('payments', 'suspected')] }],
    ['is not known', UNKNOWN],
    ['cannot be judged at all', { spaces: null }],
  ])('keeps it open while the space %s, and counts being well from after that', (_, facts) => {
    const { look } = bench(settingsOf({ rules: { 'space-suspected': { on: false } } }));
    look(OFFLINE);
    look(OFFLINE, 15_000);
    look({}, 1000);
    expect(look(facts, 29_000)).toEqual([]);
    expect(look(facts, 3_600_000)).toEqual([]);
    expect(look({}, 1000)).toEqual([]);
    expect(look({}, 30_000)).toEqual(['closed warn payments']);
  });

  it('closes it at once when its rule is switched off', () => {
    const { engine, look, now } = bench();
    look(OFFLINE);
    look(OFFLINE, 15_000);
    const off = settingsOf({ rules: { 'space-offline': { on: false } } });
    const changes = engine.look(judge({ ...WELL, ...OFFLINE }, off), off, now());
    expect(changes.map(({ kind }) => kind)).toEqual(['closed']);
  });

  it('rises a level and does not sink while it lasts', () => {
    const { look } = bench();
    const disk = (freeGiB: number) => ({
      disk: { path: '/data', freeBytes: freeGiB * GIB, sizeBytes: 100 * GIB },
    });
    look(disk(8));
    expect(look(disk(8), 60_000)).toEqual(['opened warn /data']);
    expect(look(disk(2), 1000)).toEqual(['worse crit /data']);
    expect(look(disk(8), 1000)).toEqual([]);
    expect(look(disk(2), 1000)).toEqual([]);
    expect(look(disk(11), 600_000)).toEqual([]);
    expect(look(disk(30), 1000)).toEqual([]);
    expect(look(disk(30), 60_000)).toEqual(['closed crit /data']);
  });

  it('asks one that comes and goes to be well for longer each time', () => {
    const { look } = bench();
    const opened: number[] = [];
    for (let round = 0; round < 120; round += 1) {
      if (look(OFFLINE, 20_000).length > 0) opened.push(round);
      if (look(OFFLINE, 20_000).some((line) => line.startsWith('opened'))) opened.push(round);
      look({}, 1000);
      look({}, 31_000);
    }
    expect(opened.length).toBeGreaterThan(1);
    expect(opened.length).toBeLessThan(5);
  });

  it('gives each outage an id of its own', () => {
    const { engine, look } = bench();
    for (let outage = 0; outage < 2; outage += 1) {
      look(OFFLINE, 1000);
      look(OFFLINE, 15_000);
      look({}, 1000);
      look({}, 24 * 3_600_000);
    }
    expect(new Set(engine.all.map(({ id }) => id)).size).toBe(2);
  });

  it('forgets what ended a week ago', () => {
    const { engine, look } = bench();
    look(OFFLINE);
    look(OFFLINE, 15_000);
    look({}, 1000);
    look({}, 30_000);
    look({}, 7 * 24 * 3_600_000 - 1);
    expect(engine.all).toHaveLength(1);
    look({}, 1);
    expect(engine.all).toHaveLength(0);
  });

  it('goes on after a restart where it was, and counts being well anew', () => {
    const before = bench();
    before.look(OFFLINE);
    before.look(OFFLINE, 15_000);
    before.look({}, 29_000);
    const after = bench();
    after.engine.restore(before.engine.all);
    expect(after.look(UNKNOWN, 60_000)).toEqual([]);
    expect(after.look(OFFLINE, 1000)).toEqual([]);
    expect(after.look({}, 1000)).toEqual([]);
    expect(after.look({}, 30_000)).toEqual(['closed warn payments']);
  });

  it('holds no more alerts than it may, whatever the mesh brings', () => {
    const { engine, look } = bench();
    const feeds = Array.from({ length: LIMITS.alerts + 50 }, (_, n) =>
      feedFact(`library/${n}`, { isForked: true }),
    );
    look({ feeds });
    expect(engine.open).toHaveLength(LIMITS.alerts);
  });
});
