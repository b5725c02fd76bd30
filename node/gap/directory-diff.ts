// What a bundle would change in the directory, for people: counted between the directory here and the one that it leads to.

import type { DirectoryState } from '../../protocols/directory.ts';

export interface DirectoryDiff {
  readonly entries: number;
  readonly joined: readonly string[];
  readonly revoked: readonly string[];
  readonly feeds: readonly string[];
  readonly grants: number;
  readonly grantsEnded: number;
  readonly rootVersions: number;
}

export function directoryDiff(
  before: DirectoryState,
  after: DirectoryState,
  counts: Pick<DirectoryDiff, 'entries' | 'rootVersions'>,
): DirectoryDiff {
  const isNew = (known: ReadonlyMap<string, unknown>, id: string): boolean => !known.has(id);
  const spaces = [...after.spaces.values()];
  return {
    ...counts,
    joined: spaces.filter(({ id }) => isNew(before.spaces, id)).map(({ name }) => name),
    revoked: spaces
      .filter(({ id, revoked }) => revoked && !before.spaces.get(id)?.revoked)
      .map(({ name }) => name),
    feeds: [...after.feeds.values()]
      .filter(({ id }) => isNew(before.feeds, id))
      .map((row) => after.feedPath(row)),
    grants: [...after.grants.keys()].filter((id) => isNew(before.grants, id)).length,
    grantsEnded: [...before.grants.keys()].filter((id) => isNew(after.grants, id)).length,
  };
}
