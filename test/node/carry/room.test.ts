import { describe, expect, it } from 'vitest';
import { crowdedOut, shareRoom, type Tenant } from '../../../node/carry/room.ts';
import { type FeedId, parseFeedId, parseSpaceId } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';

const MiB = 2 ** 20;
const publisher = (n: number) => parseSpaceId(`0199b7c2-1f00-4000-8000-00000000000${n}`);
const feed = (n: number): FeedId => parseFeedId(`0199b7c2-1f00-4000-9000-00000000000${n}`);

const tenant = (n: number, changes: Partial<Tenant> = {}): Tenant => ({
  ...{ feed: feed(n), publisher: publisher(n), rank: n, bytes: 10 * MiB, neededBytes: 0 },
  ...changes,
});

const share = (tenants: readonly Tenant[], quotaMiB: number, isShort = false) => {
  const verdicts = shareRoom(tenants, { quotaBytes: quotaMiB * MiB, isShort });
  return tenants.map((one) => verdicts.get(one.feed));
};

describe('room for what is carried', () => {
  it('is enough for all while there is more than one step left', () => {
    expect(share([tenant(1), tenant(2)], 22)).toEqual(['fetch', 'fetch']);
    expect(share([tenant(1), tenant(2)], 21)).toEqual(['fetch', 'hold']);
  });

  it('goes to those that this node is the first choice for, in whatever order they stand', () => {
    expect(share([tenant(3), tenant(1), tenant(2)], 25)).toEqual(['drop', 'fetch', 'fetch']);
    expect(share([tenant(1, { rank: 64 }), tenant(2)], 15)).toEqual(['drop', 'fetch']);
  });

  it('left by one that is too large goes to those behind it', () => {
    expect(share([tenant(1, { bytes: 50 * MiB }), tenant(2)], 20)).toEqual(['drop', 'fetch']);
  });

  it('is not given again to one that went before all of it has room', () => {
    const went = tenant(2, { bytes: 0, neededBytes: 10 * MiB });
    expect(share([tenant(1), went], 19)).toEqual(['fetch', 'wait']);
    expect(share([tenant(1), went], 21)).toEqual(['fetch', 'wait']);
    expect(share([tenant(1), went], 22)).toEqual(['fetch', 'fetch']);
  });

  it('is bounded for each publisher', () => {
    const most = LIMITS.carryBytesPerPublisher;
    const same = { publisher: publisher(1) };
    const tenants = [tenant(1, { bytes: most - 5 * MiB }), tenant(2, same), tenant(3)];
    expect(share(tenants, 4096)).toEqual(['fetch', 'drop', 'fetch']);
    expect(share([tenant(1, { bytes: most - MiB }), tenant(2)], 4096)).toEqual(['hold', 'fetch']);
  });

  it('on a disk that is nearly full grows for nobody, and nothing is dropped', () => {
    expect(share([tenant(1), tenant(2)], 4096, true)).toEqual(['hold', 'hold']);
  });

  it('of nothing keeps nothing', () => {
    expect(share([tenant(1), tenant(2, { bytes: 0 })], 0)).toEqual(['drop', 'hold']);
  });
});

describe('who makes room', () => {
  const hungry =
    (...numbers: number[]) =>
    (id: FeedId) =>
      numbers.some((n) => feed(n) === id);

  it('is the last in turn, once nothing more fits for one before it', () => {
    const tenants = [tenant(1), tenant(3), tenant(2)];
    expect(crowdedOut(tenants, 31 * MiB, hungry(1))).toBe(feed(3));
    expect(crowdedOut(tenants, 32 * MiB, hungry(1))).toBeUndefined();
  });

  it('is nobody when all before it have what they need, or it is the only one', () => {
    expect(crowdedOut([tenant(1), tenant(2)], 20 * MiB, hungry(2))).toBeUndefined();
    expect(crowdedOut([tenant(1), tenant(2)], 20 * MiB, hungry())).toBeUndefined();
    expect(crowdedOut([tenant(1)], 10 * MiB, hungry(1))).toBeUndefined();
    expect(crowdedOut([], 0, hungry())).toBeUndefined();
  });

  it('is not one that has nothing', () => {
    const empty = tenant(3, { bytes: 0, neededBytes: 10 * MiB });
    expect(crowdedOut([tenant(1), tenant(2), empty], 20 * MiB, hungry(1))).toBe(feed(2));
  });
});
