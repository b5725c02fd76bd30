// Control API: events as they are applied.

import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { MeshNode } from '../node.ts';
import { heldFeed } from './feed-handlers.ts';
import type { Handlers } from './handler.ts';

export const tailHandlers: Pick<Handlers, 'tail'> = {
  async tail({ node, query, signal }) {
    const only = query.feed === undefined ? undefined : (await heldFeed(node, query.feed)).row.id;
    return tailOf(node, only, signal);
  },
};

/** Events as they happen; a reader that is too slow loses none, it is cut off when it is too far behind. */
async function* tailOf(node: MeshNode, only: string | undefined, signal: AbortSignal) {
  const waiting: Parameters<Parameters<MeshNode['onApplied']>[0]>[] = [];
  let wake: () => void = () => {};
  const stop = node.onApplied((feed, applied) => {
    if (only !== undefined && feed.row.id !== only) return;
    waiting.push([feed, applied]);
    wake();
  });
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);
  try {
    while (!signal.aborted) {
      if (waiting.length > LIMITS.tailWaiting) {
        throw new MeshError('BUSY', 'the reader of events is too slow', {
          next: 'Read on with: odcm history FEED',
        });
      }
      for (const [feed, { index, entry, envelope, item }] of waiting.splice(0)) {
        const { version, sizeBytes, event } = entry;
        const { id, activityId } = envelope;
        yield {
          feed: feed.path,
          index,
          time: envelope.occurredTimeUtc,
          item,
          event,
          version,
          sizeBytes,
          id,
          activityId,
        };
      }
      if (waiting.length === 0 && !signal.aborted)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  } finally {
    stop();
    signal.removeEventListener('abort', onAbort);
  }
}
