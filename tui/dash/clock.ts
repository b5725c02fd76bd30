// Time as the dashboard sees it, so that a test can hold it still: what time it is, and a call later on.

export interface Clock {
  now(): number;
  /** Calls back once after so many milliseconds; the result takes it back. */
  later(ms: number, call: () => void): () => void;
}

export const systemClock: Clock = {
  now: Date.now,
  later: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};
