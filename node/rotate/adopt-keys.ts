// Puts the keys of this folder where the directory says they are: once it names the next key, that is the key, and the one
// before is kept as long as somebody may need it. Each step is one change of names; a stop between two is made good later.

import type { KeyObject } from 'node:crypto';
import { x25519Raw } from '../../certs/x25519.ts';
import type { SpaceRow } from '../../protocols/directory.ts';
import { ed25519Raw } from '../../protocols/ed25519.ts';
import { LIMITS } from '../../protocols/limits.ts';
import { crashpoint } from '../crashpoint.ts';
import type { Home } from '../home/home.ts';
import type { KeyName } from '../home/home-keys.ts';
import { OwnKeys } from './own-keys.ts';

/** A row of the directory, or undefined while this space is not in the copy that is here. */
type Row = Pick<SpaceRow, 'nodeKey' | 'exchangeKey' | 'keys'> | undefined;

/** The keys that a node begins with. */
export async function openOwnKeys(home: Home, row: Row, nowMs: number): Promise<OwnKeys> {
  await adoptKeys(home, row, nowMs);
  const [next, former] = [
    await home.keys.find('nodeKeyNext'),
    await home.keys.find('nodeKeyBefore'),
  ];
  return new OwnKeys(await home.nodeKey(), {
    ...(next ? { next } : {}),
    ...(former ? { former } : {}),
  });
}

/** Resolves to true when the node key became another. */
export async function adoptKeys(home: Home, row: Row, nowMs: number): Promise<boolean> {
  if (row === undefined) return false;
  const { keys } = home;
  const isNew = await advance(home, 'node', (key) => ed25519Raw(key).equals(row.nodeKey));
  await advance(home, 'exchange', (key) => x25519Raw(key).equals(row.exchangeKey));
  const sinceMs = Date.parse(row.keys.at(-1)?.since ?? '');
  if (nowMs > sinceMs + LIMITS.keyOverlapMs && (await keys.state('nodeKeyBefore')) !== 'missing')
    await keys.drop('nodeKeyBefore');
  if (
    nowMs > sinceMs + LIMITS.exchangeKeyKeptMs &&
    (await keys.state('exchangeKeyBefore')) !== 'missing'
  )
    await keys.drop('exchangeKeyBefore');
  return isNew;
}

async function advance(
  { keys }: Home,
  name: 'node' | 'exchange',
  isListed: (key: KeyObject) => boolean,
): Promise<boolean> {
  const [own, next, before]: KeyName[] = [`${name}Key`, `${name}KeyNext`, `${name}KeyBefore`];
  const coming = await keys.find(next!);
  if (coming === undefined || !isListed(coming)) return false;
  // First a copy of what is about to be replaced: a key is never nowhere.
  await keys.keep(before!, await keys.get(own!));
  crashpoint('rotate.before-switch');
  await keys.promote(next!, own!);
  crashpoint('rotate.after-switch');
  return true;
}
