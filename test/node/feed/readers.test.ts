import { describe, expect, it } from 'vitest';
import { ReadersOfFeed } from '../../../node/feed/readers.ts';
import type { DirectoryState, FeedRow } from '../../../protocols/directory.ts';
import {
  feedOrigin,
  parseFeedId,
  parseOrigin,
  parseSpaceId,
  type SpaceId,
} from '../../../protocols/ids.ts';
import { ORIGIN } from '../../protocols/sample-log.ts';

const { mesh } = parseOrigin(ORIGIN);
const id = (n: number) => `0199b7c2-1f00-4000-8000-${String(n).padStart(12, '0')}`;
const library = parseSpaceId(id(1));
const payments = parseSpaceId(id(2));
const shipping = parseSpaceId(id(3));
const feedOf = (n: number, space: SpaceId, epoch = 1) =>
  ({ id: parseFeedId(id(n)), space, epoch }) as unknown as FeedRow;

/** Everybody may read what library publishes; library and payments have a feed each. */
function scene() {
  const sealed = feedOf(11, library);
  const rows = [library, payments, shipping].map((space, n) => {
    const exchangeKey = Buffer.alloc(32, n + 1);
    return [space, { id: space, revoked: null, keys: [], exchangeKey }] as const;
  });
  const state = {
    size: 10,
    spaces: new Map(rows),
    feeds: new Map([sealed, feedOf(12, payments)].map((row) => [row.id, row])),
    grants: new Map([[0, { publisher: library, feed: '*', subscriber: '*', until: null }]]),
  };
  const forked = new Set<string>();
  const forks = {
    get count() {
      return forked.size;
    },
    of: (origin: string) => (forked.has(origin) ? origin : undefined),
  };
  const stateNow = () => state as unknown as DirectoryState;
  const readers = new ReadersOfFeed(stateNow, sealed, { mesh, forks });
  const fork = (n: number, space: SpaceId) =>
    forked.add(feedOrigin(mesh, space, parseFeedId(id(n)), 1));
  return { state, fork, spaces: () => readers.at(0).all.map(({ space }) => space) };
}

describe('a sealed feed', () => {
  it('is not wrapped for a space whose feed is proven to have two histories, from then on', () => {
    const { fork, spaces } = scene();
    expect(spaces()).toEqual([library, payments, shipping]);
    fork(12, payments);
    expect(spaces()).toEqual([library, shipping]);
  });

  it('is wrapped for it again once its feed goes on in a new epoch', () => {
    const { state, fork, spaces } = scene();
    fork(12, payments);
    expect(spaces()).toEqual([library, shipping]);
    state.feeds.set(parseFeedId(id(12)), feedOf(12, payments, 2));
    state.size += 1;
    expect(spaces()).toEqual([library, payments, shipping]);
  });

  it('stays readable for its own publisher', () => {
    const { fork, spaces } = scene();
    fork(11, library);
    expect(spaces()).toEqual([library, payments, shipping]);
  });
});
