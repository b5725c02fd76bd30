// Puts the keys of this folder where the directory says they are: once it names the next key, that is the key, and the one
// before is kept as long as somebody may need it. Where the directory goes on from before a rotation, it names the key before
// again: then that is the key, and the other one the next. Each step is one change of names; a stop between two is made good later.

import type { KeyObject } from 'node:crypto';
import { x25519Raw } from '../../certs/x25519.ts';
import type { SpaceRow } from '../../protocols/directory.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { formerIdentity } from '../../protocols/space-keys.ts';
import { crashpoint } from '../crashpoint.ts';
import type { Home } from '../home/home.ts';
import type { KeyName } from '../home/home-keys.ts';
import { OwnKeys } from './own-keys.ts';

/** A row of the directory, or undefined while this space is not in the copy that is here. */
type Row = Pick<SpaceRow, 'nodeKey' | 'exchangeKey' | 'keys'> | undefined;

/**
 * Which key others know it by is in doubt while the directory has two histories, or waits for a new epoch: it may go on from
 * before the last rotation. As long as the former key counts beside the newest, it is known to more of them.
 */
export function knownByFormer(row: Row, former: KeyObject | undefined, nowMs: number): boolean {
  const known = row && formerIdentity(row);
  if (!known || !former || nowMs >= known.untilMs) return false;
  return ed25519Raw(former).equals(known.nodeKey);
}

/**
 * The keys that a node begins with.
 * @param isDoubtful see {@link knownByFormer}
 */
export async function openOwnKeys(
  home: Home,
  row: Row,
  nowMs: number,
  isDoubtful = false,
): Promise<OwnKeys> {
  await adoptKeys(home, row, nowMs);
  const [next, former] = [
    await home.keys.find('nodeKeyNext'),
    await home.keys.find('nodeKeyBefore'),
  ];
  return new OwnKeys(await home.nodeKey(), {
    ...(next ? { next } : {}),
    ...(former ? { former } : {}),
    ...(former && isDoubtful && knownByFormer(row, former, nowMs) ? { identity: former } : {}),
  });
}

/** Resolves to true when the node key became another. */
export async function adoptKeys(home: Home, row: Row, nowMs: number): Promise<boolean> {
  if (row === undefined) return false;
  const isNodeKey = (key: KeyObject) => ed25519Raw(key).equals(row.nodeKey);
  const isExchangeKey = (key: KeyObject) => x25519Raw(key).equals(row.exchangeKey);
  const isOther =
    (await advance(home, 'node', isNodeKey)) || (await goBack(home, 'node', isNodeKey));
  if (!(await advance(home, 'exchange', isExchangeKey)))
    await goBack(home, 'exchange', isExchangeKey);
  const sinceMs = Date.parse(row.keys.at(-1)?.since ?? '');
  if (nowMs > sinceMs + LIMITS.keyOverlapMs) await dropBefore(home, 'node', isNodeKey);
  if (nowMs > sinceMs + LIMITS.exchangeKeyKeptMs) await dropBefore(home, 'exchange', isExchangeKey);
  return isOther;
}

type Kind = 'node' | 'exchange';
type IsListed = (key: KeyObject) => boolean;

const namesOf = (kind: Kind): readonly [own: KeyName, next: KeyName, before: KeyName] => [
  `${kind}Key`,
  `${kind}KeyNext`,
  `${kind}KeyBefore`,
];

async function advance({ keys }: Home, kind: Kind, isListed: IsListed): Promise<boolean> {
  const [own, next, before] = namesOf(kind);
  const coming = await keys.find(next);
  if (coming === undefined || !isListed(coming)) return false;
  // First a copy of what is about to be replaced: a key is never nowhere.
  await keys.keep(before, await keys.get(own));
  crashpoint('rotate.before-switch');
  await keys.promote(next, own);
  crashpoint('rotate.after-switch');
  return true;
}

async function goBack({ keys }: Home, kind: Kind, isListed: IsListed): Promise<boolean> {
  const [own, next, before] = namesOf(kind);
  const former = await keys.find(before);
  if (former === undefined || !isListed(former)) return false;
  const current = await keys.get(own);
  if (isListed(current)) return false;
  // It is asked for again; one that was asked for since is newer still, and what was wrapped for this one is still to be opened.
  const coming = await keys.find(next);
  if (coming === undefined) await keys.add(next, current);
  else if (kind === 'exchange' && !coming.equals(current))
    await keys.keep('exchangeKeyAside', current);
  crashpoint('rotate.before-switch');
  await keys.promote(before, own);
  crashpoint('rotate.after-switch');
  return true;
}

/** Nobody needs it where the key of now is the one that the directory names; where it is not, that one may be named again. */
async function dropBefore({ keys }: Home, kind: Kind, isListed: IsListed): Promise<void> {
  const [own, , before] = namesOf(kind);
  if ((await keys.state(before)) === 'missing' || !isListed(await keys.get(own))) return;
  // Set aside before that one was replaced.
  if (kind === 'exchange' && (await keys.state('exchangeKeyAside')) !== 'missing')
    await keys.drop('exchangeKeyAside');
  await keys.drop(before);
}
