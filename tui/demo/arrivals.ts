// When which entry became readable at which space, heard from the event stream of each node by one clock. Keeps the
// newest ones only.

import { ROUTES, type RouteResult } from '../../protocols/control-api.ts';
import type { Invocation } from '../command-context.ts';
import type { Delay } from '../watch.ts';

type Event = RouteResult<'tail'>;

export interface Arrivals {
  /** Listens to a node until told to stop, also when it goes away and comes back. */
  follow(space: string, asker: Pick<Invocation, 'client' | 'signal'>): Promise<void>;
  /** Milliseconds of the monotonic clock. */
  when(space: string, feed: string, entry: number): number | undefined;
  /** Nobody is going to ask any more. */
  stop(): void;
}

const KEPT = 500;
const AGAIN_MS = 100;

export function createArrivals(delay: Delay): Arrivals {
  const stopped = new AbortController();
  /** Milliseconds by space, for each entry, in order of arrival. */
  const kept = new Map<string, Map<string, number>>();
  const note = (space: string, event: Event): void => {
    const key = `${event.feed}#${event.index}`;
    const at = kept.get(key) ?? new Map<string, number>();
    if (!at.has(space)) at.set(space, performance.now());
    kept.set(key, at);
    if (kept.size > KEPT) kept.delete(kept.keys().next().value ?? '');
  };
  return {
    follow: async (space, { client, signal: given }) => {
      const signal = AbortSignal.any([given, stopped.signal]);
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
    when: (space, feed, entry) => kept.get(`${feed}#${entry}`)?.get(space),
    stop: () => stopped.abort(),
  };
}
