// New keys that spaces were given behind the point from which the directory goes on. Without them the former ones count until
// each space has asked again; an administrator who knows them may have them written again. Pure.

import { hash } from 'node:crypto';
import type { DirectoryState, SpaceRow } from '../../protocols/directory.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { SpaceName } from '../../protocols/ids.ts';
import type { Directory } from '../directory/directory.ts';
import type { Draft } from '../feed/new-records.ts';
import { rotationDrafts } from '../rotate/key-office.ts';
import type { Histories } from './directory-histories.ts';

export interface NewKeys {
  readonly space: SpaceName;
  readonly at: string;
  /** SHA-256 of the newest node key, by which the space can be asked for it. */
  readonly nodeKey: string;
  /** Names of the spaces that show it. */
  readonly from: readonly string[];
  /** It stands in ODCM's own history. */
  readonly isOwn: boolean;
  readonly drafts: readonly Draft[];
}

/** Those that the directory lacks: a space that has new keys in the epoch by now needs none of them. */
export function newKeysOf(
  { base, histories }: Pick<Histories, 'base' | 'histories'>,
  directory?: Pick<Directory, 'isWaiting' | 'state'>,
): NewKeys[] {
  const now = directory && !directory.isWaiting ? directory.state : base;
  const all = new Map<string, NewKeys>();
  for (const [i, { state, from }] of histories.entries())
    for (const before of base.spaces.values()) {
      const row = now.spaces.get(before.id);
      const keys = state.spaces.get(before.id)?.keys.slice(before.keys.length) ?? [];
      const newest = keys.at(-1);
      if (!newest || !row || row.revoked || row.keys.length > before.keys.length) continue;
      const nodeKey = hash('sha256', newest.nodeKey, 'hex');
      const known = all.get(`${row.id} ${nodeKey}`);
      all.set(`${row.id} ${nodeKey}`, {
        ...{ space: row.name, at: newest.since, nodeKey, isOwn: known?.isOwn ?? i === 0 },
        from: [...(known?.from ?? []), ...from],
        drafts: known?.drafts ?? keys.flatMap((one) => draftsOf(row, one, now)),
      });
    }
  return [...all.values()].sort((a, b) => a.space.localeCompare(b.space));
}

function draftsOf(
  { id: space }: SpaceRow,
  { nodeKey, exchangeKey, from }: SpaceRow['keys'][number],
  { feeds }: DirectoryState,
): Draft[] {
  // Feeds that were made behind the point are not there any more.
  const known = [...feeds.values()].filter((feed) => feed.space === space);
  const sizes = known.flatMap(({ id }) =>
    from[id] === undefined ? [] : [[id, from[id]] as const],
  );
  return rotationDrafts({
    ...{ space, from: Object.fromEntries(sizes) },
    nodeKey: nodeKey.toString('base64'),
    exchangeKey: exchangeKey.toString('base64'),
  });
}

/**
 * The keys of each of these spaces: those that ODCM wrote itself, or the only ones that there are.
 * @param revoked spaces that are shut out by the same entries: their keys would be passed over
 * @throws USAGE for a space that has none behind the point, CONFLICT for one of those, or where others show different keys
 */
export function chosenKeys(
  all: readonly NewKeys[],
  spaces: readonly string[],
  revoked: readonly string[] = [],
): NewKeys[] {
  return [...new Set(spaces)].map((name) => {
    if (revoked.includes(name))
      throw new MeshError('CONFLICT', `${name} is shut out: it cannot have new keys as well`, {
        next: `Leave its keys out, or, where a thief wrote that revocation, say: --without ${name}`,
      });
    const found = all.filter(({ space }) => space === name);
    const chosen = found.find(({ isOwn }) => isOwn) ?? found[0];
    if (!chosen)
      throw new MeshError('USAGE', `no new keys of ${JSON.stringify(name)} are missing`, {
        next: 'See what stands behind the point with: odcm directory histories',
      });
    if (chosen.isOwn || found.length === 1) return chosen;
    throw new MeshError('CONFLICT', `several histories have new keys of ${name}, each other ones`, {
      next: `Leave them out: ${name} asks for new keys again by itself.`,
    });
  });
}
