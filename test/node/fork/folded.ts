// Directories in memory, folded from events that are written down here: what stands before a point, and behind it.

import { expect } from 'vitest';
import { DirectoryState } from '../../../protocols/directory.ts';
import type { DirectoryEvent } from '../../../protocols/directory-events.ts';
import type { parseEnvelope } from '../../../protocols/envelope.ts';

export const id = (n: number) => `0199b7c2-1f00-7000-8000-${String(n).padStart(12, '0')}`;
export const [LIBRARY, FEED, OTHER, GRANT] = [1, 8, 9, 20].map(id) as [
  string,
  string,
  string,
  string,
];
export const key = (n: number) => Buffer.alloc(32, n).toString('base64');
export type Event = readonly [type: DirectoryEvent, payload: object, minute?: number];

export const folded = (...events: readonly Event[]): DirectoryState => {
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

export const POINT: readonly Event[] = [
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
