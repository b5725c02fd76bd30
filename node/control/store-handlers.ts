// Control API: the node's own store, what was found damaged in it, and the scrub.

import type { RouteResult } from '../../protocols/control-api.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { MeshNode } from '../node.ts';
import { type Handlers, iso } from './handler.ts';

export const storeHandlers: Pick<Handlers, 'damage' | 'scrub' | 'startScrub'> = {
  async damage({ node }) {
    return node.care.board.all.map((row) => ({
      ...{ kind: row.kind, subject: row.subject, what: row.what, foundAt: iso(row.foundMs) },
      repairedAt: row.repairedMs === null ? null : iso(row.repairedMs),
      ...{ source: row.source, tries: row.tries, lastError: row.lastError },
    }));
  },

  async scrub({ node }) {
    return showScrub(node);
  },

  async startScrub({ node }) {
    node.care.scrub.begin();
    return showScrub(node);
  },
};

function showScrub({ care }: MeshNode): RouteResult<'scrub'> {
  const { round, last, nextMs } = care.scrub;
  // The mark of a store that was never scrubbed says when it was made.
  const done = last && last.bytes > 0 ? last : null;
  return {
    state: round ? 'running' : 'waiting',
    startedAt: round ? iso(round.startedMs) : null,
    part: round?.part ?? null,
    bytes: round?.bytes ?? 0,
    found: round ? round.found : (done?.found ?? care.board.found),
    lastFinishedAt: done && iso(done.finishedMs),
    lastBytes: done?.bytes ?? null,
    lastFound: done?.found ?? null,
    lastOrphans: done?.orphans ?? null,
    nextAt: nextMs === null ? null : iso(nextMs),
    bytesPerSecond: LIMITS.scrubBytesPerSecond,
  };
}

/** In the status of the node. */
export function showStore({ care }: MeshNode): RouteResult<'status'>['store'] {
  const { board, disk, refetch, scrub } = care;
  return {
    damaged: board.open.length,
    repaired: board.repaired,
    refetching: refetch.isOpen,
    disk: disk.state,
    freeBytes: disk.space?.freeBytes ?? null,
    scrubbedAt: scrub.last && scrub.last.bytes > 0 ? iso(scrub.last.finishedMs) : null,
  };
}
