// Blocks of a feed whose next entry waits for a key, which may never come: what its entries name can be read all the same.

import { decodeEntry } from '../../protocols/entry.ts';
import { decodeSegment } from '../../protocols/segment.ts';
import type { Blocks } from '../feed/blocks.ts';
import type { OpenFeed } from '../feed/feeds.ts';

/** What was found of one block in one feed, which is so as long as nothing was applied or added. */
export interface Finding {
  readonly size: number;
  readonly applied: number;
  readonly isNamed: boolean;
  /** Damaged: below it the block may be. */
  readonly doubt?: Uint8Array;
}
/** By feeds. Of one block: gone with it. */
export type Findings = Map<object, Finding>;

type Feed = Pick<OpenFeed, 'view' | 'log'>;
type Named = Pick<Blocks, 'named' | 'isDamaged'>;

/**
 * Whether an entry that is not applied yet names the block; undefined where that is not known: the log is damaged, what would
 * say it is, or the entries are about to be applied. What was found before is not looked for again: there may be many entries.
 */
export async function isNamedUnapplied(
  feed: Feed,
  hash: Buffer,
  blocks: Named,
  findings: Findings,
): Promise<boolean | undefined> {
  const { view, log } = feed;
  if (log.damage) return undefined;
  if (view.isLevel) return false;
  if (!view.waitsForKey) return undefined;
  const { size } = log;
  const { applied } = view;
  const known = findings.get(feed);
  if (known?.size === size && known.applied === applied) {
    if (!known.doubt) return known.isNamed;
    if (blocks.isDamaged(known.doubt)) return undefined;
  }
  const found = { size, applied, ...(await look(feed, hash, blocks)) };
  findings.set(feed, found);
  return found.doubt ? undefined : found.isNamed;
}

async function look(
  { view, log }: Feed,
  hash: Buffer,
  blocks: Named,
): Promise<Pick<Finding, 'isNamed' | 'doubt'>> {
  let doubt: Uint8Array | undefined;
  for await (const bytes of log.segments(view.applied, log.size))
    for (const { leaf, record } of decodeSegment(bytes).entries) {
      const cid = decodeEntry(leaf).record;
      if (!cid) continue;
      const seen: Uint8Array[] = [];
      for await (const named of blocks.named(cid, record)) {
        if (hash.equals(named)) return { isNamed: true };
        seen.push(named);
      }
      // Below one that is damaged, as reading it shows, may be others. Below one that never came, none has come either.
      doubt ??= seen.find((named) => blocks.isDamaged(named));
    }
  return { isNamed: false, ...(doubt ? { doubt } : {}) };
}
