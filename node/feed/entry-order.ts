// What an entry, its event and the item it is of must be to each other, whatever the context says.

import { type Entry, KIND } from '../../protocols/entry.ts';
import { MeshError } from '../../protocols/errors.ts';
import { sha256 } from '../../protocols/merkle.ts';
import type { Body } from '../../protocols/record.ts';
import type { Item } from './items.ts';

/** The event must be what its entry says, and its item and version must fit what came before. */
export function checkOrder(entry: Entry, body: Body, item: string, old: Item | undefined): void {
  if (body.envelope.type !== entry.event)
    throw new MeshError('EVENT_INVALID', 'an event has another type than its entry');
  if (old && Buffer.compare(old.id, entry.item) !== 0) {
    throw new MeshError('EVENT_INVALID', `${JSON.stringify(item)} is the name of another item`);
  }
  // Numbers may be missing: an earlier version may be a dead letter, and must not make dead letters of all that follow.
  if (entry.version <= (old?.version ?? 0) && !isSameAgain(entry, body, old)) {
    throw new MeshError(
      'EVENT_INVALID',
      `version ${entry.version} does not follow version ${old?.version ?? 0}`,
    );
  }
  if (body.kind === 'attachment' && body.attachment.sizeBytes !== entry.sizeBytes)
    throw new MeshError('EVENT_INVALID', 'an entry has another size than its content');
}

/** Publishers seal the newest versions again under a new key: the same version and content, as a publish with a predecessor. */
function isSameAgain(entry: Entry, body: Body, old: Item | undefined): boolean {
  const isAgain = entry.keyEpoch !== null && entry.kind === KIND.publish && entry.prev !== null;
  if (!isAgain || !old || old.isWithdrawn) return false;
  return old.version === entry.version && old.sha256.equals(contentHash(entry, body));
}

/** What the item holds from here on; all zero where it was withdrawn. */
export function contentHash(entry: Entry, body: Body): Buffer {
  if (entry.kind === KIND.withdraw) return Buffer.alloc(32);
  if (body.kind === 'attachment') return body.attachment.sha256;
  return sha256(body.content);
}
