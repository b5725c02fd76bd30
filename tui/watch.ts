// `--watch 5s`: does the same again and again until told to stop. On a terminal each round replaces the one before;
// elsewhere rounds follow each other. A node that is away for a while does not end it, once the first round went well.

import { setTimeout as wait } from 'node:timers/promises';
import { isMeshError } from '../protocols/errors.ts';

export type Delay = (ms: number, signal: AbortSignal) => Promise<void>;

export const delay: Delay = async (ms, signal) => {
  await wait(ms, undefined, { signal });
};

export interface WatchOptions {
  readonly everyMs: number;
  readonly signal: AbortSignal;
  readonly delay: Delay;
  /** One round; false ends the watch. */
  readonly round: (isFirst: boolean) => Promise<boolean>;
  /** Told about a round that failed and will be tried again. */
  readonly onTrouble: (error: Error) => void;
}

/** Erases the screen and goes to its first cell; what scrolled away before stays readable. */
export const CLEAR_SCREEN = '\x1b[2J\x1b[H';

export async function watch(options: WatchOptions): Promise<void> {
  const { signal } = options;
  for (let isFirst = true; !signal.aborted; isFirst = false) {
    try {
      if (!(await options.round(isFirst))) return;
    } catch (error) {
      if (signal.aborted) return;
      if (isFirst || !isPassing(error)) throw error;
      options.onTrouble(error);
    }
    await options.delay(options.everyMs, signal).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
  }
}

/** Faults that go away by themselves. */
function isPassing(error: unknown): error is Error {
  return (
    isMeshError(error, 'NODE_UNREACHABLE') ||
    isMeshError(error, 'TIMEOUT') ||
    isMeshError(error, 'BUSY')
  );
}
