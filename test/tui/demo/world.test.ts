import { describe, expect, it } from 'vitest';
import type { RouteResult } from '../../../protocols/control-api.ts';
import type { Space } from '../../../tui/demo/mesh.ts';
import { type Answer, feedViews } from '../../../tui/demo/world.ts';

const row = (changes: Partial<RouteResult<'feeds'>>): RouteResult<'feeds'> => ({
  feed: 'payments/releases',
  id: 'd69b9952-58fb-49fc-9f07-16049d0b3377',
  context: 'releases',
  sync: 'forced',
  grant: 'a grant',
  size: 3,
  held: 3,
  applied: 3,
  behind: 0,
  lagMs: 0,
  deadLetters: 0,
  carriers: 2,
  subscribed: true,
  frozen: false,
  root: 'ab',
  entry: 7,
  ...changes,
});

const answer = (space: Space, ...feeds: RouteResult<'feeds'>[]): Answer => ({
  space,
  status: {} as Answer['status'],
  spaces: [],
  feeds,
});

describe('feeds of the overview', () => {
  const payments = answer('payments', row({ grant: 'own', subscribed: false }));

  it('have as many copies as running nodes hold all entries', () => {
    const all = [payments, answer('hq', row({})), answer('ledger', row({ held: 2 }))];
    expect(feedViews(all, all)).toMatchObject([{ size: 3, carriers: 2, takers: 3, root: 'ab' }]);
  });

  it('stay when their publisher goes away, with one copy less', () => {
    const hq = answer('hq', row({}));
    expect(feedViews([payments, hq], [hq])).toMatchObject([{ size: 3, carriers: 1, takers: 2 }]);
    expect(feedViews([payments], [])).toMatchObject([
      { size: 3, carriers: 0, takers: 1, root: null },
    ]);
  });

  it('are not counted for a subscriber whose grant is gone', () => {
    const all = [payments, answer('shipping', row({ grant: null, held: 1 }))];
    expect(feedViews(all, all)).toMatchObject([{ carriers: 1, takers: 1 }]);
  });

  it('have no copies while nothing is published', () => {
    const empty = answer('payments', row({ grant: 'own', size: null, held: 0, root: null }));
    expect(feedViews([empty], [empty])).toMatchObject([{ size: 0, carriers: 0, takers: 1 }]);
  });

  it('come in order of name', () => {
    const all = [answer('hq', row({ feed: 'b/x' }), row({ feed: 'a/x' }))];
    expect(feedViews(all, all).map(({ feed }) => feed)).toEqual(['a/x', 'b/x']);
  });
});
