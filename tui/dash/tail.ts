// The newest events of the node, as many as a screen can use. When more come than can be read they are counted, not
// shown; a stream that ends is opened again.

import type { Clock } from './clock.ts';
import { type Trouble, troubleOf } from './connection.ts';
import type { Asker, TailEvent } from './sources.ts';
import { TAIL } from './sources.ts';

export interface Tail {
  /** Newest first. */
  events(): readonly TailEvent[];
  /** Events of the last full second, and how many of these are kept. */
  /** Why nothing comes although the node answers; undefined while all is well or the whole node is away. */
  trouble(): Trouble | undefined;
  rate(): { readonly seen: number; readonly kept: number };
  watch(isWanted: boolean): void;
  freeze(isFrozen: boolean): void;
  retry(): void;
  stop(): void;
}

const KEPT_EVENTS = 200;
const KEPT_PER_SECOND = 15;
const RETRY_MS = 3_000;

interface TailOptions {
  readonly asker: Asker;
  readonly clock: Clock;
  readonly changed: () => void;
}

export function createTail({ asker, clock, changed }: TailOptions): Tail {
  let events: readonly TailEvent[] = [];
  let shown: readonly TailEvent[] | undefined;
  let trouble: Trouble | undefined;
  let opened: AbortController | undefined;
  let cancelRetry: (() => void) | undefined;
  let second = { atMs: 0, seen: 0, kept: 0 };
  let last = { seen: 0, kept: 0 };

  const take = (event: TailEvent): void => {
    trouble = undefined;
    const now = clock.now();
    if (now - second.atMs >= 1_000) {
      last =
        now - second.atMs < 2_000 ? { seen: second.seen, kept: second.kept } : { seen: 0, kept: 0 };
      second = { atMs: now, seen: 0, kept: 0 };
    }
    second.seen += 1;
    if (second.kept >= KEPT_PER_SECOND) return;
    second.kept += 1;
    events = [event, ...events].slice(0, KEPT_EVENTS);
    changed();
  };

  const read = async (own: AbortController): Promise<void> => {
    const signal = AbortSignal.any([asker.signal, own.signal]);
    try {
      for await (const event of TAIL.open({ client: asker.client, signal })) take(event);
    } catch (error) {
      if (opened !== own) return;
      const { kind, ...text } = troubleOf(error);
      // Of a node that is away the connection says so; the tail only comes back.
      trouble = kind === 'away' || kind === 'silent' ? undefined : { kind, ...text };
      changed();
    }
    if (opened !== own) return;
    opened = undefined;
    cancelRetry = clock.later(RETRY_MS, open);
  };

  const open = (): void => {
    cancelRetry?.();
    cancelRetry = undefined;
    if (opened !== undefined || asker.signal.aborted) return;
    opened = new AbortController();
    void read(opened);
  };

  const close = (): void => {
    cancelRetry?.();
    cancelRetry = undefined;
    const own = opened;
    opened = undefined;
    own?.abort();
  };

  return {
    events: () => shown ?? events,
    trouble: () => trouble,
    rate: () => {
      const agoMs = clock.now() - second.atMs;
      if (agoMs < 1_000) return last;
      return agoMs < 2_000 ? { seen: second.seen, kept: second.kept } : { seen: 0, kept: 0 };
    },
    watch: (isWanted) => {
      if (isWanted) open();
      else close();
    },
    freeze: (isFrozen) => {
      shown = isFrozen ? events : undefined;
    },
    retry: () => {
      if (cancelRetry !== undefined) open();
    },
    stop: close,
  };
}
