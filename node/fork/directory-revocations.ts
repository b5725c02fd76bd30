// What took access away behind the point from which the directory goes on, as entries that ODCM can write again. Pure.

import type { DirectoryState } from '../../protocols/directory.ts';
import { MeshError } from '../../protocols/errors.ts';
import { parseGrantId, parseSpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Directory } from '../directory/directory.ts';
import { revocationsOf } from '../directory/revocations.ts';
import { directoryDraft } from '../directory/writer.ts';
import type { Draft } from '../feed/new-records.ts';
import { type Histories, lastGoodByPath } from './directory-histories.ts';

/** Access that somebody would have again. */
export interface Lapse {
  readonly kind: 'space' | 'grant';
  /** By which people name it: that of the space, or the id of the grant. */
  readonly name: string;
  readonly about: string;
  readonly at: string;
  /** Of a space: entries of its feeds, by their paths, that stay good; null for a grant. */
  readonly lastGood: Readonly<Record<string, number>> | null;
  readonly draft: Draft;
}

/**
 * Each once; what the point does not know cannot come back. What ODCM's own history, the first, took away is taken as it
 * stands there: any other may be the work of whoever stole the directory key, dates included. Of what stands in others only,
 * the least of every feed remains good, so that nobody widens what another history allows.
 */
export function lapsesOf({ base, histories }: Pick<Histories, 'base' | 'histories'>): Lapse[] {
  const all = new Map<string, Found>();
  for (const [at, { state }] of histories.entries())
    for (const found of foundIn(state, base, at === 0)) {
      const key = `${found.kind}/${found.name}`;
      const known = all.get(key);
      if (!known) all.set(key, found);
      else if (!known.isOwn)
        all.set(key, { ...known, lastGood: least(known.lastGood, found.lastGood) });
    }
  return [...all.values()]
    .map((found) => lapseOf(found, base))
    .sort((a, b) => a.name.localeCompare(b.name));
}

/** As a history has it. */
interface Found extends Omit<Lapse, 'draft' | 'lastGood'> {
  readonly id: string;
  /** By the ids of feeds; null for a grant. */
  readonly lastGood: Readonly<Record<string, number>> | null;
  readonly isOwn: boolean;
}

function* foundIn(state: DirectoryState, base: DirectoryState, isOwn: boolean): Generator<Found> {
  for (const one of revocationsOf(state, Number.MAX_SAFE_INTEGER, base.size)) {
    const { at } = one;
    if (one.kind === 'space' && one.space !== '*') {
      const before = base.spaces.get(one.space);
      const { revoked } = state.spaces.get(one.space)!;
      if (!before || before.revoked || !revoked) continue;
      const { reason: about, lastGood } = revoked;
      yield { kind: 'space', name: before.name, id: before.id, about, at, lastGood, isOwn };
    } else if (one.grant && base.grants.has(one.grant.id)) {
      const { id, subscriber, publisher } = one.grant;
      const nameOf = (space: typeof publisher) => base.spaces.get(space)?.name ?? space;
      const about = `${subscriber === '*' ? 'all' : nameOf(subscriber)} ${nameOf(publisher)}`;
      yield { kind: 'grant', name: id, id, about, at, lastGood: null, isOwn };
    }
  }
}

function lapseOf({ kind, name, id, about, at, lastGood }: Found, base: DirectoryState): Lapse {
  if (lastGood === null) {
    const draft = directoryDraft(
      'GrantRevokedV1Event',
      { grant: parseGrantId(id) },
      `ungrant/${id}`,
    );
    return { kind, name, about, at, lastGood: null, draft };
  }
  const payload = { space: parseSpaceId(id), reason: about, lastGood: { ...lastGood } };
  const draft = directoryDraft('SpaceRevokedV1Event', payload, `revoke/${id}`);
  return { kind, name, about, at, lastGood: lastGoodByPath(base, lastGood), draft };
}

function least(one: Found['lastGood'], other: Found['lastGood']): Found['lastGood'] {
  if (!one || !other) return one;
  const merged: Record<string, number> = { ...one };
  for (const [feed, size] of Object.entries(other))
    merged[feed] = Math.min(size, merged[feed] ?? size);
  return merged;
}

/** Those that have to be written: all of them into an epoch that waits, and what one that has begun does not say. */
export function missingOf(
  lapses: readonly Lapse[],
  { isWaiting, state }: Pick<Directory, 'isWaiting' | 'state'>,
): readonly Lapse[] {
  if (isWaiting) return lapses;
  return lapses.filter(({ kind, name }) =>
    kind === 'space'
      ? state.spaceNamed(name)?.revoked === null
      : state.grants.has(parseGrantId(name)),
  );
}

/**
 * Those that are written again: all but the ones that are named.
 * @throws USAGE for a name that is none of them, TOO_LARGE for more than can be written at once
 */
export function chosenOf(lapses: readonly Lapse[], without: readonly string[]): Lapse[] {
  for (const name of without)
    if (!lapses.some((lapse) => lapse.name === name))
      throw new MeshError('USAGE', `${JSON.stringify(name)} is no revocation behind the point`, {
        next: 'See what is there with: odcm directory histories',
      });
  const chosen = lapses.filter(({ name }) => !without.includes(name));
  if (chosen.length < LIMITS.batchEntries) return chosen;
  throw new MeshError('TOO_LARGE', `${chosen.length} revocations cannot be written at once`, {
    next: 'Leave some out and revoke them afterwards: odcm directory continue --without NAME',
  });
}
