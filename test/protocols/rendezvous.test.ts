import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { DirectoryState } from '../../protocols/directory.ts';
import { parseEnvelope } from '../../protocols/envelope.ts';
import { type FeedId, parseFeedId, parseSpaceId, type SpaceId } from '../../protocols/ids.ts';
import { carrierCandidates, carriersWanted, chooseCarriers } from '../../protocols/rendezvous.ts';

const uuid = (kind: string, n: number): string => {
  const hex = createHash('sha256').update(`${kind} ${n}`).digest('hex');
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `4${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
  ];
  return [...parts, hex.slice(20, 32)].join('-');
};
const spaceId = (n: number): SpaceId => parseSpaceId(uuid('space', n));
const feedId = (n: number): FeedId => parseFeedId(uuid('feed', n));
const spaces = (count: number): SpaceId[] => Array.from({ length: count }, (_, n) => spaceId(n));
const feeds = (count: number): FeedId[] => Array.from({ length: count }, (_, n) => feedId(n));

describe('the choice of carriers', () => {
  it('is the same whatever the order of the candidates', () => {
    const all = spaces(40);
    for (const feed of feeds(200)) {
      const chosen = chooseCarriers(feed, all, 3);
      expect(chooseCarriers(feed, [...all].reverse(), 3)).toEqual(chosen);
      expect(chooseCarriers(feed, [...all.slice(17), ...all.slice(0, 17)], 3)).toEqual(chosen);
      expect(new Set(chosen).size).toBe(3);
    }
  });

  it('has never more than there are, and nobody when nobody is wanted', () => {
    expect(chooseCarriers(feedId(1), spaces(2), 3)).toHaveLength(2);
    expect(chooseCarriers(feedId(1), [], 3)).toEqual([]);
    expect(chooseCarriers(feedId(1), spaces(5), 0)).toEqual([]);
  });

  it('of fewer is the beginning of the choice of more', () => {
    for (const feed of feeds(100)) {
      const five = chooseCarriers(feed, spaces(20), 5);
      expect(chooseCarriers(feed, spaces(20), 2)).toEqual(five.slice(0, 2));
    }
  });

  it('gives every space its share, in each place', () => {
    const all = spaces(10);
    const count = 20_000;
    const places = [0, 1, 2].map(() => new Map<SpaceId, number>());
    for (const feed of feeds(count)) {
      chooseCarriers(feed, all, 3).forEach((space, place) => {
        const counts = places[place]!;
        counts.set(space, (counts.get(space) ?? 0) + 1);
      });
    }
    for (const counts of places) {
      const expected = count / all.length;
      let chiSquared = 0;
      for (const space of all) chiSquared += ((counts.get(space) ?? 0) - expected) ** 2 / expected;
      // Nine degrees of freedom: one in a million sets of random numbers is above this.
      expect(chiSquared).toBeLessThan(44);
    }
  });

  it('moves one copy at most for a member that goes, and only of what it had', () => {
    const all = spaces(12);
    for (const feed of feeds(300)) {
      const before = chooseCarriers(feed, all, 3);
      for (const gone of all) {
        const rest = all.filter((space) => space !== gone);
        const after = chooseCarriers(feed, rest, 3);
        if (!before.includes(gone)) expect(after).toEqual(before);
        else expect(after.slice(0, 2)).toEqual(before.filter((space) => space !== gone));
      }
    }
  });

  it('moves one copy at most to a member that comes, and to no other', () => {
    const all = spaces(12);
    let moved = 0;
    for (const feed of feeds(2000)) {
      const before = chooseCarriers(feed, all, 3);
      const after = chooseCarriers(feed, [...all, spaceId(99)], 3);
      const fresh = after.filter((space) => !before.includes(space));
      if (fresh.length === 0) expect(after).toEqual(before);
      else expect(fresh).toEqual([spaceId(99)]);
      moved += fresh.length;
    }
    // Its share is 3 of 13.
    expect(moved / 2000).toBeGreaterThan(0.19);
    expect(moved / 2000).toBeLessThan(0.27);
  });

  it('is what another program makes of the same words', () => {
    const places = chooseCarriers(feedId(7), spaces(10), 4).map((id) => spaces(10).indexOf(id));
    expect(places).toEqual([2, 4, 1, 7]);
  });
});

describe('candidates for carrying', () => {
  const [odcm, library, payments, shipping, ledger] = spaces(5) as [
    SpaceId,
    SpaceId,
    SpaceId,
    SpaceId,
    SpaceId,
  ];
  const NAMES = ['odcm', 'library', 'payments', 'shipping', 'ledger'];

  const event = (type: string, payload: object) =>
    parseEnvelope(
      Buffer.from(
        JSON.stringify({
          ...{ id: uuid('event', 1), source: 'odcm://odcm/directory#x', type },
          ...{ occurredTimeUtc: '2026-01-01T00:00:00.000Z', activityId: uuid('activity', 1) },
          ...{ specVersion: '1.0', payload },
        }),
      ),
    );

  function directory(): DirectoryState {
    const state = new DirectoryState();
    for (const [n, space] of [odcm, library, payments, shipping, ledger].entries()) {
      const key = createHash('sha256').update(space).digest('base64');
      state.apply(
        event('SpaceEnrolledV1Event', {
          ...{ space, name: NAMES[n], nodeKey: key, exchangeKey: key, addresses: [] },
          certificateSha256: '0'.repeat(64),
        }),
      );
    }
    return state;
  }

  function create(state: DirectoryState, n: number, more: object = {}) {
    const row = { feed: feedId(n), space: library, name: `feed-${n}`, sync: 'chosen' };
    state.apply(event('FeedCreatedV1Event', { ...row, context: 'variables', ...more }));
    return state.feeds.get(feedId(n))!;
  }

  const grant = (state: DirectoryState, feed: FeedId, subscriber: string, until: string | null) =>
    state.apply(
      event('GrantIssuedV1Event', {
        ...{ grant: uuid('grant', state.size), publisher: library },
        ...{ feed, subscriber, until },
      }),
    );

  const END = '2026-06-01T00:00:00.000Z';
  const beforeMs = Date.parse(END) - 1;

  it('of a feed for everybody are all but its publisher, ODCM and the revoked', () => {
    const state = directory();
    const row = create(state, 1);
    grant(state, row.id, '*', null);
    const all = () => carrierCandidates(state, row, odcm, beforeMs);
    expect(all()).toEqual([payments, shipping, ledger]);
    state.apply(event('SpaceRevokedV1Event', { space: shipping, reason: '', lastGood: {} }));
    expect(all()).toEqual([payments, ledger]);
  });

  it('of a sealed feed are the same, with or without a grant', () => {
    const state = directory();
    const row = create(state, 1, { sealed: true });
    expect(carrierCandidates(state, row, odcm, beforeMs)).toEqual([payments, shipping, ledger]);
  });

  it('of an open feed for some are only those with a grant, as long as it lasts', () => {
    const state = directory();
    const row = create(state, 1);
    expect(carrierCandidates(state, row, odcm, beforeMs)).toEqual([]);
    grant(state, row.id, payments, END);
    grant(state, row.id, ledger, null);
    expect(carrierCandidates(state, row, odcm, beforeMs)).toEqual([payments, ledger]);
    expect(carrierCandidates(state, row, odcm, beforeMs + 1)).toEqual([ledger]);
  });

  it('are wanted as many as the feed says, and three when it says nothing', () => {
    const state = directory();
    expect(carriersWanted(create(state, 1))).toBe(3);
    expect(carriersWanted(create(state, 2, { carriers: 0 }))).toBe(0);
    const row = create(state, 3, { carriers: 5 });
    expect(carriersWanted(row)).toBe(5);
    state.apply(event('FeedPolicyV1Event', { feed: row.id, carriers: 1 }));
    expect(carriersWanted(state.feeds.get(row.id)!)).toBe(1);
    state.apply(event('FeedPolicyV1Event', { feed: row.id, carriers: 65 }));
    expect(carriersWanted(state.feeds.get(row.id)!)).toBe(1);
  });
});
