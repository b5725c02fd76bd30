// Time and randomness as things that are passed in, so that everything above can run on virtual time and a seed.
// The system ones are at the end; only the places that start a node use them.

import { randomBytes } from 'node:crypto';
import { clearTimeout, setTimeout } from 'node:timers';

export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  nowMs(): number;
  /** Milliseconds since whenever, by a clock that nobody sets; missing where the wall clock is such a one. */
  monotonicMs?(): number;
}

/** For measuring how long something took, or is yet to last. */
export const monotonicMs = (clock: Clock): number => clock.monotonicMs?.() ?? clock.nowMs();

/** A clock for those who measure intervals only: setting the wall clock does not touch them. */
export const intervalClock = (clock: Clock): Clock => ({ nowMs: () => monotonicMs(clock) });

/** What a timer is, is known only to the {@link Timers} that made it. */
export type TimerHandle = object;

export interface Timers {
  setTimeout(run: () => void, delayMs: number): TimerHandle;
  /** Clearing a timer that has run, or twice, does nothing. */
  clearTimeout(timer: TimerHandle): void;
}

/**
 * Runs work under a signal that fires after a time, or when the outer one does; whichever it was, nothing is left behind.
 * The signal's reason is a TimeoutError or the outer signal's own.
 */
export async function withDeadline<T>(
  timers: Timers,
  timeoutMs: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const late = () => controller.abort(new DOMException('it took too long', 'TimeoutError'));
  const follow = () => controller.abort(outer?.reason);
  const timer = timers.setTimeout(late, timeoutMs);
  if (outer?.aborted) follow();
  outer?.addEventListener('abort', follow);
  try {
    return await work(controller.signal);
  } finally {
    timers.clearTimeout(timer);
    outer?.removeEventListener('abort', follow);
  }
}

export interface Random {
  bytes(count: number): Uint8Array;
}

/** A number in [0, 1) with 32 bits of randomness: enough for jitter and choice, not for keys. */
export function fraction(random: Random): number {
  const bytes = random.bytes(4);
  return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) / 2 ** 32;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  // As large as the time of day, so that nothing that happened before counts as just now.
  monotonicMs: () => performance.timeOrigin + performance.now(),
};

export const systemTimers: Timers = {
  setTimeout: (run, delayMs) => setTimeout(run, delayMs),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
};

/** Asking the system costs about the same for 16 bytes as for many: they are drawn in stock and handed out once. */
const STOCK_BYTES = 16 * 1024;
let stock = Buffer.alloc(0);

export const systemRandom: Random = {
  bytes: (count) => {
    if (count > STOCK_BYTES / 4) return randomBytes(count);
    if (stock.length < count) stock = randomBytes(STOCK_BYTES);
    const bytes = stock.subarray(0, count);
    stock = stock.subarray(count);
    return bytes;
  },
};
