// The floor of everything that moves bytes: one libp2p stream between two processes, nothing of ours in between.

import { type Child, withChildren } from './child.ts';
import type { StreamOrder } from './stream-child.ts';

export interface StreamPlan {
  readonly isCorked: boolean;
  readonly totalBytes: number;
  readonly pieceBytes: number;
}

/** A send of this size is one noise message with its header, the fastest there is. */
export const BEST_PIECE_BYTES = 65_507;

/** Bytes per second of one transfer, processes started anew for it. */
export function bareStream({ isCorked, totalBytes, pieceBytes }: StreamPlan): Promise<number> {
  return withChildren('stream-child.ts', 2, async ([from, to]) => {
    const start = (child: Child) => child.ask<string>('start', { isCorked });
    const [address] = await Promise.all([start(to!), start(from!)]);
    // A short transfer first: connecting and compiling are no part of what is measured.
    const order = (bytes: number): StreamOrder => ({ address, totalBytes: bytes, pieceBytes });
    await from!.ask('send', order(Math.min(totalBytes, 20 * pieceBytes)));
    const ms = await from!.ask<number>('send', order(totalBytes));
    return (totalBytes * 1000) / ms;
  });
}
