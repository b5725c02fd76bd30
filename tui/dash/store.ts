// Everything the dashboard knows of its node: asks the questions of the screen that can be seen, keeps the last good
// answer with its age whatever happens, and tells the screen at most four times a second that something changed.

import { timeMs } from '../format/time.ts';
import type { Clock } from './clock.ts';
import { type Connection, retryDelayMs, type Trouble, troubleOf } from './connection.ts';
import type { Asker, Source, StreamSource } from './sources.ts';
import { createTail, type Tail } from './tail.ts';

export interface Fact<T> {
  readonly data: T | undefined;
  /** When it was true at the node, or came when the node does not say. */
  readonly asOfMs: number | undefined;
  readonly trouble: Trouble | undefined;
}

export interface StoreOptions {
  readonly asker: Asker;
  readonly clock: Clock;
  /** Asked while the node is away, and for the banner that says so. */
  readonly probe: Source<unknown>;
  /** One line per change of state. */
  readonly log?: (line: string) => void;
}

export interface Store {
  readonly tail: Tail;
  get<T>(source: Source<T>): Fact<T>;
  connection(): Connection;
  /** What can be seen now; everything else is no longer asked for. */
  watch(sources: readonly Source<unknown>[], streams?: readonly StreamSource<unknown>[]): void;
  /** Asks everything that can be seen at once, a lost node too. */
  refresh(): void;
  /** What `get` says stays as it is; questions go on. */
  freeze(isFrozen: boolean): void;
  /** Somebody is at the keyboard: changes are told four times a second again, not once. */
  touch(): void;
  subscribe(call: () => void): void;
  stop(): void;
}

interface Entry {
  readonly source: Source<unknown>;
  fact: Fact<unknown>;
  dueMs: number;
  askedMs: number | undefined;
}

const ACTIVE_GAP_MS = 250;
const IDLE_GAP_MS = 1_000;
/** Longest that an answer waits for those that were asked with it. */
const TOGETHER_MS = 150;
/** What is due so soon is asked along with what is due now. */
const ALONG_MS = 500;
const IDLE_AFTER_MS = 60_000;
/** While nobody types, questions are so many times as far apart: the first key asks everything anew. */
const IDLE_STRETCH = 2.5;
/** Lists of more rows even further: a short answer that has changed has them asked for at once. */
const LONG_LIST_ROWS = 200;
const SLOW_MS = 2_500;
const STALE_MS = 15_000;
/** Nothing waits longer than this beyond its time, or it would be called stale. */
const IDLE_MORE_MS = STALE_MS - 2_000;
const TICK_MS = 1_000;
const NOTHING: Fact<never> = { data: undefined, asOfMs: undefined, trouble: undefined };
/** Facts of screens seen before that are kept for coming back to. */
const KEPT_FACTS = 60;

export function createStore({ asker, clock, probe, log }: StoreOptions): Store {
  const entries = new Map<string, Entry>();
  let watched: readonly Source<unknown>[] = [probe];
  let frozen: ReadonlyMap<string, Fact<unknown>> | undefined;
  let lost: Extract<Connection, { kind: 'lost' }> | undefined;
  let everAnswered = false;
  let stopped = false;
  const startedMs = clock.now();
  let toldMs = Number.NEGATIVE_INFINITY;
  let touchedMs = clock.now();
  /** Since when something is new that was not told yet. */
  let newsMs: number | undefined;
  let cancelTell: (() => void) | undefined;
  let cancelTick: (() => void) | undefined;
  let listener: () => void = () => undefined;

  const isIdle = (): boolean => clock.now() - touchedMs > IDLE_AFTER_MS;

  const tell = (): void => {
    if (stopped) return;
    const now = clock.now();
    newsMs ??= now;
    const gapMs = isIdle() ? IDLE_GAP_MS : ACTIVE_GAP_MS;
    // What was asked together is shown together: a frame costs the same however much of it is new.
    const isMoreComing = watched.some(({ key }) => entries.get(key)?.askedMs !== undefined);
    const atMs = Math.max(toldMs + gapMs, isMoreComing ? newsMs + TOGETHER_MS : now);
    cancelTell?.();
    cancelTell = clock.later(Math.max(0, atMs - now), () => {
      cancelTell = undefined;
      newsMs = undefined;
      toldMs = clock.now();
      listener();
    });
  };
  const tail = createTail({ asker, clock, changed: tell });

  const entryOf = (source: Source<unknown>): Entry => {
    const known = entries.get(source.key);
    if (known !== undefined) return known;
    const entry: Entry = { source, fact: NOTHING, dueMs: 0, askedMs: undefined };
    entries.set(source.key, entry);
    return entry;
  };

  const loseNode = (trouble: Trouble): void => {
    const now = clock.now();
    if (lost === undefined) log?.(`lost the node: ${trouble.message}`);
    const attempt = (lost?.attempt ?? 0) + 1;
    const { message, next } = trouble;
    const sinceMs = lost?.sinceMs ?? now;
    lost = {
      kind: 'lost',
      sinceMs,
      attempt,
      nextTryMs: now + retryDelayMs(attempt),
      message,
      next,
    };
  };

  const findNode = (): void => {
    everAnswered = true;
    if (lost === undefined) return;
    log?.('the node answers again');
    lost = undefined;
    for (const source of watched) entryOf(source).dueMs = 0;
    tail.retry();
  };

  /** Whoever types sees everything soon anyway. */
  const askAllSoon = (): void => {
    if (isIdle()) for (const source of watched) entryOf(source).dueMs = 0;
  };

  const askNow = async (entry: Entry): Promise<void> => {
    const wasLost = lost !== undefined;
    const askedMs = clock.now();
    entry.askedMs = askedMs;
    try {
      const data = await entry.source.ask(asker);
      const asOfMs = asOf(data) ?? clock.now();
      const before = entry.fact.data;
      entry.fact = { data, asOfMs, trouble: undefined };
      findNode();
      if (isNews(entry.source, before, data)) askAllSoon();
    } catch (error) {
      if (asker.signal.aborted) return;
      const trouble = troubleOf(error);
      const before = entry.fact.trouble;
      const isAway = trouble.kind === 'away' || trouble.kind === 'silent';
      if (!isAway && before?.message !== trouble.message) {
        log?.(`${entry.source.key}: ${trouble.message}`);
      }
      entry.fact = { ...entry.fact, trouble };
      // Questions that were under way together fail together: that is one try, not several.
      if (!isAway) findNode();
      else if (lost === undefined || wasLost) loseNode(trouble);
    } finally {
      entry.askedMs = undefined;
      // Counted from the question, so that those asked together stay together; a slow node is not pressed.
      const everyMs = isIdle() ? idleEveryMs(entry) : entry.source.everyMs;
      entry.dueMs = Math.max(askedMs + everyMs, clock.now() + everyMs / 2);
      if (!stopped) {
        tell();
        schedule();
      }
    }
  };

  const work = (): void => {
    const now = clock.now();
    const due = lost === undefined ? watched : lost.nextTryMs <= now ? [probe] : [];
    const isAnyDue = due.some((source) => entryOf(source).dueMs <= now);
    for (const source of due) {
      const entry = entryOf(source);
      const isDue = lost !== undefined || (isAnyDue && entry.dueMs <= now + ALONG_MS);
      if (isDue && entry.askedMs === undefined) void askNow(entry);
    }
    // Ages and countdowns move on although nothing comes.
    if (connection().kind !== 'live') tell();
    schedule();
  };

  const schedule = (): void => {
    cancelTick?.();
    if (stopped) return;
    const now = clock.now();
    const waiting = watched
      .map((source) => entryOf(source))
      .filter(({ askedMs }) => askedMs === undefined);
    const dueMs = lost?.nextTryMs ?? Math.min(...waiting.map((entry) => entry.dueMs));
    const waitMs = Math.min(TICK_MS, Math.max(0, dueMs - now));
    cancelTick = clock.later(Number.isFinite(waitMs) ? waitMs : TICK_MS, work);
  };

  const connection = (): Connection => {
    if (lost !== undefined) return lost;
    const now = clock.now();
    if (!everAnswered) return { kind: 'connecting', sinceMs: startedMs };
    const seen = watched.map((source) => entryOf(source));
    const odd = seen.find(({ fact }) => fact.trouble?.kind === 'odd')?.fact.trouble;
    if (odd !== undefined) return { kind: 'odd', message: odd.message, next: odd.next };
    const waitingMs = Math.max(
      0,
      ...seen.map(({ askedMs }) => (askedMs === undefined ? 0 : now - askedMs)),
    );
    if (waitingMs >= SLOW_MS) return { kind: 'slow', waitingMs };
    // What is being asked right now is not stale yet: it may be a screen that somebody came back to.
    const ages = seen.map(({ fact, source, askedMs }) =>
      askedMs === undefined ? now - (fact.asOfMs ?? now) - source.everyMs : 0,
    );
    const ageMs = Math.max(0, ...ages);
    return ageMs >= STALE_MS ? { kind: 'stale', ageMs } : { kind: 'live' };
  };

  schedule();
  return {
    tail,
    connection,
    get: <T>(source: Source<T>) =>
      ((frozen ?? new Map()).get(source.key) ??
        entries.get(source.key)?.fact ??
        NOTHING) as Fact<T>,
    watch: (sources, streams = []) => {
      watched = [probe, ...sources.filter(({ key }) => key !== probe.key)];
      // Asked anew only when what is known has grown old: going back and forth costs nothing.
      forget(entries, watched);
      tail.watch(streams.length > 0);
      work();
    },
    refresh: () => {
      if (lost !== undefined) lost = { ...lost, nextTryMs: 0 };
      for (const source of watched) entryOf(source).dueMs = 0;
      work();
    },
    freeze: (isFrozen) => {
      frozen = isFrozen ? new Map([...entries].map(([key, { fact }]) => [key, fact])) : undefined;
      tail.freeze(isFrozen);
    },
    touch: () => {
      const wasIdle = isIdle();
      touchedMs = clock.now();
      if (!wasIdle) return;
      for (const source of watched) entryOf(source).dueMs = 0;
      work();
    },
    subscribe: (call) => {
      listener = call;
    },
    stop: () => {
      stopped = true;
      cancelTell?.();
      cancelTick?.();
      tail.stop();
    },
  };
}

function forget(entries: Map<string, Entry>, watched: readonly Source<unknown>[]): void {
  for (const key of entries.keys()) {
    if (entries.size <= KEPT_FACTS) return;
    if (!watched.some((source) => source.key === key)) entries.delete(key);
  }
}

function isNews<T>({ digest }: Source<T>, before: T | undefined, now: T): boolean {
  return digest !== undefined && before !== undefined && digest(before) !== digest(now);
}

function idleEveryMs({ source: { everyMs }, fact: { data } }: Entry): number {
  const isLongList =
    typeof data === 'object' &&
    data !== null &&
    'rows' in data &&
    Array.isArray(data.rows) &&
    data.rows.length >= LONG_LIST_ROWS;
  const mostMs = everyMs + IDLE_MORE_MS;
  return isLongList ? mostMs : Math.min(mostMs, everyMs * IDLE_STRETCH);
}

function asOf(data: unknown): number | null {
  return typeof data === 'object' && data !== null && 'asOf' in data ? timeMs(data.asOf) : null;
}
