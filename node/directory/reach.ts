// What a space could read, by the grants of the directory, those that ended included. A grant opens a feed from its first
// entry, so what counts is when access ended. Pure.

import { covers, type DirectoryState, type FeedRow } from '../../protocols/directory.ts';
import type { SpaceId } from '../../protocols/ids.ts';

export interface Reach {
  /** When access began: of the first grant. */
  readonly from: string;
  /** When it ended; null while it goes on. */
  readonly until: string | null;
}

/** Undefined when the space could never read the feed; its own feeds do not count. */
export function reachOf(
  state: DirectoryState,
  space: SpaceId,
  feed: FeedRow,
  nowMs: number,
): Reach | undefined {
  const row = state.spaces.get(space);
  if (!row || feed.space === space) return undefined;
  const shutOut = row.revoked ? row.since : null;
  let from: string | undefined;
  let until: string | null | undefined;
  const widen = (since: string, ...ends: (string | null)[]) => {
    const end = earliest([...ends, shutOut]);
    // A grant for everybody that came when the space was shut out already opened nothing to it.
    if (end !== null && Date.parse(end) <= Date.parse(since)) return;
    if (from === undefined || Date.parse(since) < Date.parse(from)) from = since;
    if (until === undefined || (until !== null && isLater(end, until))) until = end;
  };
  for (const grant of state.grants.values()) {
    if (!covers(grant, space, feed)) continue;
    const isOver = grant.until !== null && Date.parse(grant.until) <= nowMs;
    widen(grant.since, isOver ? grant.until : null);
  }
  for (const grant of state.endedGrants)
    if (covers(grant, space, feed)) widen(grant.since, grant.until, grant.ended.since);
  return from === undefined || until === undefined ? undefined : { from, until };
}

const isLater = (end: string | null, than: string): boolean =>
  end === null || Date.parse(end) > Date.parse(than);

function earliest(ends: readonly (string | null)[]): string | null {
  const known = ends.filter((end) => end !== null);
  return known.length === 0
    ? null
    : known.reduce((first, end) => (Date.parse(end) < Date.parse(first) ? end : first));
}
