import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covers, DirectoryState, type GrantRow } from '../../protocols/directory.ts';
import type { Json } from '../../protocols/envelope.ts';
import type { FeedId, GrantId, SpaceId } from '../../protocols/ids.ts';

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const id = (n: number) => `0199b7c2-1f00-4000-8000-${n.toString(16).padStart(12, '0')}`;
const space = (n: number) => id(n) as SpaceId;
const feed = (n: number) => id(0xf00 + n) as FeedId;
const SPACES = [1, 2, 3];

/** Three spaces with two feeds each; feeds 2n and 2n + 1 are those of space n. */
function mesh() {
  const state = new DirectoryState();
  const apply = (type: string, payload: Json) =>
    state.apply({
      ...{ id: randomUUID(), activityId: randomUUID(), type, payload, specVersion: '1.0' },
      ...{ source: 'odcm://odcm/directory#x', occurredTimeUtc: '2026-11-21T10:00:00Z' },
    });
  for (const n of SPACES) {
    const key = Buffer.alloc(32, n).toString('base64');
    const keys = { nodeKey: key, exchangeKey: key, certificateSha256: 'ab'.repeat(32) };
    apply('SpaceEnrolledV1Event', { space: space(n), name: `space-${n}`, ...keys, addresses: [] });
    for (const of of [2 * n, 2 * n + 1]) {
      const what = { feed: feed(of), space: space(n), name: `feed-${of}`, context: 'variables' };
      apply('FeedCreatedV1Event', { ...what, sync: 'chosen' });
    }
  }
  return { state, apply };
}

const step = fc.oneof(
  fc.record({
    ends: fc.constant(false as const),
    subscriber: fc.constantFrom('*', ...SPACES.map(space)),
    publisher: fc.constantFrom(...SPACES.map(space)),
    feed: fc.constantFrom('*', ...[2, 3, 4, 5, 6, 7].map(feed)),
    hours: fc.constantFrom(null, -1, 0, 1, 2),
  }),
  fc.record({ ends: fc.constant(true as const), nth: fc.nat(30) }),
);

const scan = (state: DirectoryState, reader: SpaceId | '*', of: FeedId, nowMs: number) =>
  [...state.grants.values()].find(
    (grant: GrantRow) =>
      (reader !== '*' || grant.subscriber === '*') &&
      covers(grant, reader, state.feeds.get(of)!) &&
      (grant.until === null || Date.parse(grant.until) > nowMs),
  );

describe('grants by what they are about', () => {
  it('are those that a look at every grant finds, whatever was issued and ended before', () => {
    const check = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { state, apply } = mesh();
      let count = 0;
      for (const one of steps) {
        if (one.ends) apply('GrantRevokedV1Event', { grant: id(0xa000 + one.nth) });
        else {
          const { ends: _, hours, ...about } = one;
          const until = hours === null ? null : new Date(NOW_MS + hours * 3_600_000).toISOString();
          apply('GrantIssuedV1Event', { grant: id(0xa000 + count++), ...about, until });
        }
      }
      for (const row of state.feeds.values()) {
        for (const nowMs of [NOW_MS - 1, NOW_MS, NOW_MS + 3_600_000]) {
          for (const n of SPACES) {
            const own = row.space === space(n);
            const wanted = own ? 'own' : scan(state, space(n), row.id, nowMs);
            expect(state.grantFor(space(n), row, nowMs)).toBe(wanted);
          }
          const isForAll = scan(state, '*', row.id, nowMs) !== undefined;
          expect(state.isForAll(row, nowMs)).toBe(isForAll);
        }
      }
    });
    fc.assert(check, { numRuns: 200 });
  });

  it('are found among ten thousand others without looking at them', () => {
    const { state, apply } = mesh();
    for (let i = 0; i < 10_000; i++) {
      const about = { publisher: space(1), feed: '*', until: null };
      apply('GrantIssuedV1Event', {
        grant: id(0xa0000 + i),
        subscriber: id(0xb0000 + i),
        ...about,
      });
    }
    expect(state.grants.size).toBe(10_000);
    state.grants.values = () => {
      throw new Error('all grants are looked at');
    };
    const row = state.feeds.get(feed(2))!;
    expect(state.grantFor(space(2), row, NOW_MS)).toBeUndefined();
    apply('GrantIssuedV1Event', {
      ...{ grant: id(1), subscriber: space(2), publisher: space(1), feed: feed(2), until: null },
    });
    expect(state.grantFor(space(2), row, NOW_MS)).toMatchObject({ id: id(1) as GrantId });
  });
});
