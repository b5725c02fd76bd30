// Records of entries: those that do not lie beside their entry are in the block store, and so are the parts of files.
// Knows nothing of logs.

import type { Entry } from '../../protocols/entry.ts';
import { isMeshError, MeshError } from '../../protocols/errors.ts';
import type { Packed } from '../../protocols/segment.ts';
import type { Blocks } from '../feed/blocks.ts';

/** DAG-CBOR: a record that names further blocks. */
const STRUCTURED = 0x71;

/** What is wrong with the record of an entry; undefined when all of it is here. */
export async function faultOfRecord(
  entry: Entry,
  packed: Packed,
  blocks: Blocks,
): Promise<MeshError | undefined> {
  const { record } = entry;
  if (!record) return undefined;
  try {
    const bytes = packed.record ?? (await blocks.get(record));
    const isHere =
      bytes && (record.codec !== STRUCTURED || (await blocks.missing(bytes, 1)).length === 0);
    return isHere ? undefined : new MeshError('RECORD_MISSING', 'its record is not here');
  } catch (error) {
    if (isMeshError(error, 'STORE_DAMAGED') || isMeshError(error, 'HASH_MISMATCH')) return error;
    // A record of no known form breaks its contract: a dead letter of its publisher, no damage.
    if (isMeshError(error)) return undefined;
    throw error;
  }
}
