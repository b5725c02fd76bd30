// When which entry became readable at which space, heard from the event stream of each node by one clock. Keeps the
// newest ones only.

import { ROUTES, type RouteResult } from '../../protocols/control-api.ts';
import type { Invocation } from '../command-context.ts';
import type { Delay } from '../watch.ts';

type Event = RouteResult<'tail'>;

export interface Arrival {
  readonly event: Event;
  /** Milliseconds of the monotonic clock, by space, in order of arrival. */
  readonly at: Map<string, number>;
}

export interface Arrivals {
  /** Listens to a node until told to stop, also when it goes away and comes back. */
  follow(space: string, asker: Pick<Invocation, 'client' | 'signal'>): Promise<void>;
  when(space: string, feed: string, entry: number): number | undefined;
  /** Newest first. */
  newest(count: number): Arrival[];
  /** Entries that a space took over since the demo began. */
  countOf(space: string): number;
}

const KEPT = 500;
const AGAIN_MS = 100;

export function createArrivals(delay: Delay): Arrivals {
  const kept = new Map<string, Arrival>();
  const counts = new Map<string, number>();
  const note = (space: string, event: Event): void => {
    const key = `${event.feed}#${event.index}`;
    const arrival = kept.get(key) ?? { event, at: new Map<string, number>() };
    if (!arrival.at.has(space)) arrival.at.set(space, performance.now());
    counts.set(space, (counts.get(space) ?? 0) + 1);
    kept.set(key, arrival);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value ?? '');
  };
  return {
    follow: async (space, { client, signal }) => {
      const { path, result } = ROUTES.tail;
      while (!signal.aborted) {
        try {
          const parse = (value: unknown): Event => result.parse(value);
          for await (const event of client.stream<Event>(path, { signal, parse }))
            note(space, event);
        } catch {
          // The node is not there yet or went away; what it took meanwhile is asked for, not heard.
        }
        await delay(AGAIN_MS, signal).catch(() => undefined);
      }
    },
    when: (space, feed, entry) => kept.get(`${feed}#${entry}`)?.at.get(space),
    newest: (count) => [...kept.values()].slice(-count).reverse(),
    countOf: (space) => counts.get(space) ?? 0,
  };
}
