// What all connections together may hold in memory. Each stream has its own bound; thousands of them, every one within it,
// would still be too much. Past the cap the newest peers go: those that were there before keep what they have.
// Knows nothing of streams, only how much a connection holds.

import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { TimerHandle, Timers } from '../clock.ts';

export interface Buffering {
  readonly openedMs: number;
  readonly bufferedBytes: number;
  abort(error: Error): void;
}

/** Ends the newest connections until the rest holds no more than `mostBytes`; how many it ended. */
export function dropNewest(connections: readonly Buffering[], mostBytes: number): number {
  let totalBytes = connections.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0);
  if (totalBytes <= mostBytes) return 0;
  let dropped = 0;
  for (const connection of connections.toSorted((a, b) => b.openedMs - a.openedMs)) {
    // One that holds nothing is not in the way.
    if (connection.bufferedBytes === 0) continue;
    connection.abort(new MeshError('BUSY', 'more is buffered than there is room for'));
    dropped += 1;
    totalBytes -= connection.bufferedBytes;
    if (totalBytes <= mostBytes) break;
  }
  return dropped;
}

export interface BufferCapOptions {
  readonly connections: () => readonly Buffering[];
  readonly timers: Timers;
  readonly onDropped: (count: number) => void;
}

/** Looks now and then from its start to its stop. */
export function createBufferCap({ connections, timers, onDropped }: BufferCapOptions) {
  let timer: TimerHandle | undefined;
  const look = (): void => {
    const dropped = dropNewest(connections(), LIMITS.bufferedBytes);
    if (dropped > 0) onDropped(dropped);
    timer = timers.setTimeout(look, LIMITS.bufferedLookMs);
  };
  return {
    start(): void {
      timer ??= timers.setTimeout(look, LIMITS.bufferedLookMs);
    },
    stop(): void {
      if (timer) timers.clearTimeout(timer);
      timer = undefined;
    },
  };
}
