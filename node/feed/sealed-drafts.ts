// Entries of a sealed feed on their way to be applied: opened one after the other, since a page of a share key opens what comes
// behind it. Ends early where a key or a block must come first.

import type { Cid } from '../../protocols/codec.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import type { Draft } from './apply.ts';
import type { Blocks } from './blocks.ts';
import { isSharePage } from './key-ring.ts';
import type { OpenedEntry, Opener } from './opener.ts';
import type { StoredEntry } from './stored-entries.ts';

export interface SealedDrafts {
  readonly drafts: readonly Draft[];
  /** Blocks without which the next entry cannot be opened. */
  readonly missing: readonly Cid[];
  /** The key of the next entry is not here and may still come. */
  readonly waitsForKey: boolean;
}

export async function sealedDrafts(
  run: readonly StoredEntry[],
  opener: Opener,
  blocks: Blocks,
): Promise<SealedDrafts> {
  const drafts: Draft[] = [];
  for (const stored of run) {
    const { index, entry } = stored;
    try {
      if (entry.record === null) throw new MeshError('EVENT_INVALID', 'the entry has no record');
      const record = stored.record ?? (await blocks.get(entry.record));
      if (!record) return { drafts, missing: [entry.record], waitsForKey: false };
      if (isSharePage(entry)) {
        const row = await opener.page(index, entry, record);
        drafts.push({ kept: stored, stored, row });
        continue;
      }
      const opened = await open(stored, record, opener);
      if (!('body' in opened)) return { drafts, missing: opened, waitsForKey: true };
      const { body } = opened;
      drafts.push({ kept: stored, stored: { ...stored, entry: opened.entry }, body });
    } catch (refusal) {
      if (isMeshError(refusal) && refusal.fault === 'local') throw refusal;
      drafts.push({ kept: stored, stored, refusal });
    }
  }
  return { drafts, missing: [], waitsForKey: false };
}

/** Or the blocks that may bring the key, which are none while its page has not been published. */
async function open(
  { index, entry }: StoredEntry,
  record: Buffer,
  opener: Opener,
): Promise<OpenedEntry | readonly Cid[]> {
  const opened = opener.open(entry, record);
  if (opened) return opened;
  const verdict = await opener.verdict(entry.keyEpoch!, index);
  if (verdict === 'there') return opener.open(entry, record)!;
  if (verdict === 'closed')
    throw new MeshError('KEY_UNKNOWN', `entry ${index} was sealed before this space had a grant`);
  return verdict;
}
