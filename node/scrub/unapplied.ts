// Blocks of a feed whose next entry waits for a key, which may never come: what its entries name can be read all the same.

import { decodeEntry } from '../../protocols/entry.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { OpenFeed } from '../feed/feeds.ts';

/**
 * Whether an entry that is not applied yet names the block; undefined where that is not known: the log is damaged, what would
 * say it is, or the entries are about to be applied.
 */
export async function isNamedUnapplied(
  { view, log }: Pick<OpenFeed, 'view' | 'log'>,
  hash: Buffer,
  blocks: Pick<Blocks, 'named' | 'isDamaged'>,
): Promise<boolean | undefined> {
  if (log.damage) return undefined;
  if (view.isLevel) return false;
  if (!view.waitsForKey) return undefined;
  let isKnown = true;
  for await (const bytes of log.segments(view.applied, log.size))
    for (const { leaf, record } of decodeSegment(bytes).entries) {
      const cid = decodeEntry(leaf).record;
      if (!cid) continue;
      const seen: Uint8Array[] = [];
      for await (const named of blocks.named(cid, record)) {
        if (hash.equals(named)) return true;
        seen.push(named);
      }
      // Below one that is damaged, as reading it shows, may be others. Below one that never came, none has come either.
      if (seen.some((named) => blocks.isDamaged(named))) isKnown = false;
    }
  return isKnown ? false : undefined;
}
