import { describe, expect, it } from 'vitest';
import { FeedLag } from '../../../node/health/feed-lag.ts';
import { parseFeedId } from '../../../protocols/ids.ts';
import { LIMITS } from '../../../protocols/limits.ts';

const FEED = parseFeedId('0199b7c2-1f00-4000-8000-000000000001');

describe('lag of a feed', () => {
  it('is none while everything that is known is held', () => {
    const lag = new FeedLag();
    lag.note(FEED, 5, 5, 1_000);
    lag.note(FEED, 6, 7, 2_000);
    expect(lag.ageMs(FEED, 9_000)).toBe(0);
  });

  it('is the age of the oldest entry that is missing', () => {
    const lag = new FeedLag();
    lag.note(FEED, 5, 3, 1_000);
    lag.note(FEED, 9, 3, 4_000);
    expect(lag.ageMs(FEED, 10_000)).toBe(9_000);
    lag.note(FEED, 9, 4, 11_000);
    expect(lag.ageMs(FEED, 11_000)).toBe(10_000);
    lag.note(FEED, 9, 5, 12_000);
    expect(lag.ageMs(FEED, 12_000)).toBe(8_000);
    lag.note(FEED, 9, 9, 13_000);
    expect(lag.ageMs(FEED, 13_000)).toBe(0);
  });

  it('is never told as less than it is, however many heads come', () => {
    const lag = new FeedLag();
    const heads = 3 * LIMITS.lagMarks;
    for (let i = 1; i <= heads; i++) lag.note(FEED, i, 0, i * 1_000);
    for (let held = 0; held < heads; held++) {
      lag.note(FEED, heads, held, 1_000_000);
      expect(lag.ageMs(FEED, 1_000_000)).toBeGreaterThanOrEqual(1_000_000 - (held + 1) * 1_000);
    }
    lag.note(FEED, heads, heads, 1_000_000);
    expect(lag.ageMs(FEED, 1_000_000)).toBe(0);
  });

  it('is forgotten with the subscription', () => {
    const lag = new FeedLag();
    lag.note(FEED, 5, 3, 1_000);
    lag.forget((feed) => feed === FEED);
    expect(lag.ageMs(FEED, 2_000)).toBe(1_000);
    lag.forget(() => false);
    expect(lag.ageMs(FEED, 2_000)).toBe(0);
  });
});
