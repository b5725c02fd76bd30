// What follows when a sealed feed has new pages or a new key: its ring takes them, and the newest version of each item is sealed
// again, so that who holds only the newest key has all that counts. In steps, so that publishing goes on in between.

import { decodeEntry } from '../../protocols/entry.ts';
import type { Write } from '../store/store.ts';
import type { Batch } from './batch.ts';
import type { Blocks } from './blocks.ts';
import type { Item } from './items.ts';
import type { KeyRing } from './key-ring.ts';
import type { FeedLog } from './log.ts';
import type { Opener } from './opener.ts';
import type { SealPlan } from './sealer.ts';
import type { FeedView } from './view.ts';

/** Items sealed again in one batch: their records are in memory together. */
const STEP = 200;

export interface AgainOptions {
  readonly view: FeedView;
  readonly log: FeedLog;
  readonly blocks: Blocks;
  readonly opener: Opener;
}

/**
 * Adds what a batch has room for, from behind a name on. Resolves with the name behind which there is more, or undefined.
 * What was withdrawn is left under its old key.
 */
export async function addAgain(
  batch: Batch,
  epoch: number,
  after: string | undefined,
  o: AgainOptions,
): Promise<string | undefined> {
  const items: Item[] = [];
  let last: string | undefined;
  const options = { limit: Number.POSITIVE_INFINITY, ...(after === undefined ? {} : { after }) };
  for await (const item of o.view.list(options)) {
    if (item.keyEpoch !== null && item.keyEpoch < epoch) items.push(item);
    if (items.length < STEP) continue;
    last = item.name;
    break;
  }
  await addAll(batch, items, o);
  return last;
}

async function addAll(batch: Batch, items: readonly Item[], o: AgainOptions): Promise<void> {
  for (const item of items) {
    const { leaf, record } = await o.log.entry(item.index);
    const entry = decodeEntry(leaf);
    const bytes = record ?? (entry.record && (await o.blocks.get(entry.record)));
    const opened = bytes && o.opener.open(entry, bytes);
    // What is damaged here or cannot be opened any more must not keep the others under the old key.
    if (opened) batch.addAgain(item, opened.inner);
  }
}

/** The pages of a batch that is in the log now, from its first entry on. */
export async function takePages(plan: SealPlan, from: number, ring: KeyRing): Promise<Write[]> {
  await ring.adopt(plan.epoch, plan.key);
  const rows: Write[] = [];
  for (const [i, { leaf, bytes }] of plan.pages.entries())
    rows.push(await ring.take(from + i, decodeEntry(leaf), bytes));
  return rows;
}
