import { describe, expect, it } from 'vitest';
import { conditionOf, LAGGING_MS } from '../../protocols/condition.ts';
import {
  alertFigures,
  compareVersions,
  feedFigures,
  lagFigures,
  spaceFigures,
  trustFigures,
} from '../../protocols/figures.ts';
import { alert, feed, health, trust } from '../tui/views/answers.ts';

describe('the condition of a space', () => {
  it.each([
    ['online', 0, 0, 'online'],
    ['self', 0, null, 'online'],
    ['online', 5, LAGGING_MS - 1, 'online'],
    ['online', 5, LAGGING_MS, 'lagging'],
    ['self', 1, LAGGING_MS, 'lagging'],
    ['online', 5, null, 'online'],
    ['online', 0, LAGGING_MS, 'online'],
    ['suspected', 5, LAGGING_MS, 'suspected'],
    ['offline', 5, LAGGING_MS, 'offline'],
    ['unknown', 0, null, 'unknown'],
    ['revoked', 5, LAGGING_MS, 'revoked'],
  ] as const)('%s with %i missing for %s ms is %s', (state, behind, lagMs, expected) => {
    expect(conditionOf({ state, behind, lagMs })).toBe(expected);
  });
});

describe('a space of which something signed came in a file', () => {
  const byFile = { at: '2026-11-19T10:00:00.000Z' };
  it('is isolated while nothing is heard of it, and what it is otherwise', () => {
    const of = (state: Parameters<typeof conditionOf>[0]['state']) =>
      conditionOf({ state, behind: 0, lagMs: 0, byFile });
    expect(of('unknown')).toBe('isolated');
    for (const state of ['online', 'suspected', 'offline', 'revoked'] as const)
      expect(of(state)).toBe(state);
  });
});

describe('figures over spaces', () => {
  it('are zero, and versions unknown, where there is none', () => {
    expect(spaceFigures([])).toEqual({
      ...{ online: 0, lagging: 0, suspected: 0, offline: 0, isolated: 0, unknown: 0, revoked: 0 },
      ...{ total: 0, offlineLong: 0, production: 0, newest: null, oldest: null },
    });
    expect(lagFigures([])).toBeNull();
    expect(lagFigures([health({ lagMs: null })])).toBeNull();
  });

  it('compare versions by number and leave revoked spaces out', () => {
    const rows = [
      health({ serverVersion: '2026.10.1', tags: ['production'] }),
      health({ serverVersion: '2026.3.1634' }),
      health({ serverVersion: '2020.1.1', state: 'revoked', tags: ['production'] }),
      health({ serverVersion: null, state: 'offline', heardAgoMs: 90_000_000 }),
      health({ serverVersion: null, state: 'offline', heardAgoMs: 60_000 }),
      health({ serverVersion: null, state: 'offline', heardAgoMs: null }),
    ];
    expect(spaceFigures(rows)).toMatchObject({
      ...{ newest: '2026.10.1', oldest: '2026.3.1634', production: 1 },
      ...{ offline: 3, offlineLong: 1, revoked: 1, total: 6 },
    });
    expect(compareVersions('2026.3', '2026.10')).toBeLessThan(0);
  });

  it('name the space with the worst lag and take percentiles by nearest rank', () => {
    const rows = Array.from({ length: 100 }, (_, at) =>
      health({ space: `s-${at}`, lagMs: at * 10 }),
    );
    expect(lagFigures(rows)).toEqual({ p50Ms: 490, p99Ms: 980, worstMs: 990, worst: 's-99' });
    expect(lagFigures([health({ lagMs: 7 })])).toMatchObject({ p50Ms: 7, p99Ms: 7, worstMs: 7 });
  });
});

describe('other figures', () => {
  it('tell feeds that are level from those of which no head is known', () => {
    const rows = [
      feed(),
      feed({ size: null, held: 0 }),
      feed({ feed: 'a/x', behind: 3, frozen: true }),
      feed({ feed: 'a/y', behind: 9, deadLetters: 2 }),
    ];
    expect(feedFigures(rows)).toEqual({
      ...{ known: 4, level: 1, behind: 2, missing: 12, frozen: 1, deadLetters: 2 },
      worst: { feed: 'a/y', behind: 9 },
    });
    expect(feedFigures([])).toMatchObject({ known: 0, worst: null });
  });

  it('name the feed that is furthest behind, wherever it stands', () => {
    const rows = [feed({ feed: 'a/x', behind: 9 }), feed({ feed: 'a/y', behind: 3 })];
    expect(feedFigures(rows).worst).toEqual({ feed: 'a/x', behind: 9 });
  });

  it('keep what runs out first when later ones follow', () => {
    const rows = [trust({ subject: 'a', leftMs: 90 }), trust({ subject: 'b', leftMs: 500 })];
    expect(trustFigures(rows).next).toEqual({ subject: 'a', leftMs: 90 });
  });

  it('find what runs out next among what still counts', () => {
    const rows = [
      trust({ subject: 'a', leftMs: 500 }),
      trust({ subject: 'b', leftMs: 90, state: 'expiring' }),
      trust({ subject: 'c', leftMs: 10, state: 'revoked' }),
      trust({ subject: 'd', leftMs: -10, state: 'expired' }),
      trust({ subject: 'e', leftMs: null }),
    ];
    expect(trustFigures(rows)).toEqual({
      ...{ valid: 2, expiring: 1, expired: 1, revoked: 1 },
      next: { subject: 'b', leftMs: 90 },
    });
    expect(trustFigures([]).next).toBeNull();
  });

  it('count alerts that nobody looks after yet', () => {
    const rows = [
      alert(),
      alert({ level: 'warn' }),
      alert({ state: 'acked' }),
      alert({ state: 'silenced' }),
      alert({ state: 'closed' }),
    ];
    expect(alertFigures(rows)).toEqual({ crit: 1, warn: 1, info: 0, acked: 1 });
  });
});
