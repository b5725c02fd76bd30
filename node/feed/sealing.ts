// What an open feed has beyond others when it is sealed: its ring of keys, what opens its entries and, at its publisher, what
// seals them. Wires these parts; decides nothing.

import type { FeedRow } from '../../protocols/directory.ts';
import { MeshError } from '../../protocols/errors.ts';
import { type MeshId, uuidBytes } from '../../protocols/ids.ts';
import type { Clock, Random } from '../clock.ts';
import type { Directory } from '../directory/directory.ts';
import type { Store } from '../store/store.ts';
import type { Blocks } from './blocks.ts';
import { KeyRing, type SealSecrets } from './key-ring.ts';
import type { FeedLog } from './log.ts';
import { Opener } from './opener.ts';
import { type Proven, ReadersOfFeed } from './readers.ts';
import { Sealer } from './sealer.ts';

export interface Sealing {
  readonly opener: Opener;
  readonly sealer: Sealer;
}

export interface OpeningOptions {
  readonly logs: Store;
  readonly views: Store;
  readonly blocks: Blocks;
  readonly mesh: MeshId;
  readonly secrets?: SealSecrets | undefined;
  readonly random: Random;
}

export interface SealingOptions extends OpeningOptions {
  readonly directory: Directory;
  readonly forks: Proven['forks'];
  /** The time that trust goes by. */
  readonly trusted?: Clock | undefined;
}

/** What opens the entries of a sealed feed, for whoever only reads. */
export async function openOpener(row: FeedRow, log: FeedLog, o: OpeningOptions): Promise<Opener> {
  const { logs, views, blocks, mesh, secrets, random } = o;
  if (!secrets)
    throw new MeshError('INTERNAL', `the sealed feed ${row.name} is opened without its secrets`);
  const scope = { mesh, publisher: row.space, feed: uuidBytes(row.id) };
  const ring = await KeyRing.open({ logs, views, blocks, log, scope, secrets, random });
  return new Opener({ ring, log, blocks });
}

export async function openSealing(
  row: FeedRow,
  log: FeedLog,
  o: SealingOptions,
): Promise<Sealing | undefined> {
  if (!row.isSealed) return undefined;
  const { directory, trusted, random, mesh, forks } = o;
  if (!trusted)
    throw new MeshError('INTERNAL', `the sealed feed ${row.name} is opened without a clock`);
  const opener = await openOpener(row, log, o);
  const { ring } = opener;
  const readers = new ReadersOfFeed(() => directory.state, row, { mesh, forks });
  const at = (nowMs: number) => readers.at(nowMs);
  return { opener, sealer: new Sealer({ ring, log, readers: at, trusted, random }) };
}
