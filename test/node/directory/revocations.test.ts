import { beforeEach, describe, expect, it } from 'vitest';
import { reachOf } from '../../../node/directory/reach.ts';
import { revocationsOf, standingOf } from '../../../node/directory/revocations.ts';
import { DirectoryState } from '../../../protocols/directory.ts';
import type { DirectoryEvent } from '../../../protocols/directory-events.ts';
import type { parseEnvelope } from '../../../protocols/envelope.ts';
import { parseFeedId, parseSpaceId, type SpaceId } from '../../../protocols/ids.ts';

const id = (n: number) => `0199b7c2-1f00-7000-8000-${String(n).padStart(12, '0')}`;
const [LIBRARY, PAYMENTS, LEDGER] = [1, 2, 3].map((n) => parseSpaceId(id(n))) as [
  SpaceId,
  SpaceId,
  SpaceId,
];
const FEED = parseFeedId(id(9));
const at = (minute: number) => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString();
const nowMs = Date.parse(at(1_000));

let state: DirectoryState;
let minute: number;
/** Each entry is a minute later than the one before. */
const add = (type: DirectoryEvent, payload: object): number => {
  const entry = state.size;
  const body = {
    ...{ id: id(500 + entry), type, item: `i${entry}`, activityId: id(900), payload },
    ...{ occurredTimeUtc: at(++minute), space: 'odcm', feed: 'directory', version: 1 },
  };
  state.apply(body as unknown as ReturnType<typeof parseEnvelope>);
  expect(state.passedOver).toBe(0);
  return entry;
};
const key = (n: number) => Buffer.alloc(32, n).toString('base64');
const grant = (n: number, subscriber: SpaceId | '*', until: string | null = null) =>
  add('GrantIssuedV1Event', { grant: id(n), subscriber, publisher: LIBRARY, feed: FEED, until });

beforeEach(() => {
  state = new DirectoryState();
  minute = 0;
  for (const [n, name] of [
    [1, 'library'],
    [2, 'payments'],
    [3, 'ledger'],
  ] as const)
    add('SpaceEnrolledV1Event', {
      ...{ space: id(n), name, nodeKey: key(n), exchangeKey: key(n) },
      ...{ certificateSha256: '0'.repeat(64), addresses: [] },
    });
  add('FeedCreatedV1Event', {
    ...{ feed: FEED, space: LIBRARY, name: 'base', context: 'variables', sync: 'chosen' },
  });
});

describe('access that was taken away', () => {
  it('is listed newest first, with the entry that says so and what was lost', () => {
    grant(20, PAYMENTS);
    const ended = add('GrantRevokedV1Event', { grant: id(20) });
    const shut = add('SpaceRevokedV1Event', { space: PAYMENTS, reason: 'stolen', lastGood: {} });
    expect(revocationsOf(state, 10)).toMatchObject([
      { entry: shut, kind: 'space', space: PAYMENTS, reason: 'stolen', grant: null },
      { entry: ended, kind: 'grant', space: PAYMENTS, grant: { feed: FEED } },
    ]);
    expect(revocationsOf(state, 1)).toHaveLength(1);
    expect(revocationsOf(state, 10, shut)).toHaveLength(1);
    expect(revocationsOf(state, 10, shut + 1)).toEqual([]);
  });

  it('is in force at those whose directory is longer than its entry, and counts nobody who is shut out', () => {
    const entry = add('SpaceRevokedV1Event', { space: PAYMENTS, reason: '', lastGood: {} });
    const sizes = new Map<SpaceId, number>([
      [LIBRARY, entry + 1],
      [LEDGER, entry],
      [PAYMENTS, entry + 1],
    ]);
    const { applied, missing } = standingOf(state, entry, (space) => sizes.get(space));
    expect([applied, missing].map((rows) => rows.map(({ name }) => name))).toEqual([
      ['library'],
      ['ledger'],
    ]);
    sizes.delete(LEDGER);
    expect(standingOf(state, entry, (space) => sizes.get(space)).missing).toHaveLength(1);
  });
});

describe('what a space could read', () => {
  const reach = (space = PAYMENTS) => reachOf(state, space, state.feeds.get(FEED)!, nowMs);

  it('is nothing without a grant, and never its own feeds', () => {
    expect(reach()).toBeUndefined();
    grant(20, '*');
    expect(reach(LIBRARY)).toBeUndefined();
    expect(reach(LEDGER)).toEqual({ from: at(5), until: null });
  });

  it('ends with the grant, with the date in it, or with the space', () => {
    grant(20, PAYMENTS);
    expect(reach()).toEqual({ from: at(5), until: null });
    add('GrantRevokedV1Event', { grant: id(20) });
    expect(reach()).toEqual({ from: at(5), until: at(6) });
    grant(21, PAYMENTS, at(100));
    expect(reach()).toEqual({ from: at(5), until: at(100) });
    grant(22, '*');
    expect(reach()).toEqual({ from: at(5), until: null });
    add('SpaceRevokedV1Event', { space: PAYMENTS, reason: '', lastGood: {} });
    expect(reach()).toEqual({ from: at(5), until: at(9) });
  });

  it('does not grow by what is granted to everybody once it is shut out', () => {
    add('SpaceRevokedV1Event', { space: PAYMENTS, reason: '', lastGood: {} });
    grant(20, '*');
    expect(reach()).toBeUndefined();
  });
});
