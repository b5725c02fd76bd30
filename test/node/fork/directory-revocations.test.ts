import { beforeEach, describe, expect, it } from 'vitest';
import type { History } from '../../../node/fork/directory-histories.ts';
import { chosenOf, lapsesOf } from '../../../node/fork/directory-revocations.ts';
import type { DirectoryState } from '../../../protocols/directory.ts';
import { LIMITS } from '../../../protocols/limits.ts';
import { type Event, FEED, folded, GRANT, id, LIBRARY, OTHER, POINT } from './folded.ts';

const revoked = (reason: string, lastGood: object, minute: number): Event => [
  'SpaceRevokedV1Event',
  { space: LIBRARY, reason, lastGood },
  minute,
];

let point: readonly Event[];
let base: DirectoryState;
let sizes: Readonly<Record<string, number>>;
beforeEach(() => {
  pointIs();
  sizes = {};
});
function pointIs(...more: Event[]): void {
  point = [...POINT, ...more];
  base = folded(...point);
}
type InForce = NonNullable<Parameters<typeof lapsesOf>[1]>;
const lapses = (histories: (readonly Event[])[], directory?: InForce) =>
  lapsesOf(
    {
      base,
      sizeOf: (feed) => sizes[feed],
      histories: histories.map((events): History => {
        const state = folded(...point, ...events);
        const ends = events.flatMap(([, payload]) =>
          'lastGood' in payload ? [payload.lastGood as Record<string, number>] : [],
        );
        const shown = { from: ['odcm'], size: state.size, entries: [], state };
        return { ...shown, revoked: new Map([[LIBRARY, ends]]) };
      }),
    },
    directory,
  );
const written = (found: ReturnType<typeof lapsesOf>) =>
  found.map(({ draft }) => (draft.body as { payload: object }).payload);
const endsOf = (found: ReturnType<typeof lapsesOf>) =>
  written(found).map((payload) => (payload as { lastGood: object }).lastGood);

describe('revocations behind the point', () => {
  it.each([
    [{ [FEED]: 7 }, { [FEED]: 1e12 }, 7],
    [{ [FEED]: 1e12 }, { [FEED]: 7 }, 7],
    [{ [FEED]: 7 }, { [FEED]: 0 }, 0],
  ])('are written as strictly as any history has them, %j or %j', (own, other, size) => {
    const found = lapses([[revoked('stolen', own, 30)], [revoked('nothing', other, 1)]]);
    expect(found).toMatchObject([
      { kind: 'space', name: 'library', about: 'stolen', lastGood: { 'library/base': size } },
    ]);
    expect(written(found)).toEqual([
      { space: LIBRARY, reason: 'stolen', lastGood: { [FEED]: size } },
    ]);
  });

  it('are not taken back by a laxer one that follows in the same history', () => {
    const strict = revoked('stolen', { [FEED]: 7 }, 1);
    for (const lax of [{ [FEED]: 1e12 }, {}]) {
      const found = lapses([[strict, revoked('nothing', lax, 2)]]);
      expect(found).toMatchObject([{ about: expect.stringMatching(/^nothing/) }]);
      expect(endsOf(found)).toEqual([{ [FEED]: 7 }]);
    }
  });

  it.each<[Record<string, number>, Record<string, number>, number | undefined, object]>([
    // ODCM knows of 9 entries: what lies beyond was let in by nobody.
    [{}, { [FEED]: 1e12 }, 9, { [FEED]: 9 }],
    [{ [FEED]: 1e12 }, {}, 9, { [FEED]: 9 }],
    [{}, { [FEED]: 7 }, 9, { [FEED]: 7 }],
    [{ [FEED]: 7 }, {}, 9, { [FEED]: 7 }],
    // It knows of none: the least that is named, whichever comes first.
    [{}, { [FEED]: 5 }, undefined, { [FEED]: 5 }],
    [{ [FEED]: 5 }, {}, undefined, { [FEED]: 5 }],
    [{}, {}, 9, {}],
    [{}, {}, undefined, {}],
  ])('let nothing more in where one names no end: %j, %j, known %j', (own, other, known, end) => {
    sizes = known === undefined ? {} : { [FEED]: known };
    expect(endsOf(lapses([[revoked('one', own, 1)], [revoked('other', other, 2)]]))).toEqual([end]);
  });

  it('are told as in doubt where one names no end and ODCM does not have the feed', () => {
    const histories = [[revoked('one', {}, 1)], [revoked('other', { [FEED]: 5 }, 2)]];
    const [found] = lapses(histories);
    expect(found?.about).toMatch(/^one; in doubt, .*: library\/base$/);
    expect(written([found!])).toMatchObject([{ reason: 'one' }]);
    sizes = { [FEED]: 9 };
    expect(lapses(histories)).toMatchObject([{ about: 'one' }]);
  });

  it('let no more in than one that is in force already, and names no end', () => {
    const lax = [[revoked('nothing', { [FEED]: 1e12 }, 2)]];
    const state = folded(...POINT, revoked('stolen', {}, 1));
    expect(lapses(lax, { isWaiting: false, state })).toEqual([]);
    pointIs(revoked('stolen', {}, 1));
    expect(lapses(lax)).toEqual([]);
  });

  it('keep of each feed of the space the least that is good, and name no other', () => {
    sizes = { [OTHER]: 5 };
    const foreign = { [id(77)]: 3, ...Object.fromEntries([['__proto__', 1]]) };
    const found = lapses([
      [],
      [revoked('one', { [FEED]: 1e12, ...foreign }, 1)],
      [revoked('other', { [FEED]: 7, [OTHER]: 3 }, 2)],
    ]);
    expect(found).toMatchObject([{ lastGood: { 'library/base': 7, 'library/other': 3 } }]);
    expect(written(found)).toEqual([
      { space: LIBRARY, reason: 'one', lastGood: { [FEED]: 7, [OTHER]: 3 } },
    ]);
  });

  it('fit into one entry, however many feeds a thief names', () => {
    const feeds = Array.from({ length: 900 }, (_, i) => id(2000 + i));
    pointIs(
      ...feeds.map((feed, i): Event => {
        const rest = { name: `f${i}`, context: 'variables', sync: 'chosen' };
        return ['FeedCreatedV1Event', { feed, space: LIBRARY, ...rest }];
      }),
    );
    const ends = (some: string[], size: number) => Object.fromEntries(some.map((f) => [f, size]));
    sizes = ends(feeds, 5);
    const own = revoked('stolen', { [FEED]: 7, [feeds[899]!]: 1 }, 1);
    const [found] = endsOf(lapses([[own], [revoked('x'.repeat(500), ends(feeds, 1e12), 2)]]));
    expect(found).toMatchObject({ [FEED]: 7, [feeds[899]!]: 1 });
    expect(Object.keys(found!)).toHaveLength(LIMITS.rotationFeeds);
  });

  it('are of grants as well, and those that the point knows are none', () => {
    const ended: Event = ['GrantRevokedV1Event', { grant: GRANT }];
    const found = lapses([[], [ended]]);
    expect(found).toMatchObject([{ kind: 'grant', name: GRANT, lastGood: null }]);
    pointIs(ended);
    expect(lapses([[], []])).toEqual([]);
  });

  it('are missing in an epoch that has begun where it does not say them, or says them more laxly', () => {
    const all: Event[][] = [
      [revoked('stolen', { [FEED]: 7 }, 1), ['GrantRevokedV1Event', { grant: GRANT }]],
    ];
    const kinds = (directory: InForce) => lapses(all, directory).map(({ kind }) => kind);
    expect(kinds({ isWaiting: true, state: folded() })).toEqual(['grant', 'space']);
    expect(kinds({ isWaiting: false, state: base })).toEqual(['grant', 'space']);
    const state = (lastGood: object) => folded(...POINT, revoked('stolen', lastGood, 1));
    const begun = (lastGood: object) => ({ isWaiting: false, state: state(lastGood) });
    for (const end of [{ [FEED]: 7 }, { [FEED]: 6 }, { [FEED]: 7, [OTHER]: 3 }])
      expect(kinds(begun(end))).toEqual(['grant']);
    sizes = { [FEED]: 9 };
    for (const end of [{ [FEED]: 8 }, {}]) {
      expect(kinds(begun(end))).toEqual(['grant', 'space']);
      expect(written(lapses(all, begun(end)))[1]).toMatchObject({ lastGood: { [FEED]: 7 } });
    }
  });

  it('are not made laxer where the point knew the space as shut out', () => {
    pointIs(revoked('stolen', { [FEED]: 7 }, 1));
    expect(lapses([[revoked('nothing', { [FEED]: 1e12 }, 2)]])).toEqual([]);
    expect(endsOf(lapses([[revoked('more', { [FEED]: 4 }, 2)]]))).toEqual([{ [FEED]: 4 }]);
  });

  it('are left out by name, and by no name that is none', () => {
    const found = lapses([[revoked('stolen', {}, 1), ['GrantRevokedV1Event', { grant: GRANT }]]]);
    expect(chosenOf(found, ['library'])).toMatchObject([{ kind: 'grant' }]);
    expect(() => chosenOf(found, ['ledger'])).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
