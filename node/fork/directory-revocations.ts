// What took access away behind the point from which the directory goes on, as entries that ODCM can write again. Pure.

import type { DirectoryState } from '../../protocols/directory.ts';
import { MeshError } from '../../protocols/errors.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { revocationsOf } from '../directory/revocations.ts';
import { directoryDraft } from '../directory/writer.ts';
import type { Draft } from '../feed/new-records.ts';
import type { Histories } from './directory-histories.ts';

/** Access that somebody would have again. */
export interface Lapse {
  readonly kind: 'space' | 'grant';
  /** By which people name it: that of the space, or the id of the grant. */
  readonly name: string;
  readonly about: string;
  readonly at: string;
  readonly draft: Draft;
}

/** Each once, of all histories; what the point does not know cannot come back. */
export function lapsesOf({ base, histories }: Pick<Histories, 'base' | 'histories'>): Lapse[] {
  const all = new Map<string, Lapse>();
  for (const { state } of histories)
    for (const lapse of lapsesIn(state, base)) {
      const known = all.get(lapse.name);
      if (!known || lapse.at < known.at) all.set(lapse.name, lapse);
    }
  return [...all.values()].sort((a, b) => a.name.localeCompare(b.name));
}

function* lapsesIn(state: DirectoryState, base: DirectoryState): Generator<Lapse> {
  for (const one of revocationsOf(state, Number.MAX_SAFE_INTEGER, base.size)) {
    const { at } = one;
    if (one.kind === 'space' && one.space !== '*') {
      const before = base.spaces.get(one.space);
      const { revoked } = state.spaces.get(one.space)!;
      if (!before || before.revoked || !revoked) continue;
      const payload = { space: before.id, reason: revoked.reason, lastGood: revoked.lastGood };
      const draft = directoryDraft('SpaceRevokedV1Event', payload, `revoke/${before.id}`);
      yield { kind: 'space', name: before.name, about: revoked.reason, at, draft };
    } else if (one.grant && base.grants.has(one.grant.id)) {
      const { id, subscriber, publisher } = one.grant;
      const nameOf = (space: typeof publisher) => base.spaces.get(space)?.name ?? space;
      const about = `${subscriber === '*' ? 'all' : nameOf(subscriber)} ${nameOf(publisher)}`;
      const draft = directoryDraft('GrantRevokedV1Event', { grant: id }, `ungrant/${id}`);
      yield { kind: 'grant', name: id, about, at, draft };
    }
  }
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
