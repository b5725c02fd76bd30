// Access that was taken away, as the directory's history tells it: revocations of spaces and grants that ended, newest first;
// and which members are known to act on an entry. Pure: statements are handed in, it asks nobody.

import type { DirectoryState, GrantRow, SpaceRow } from '../../protocols/directory.ts';
import type { SpaceId } from '../../protocols/ids.ts';

export interface Revocation {
  readonly entry: number;
  readonly at: string;
  readonly kind: 'space' | 'grant';
  readonly space: SpaceId | '*';
  /** Null for a space that was shut out of the mesh. */
  readonly grant: GrantRow | null;
  readonly reason: string | null;
}

/** The newest ones, from the entry `from` on. */
export function revocationsOf(state: DirectoryState, limit: number, from = 0): Revocation[] {
  const all: Revocation[] = [];
  for (const { id, revoked, entry, since } of state.spaces.values()) {
    if (revoked && entry >= from)
      all.push({ entry, at: since, kind: 'space', space: id, grant: null, reason: revoked.reason });
  }
  for (const grant of state.endedGrants) {
    const { entry, since } = grant.ended;
    if (entry < from) continue;
    all.push({ entry, at: since, kind: 'grant', space: grant.subscriber, grant, reason: null });
  }
  return all.sort((a, b) => b.entry - a.entry).slice(0, limit);
}

export interface Standing {
  /** Members that act on the entry, and those of which that is not known. */
  readonly applied: readonly SpaceRow[];
  readonly missing: readonly SpaceRow[];
}

/**
 * Who acts on an entry. Every member that is not shut out counts, also the one that lost a grant.
 * @param sizeOf entries of the directory that the member's newest signed statement stands for
 */
export function standingOf(
  state: DirectoryState,
  entry: number,
  sizeOf: (space: SpaceId) => number | undefined,
): Standing {
  const applied: SpaceRow[] = [];
  const missing: SpaceRow[] = [];
  for (const row of state.spaces.values()) {
    if (row.revoked) continue;
    if ((sizeOf(row.id) ?? 0) > entry) applied.push(row);
    else missing.push(row);
  }
  return { applied, missing };
}
