import { describe, expect, it } from 'vitest';
import { type KnownHeadsOptions, knowsHeads } from '../../../node/replicate/known-heads.ts';
import { SeenHeads } from '../../../node/replicate/seen-heads.ts';
import { type FeedId, feedOrigin, parseFeedId, type SpaceId } from '../../../protocols/ids.ts';
import { headsHash } from '../../../protocols/presence.ts';
import { checkpointOf, FEED, MESH, SPACE, samplePack } from '../../protocols/sample-log.ts';

const OTHER = parseFeedId('7d3b5c52-5c3e-4a51-9c3c-3a1d3a1f0a77');
const FOREIGN = parseFeedId('8d3b5c52-5c3e-4a51-9c3c-3a1d3a1f0a77');
const headOf = (id: FeedId, size: number) => ({
  ...checkpointOf(samplePack(size)),
  origin: feedOrigin(MESH, SPACE, id),
});

/** A node that takes FEED and holds a head of it, and has heard of another feed of the same space. */
function knows(taken: number | undefined, heard: number | undefined) {
  const seen = new SeenHeads();
  if (heard !== undefined) seen.note(OTHER, headOf(OTHER, heard));
  // What was heard of a feed that is taken does not count: it may have been refused since.
  seen.note(FEED, headOf(FEED, 9));
  const feeds = [
    { id: FEED, space: SPACE },
    { id: OTHER, space: SPACE },
    { id: FOREIGN, space: 'another space' },
  ];
  const options = {
    ...{ mesh: MESH, seen, carry: { isCopied: () => false } },
    directory: { state: { feeds: new Map(feeds.map((row) => [row.id, row])) } },
    subscriptions: { get: (id: FeedId) => (id === FEED ? {} : undefined) },
    carry: { isCopied: () => false },
    feeds: { peek: () => (taken === undefined ? undefined : { head: headOf(FEED, taken) }) },
  } as unknown as KnownHeadsOptions;
  return (...said: ReturnType<typeof headOf>[]) =>
    knowsHeads(options, SPACE as SpaceId, headsHash(said));
}

describe('heads that a space says it has', () => {
  it('are known when gossip brought each of them', () => {
    expect(knows(3, 5)(headOf(FEED, 3), headOf(OTHER, 5))).toBe(true);
    expect(knows(3, undefined)(headOf(FEED, 3))).toBe(true);
    expect(knows(undefined, undefined)()).toBe(true);
  });

  it('are not known when one is newer than here, or was never heard of', () => {
    expect(knows(3, 5)(headOf(FEED, 4), headOf(OTHER, 5))).toBe(false);
    expect(knows(3, 5)(headOf(FEED, 3), headOf(OTHER, 6))).toBe(false);
    expect(knows(3, undefined)(headOf(FEED, 3), headOf(OTHER, 5))).toBe(false);
    expect(knows(undefined, 5)(headOf(FEED, 3), headOf(OTHER, 5))).toBe(false);
    expect(knows(3, 5)(headOf(FEED, 9), headOf(OTHER, 5))).toBe(false);
  });
});
