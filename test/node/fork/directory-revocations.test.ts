import { beforeEach, describe, expect, it } from 'vitest';
import type { History } from '../../../node/fork/directory-histories.ts';
import { chosenOf, lapsesOf, missingOf } from '../../../node/fork/directory-revocations.ts';
import { DirectoryState } from '../../../protocols/directory.ts';
import type { DirectoryEvent } from '../../../protocols/directory-events.ts';
import type { parseEnvelope } from '../../../protocols/envelope.ts';

const id = (n: number) => `0199b7c2-1f00-7000-8000-${String(n).padStart(12, '0')}`;
const [LIBRARY, FEED, OTHER, GRANT] = [1, 8, 9, 20].map(id) as [string, string, string, string];
const key = (n: number) => Buffer.alloc(32, n).toString('base64');
type Event = readonly [type: DirectoryEvent, payload: object, minute?: number];

const folded = (...events: readonly Event[]): DirectoryState => {
  const state = new DirectoryState();
  for (const [type, payload, minute = 0] of events)
    state.apply({
      ...{ id: id(500 + state.size), type, item: `i${state.size}`, activityId: id(900), payload },
      ...{ occurredTimeUtc: new Date(Date.UTC(2026, 0, 1, 1, minute)).toISOString() },
      ...{ space: 'odcm', feed: 'directory', version: 1 },
    } as unknown as ReturnType<typeof parseEnvelope>);
  expect(state.passedOver).toBe(0);
  return state;
};

const POINT: readonly Event[] = [
  ...[1, 2].map(
    (n): Event => [
      'SpaceEnrolledV1Event',
      {
        ...{ space: id(n), name: n === 1 ? 'library' : 'payments', nodeKey: key(n) },
        ...{ exchangeKey: key(n), certificateSha256: '0'.repeat(64), addresses: [] },
      },
    ],
  ),
  ...(
    [
      [FEED, 'base'],
      [OTHER, 'other'],
    ] as const
  ).map(
    ([feed, name]): Event => [
      'FeedCreatedV1Event',
      { feed, space: LIBRARY, name, context: 'variables', sync: 'chosen' },
    ],
  ),
  [
    'GrantIssuedV1Event',
    { grant: GRANT, subscriber: id(2), publisher: LIBRARY, feed: FEED, until: null },
  ],
];
const revoked = (reason: string, lastGood: object, minute: number): Event => [
  'SpaceRevokedV1Event',
  { space: LIBRARY, reason, lastGood },
  minute,
];

let base: DirectoryState;
beforeEach(() => {
  base = folded(...POINT);
});
const lapses = (...histories: (readonly Event[])[]) =>
  lapsesOf({
    base,
    histories: histories.map((events): History => {
      const state = folded(...POINT, ...events);
      return { from: ['odcm'], size: state.size, entries: [], state };
    }),
  });
const written = (found: ReturnType<typeof lapsesOf>) =>
  found.map(({ draft }) => (draft.body as { payload: object }).payload);

describe('revocations behind the point', () => {
  it.each([{ [FEED]: 1e12 }, {}, { [FEED]: 0 }])(
    'are written as the own history of ODCM has them, however early another dates %j',
    (forged) => {
      const found = lapses(
        [revoked('stolen', { [FEED]: 7 }, 30)],
        [revoked('nothing happened', forged, 1)],
      );
      expect(found).toMatchObject([
        { kind: 'space', name: 'library', about: 'stolen', lastGood: { 'library/base': 7 } },
      ]);
      expect(written(found)).toEqual([
        { space: LIBRARY, reason: 'stolen', lastGood: { [FEED]: 7 } },
      ]);
    },
  );

  it('keep of each feed the least that is good, where only others have them', () => {
    const found = lapses(
      [],
      [revoked('one', { [FEED]: 1e12 }, 1)],
      [revoked('other', { [FEED]: 7, [OTHER]: 3 }, 2)],
      [revoked('third', {}, 0)],
    );
    expect(found).toMatchObject([{ lastGood: { 'library/base': 7, 'library/other': 3 } }]);
    expect(written(found)).toEqual([
      { space: LIBRARY, reason: 'one', lastGood: { [FEED]: 7, [OTHER]: 3 } },
    ]);
  });

  it('are of grants as well, and those that the point knows are none', () => {
    const ended: Event = ['GrantRevokedV1Event', { grant: GRANT }];
    const found = lapses([], [ended]);
    expect(found).toMatchObject([{ kind: 'grant', name: GRANT, lastGood: null }]);
    base = folded(...POINT, ended);
    expect(lapses([], [ended])).toEqual([]);
  });

  it('are missing in an epoch that has begun only where it does not say them', () => {
    const found = lapses([revoked('stolen', {}, 1), ['GrantRevokedV1Event', { grant: GRANT }]]);
    expect(missingOf(found, { isWaiting: true, state: folded() })).toEqual(found);
    expect(missingOf(found, { isWaiting: false, state: base })).toEqual(found);
    const state = folded(...POINT, revoked('stolen', {}, 1));
    expect(missingOf(found, { isWaiting: false, state })).toMatchObject([{ kind: 'grant' }]);
    expect(chosenOf(found, ['library'])).toMatchObject([{ kind: 'grant' }]);
    expect(() => chosenOf(found, ['ledger'])).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
