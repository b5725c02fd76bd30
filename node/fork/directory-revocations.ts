// What took access away behind the point from which the directory goes on, as entries that ODCM can write again. Pure.

import type { DirectoryState } from '../../protocols/directory.ts';
import { MeshError } from '../../protocols/errors.ts';
import type { FeedId, SpaceId } from '../../protocols/ids.ts';
import { LIMITS } from '../../protocols/limits.ts';
import type { Directory } from '../directory/directory.ts';
import { type Revocation, revocationsOf } from '../directory/revocations.ts';
import { directoryDraft } from '../directory/writer.ts';
import type { Draft } from '../feed/new-records.ts';
import { type Histories, lastGoodByPath } from './directory-histories.ts';

/** Feeds in doubt that are told by name. */
const MOST_TOLD = 8;

/** By the ids of feeds: how many entries of each stay good. */
type LastGood = Readonly<Record<string, number>>;

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

/** What is looked at. */
type Behind = Pick<Histories, 'base' | 'histories' | 'sizeOf'>;
/** The directory that is to have them. */
type InForce = Pick<Directory, 'isWaiting' | 'state'>;

/**
 * Each once: those that an epoch that waits would lack, or, where it has begun, what it does not say. Any history may be the
 * work of whoever stole the directory key, ODCM's own and the new epoch as well: a space ends as early as any revocation says,
 * and no later one takes that back. What the point does not know cannot come back.
 */
export function lapsesOf(behind: Behind, directory?: InForce): Lapse[] {
  const now = directory && !directory.isWaiting ? directory.state : behind.base;
  const all = new Map<string, Lapse>();
  for (const { state } of behind.histories)
    for (const one of revocationsOf(state, Number.MAX_SAFE_INTEGER, behind.base.size)) {
      const lapse =
        one.kind === 'grant' ? lapsedGrant(one, behind.base, now) : lapsedSpace(one, behind, now);
      const key = lapse && `${lapse.kind}/${lapse.name}`;
      if (key && !all.has(key)) all.set(key, lapse);
    }
  return [...all.values()].sort((a, b) => a.name.localeCompare(b.name));
}

function lapsedGrant({ grant, at }: Revocation, base: DirectoryState, now: DirectoryState) {
  if (!grant || !base.grants.has(grant.id) || !now.grants.has(grant.id)) return undefined;
  const { id, subscriber, publisher } = grant;
  const nameOf = (space: typeof publisher) => base.spaces.get(space)?.name ?? space;
  const about = `${subscriber === '*' ? 'all' : nameOf(subscriber)} ${nameOf(publisher)}`;
  const draft = directoryDraft('GrantRevokedV1Event', { grant: id }, `ungrant/${id}`);
  return { kind: 'grant', name: id, about, at, lastGood: null, draft } satisfies Lapse;
}

function lapsedSpace(
  { space, at, reason }: Revocation,
  { base, histories, sizeOf }: Behind,
  now: DirectoryState,
): Lapse | undefined {
  const row = space === '*' ? undefined : now.spaces.get(space);
  if (!row || !base.spaces.has(row.id)) return undefined;
  const known = row.revoked ? [row.revoked.lastGood] : [];
  const all = [...known, ...histories.flatMap(({ revoked }) => revoked.get(row.id) ?? [])];
  const merged = strictest(feedsOf(now, row.id, all), all, row.revoked?.lastGood, sizeOf);
  const { lastGood, doubtful } = merged;
  if (row.revoked && isSame(row.revoked.lastGood, lastGood)) return undefined;
  const payload = { space: row.id, reason: reason ?? '', lastGood };
  const about = [reason ?? '', doubtText(now, doubtful)].filter(Boolean).join('; ');
  const draft = directoryDraft('SpaceRevokedV1Event', payload, `revoke/${row.id}`);
  const byPath = lastGoodByPath(base, lastGood);
  return { kind: 'space', name: row.name, about, at, lastGood: byPath, draft };
}

/** Feeds of the space that any of them names, as many as fit into one entry: those that end first. */
function feedsOf({ feeds }: DirectoryState, space: SpaceId, ends: readonly LastGood[]): FeedId[] {
  const own = [...feeds.values()].filter((feed) => feed.space === space).map(({ id }) => id);
  const least = new Map(own.map((feed) => [feed, Math.min(...namedOf(feed, ends))]));
  const named = own.filter((feed) => least.get(feed) !== Infinity);
  return named.sort((a, b) => least.get(a)! - least.get(b)!).slice(0, LIMITS.rotationFeeds);
}

const namedOf = (feed: FeedId, ends: readonly LastGood[]): number[] =>
  ends.flatMap((one) => (Object.hasOwn(one, feed) ? [one[feed]!] : []));

/** What stays good, and of which feeds that is no more than what somebody says. */
interface Merged {
  readonly lastGood: Readonly<Record<string, number>>;
  readonly doubtful: readonly FeedId[];
}

/**
 * Of each feed the least that any leaves good, in whatever order they come. One that names nothing lets every node keep what it
 * has, and take no more: then no more of it counts than ODCM knows of. Where it knows nothing, the least that is named counts;
 * but what is in force and names nothing stays so, since each node has ended the feed by it, and a number might let more in.
 */
function strictest(
  feeds: readonly FeedId[],
  ends: readonly LastGood[],
  inForce: LastGood | undefined,
  sizeOf: Behind['sizeOf'],
): Merged {
  const lastGood: Record<string, number> = {};
  const doubtful: FeedId[] = [];
  for (const feed of feeds) {
    const named = namedOf(feed, ends);
    const isAgreed = named.length === ends.length;
    const most = isAgreed ? undefined : sizeOf(feed);
    if (!isAgreed && most === undefined) doubtful.push(feed);
    if (most === undefined && inForce && !Object.hasOwn(inForce, feed)) continue;
    lastGood[feed] = Math.min(...named, most ?? Infinity);
  }
  return { lastGood, doubtful };
}

/** For people: what to look at before it is written. */
function doubtText(state: DirectoryState, doubtful: readonly FeedId[]): string {
  if (doubtful.length === 0) return '';
  const paths = doubtful.slice(0, MOST_TOLD).flatMap((id) => {
    const row = state.feeds.get(id);
    return row ? [state.feedPath(row)] : [];
  });
  const more = doubtful.length - paths.length;
  const names = [...paths, ...(more > 0 ? [`${more} more`] : [])].join(', ');
  return `in doubt, as not every revocation names an end and ODCM does not have the feed: ${names}`;
}

function isSame(one: LastGood, other: LastGood): boolean {
  const feeds = Object.keys(one);
  return (
    feeds.length === Object.keys(other).length && feeds.every((feed) => one[feed] === other[feed])
  );
}

/**
 * Those that are written again: all but the ones that are named.
 * @throws USAGE for a name that is none of them
 */
export function chosenOf(lapses: readonly Lapse[], without: readonly string[]): Lapse[] {
  for (const name of without)
    if (!lapses.some((lapse) => lapse.name === name))
      throw new MeshError('USAGE', `${JSON.stringify(name)} is no revocation behind the point`, {
        next: 'See what is there with: odcm directory histories',
      });
  return lapses.filter(({ name }) => !without.includes(name));
}
