import { describe, expect, it } from 'vitest';
import type { SpaceKeys } from '../../protocols/directory.ts';
import { parseFeedId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { formerIdentity, identityKeys, keysAt } from '../../protocols/space-keys.ts';

const FEED = parseFeedId('0199b7c2-1f00-4000-8000-000000000011');
const OTHER = parseFeedId('0199b7c2-1f00-4000-8000-000000000012');
const [a, b, c] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer, Buffer];
const SINCE_MS = Date.UTC(2026, 10, 21, 12);

const keys = (nodeKey: Buffer, from: Record<string, number>, ageMs = 0): SpaceKeys => ({
  ...{ nodeKey, exchangeKey: nodeKey, from, entry: 1 },
  since: new Date(SINCE_MS - ageMs).toISOString(),
});
const ALL = [keys(a, {}), keys(b, { [FEED]: 10 }), keys(c, { [FEED]: 25 })];

describe('the keys that sign a feed', () => {
  it.each([
    ['first', 0, [a]],
    ['first, just before the change', 9, [a]],
    ['first or second at the change', 10, [b, a]],
    ['second, just after it', 11, [b]],
    ['second, just before the next change', 24, [b]],
    ['second or third at that change', 25, [c, b]],
    ['third for good', 26, [c]],
    ['third for good', 1e9, [c]],
  ])('are the %s at size %i', (_, size, expected) => {
    expect(keysAt(ALL, FEED, size)).toEqual(expected);
  });

  it('are the newest alone, where no change names the feed', () => {
    expect(keysAt(ALL, OTHER, 1)).toEqual([c]);
    expect(keysAt(ALL, OTHER, 1e9)).toEqual([c]);
  });

  it('are all that changed at one size, while the feed stands there', () => {
    const idle = [keys(a, {}), keys(b, { [FEED]: 7 }), keys(c, { [FEED]: 7 })];
    expect(keysAt(idle, FEED, 7)).toEqual([c, b, a]);
    expect(keysAt(idle, FEED, 6)).toEqual([a]);
    expect(keysAt(idle, FEED, 8)).toEqual([c]);
  });

  it('are one for ever in a space that never changed it, and none in a space without keys', () => {
    expect(keysAt(ALL.slice(0, 1), FEED, 1e9)).toEqual([a]);
    expect(keysAt([], FEED, 0)).toEqual([]);
  });
});

describe('the identities of a space', () => {
  const row = { nodeKey: c, keys: ALL };

  it('are its newest key and, for a while, the one before, never an older one', () => {
    expect(identityKeys(row, SINCE_MS)).toEqual([c, b]);
    expect(identityKeys(row, SINCE_MS + LIMITS.keyOverlapMs - 1)).toEqual([c, b]);
    expect(identityKeys(row, SINCE_MS + LIMITS.keyOverlapMs)).toEqual([c]);
    expect(formerIdentity(row)?.untilMs).toBe(SINCE_MS + LIMITS.keyOverlapMs);
  });

  it('are one key where none was changed', () => {
    expect(identityKeys({ nodeKey: a, keys: ALL.slice(0, 1) }, SINCE_MS)).toEqual([a]);
    expect(formerIdentity({ keys: ALL.slice(0, 1) })).toBeUndefined();
  });
});
